CREATE TABLE "hl7_message" (
	"facility_id" integer NOT NULL,
	"sender" text NOT NULL,
	"control_id" text NOT NULL,
	"sha256" "bytea" NOT NULL,
	"type" text NOT NULL,
	"at" bigint NOT NULL,
	"actor" jsonb NOT NULL,
	CONSTRAINT "hl7_message_facility_id_sender_control_id_pk" PRIMARY KEY("facility_id","sender","control_id")
);
--> statement-breakpoint
CREATE TABLE "hl7_refusal" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "hl7_refusal_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"facility_id" integer NOT NULL,
	"sender" text NOT NULL,
	"control_id" text,
	"type" text,
	"sha256" "bytea" NOT NULL,
	"shown" text NOT NULL,
	"code" text NOT NULL,
	"reason" text NOT NULL,
	"first_at" bigint NOT NULL,
	"last_at" bigint NOT NULL,
	"times" integer DEFAULT 1 NOT NULL,
	"concluded_at" bigint,
	"concluded_by" jsonb,
	"conclusion" text,
	"actor" jsonb NOT NULL,
	CONSTRAINT "hl7_refusal_concluded" CHECK (("hl7_refusal"."concluded_at" is null) = ("hl7_refusal"."conclusion" is null) and ("hl7_refusal"."concluded_at" is null) = ("hl7_refusal"."concluded_by" is null))
);
--> statement-breakpoint
CREATE TABLE "blood_order" (
	"id" uuid PRIMARY KEY NOT NULL,
	"facility_id" integer NOT NULL,
	"pseudonym" text NOT NULL,
	"component" text NOT NULL,
	"amount" double precision NOT NULL,
	"uom" text NOT NULL,
	"indication" text NOT NULL,
	"indication_text" text NOT NULL,
	"urgency" text NOT NULL,
	"needed_at" bigint NOT NULL,
	"physician" text NOT NULL,
	"day_ml" double precision NOT NULL,
	"approvals" jsonb NOT NULL,
	"policies" jsonb NOT NULL,
	"at" bigint NOT NULL,
	"actor" jsonb NOT NULL,
	CONSTRAINT "blood_order_component" CHECK ("blood_order"."component" in ('red_cells', 'whole_blood', 'plasma', 'platelets', 'cryoprecipitate', 'granulocytes')),
	CONSTRAINT "blood_order_uom" CHECK ("blood_order"."uom" in ('U', 'mL', 'dose')),
	CONSTRAINT "blood_order_indication" CHECK ("blood_order"."indication" in ('haemorrhage', 'surgery', 'anaemia', 'thrombocytopenia', 'coagulopathy', 'obstetric', 'neonatal', 'plasma_exchange', 'infection', 'other')),
	CONSTRAINT "blood_order_urgency" CHECK ("blood_order"."urgency" in ('routine', 'urgent', 'emergency')),
	CONSTRAINT "blood_order_amount" CHECK ("blood_order"."amount" > 0 and "blood_order"."day_ml" > 0)
);
--> statement-breakpoint
CREATE TABLE "blood_order_event" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "blood_order_event_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"order_id" uuid NOT NULL,
	"verb" text NOT NULL,
	"grade" text,
	"comment" text,
	"at" bigint NOT NULL,
	"actor" jsonb NOT NULL,
	CONSTRAINT "blood_order_event_verb" CHECK ("blood_order_event"."verb" in ('approve', 'reject', 'cancel')),
	CONSTRAINT "blood_order_event_grade" CHECK ("blood_order_event"."grade" in ('senior_physician', 'department_head', 'medical_affairs')),
	CONSTRAINT "blood_order_event_graded" CHECK (("blood_order_event"."verb" = 'cancel') = ("blood_order_event"."grade" is null))
);
--> statement-breakpoint
ALTER TABLE "api_key" DROP CONSTRAINT "api_key_role";
--> statement-breakpoint
ALTER TABLE "role_grant" DROP CONSTRAINT "role_grant_role";
--> statement-breakpoint
ALTER TABLE "take_out" ADD COLUMN "order_id" uuid;
--> statement-breakpoint
ALTER TABLE "hl7_message" ADD CONSTRAINT "hl7_message_facility_id_facility_id_fk" FOREIGN KEY ("facility_id") REFERENCES "public"."facility"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "hl7_refusal" ADD CONSTRAINT "hl7_refusal_facility_id_facility_id_fk" FOREIGN KEY ("facility_id") REFERENCES "public"."facility"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "blood_order" ADD CONSTRAINT "blood_order_patient" FOREIGN KEY ("facility_id","pseudonym") REFERENCES "public"."patient"("facility_id","pseudonym") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "blood_order_event" ADD CONSTRAINT "blood_order_event_order_id_blood_order_id_fk" FOREIGN KEY ("order_id") REFERENCES "public"."blood_order"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
CREATE UNIQUE INDEX "hl7_refusal_open" ON "hl7_refusal" USING btree ("facility_id","sender","sha256") WHERE concluded_at is null;
--> statement-breakpoint
CREATE INDEX "hl7_refusal_of" ON "hl7_refusal" USING btree ("facility_id","id");
--> statement-breakpoint
CREATE INDEX "blood_order_of" ON "blood_order" USING btree ("facility_id","pseudonym","at");
--> statement-breakpoint
CREATE INDEX "blood_order_needed" ON "blood_order" USING btree ("facility_id","needed_at");
--> statement-breakpoint
CREATE INDEX "blood_order_event_order" ON "blood_order_event" USING btree ("order_id");
--> statement-breakpoint
CREATE INDEX "bag_event_for_order" ON "bag_event" USING btree ((data->>'order')) WHERE verb in ('issue', 'reserve') and data ? 'order';
--> statement-breakpoint
ALTER TABLE "api_key" ADD CONSTRAINT "api_key_role" CHECK ("api_key"."role" in ('centre', 'transfusion_lab', 'nurse', 'courier', 'regulator', 'engineer', 'administrator', 'physician', 'senior_physician', 'department_head', 'medical_affairs'));
--> statement-breakpoint
ALTER TABLE "role_grant" ADD CONSTRAINT "role_grant_role" CHECK ("role_grant"."role" in ('centre', 'transfusion_lab', 'nurse', 'courier', 'regulator', 'engineer', 'administrator', 'physician', 'senior_physician', 'department_head', 'medical_affairs'));
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON blood_order FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON blood_order_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON hl7_message FOR EACH ROW EXECUTE FUNCTION refuse_change();
