CREATE TABLE "bag_lot" (
	"kind" text NOT NULL,
	"number" text NOT NULL,
	"bag_id" uuid NOT NULL,
	"recorded_at" bigint NOT NULL,
	"actor" jsonb NOT NULL,
	CONSTRAINT "bag_lot_number_kind_bag_id_pk" PRIMARY KEY("number","kind","bag_id"),
	CONSTRAINT "bag_lot_kind" CHECK ("bag_lot"."kind" in ('bag_set', 'additive', 'reagent', 'processing'))
);
--> statement-breakpoint
CREATE TABLE "recall" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "recall_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"kind" text NOT NULL,
	"scope" text NOT NULL,
	"subject" text NOT NULL,
	"lot_kind" text,
	"from" bigint,
	"to" bigint,
	"facility_id" integer NOT NULL,
	"reason" text NOT NULL,
	"opened_at" bigint NOT NULL,
	"opened_by" jsonb NOT NULL,
	"state" text DEFAULT 'open' NOT NULL,
	"ended_at" bigint,
	"ended_by" jsonb,
	"end_reason" text,
	CONSTRAINT "recall_kind" CHECK ("recall"."kind" in ('recall', 'look_back')),
	CONSTRAINT "recall_scope" CHECK ("recall"."scope" in ('donor', 'donation', 'lot', 'device', 'box', 'bag', 'patient')),
	CONSTRAINT "recall_lot_kind" CHECK ("recall"."lot_kind" in ('bag_set', 'additive', 'reagent', 'processing')),
	CONSTRAINT "recall_state" CHECK ("recall"."state" in ('open', 'closed', 'lifted')),
	CONSTRAINT "recall_interval" CHECK ("recall"."from" < "recall"."to"),
	CONSTRAINT "recall_ending" CHECK (("recall"."state" = 'open') = ("recall"."ended_at" is null) and ("recall"."ended_at" is null) = ("recall"."ended_by" is null) and ("recall"."ended_at" is null) = ("recall"."end_reason" is null))
);
--> statement-breakpoint
CREATE TABLE "recall_bag" (
	"recall_id" integer NOT NULL,
	"bag_id" uuid NOT NULL,
	"hold_id" integer NOT NULL,
	"found_at" bigint NOT NULL,
	CONSTRAINT "recall_bag_recall_id_bag_id_pk" PRIMARY KEY("recall_id","bag_id")
);
--> statement-breakpoint
ALTER TABLE "look_back" DROP CONSTRAINT "look_back_opening";
--> statement-breakpoint
ALTER TABLE "look_back" ADD COLUMN "recall_id" integer;
--> statement-breakpoint
ALTER TABLE "bag_lot" ADD CONSTRAINT "bag_lot_bag_id_bag_id_fk" FOREIGN KEY ("bag_id") REFERENCES "public"."bag"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "recall" ADD CONSTRAINT "recall_facility_id_facility_id_fk" FOREIGN KEY ("facility_id") REFERENCES "public"."facility"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "recall_bag" ADD CONSTRAINT "recall_bag_recall_id_recall_id_fk" FOREIGN KEY ("recall_id") REFERENCES "public"."recall"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "recall_bag" ADD CONSTRAINT "recall_bag_bag_id_bag_id_fk" FOREIGN KEY ("bag_id") REFERENCES "public"."bag"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "recall_bag" ADD CONSTRAINT "recall_bag_hold_id_bag_hold_id_fk" FOREIGN KEY ("hold_id") REFERENCES "public"."bag_hold"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
CREATE INDEX "bag_lot_bag" ON "bag_lot" USING btree ("bag_id");
--> statement-breakpoint
CREATE UNIQUE INDEX "recall_open" ON "recall" USING btree ("facility_id","scope","kind","subject",coalesce(lot_kind, ''),coalesce("from", 0),coalesce("to", 0)) WHERE state = 'open';
--> statement-breakpoint
CREATE INDEX "recall_bag_bag" ON "recall_bag" USING btree ("bag_id");
--> statement-breakpoint
ALTER TABLE "look_back" ADD CONSTRAINT "look_back_recall_id_recall_id_fk" FOREIGN KEY ("recall_id") REFERENCES "public"."recall"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
CREATE INDEX "bag_event_given_to" ON "bag_event" USING btree ((data->>'patient')) WHERE verb in ('transfuse', 'start_transfusion', 'end_transfusion', 'interrupt_transfusion', 'report_reaction');
--> statement-breakpoint
CREATE INDEX "bag_event_sent_in" ON "bag_event" USING btree ((data->>'box')) WHERE verb = 'distribute';
--> statement-breakpoint
ALTER TABLE "look_back" ADD CONSTRAINT "look_back_recall" UNIQUE("recall_id","bag_id");
--> statement-breakpoint
ALTER TABLE "look_back" ADD CONSTRAINT "look_back_opening" CHECK (num_nonnulls("look_back"."ledger_id", "look_back"."rejudged_id", "look_back"."recall_id") = 1);
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON bag_lot FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON recall_bag FOR EACH ROW EXECUTE FUNCTION refuse_change();
