ALTER TABLE "bag" ADD COLUMN "revision" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "scan_answer" ADD COLUMN "override" text;--> statement-breakpoint
ALTER TABLE "scan_answer" ADD COLUMN "policies" jsonb;--> statement-breakpoint
ALTER TABLE "tag_assignment" ADD COLUMN "vouched_from" bigint;