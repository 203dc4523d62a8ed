CREATE TABLE "logger_day" (
	"import_id" integer NOT NULL,
	"date" text NOT NULL,
	"device_id" integer NOT NULL,
	"from" bigint NOT NULL,
	"to" bigint NOT NULL,
	"coldest" smallint,
	"coldest_at" text,
	"warmest" smallint,
	"warmest_at" text,
	"mean" smallint,
	"alarms" jsonb NOT NULL,
	"timeout_minutes" smallint NOT NULL,
	"external_timeout_minutes" smallint,
	CONSTRAINT "logger_day_import_id_date_pk" PRIMARY KEY("import_id","date"),
	CONSTRAINT "logger_day_length" CHECK ("logger_day"."from" < "logger_day"."to")
);
--> statement-breakpoint
CREATE TABLE "logger_import" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "logger_import_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"device_id" integer NOT NULL,
	"facility_id" integer NOT NULL,
	"file_hash" "bytea" NOT NULL,
	"file" "bytea" NOT NULL,
	"format" text NOT NULL,
	"probe" text,
	"boot" text,
	"from_seq" integer,
	"to_seq" integer,
	"model" text,
	"serial" text,
	"reported_at" text,
	"rows" integer NOT NULL,
	"taken" integer NOT NULL,
	"rejected" integer NOT NULL,
	"rejections" jsonb NOT NULL,
	"known" integer NOT NULL,
	"differing" integer NOT NULL,
	"unknown_keys" integer NOT NULL,
	"from" bigint NOT NULL,
	"to" bigint NOT NULL,
	"imported_by" jsonb NOT NULL,
	"imported_at" bigint NOT NULL,
	CONSTRAINT "logger_import_file" UNIQUE("device_id","file_hash"),
	CONSTRAINT "logger_import_format" CHECK ("logger_import"."format" in ('ruuvi_csv', 'berlinger_text')),
	CONSTRAINT "logger_import_probe" CHECK ("logger_import"."probe" in ('air', 'load', 'ambient')),
	CONSTRAINT "logger_import_rows" CHECK ("logger_import"."rows" = "logger_import"."taken" + "logger_import"."rejected")
);
--> statement-breakpoint
ALTER TABLE "logger_day" ADD CONSTRAINT "logger_day_import_id_logger_import_id_fk" FOREIGN KEY ("import_id") REFERENCES "public"."logger_import"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "logger_day" ADD CONSTRAINT "logger_day_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "logger_import" ADD CONSTRAINT "logger_import_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "logger_import" ADD CONSTRAINT "logger_import_facility_id_facility_id_fk" FOREIGN KEY ("facility_id") REFERENCES "public"."facility"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "logger_day_device" ON "logger_day" USING btree ("device_id","date");--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON logger_import FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON logger_day FOR EACH ROW EXECUTE FUNCTION refuse_change();
