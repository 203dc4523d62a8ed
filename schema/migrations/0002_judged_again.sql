ALTER TABLE "boot" ADD COLUMN "clock_uptime_ms" bigint;--> statement-breakpoint
ALTER TABLE "boot" ADD COLUMN "clock_agreed_seq" integer;--> statement-breakpoint
ALTER TABLE "device" ADD COLUMN "version" integer DEFAULT 1 NOT NULL;