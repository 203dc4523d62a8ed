CREATE TABLE "probe_fault" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "probe_fault_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"probe_id" integer NOT NULL,
	"kind" text NOT NULL,
	"from" bigint NOT NULL,
	"to" bigint,
	"known_from" bigint NOT NULL,
	"known_to" bigint,
	CONSTRAINT "probe_fault_kind" CHECK ("probe_fault"."kind" in ('stuck', 'implausible')),
	CONSTRAINT "probe_fault_interval" CHECK ("probe_fault"."to" is null or "probe_fault"."from" < "probe_fault"."to")
);
--> statement-breakpoint
ALTER TABLE "alarm_case" DROP CONSTRAINT "alarm_case_kind";--> statement-breakpoint
ALTER TABLE "alarm_event" DROP CONSTRAINT "alarm_event_verb";--> statement-breakpoint
ALTER TABLE "alarm_test" DROP CONSTRAINT "alarm_test_kind";--> statement-breakpoint
ALTER TABLE "alarm_case" ADD COLUMN "cause" text;--> statement-breakpoint
ALTER TABLE "alarm_case" ADD COLUMN "cause_signs" jsonb;--> statement-breakpoint
ALTER TABLE "alarm_case" ADD COLUMN "outlook" jsonb;--> statement-breakpoint
ALTER TABLE "probe_state" ADD COLUMN "faults_to" bigint;--> statement-breakpoint
ALTER TABLE "probe_fault" ADD CONSTRAINT "probe_fault_probe_id_probe_id_fk" FOREIGN KEY ("probe_id") REFERENCES "public"."probe"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "probe_fault_current" ON "probe_fault" USING btree ("probe_id","from") WHERE known_to is null;--> statement-breakpoint
CREATE INDEX "probe_fault_lasting" ON "probe_fault" USING btree ("to") WHERE known_to is null;--> statement-breakpoint
ALTER TABLE "alarm_case" ADD CONSTRAINT "alarm_case_cause" CHECK ("alarm_case"."cause" in ('door', 'cooling', 'power', 'probe', 'silence', 'unknown'));--> statement-breakpoint
ALTER TABLE "alarm_case" ADD CONSTRAINT "alarm_case_kind" CHECK ("alarm_case"."kind" in ('load_high', 'load_low', 'air_high', 'air_low', 'load_high_soon', 'load_low_soon', 'silent', 'probe_stuck', 'probe_implausible', 'probes_disagree', 'door_open', 'mains_lost', 'battery_low', 'agitator_stopped'));--> statement-breakpoint
ALTER TABLE "alarm_event" ADD CONSTRAINT "alarm_event_verb" CHECK ("alarm_event"."verb" in ('raised', 'explained', 'worsened', 'ended', 'began_again', 'escalated', 'unstaffed', 'undelivered', 'muted', 'acknowledged', 'commented', 'closed'));--> statement-breakpoint
ALTER TABLE "alarm_test" ADD CONSTRAINT "alarm_test_kind" CHECK ("alarm_test"."kind" in ('load_high', 'load_low', 'air_high', 'air_low', 'load_high_soon', 'load_low_soon', 'silent', 'probe_stuck', 'probe_implausible', 'probes_disagree', 'door_open', 'mains_lost', 'battery_low', 'agitator_stopped'));