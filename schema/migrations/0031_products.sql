CREATE TABLE "modification" (
	"id" uuid PRIMARY KEY NOT NULL,
	"process" text NOT NULL,
	"facility_id" integer,
	"at" bigint NOT NULL,
	"actor" jsonb NOT NULL,
	"method" text,
	"equipment" text,
	"lots" jsonb NOT NULL,
	"products" jsonb NOT NULL,
	CONSTRAINT "modification_process" CHECK ("modification"."process" in ('separate', 'split', 'pool', 'wash', 'irradiate', 'thaw'))
);
--> statement-breakpoint
CREATE TABLE "product" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "product_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"jurisdiction" text NOT NULL,
	"scheme" text NOT NULL,
	"code" text NOT NULL,
	"version" integer NOT NULL,
	"effective_from" bigint NOT NULL,
	"name" text NOT NULL,
	"component" text NOT NULL,
	"uom" text NOT NULL,
	"amount" double precision,
	"shelf_life" jsonb NOT NULL,
	"counts_from" text NOT NULL,
	"agitated" boolean NOT NULL,
	"is_collected" boolean NOT NULL,
	"treatments" jsonb NOT NULL,
	"makes" jsonb NOT NULL,
	"source" text NOT NULL,
	"uncertain" jsonb NOT NULL,
	"proposal_id" integer,
	CONSTRAINT "product_proposalId_unique" UNIQUE("proposal_id"),
	CONSTRAINT "product_version" UNIQUE("scheme","code","jurisdiction","version"),
	CONSTRAINT "product_jurisdiction" CHECK ("product"."jurisdiction" in ('CN', 'UK', 'EU', 'US')),
	CONSTRAINT "product_component" CHECK ("product"."component" in ('red_cells', 'plasma', 'platelets', 'cryoprecipitate', 'whole_blood', 'thawed_plasma', 'thawed_cryoprecipitate', 'frozen_red_cells', 'granulocytes')),
	CONSTRAINT "product_uom" CHECK ("product"."uom" in ('U', 'mL', 'dose')),
	CONSTRAINT "product_counts_from" CHECK ("product"."counts_from" in ('collection', 'modification')),
	CONSTRAINT "product_amount" CHECK ("product"."amount" > 0)
);
--> statement-breakpoint
ALTER TABLE "bag" DROP CONSTRAINT "bag_component";
--> statement-breakpoint
ALTER TABLE "bag_hold" DROP CONSTRAINT "bag_hold_kind";
--> statement-breakpoint
ALTER TABLE "policy" DROP CONSTRAINT "policy_component";
--> statement-breakpoint
ALTER TABLE "bag" ADD COLUMN "collected_at" bigint;
--> statement-breakpoint
ALTER TABLE "bag" ADD COLUMN "bag_count" integer DEFAULT 1 NOT NULL;
--> statement-breakpoint
ALTER TABLE "bag" ADD COLUMN "amount" double precision;
--> statement-breakpoint
ALTER TABLE "bag" ADD COLUMN "uom" text;
--> statement-breakpoint
ALTER TABLE "bag_lineage" ADD COLUMN "modification_id" uuid;
--> statement-breakpoint
ALTER TABLE "bag_lineage" ADD COLUMN "resets_exposure" boolean DEFAULT false NOT NULL;
--> statement-breakpoint
ALTER TABLE "policy_proposal" ADD COLUMN "kind" text DEFAULT 'policy' NOT NULL;
--> statement-breakpoint
ALTER TABLE "modification" ADD CONSTRAINT "modification_facility_id_facility_id_fk" FOREIGN KEY ("facility_id") REFERENCES "public"."facility"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "product" ADD CONSTRAINT "product_proposal_id_policy_proposal_id_fk" FOREIGN KEY ("proposal_id") REFERENCES "public"."policy_proposal"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
CREATE INDEX "modification_facility" ON "modification" USING btree ("facility_id","at");
--> statement-breakpoint
ALTER TABLE "bag_lineage" ADD CONSTRAINT "bag_lineage_modification_id_modification_id_fk" FOREIGN KEY ("modification_id") REFERENCES "public"."modification"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "bag" ADD CONSTRAINT "bag_uom" CHECK ("bag"."uom" in ('U', 'mL', 'dose'));
--> statement-breakpoint
ALTER TABLE "bag" ADD CONSTRAINT "bag_amount" CHECK ("bag"."bag_count" > 0 and "bag"."amount" > 0 and ("bag"."amount" is null) = ("bag"."uom" is null));
--> statement-breakpoint
ALTER TABLE "bag" ADD CONSTRAINT "bag_component" CHECK ("bag"."component" in ('red_cells', 'plasma', 'platelets', 'cryoprecipitate', 'whole_blood', 'thawed_plasma', 'thawed_cryoprecipitate', 'frozen_red_cells', 'granulocytes'));
--> statement-breakpoint
ALTER TABLE "bag_hold" ADD CONSTRAINT "bag_hold_kind" CHECK ("bag_hold"."kind" in ('recall', 'breach', 'look_back', 'test_reactive', 'group_mismatch', 'visual', 'unverified_gap', 'allowance', 'unknown_product', 'other'));
--> statement-breakpoint
ALTER TABLE "policy" ADD CONSTRAINT "policy_component" CHECK ("policy"."component" in ('red_cells', 'plasma', 'platelets', 'cryoprecipitate', 'whole_blood', 'thawed_plasma', 'thawed_cryoprecipitate', 'frozen_red_cells', 'granulocytes'));
--> statement-breakpoint
ALTER TABLE "policy_proposal" ADD CONSTRAINT "policy_proposal_kind" CHECK ("policy_proposal"."kind" in ('policy', 'product'));
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON product FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON modification FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
UPDATE bag SET collected_at = donation.collected_at FROM donation WHERE donation.id = bag.donation_id;
