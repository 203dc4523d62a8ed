ALTER TABLE "boot" ADD COLUMN "clock_late_since" bigint;--> statement-breakpoint
ALTER TABLE "device_state" ADD COLUMN "status_connection" text;--> statement-breakpoint
ALTER TABLE "reading_conflict" ADD COLUMN "humidity" smallint;