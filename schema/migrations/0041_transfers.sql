CREATE TABLE "stock_level" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "stock_level_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"facility_id" integer NOT NULL,
	"component" text NOT NULL,
	"abo" text NOT NULL,
	"rhd" text NOT NULL,
	"uom" text NOT NULL,
	"target" double precision NOT NULL,
	"minimum" double precision NOT NULL,
	"critical" double precision NOT NULL,
	"at" bigint NOT NULL,
	"actor" jsonb NOT NULL,
	CONSTRAINT "stock_level_component" CHECK ("stock_level"."component" in ('red_cells', 'plasma', 'platelets', 'cryoprecipitate', 'whole_blood', 'thawed_plasma', 'thawed_cryoprecipitate', 'frozen_red_cells', 'granulocytes')),
	CONSTRAINT "stock_level_abo" CHECK ("stock_level"."abo" in ('O', 'A', 'B', 'AB')),
	CONSTRAINT "stock_level_rhd" CHECK ("stock_level"."rhd" in ('positive', 'negative')),
	CONSTRAINT "stock_level_uom" CHECK ("stock_level"."uom" in ('U', 'mL', 'dose')),
	CONSTRAINT "stock_level_order" CHECK ("stock_level"."critical" >= 0 and "stock_level"."critical" <= "stock_level"."minimum" and "stock_level"."minimum" <= "stock_level"."target")
);
--> statement-breakpoint
CREATE TABLE "transfer" (
	"id" uuid PRIMARY KEY NOT NULL,
	"plan_id" uuid NOT NULL,
	"from_id" integer NOT NULL,
	"to_id" integer NOT NULL,
	"until" bigint NOT NULL,
	"needs_approval" boolean NOT NULL,
	"comment" text,
	"at" bigint NOT NULL,
	"actor" jsonb NOT NULL,
	CONSTRAINT "transfer_until" CHECK ("transfer"."until" > "transfer"."at")
);
--> statement-breakpoint
CREATE TABLE "transfer_bag" (
	"transfer_id" uuid NOT NULL,
	"bag_id" uuid NOT NULL,
	"request_id" uuid NOT NULL,
	"line" integer NOT NULL,
	"amount" double precision NOT NULL,
	"version" integer NOT NULL,
	"ended_at" bigint,
	CONSTRAINT "transfer_bag_transfer_id_bag_id_pk" PRIMARY KEY("transfer_id","bag_id")
);
--> statement-breakpoint
CREATE TABLE "transfer_event" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "transfer_event_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"transfer_id" uuid NOT NULL,
	"verb" text NOT NULL,
	"reason" text,
	"at" bigint NOT NULL,
	"actor" jsonb NOT NULL,
	CONSTRAINT "transfer_event_verb" CHECK ("transfer_event"."verb" in ('approve', 'cancel'))
);
--> statement-breakpoint
CREATE TABLE "transfer_plan" (
	"id" uuid PRIMARY KEY NOT NULL,
	"requests" jsonb NOT NULL,
	"facility_ids" integer[] NOT NULL,
	"policy" integer NOT NULL,
	"answer" jsonb NOT NULL,
	"at" bigint NOT NULL,
	"actor" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "transfer_request" (
	"id" uuid PRIMARY KEY NOT NULL,
	"facility_id" integer NOT NULL,
	"urgency" text NOT NULL,
	"deadline" bigint NOT NULL,
	"pack" text,
	"abo" text,
	"rhd" text,
	"anti_d" boolean NOT NULL,
	"sex" text,
	"age_years" integer,
	"rhd_positive_allowed" boolean NOT NULL,
	"physician" text,
	"requires" jsonb NOT NULL,
	"eta" bigint,
	"device_id" integer,
	"at" bigint NOT NULL,
	"actor" jsonb NOT NULL,
	CONSTRAINT "transfer_request_urgency" CHECK ("transfer_request"."urgency" in ('routine', 'urgent', 'emergency')),
	CONSTRAINT "transfer_request_pack" CHECK ("transfer_request"."pack" in ('mtp')),
	CONSTRAINT "transfer_request_abo" CHECK ("transfer_request"."abo" in ('O', 'A', 'B', 'AB')),
	CONSTRAINT "transfer_request_rhd" CHECK ("transfer_request"."rhd" in ('positive', 'negative')),
	CONSTRAINT "transfer_request_sex" CHECK ("transfer_request"."sex" in ('female', 'male')),
	CONSTRAINT "transfer_request_times" CHECK ("transfer_request"."deadline" > "transfer_request"."at")
);
--> statement-breakpoint
CREATE TABLE "transfer_request_cancellation" (
	"request_id" uuid PRIMARY KEY NOT NULL,
	"reason" text NOT NULL,
	"at" bigint NOT NULL,
	"actor" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "transfer_request_line" (
	"request_id" uuid NOT NULL,
	"line" integer NOT NULL,
	"component" text NOT NULL,
	"amount" double precision NOT NULL,
	"uom" text NOT NULL,
	CONSTRAINT "transfer_request_line_request_id_line_pk" PRIMARY KEY("request_id","line"),
	CONSTRAINT "transfer_request_line_component" CHECK ("transfer_request_line"."component" in ('red_cells', 'whole_blood', 'plasma', 'platelets', 'cryoprecipitate', 'granulocytes')),
	CONSTRAINT "transfer_request_line_uom" CHECK ("transfer_request_line"."uom" in ('U', 'mL', 'dose')),
	CONSTRAINT "transfer_request_line_amount" CHECK ("transfer_request_line"."amount" > 0)
);
--> statement-breakpoint
ALTER TABLE "bag" DROP CONSTRAINT "bag_reservation";
--> statement-breakpoint
ALTER TABLE "bag" ADD COLUMN "reserved_to_id" integer;
--> statement-breakpoint
ALTER TABLE "stock_level" ADD CONSTRAINT "stock_level_facility_id_facility_id_fk" FOREIGN KEY ("facility_id") REFERENCES "public"."facility"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "transfer" ADD CONSTRAINT "transfer_plan_id_transfer_plan_id_fk" FOREIGN KEY ("plan_id") REFERENCES "public"."transfer_plan"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "transfer" ADD CONSTRAINT "transfer_from_id_facility_id_fk" FOREIGN KEY ("from_id") REFERENCES "public"."facility"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "transfer" ADD CONSTRAINT "transfer_to_id_facility_id_fk" FOREIGN KEY ("to_id") REFERENCES "public"."facility"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "transfer_bag" ADD CONSTRAINT "transfer_bag_transfer_id_transfer_id_fk" FOREIGN KEY ("transfer_id") REFERENCES "public"."transfer"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "transfer_bag" ADD CONSTRAINT "transfer_bag_bag_id_bag_id_fk" FOREIGN KEY ("bag_id") REFERENCES "public"."bag"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "transfer_bag" ADD CONSTRAINT "transfer_bag_request_id_transfer_request_id_fk" FOREIGN KEY ("request_id") REFERENCES "public"."transfer_request"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "transfer_event" ADD CONSTRAINT "transfer_event_transfer_id_transfer_id_fk" FOREIGN KEY ("transfer_id") REFERENCES "public"."transfer"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "transfer_request" ADD CONSTRAINT "transfer_request_facility_id_facility_id_fk" FOREIGN KEY ("facility_id") REFERENCES "public"."facility"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "transfer_request" ADD CONSTRAINT "transfer_request_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "transfer_request_cancellation" ADD CONSTRAINT "transfer_request_cancellation_request_id_transfer_request_id_fk" FOREIGN KEY ("request_id") REFERENCES "public"."transfer_request"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "transfer_request_line" ADD CONSTRAINT "transfer_request_line_request_id_transfer_request_id_fk" FOREIGN KEY ("request_id") REFERENCES "public"."transfer_request"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
CREATE INDEX "stock_level_newest" ON "stock_level" USING btree ("facility_id","component","abo","rhd","uom","id");
--> statement-breakpoint
CREATE INDEX "transfer_from" ON "transfer" USING btree ("from_id","at");
--> statement-breakpoint
CREATE INDEX "transfer_to" ON "transfer" USING btree ("to_id","at");
--> statement-breakpoint
CREATE UNIQUE INDEX "transfer_bag_live" ON "transfer_bag" USING btree ("bag_id") WHERE ended_at is null;
--> statement-breakpoint
CREATE INDEX "transfer_bag_request" ON "transfer_bag" USING btree ("request_id","line");
--> statement-breakpoint
CREATE INDEX "transfer_event_transfer" ON "transfer_event" USING btree ("transfer_id");
--> statement-breakpoint
CREATE UNIQUE INDEX "transfer_event_once" ON "transfer_event" USING btree ("transfer_id","verb");
--> statement-breakpoint
CREATE INDEX "transfer_request_of" ON "transfer_request" USING btree ("facility_id","deadline");
--> statement-breakpoint
CREATE INDEX "transfer_request_deadline" ON "transfer_request" USING btree ("deadline");
--> statement-breakpoint
ALTER TABLE "bag" ADD CONSTRAINT "bag_reserved_to_id_facility_id_fk" FOREIGN KEY ("reserved_to_id") REFERENCES "public"."facility"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "bag" ADD CONSTRAINT "bag_reservation" CHECK (num_nonnulls("bag"."reserved_for", "bag"."reserved_to_id") = num_nonnulls("bag"."reserved_until"));
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON stock_level FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON transfer_request FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON transfer_request_line FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON transfer_request_cancellation FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON transfer_plan FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON transfer FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON transfer_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
