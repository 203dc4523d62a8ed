CREATE TABLE "alarm_test" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "alarm_test_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"device_id" integer NOT NULL,
	"kind" text NOT NULL,
	"passed" boolean NOT NULL,
	"comment" text NOT NULL,
	"at" bigint NOT NULL,
	"recorded_at" bigint NOT NULL,
	"actor" jsonb NOT NULL,
	CONSTRAINT "alarm_test_kind" CHECK ("alarm_test"."kind" in ('load_high', 'load_low', 'air_high', 'air_low', 'silent', 'door_open', 'mains_lost', 'battery_low', 'agitator_stopped'))
);
--> statement-breakpoint
CREATE TABLE "device_defrost" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "device_defrost_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"device_id" integer NOT NULL,
	"from" bigint NOT NULL,
	"to" bigint NOT NULL,
	"reason" text NOT NULL,
	"actor" jsonb NOT NULL,
	"declared_at" bigint NOT NULL,
	CONSTRAINT "device_defrost_length" CHECK ("device_defrost"."from" < "device_defrost"."to")
);
--> statement-breakpoint
CREATE TABLE "contact" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "contact_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"facility_id" integer NOT NULL,
	"name" text NOT NULL,
	"email" text,
	"url" text,
	"secret" text,
	"created_at" bigint NOT NULL,
	"ended_at" bigint,
	CONSTRAINT "contact_reached" CHECK ("contact"."email" is not null or "contact"."url" is not null),
	CONSTRAINT "contact_secret" CHECK (("contact"."url" is null) = ("contact"."secret" is null))
);
--> statement-breakpoint
CREATE TABLE "notice" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "notice_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"contact_id" integer NOT NULL,
	"channel" text NOT NULL,
	"step" text NOT NULL,
	"ordinal" integer NOT NULL,
	"paged_from" bigint NOT NULL,
	"created_at" bigint NOT NULL,
	"body" jsonb NOT NULL,
	"is_delivered" boolean,
	CONSTRAINT "notice_channel" CHECK ("notice"."channel" in ('email', 'webhook')),
	CONSTRAINT "notice_step" CHECK ("notice"."step" in ('ward', 'transfusion_lab', 'duty_manager', 'blood_centre'))
);
--> statement-breakpoint
CREATE TABLE "notice_attempt" (
	"notice_id" bigint NOT NULL,
	"attempt" integer NOT NULL,
	"at" bigint NOT NULL,
	"outcome" text NOT NULL,
	"status" integer,
	"error" text,
	CONSTRAINT "notice_attempt_notice_id_attempt_pk" PRIMARY KEY("notice_id","attempt"),
	CONSTRAINT "notice_attempt_outcome" CHECK ("notice_attempt"."outcome" in ('delivered', 'failed', 'given_up'))
);
--> statement-breakpoint
CREATE TABLE "notice_case" (
	"notice_id" bigint NOT NULL,
	"case_id" integer NOT NULL,
	CONSTRAINT "notice_case_notice_id_case_id_pk" PRIMARY KEY("notice_id","case_id")
);
--> statement-breakpoint
CREATE TABLE "roster_shift" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "roster_shift_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"facility_id" integer NOT NULL,
	"step" text NOT NULL,
	"contact_id" integer NOT NULL,
	"weekdays" smallint[] NOT NULL,
	"from_minute" smallint NOT NULL,
	"to_minute" smallint NOT NULL,
	"effective_from" bigint NOT NULL,
	"effective_to" bigint,
	CONSTRAINT "roster_shift_step" CHECK ("roster_shift"."step" in ('ward', 'transfusion_lab', 'duty_manager', 'blood_centre')),
	CONSTRAINT "roster_shift_minutes" CHECK ("roster_shift"."from_minute" between 0 and 1439 and "roster_shift"."to_minute" between 0 and 1439),
	CONSTRAINT "roster_shift_weekdays" CHECK (cardinality("roster_shift"."weekdays") > 0 and "roster_shift"."weekdays" <@ '{1,2,3,4,5,6,7}'::smallint[])
);
--> statement-breakpoint
ALTER TABLE "alarm_event" DROP CONSTRAINT "alarm_event_verb";--> statement-breakpoint
ALTER TABLE "alarm_case" ADD COLUMN "muted_until" bigint;--> statement-breakpoint
ALTER TABLE "alarm_test" ADD CONSTRAINT "alarm_test_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "device_defrost" ADD CONSTRAINT "device_defrost_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "contact" ADD CONSTRAINT "contact_facility_id_facility_id_fk" FOREIGN KEY ("facility_id") REFERENCES "public"."facility"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "notice" ADD CONSTRAINT "notice_contact_id_contact_id_fk" FOREIGN KEY ("contact_id") REFERENCES "public"."contact"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "notice_attempt" ADD CONSTRAINT "notice_attempt_notice_id_notice_id_fk" FOREIGN KEY ("notice_id") REFERENCES "public"."notice"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "notice_case" ADD CONSTRAINT "notice_case_notice_id_notice_id_fk" FOREIGN KEY ("notice_id") REFERENCES "public"."notice"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "notice_case" ADD CONSTRAINT "notice_case_case_id_alarm_case_id_fk" FOREIGN KEY ("case_id") REFERENCES "public"."alarm_case"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "roster_shift" ADD CONSTRAINT "roster_shift_facility_id_facility_id_fk" FOREIGN KEY ("facility_id") REFERENCES "public"."facility"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "roster_shift" ADD CONSTRAINT "roster_shift_contact_id_contact_id_fk" FOREIGN KEY ("contact_id") REFERENCES "public"."contact"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "alarm_test_device" ON "alarm_test" USING btree ("device_id","kind","at");--> statement-breakpoint
CREATE INDEX "device_defrost_device" ON "device_defrost" USING btree ("device_id","to");--> statement-breakpoint
CREATE INDEX "device_defrost_to" ON "device_defrost" USING btree ("to");--> statement-breakpoint
CREATE UNIQUE INDEX "contact_name" ON "contact" USING btree ("facility_id","name") WHERE ended_at is null;--> statement-breakpoint
CREATE INDEX "notice_waiting" ON "notice" USING btree ("id") WHERE is_delivered is null;--> statement-breakpoint
CREATE INDEX "notice_case_case" ON "notice_case" USING btree ("case_id");--> statement-breakpoint
CREATE INDEX "roster_shift_facility" ON "roster_shift" USING btree ("facility_id");--> statement-breakpoint
ALTER TABLE "alarm_event" ADD CONSTRAINT "alarm_event_verb" CHECK ("alarm_event"."verb" in ('raised', 'worsened', 'ended', 'began_again', 'escalated', 'unstaffed', 'undelivered', 'muted', 'acknowledged', 'commented', 'closed'));
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON notice_case FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON notice_attempt FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON device_defrost FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON alarm_test FOR EACH ROW EXECUTE FUNCTION refuse_change();
