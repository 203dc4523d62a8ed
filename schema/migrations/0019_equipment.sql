CREATE TABLE "duty" (
	"name" text PRIMARY KEY NOT NULL,
	"done_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "calibration" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "calibration_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"device_id" integer NOT NULL,
	"recorded_by" jsonb NOT NULL,
	"recorded_at" bigint NOT NULL,
	"probe" text NOT NULL,
	"done_at" bigint NOT NULL,
	"valid_until" bigint NOT NULL,
	"certificate" text NOT NULL,
	"offset" smallint NOT NULL,
	"done_by" text NOT NULL,
	CONSTRAINT "calibration_probe" CHECK ("calibration"."probe" in ('air', 'load', 'ambient')),
	CONSTRAINT "calibration_valid" CHECK ("calibration"."done_at" < "calibration"."valid_until")
);
--> statement-breakpoint
CREATE TABLE "maintenance" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "maintenance_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"device_id" integer NOT NULL,
	"recorded_by" jsonb NOT NULL,
	"recorded_at" bigint NOT NULL,
	"what" text NOT NULL,
	"done_at" bigint NOT NULL,
	"back_in_service_at" bigint,
	CONSTRAINT "maintenance_back" CHECK ("maintenance"."done_at" <= "maintenance"."back_in_service_at")
);
--> statement-breakpoint
CREATE TABLE "manual_reading" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "manual_reading_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"device_id" integer NOT NULL,
	"recorded_by" jsonb NOT NULL,
	"recorded_at" bigint NOT NULL,
	"centi" smallint NOT NULL,
	"probe" text NOT NULL,
	"probe_centi" smallint,
	"probe_at" bigint,
	"remark" text,
	CONSTRAINT "manual_reading_probe" CHECK ("manual_reading"."probe" in ('air', 'load', 'ambient')),
	CONSTRAINT "manual_reading_compared" CHECK (("manual_reading"."probe_centi" is null) = ("manual_reading"."probe_at" is null))
);
--> statement-breakpoint
CREATE TABLE "qualification" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "qualification_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"device_id" integer NOT NULL,
	"recorded_by" jsonb NOT NULL,
	"recorded_at" bigint NOT NULL,
	"stage" text NOT NULL,
	"done_at" bigint NOT NULL,
	"valid_until" bigint,
	"result" text NOT NULL,
	"remark" text,
	CONSTRAINT "qualification_stage" CHECK ("qualification"."stage" in ('IQ', 'OQ', 'PQ')),
	CONSTRAINT "qualification_result" CHECK ("qualification"."result" in ('passed', 'failed')),
	CONSTRAINT "qualification_valid" CHECK ("qualification"."done_at" < "qualification"."valid_until")
);
--> statement-breakpoint
CREATE TABLE "temperature_mapping" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "temperature_mapping_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"device_id" integer NOT NULL,
	"recorded_by" jsonb NOT NULL,
	"recorded_at" bigint NOT NULL,
	"from" bigint NOT NULL,
	"to" bigint NOT NULL,
	"points" jsonb NOT NULL,
	"result" text NOT NULL,
	"remark" text,
	CONSTRAINT "temperature_mapping_result" CHECK ("temperature_mapping"."result" in ('passed', 'failed')),
	CONSTRAINT "temperature_mapping_length" CHECK ("temperature_mapping"."from" < "temperature_mapping"."to")
);
--> statement-breakpoint
CREATE TABLE "sequence_check" (
	"boot_id" integer PRIMARY KEY NOT NULL,
	"up_to" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "sequence_hole" (
	"boot_id" integer NOT NULL,
	"from_seq" integer NOT NULL,
	"to_seq" integer NOT NULL,
	"seen_at" bigint NOT NULL,
	CONSTRAINT "sequence_hole_boot_id_from_seq_pk" PRIMARY KEY("boot_id","from_seq"),
	CONSTRAINT "sequence_hole_length" CHECK ("sequence_hole"."from_seq" <= "sequence_hole"."to_seq")
);
--> statement-breakpoint
ALTER TABLE "calibration" ADD CONSTRAINT "calibration_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "maintenance" ADD CONSTRAINT "maintenance_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "manual_reading" ADD CONSTRAINT "manual_reading_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "qualification" ADD CONSTRAINT "qualification_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "temperature_mapping" ADD CONSTRAINT "temperature_mapping_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sequence_check" ADD CONSTRAINT "sequence_check_boot_id_boot_id_fk" FOREIGN KEY ("boot_id") REFERENCES "public"."boot"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sequence_hole" ADD CONSTRAINT "sequence_hole_boot_id_boot_id_fk" FOREIGN KEY ("boot_id") REFERENCES "public"."boot"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "calibration_newest" ON "calibration" USING btree ("device_id","probe","done_at");--> statement-breakpoint
CREATE INDEX "maintenance_newest" ON "maintenance" USING btree ("device_id","done_at");--> statement-breakpoint
CREATE INDEX "manual_reading_newest" ON "manual_reading" USING btree ("device_id","recorded_at");--> statement-breakpoint
CREATE INDEX "qualification_newest" ON "qualification" USING btree ("device_id","stage","done_at");--> statement-breakpoint
CREATE INDEX "temperature_mapping_newest" ON "temperature_mapping" USING btree ("device_id","to");--> statement-breakpoint
CREATE INDEX "sequence_hole_seen" ON "sequence_hole" USING btree ("seen_at");--> statement-breakpoint
CREATE INDEX "device_command_settings" ON "device_command" USING btree ("device_id","issued_at") WHERE kind = 'configure';--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON calibration FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON qualification FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON maintenance FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON temperature_mapping FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON manual_reading FOR EACH ROW EXECUTE FUNCTION refuse_change();
