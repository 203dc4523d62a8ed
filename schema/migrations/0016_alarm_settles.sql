ALTER TABLE "alarm_event" DROP CONSTRAINT "alarm_event_verb";--> statement-breakpoint
ALTER TABLE "alarm_case" ADD COLUMN "over_since" bigint;--> statement-breakpoint
ALTER TABLE "alarm_event" ADD CONSTRAINT "alarm_event_verb" CHECK ("alarm_event"."verb" in ('raised', 'worsened', 'ended', 'began_again', 'escalated', 'acknowledged', 'commented', 'closed'));