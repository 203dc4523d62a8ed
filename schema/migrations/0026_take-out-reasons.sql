CREATE TABLE "issue_review" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "issue_review_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"bag_id" uuid NOT NULL,
	"version" integer NOT NULL,
	"physician" text NOT NULL,
	"justification" text NOT NULL,
	"crossmatch" text NOT NULL,
	"at" bigint NOT NULL,
	"actor" jsonb NOT NULL,
	CONSTRAINT "issue_review_crossmatch" CHECK ("issue_review"."crossmatch" in ('compatible', 'incompatible', 'not_possible'))
);
--> statement-breakpoint
CREATE TABLE "take_out_rule" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "take_out_rule_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"facility_id" integer NOT NULL,
	"from" bigint NOT NULL,
	"second_checker" boolean NOT NULL,
	"telephone" text,
	"actor" jsonb NOT NULL
);
--> statement-breakpoint
DROP INDEX "take_out_device";
--> statement-breakpoint
ALTER TABLE "scan_answer" ADD COLUMN "glass_broken" text;
--> statement-breakpoint
ALTER TABLE "take_out" ADD COLUMN "check_needed" boolean DEFAULT false NOT NULL;
--> statement-breakpoint
ALTER TABLE "take_out" ADD COLUMN "telephone" text;
--> statement-breakpoint
ALTER TABLE "take_out" ADD COLUMN "checked_by" jsonb;
--> statement-breakpoint
ALTER TABLE "take_out" ADD COLUMN "checked_at" bigint;
--> statement-breakpoint
ALTER TABLE "take_out" ADD COLUMN "rhd_positive_allowed" boolean DEFAULT false NOT NULL;
--> statement-breakpoint
ALTER TABLE "issue_review" ADD CONSTRAINT "issue_review_bag_id_version_bag_event_bag_id_version_fk" FOREIGN KEY ("bag_id","version") REFERENCES "public"."bag_event"("bag_id","version") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "take_out_rule" ADD CONSTRAINT "take_out_rule_facility_id_facility_id_fk" FOREIGN KEY ("facility_id") REFERENCES "public"."facility"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
CREATE INDEX "take_out_rule_facility" ON "take_out_rule" USING btree ("facility_id","id");
--> statement-breakpoint
CREATE INDEX "bag_event_to_review" ON "bag_event" USING btree ("at","bag_id","version") WHERE verb = 'issue' and data ? 'review';
--> statement-breakpoint
CREATE INDEX "take_out_device" ON "take_out" USING btree ("device_id","opened_at");
--> statement-breakpoint
ALTER TABLE "take_out" ADD CONSTRAINT "take_out_check" CHECK (("take_out"."checked_by" is null) = ("take_out"."checked_at" is null));
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON issue_review FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON take_out_rule FOR EACH ROW EXECUTE FUNCTION refuse_change();
