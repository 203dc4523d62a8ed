CREATE TABLE "barcode_profile" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "barcode_profile_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"facility_id" integer NOT NULL,
	"profile" text NOT NULL,
	"region" text NOT NULL,
	"codes" jsonb NOT NULL,
	"effective_from" bigint NOT NULL,
	"set_at" bigint NOT NULL,
	"actor" jsonb NOT NULL
);
--> statement-breakpoint
ALTER TABLE "barcode_profile" ADD CONSTRAINT "barcode_profile_facility_id_facility_id_fk" FOREIGN KEY ("facility_id") REFERENCES "public"."facility"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
CREATE INDEX "barcode_profile_newest" ON "barcode_profile" USING btree ("facility_id","profile","effective_from");
--> statement-breakpoint
ALTER TABLE "bag" ADD CONSTRAINT "bag_scheme" CHECK ("bag"."scheme" in ('ISBT128', 'cn_local'));
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON barcode_profile FOR EACH ROW EXECUTE FUNCTION refuse_change();
