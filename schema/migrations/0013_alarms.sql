CREATE TABLE "alarm_case" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "alarm_case_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"device_id" integer NOT NULL,
	"facility_id" integer NOT NULL,
	"kind" text NOT NULL,
	"part" text NOT NULL,
	"class" text NOT NULL,
	"condition_from" bigint NOT NULL,
	"raised_at" bigint NOT NULL,
	"paged_from" bigint NOT NULL,
	"steps" integer NOT NULL,
	"acknowledged_at" bigint,
	"ended_at" bigint,
	"closed_at" bigint,
	CONSTRAINT "alarm_case_kind" CHECK ("alarm_case"."kind" in ('load_high', 'load_low', 'air_high', 'air_low', 'silent', 'door_open', 'mains_lost', 'battery_low', 'agitator_stopped')),
	CONSTRAINT "alarm_case_class" CHECK ("alarm_case"."class" in ('alert', 'fault', 'action')),
	CONSTRAINT "alarm_case_steps" CHECK ("alarm_case"."steps" >= 0)
);
--> statement-breakpoint
CREATE TABLE "alarm_event" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "alarm_event_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"case_id" integer NOT NULL,
	"at" bigint NOT NULL,
	"verb" text NOT NULL,
	"actor" jsonb NOT NULL,
	"comment" text,
	"data" jsonb NOT NULL,
	CONSTRAINT "alarm_event_verb" CHECK ("alarm_event"."verb" in ('raised', 'linked', 'worsened', 'ended', 'began_again', 'escalated', 'acknowledged', 'commented', 'closed'))
);
--> statement-breakpoint
CREATE TABLE "alarm_link" (
	"probe_id" integer NOT NULL,
	"side" text NOT NULL,
	"from" bigint NOT NULL,
	"case_id" integer NOT NULL,
	CONSTRAINT "alarm_link_probe_id_side_from_pk" PRIMARY KEY("probe_id","side","from"),
	CONSTRAINT "alarm_link_side" CHECK ("alarm_link"."side" in ('low', 'high'))
);
--> statement-breakpoint
ALTER TABLE "alarm_case" ADD CONSTRAINT "alarm_case_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "alarm_case" ADD CONSTRAINT "alarm_case_facility_id_facility_id_fk" FOREIGN KEY ("facility_id") REFERENCES "public"."facility"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "alarm_event" ADD CONSTRAINT "alarm_event_case_id_alarm_case_id_fk" FOREIGN KEY ("case_id") REFERENCES "public"."alarm_case"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "alarm_link" ADD CONSTRAINT "alarm_link_probe_id_probe_id_fk" FOREIGN KEY ("probe_id") REFERENCES "public"."probe"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "alarm_link" ADD CONSTRAINT "alarm_link_case_id_alarm_case_id_fk" FOREIGN KEY ("case_id") REFERENCES "public"."alarm_case"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "alarm_case_open" ON "alarm_case" USING btree ("device_id","kind","part") WHERE closed_at is null;--> statement-breakpoint
CREATE INDEX "alarm_case_facility" ON "alarm_case" USING btree ("facility_id","id");--> statement-breakpoint
CREATE INDEX "alarm_event_case" ON "alarm_event" USING btree ("case_id","id");--> statement-breakpoint
CREATE INDEX "excursion_lasting" ON "excursion" USING btree ("probe_id") WHERE known_to is null and "to" is null;--> statement-breakpoint
CREATE INDEX "excursion_known" ON "excursion" USING btree ("known_from") WHERE known_to is null;--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON alarm_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON alarm_link FOR EACH ROW EXECUTE FUNCTION refuse_change();
