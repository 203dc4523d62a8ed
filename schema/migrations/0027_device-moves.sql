ALTER TABLE "alarm_event" DROP CONSTRAINT "alarm_event_verb";
--> statement-breakpoint
ALTER TABLE "alarm_case" ADD COLUMN "retired_at" bigint;
--> statement-breakpoint
ALTER TABLE "device" ADD COLUMN "label" text;
--> statement-breakpoint
ALTER TABLE "alarm_event" ADD CONSTRAINT "alarm_event_verb" CHECK ("alarm_event"."verb" in ('raised', 'explained', 'worsened', 'ended', 'began_again', 'escalated', 'unstaffed', 'undelivered', 'muted', 'moved', 'retired', 'acknowledged', 'commented', 'closed'));
--> statement-breakpoint
ALTER TABLE "device" ADD CONSTRAINT "device_label" CHECK (char_length("device"."label") between 1 and 80);
