CREATE TABLE "device_command" (
	"id" uuid PRIMARY KEY NOT NULL,
	"device_id" integer NOT NULL,
	"facility_id" integer NOT NULL,
	"kind" text NOT NULL,
	"body" jsonb NOT NULL,
	"actor" jsonb NOT NULL,
	"issued_at" bigint NOT NULL,
	"expires_at" bigint NOT NULL,
	"sent_at" bigint,
	"connection" text,
	"replied_at" bigint,
	"reply_state" text,
	"reply_reason" text,
	CONSTRAINT "device_command_kind" CHECK ("device_command"."kind" in ('unlock', 'sound', 'inventory', 'configure', 'holdList')),
	CONSTRAINT "device_command_reply_state" CHECK ("device_command"."reply_state" in ('done', 'failed', 'refused')),
	CONSTRAINT "device_command_interval" CHECK ("device_command"."issued_at" < "device_command"."expires_at"),
	CONSTRAINT "device_command_sent" CHECK (("device_command"."sent_at" is null) = ("device_command"."connection" is null)),
	CONSTRAINT "device_command_replied" CHECK (("device_command"."replied_at" is null) = ("device_command"."reply_state" is null))
);
--> statement-breakpoint
CREATE TABLE "device_listener" (
	"device_id" integer PRIMARY KEY NOT NULL,
	"connection" text NOT NULL,
	"since" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "take_out" ADD COLUMN "unlock_id" uuid;--> statement-breakpoint
ALTER TABLE "device_command" ADD CONSTRAINT "device_command_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "device_command" ADD CONSTRAINT "device_command_facility_id_facility_id_fk" FOREIGN KEY ("facility_id") REFERENCES "public"."facility"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "device_listener" ADD CONSTRAINT "device_listener_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "device_command_device" ON "device_command" USING btree ("device_id","issued_at");--> statement-breakpoint
CREATE INDEX "device_command_open" ON "device_command" USING btree ("device_id","expires_at") WHERE replied_at is null;--> statement-breakpoint
CREATE INDEX "device_command_unsent" ON "device_command" USING btree ("expires_at") WHERE sent_at is null;--> statement-breakpoint
ALTER TABLE "take_out" ADD CONSTRAINT "take_out_unlock_id_device_command_id_fk" FOREIGN KEY ("unlock_id") REFERENCES "public"."device_command"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "bag_issued" ON "bag" USING btree ("holder_id") WHERE state = 'issued';--> statement-breakpoint
CREATE INDEX "scan_answer_take_out" ON "scan_answer" USING btree ("take_out_id");