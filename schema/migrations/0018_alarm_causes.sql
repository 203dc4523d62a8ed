ALTER TABLE "alarm_case" DROP CONSTRAINT "alarm_case_kind";--> statement-breakpoint
ALTER TABLE "alarm_event" DROP CONSTRAINT "alarm_event_verb";--> statement-breakpoint
ALTER TABLE "alarm_case" ADD COLUMN "cause" text;--> statement-breakpoint
ALTER TABLE "alarm_case" ADD COLUMN "cause_signs" jsonb;--> statement-breakpoint
ALTER TABLE "alarm_case" ADD COLUMN "outlook" jsonb;--> statement-breakpoint
ALTER TABLE "alarm_case" ADD CONSTRAINT "alarm_case_cause" CHECK ("alarm_case"."cause" in ('door', 'cooling', 'power', 'probe', 'silence', 'unknown'));--> statement-breakpoint
ALTER TABLE "alarm_case" ADD CONSTRAINT "alarm_case_kind" CHECK ("alarm_case"."kind" in ('load_high', 'load_low', 'air_high', 'air_low', 'load_high_soon', 'load_low_soon', 'silent', 'door_open', 'mains_lost', 'battery_low', 'agitator_stopped'));--> statement-breakpoint
ALTER TABLE "alarm_event" ADD CONSTRAINT "alarm_event_verb" CHECK ("alarm_event"."verb" in ('raised', 'explained', 'worsened', 'ended', 'began_again', 'escalated', 'acknowledged', 'commented', 'closed'));