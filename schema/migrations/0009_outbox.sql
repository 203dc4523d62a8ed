CREATE TABLE "telemetry_dead_letter" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "telemetry_dead_letter_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"device_id" integer NOT NULL,
	"at" bigint NOT NULL,
	"readings" integer NOT NULL,
	"from_at" bigint NOT NULL,
	"to_at" bigint NOT NULL,
	"body" "bytea" NOT NULL,
	"reason" text NOT NULL,
	"resent_at" bigint
);
--> statement-breakpoint
CREATE TABLE "telemetry_outbox" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "telemetry_outbox_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"at" bigint NOT NULL,
	"readings" integer NOT NULL,
	"body" "bytea" NOT NULL
);
--> statement-breakpoint
ALTER TABLE "telemetry_dead_letter" ADD CONSTRAINT "telemetry_dead_letter_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "telemetry_dead_letter_open" ON "telemetry_dead_letter" USING btree ("id") WHERE resent_at is null;