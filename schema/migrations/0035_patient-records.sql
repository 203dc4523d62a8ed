CREATE TABLE "antibody_screen" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "antibody_screen_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"sample_id" uuid NOT NULL,
	"positive" boolean NOT NULL,
	"at" bigint NOT NULL,
	"actor" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "crossmatch" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "crossmatch_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"facility_id" integer NOT NULL,
	"pseudonym" text NOT NULL,
	"bag_id" uuid NOT NULL,
	"sample_id" uuid NOT NULL,
	"method" text NOT NULL,
	"result" text NOT NULL,
	"until" bigint NOT NULL,
	"policies" jsonb NOT NULL,
	"at" bigint NOT NULL,
	"actor" jsonb NOT NULL,
	CONSTRAINT "crossmatch_method" CHECK ("crossmatch"."method" in ('serological', 'electronic')),
	CONSTRAINT "crossmatch_result" CHECK ("crossmatch"."result" in ('compatible', 'least_incompatible', 'incompatible'))
);
--> statement-breakpoint
CREATE TABLE "patient_antibody" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "patient_antibody_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"facility_id" integer NOT NULL,
	"pseudonym" text NOT NULL,
	"specificity" text NOT NULL,
	"significant" boolean NOT NULL,
	"sample_id" uuid,
	"remark" text,
	"at" bigint NOT NULL,
	"actor" jsonb NOT NULL,
	CONSTRAINT "patient_antibody_specificity" CHECK ("patient_antibody"."specificity" in ('D', 'C', 'c', 'E', 'e', 'Cw', 'K', 'k', 'Kpa', 'Fya', 'Fyb', 'Jka', 'Jkb', 'S', 's', 'M', 'N', 'Mia', 'Dia', 'Lea', 'Leb', 'P1', 'Lua', 'autoantibody', 'unidentified', 'other'))
);
--> statement-breakpoint
CREATE TABLE "patient_grouping" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "patient_grouping_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"sample_id" uuid NOT NULL,
	"abo" text NOT NULL,
	"rhd" text NOT NULL,
	"method" text NOT NULL,
	"at" bigint NOT NULL,
	"actor" jsonb NOT NULL,
	CONSTRAINT "patient_grouping_abo" CHECK ("patient_grouping"."abo" in ('O', 'A', 'B', 'AB')),
	CONSTRAINT "patient_grouping_rhd" CHECK ("patient_grouping"."rhd" in ('positive', 'negative')),
	CONSTRAINT "patient_grouping_method" CHECK ("patient_grouping"."method" in ('tube', 'gel', 'slide', 'automated'))
);
--> statement-breakpoint
CREATE TABLE "patient_requirement" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "patient_requirement_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"facility_id" integer NOT NULL,
	"pseudonym" text NOT NULL,
	"requirement" text NOT NULL,
	"needed" boolean NOT NULL,
	"reason" text NOT NULL,
	"at" bigint NOT NULL,
	"actor" jsonb NOT NULL,
	CONSTRAINT "patient_requirement_requirement" CHECK ("patient_requirement"."requirement" in ('irradiated', 'washed', 'cmv_negative', 'serological_crossmatch'))
);
--> statement-breakpoint
CREATE TABLE "patient_sample" (
	"id" uuid PRIMARY KEY NOT NULL,
	"facility_id" integer NOT NULL,
	"pseudonym" text NOT NULL,
	"label" text NOT NULL,
	"collected_at" bigint NOT NULL,
	"collector" text NOT NULL,
	"exposed" boolean,
	"exposure_since" bigint NOT NULL,
	"short_until" bigint NOT NULL,
	"long_until" bigint NOT NULL,
	"policies" jsonb NOT NULL,
	"at" bigint NOT NULL,
	"actor" jsonb NOT NULL,
	CONSTRAINT "patient_sample_label" UNIQUE("facility_id","label"),
	CONSTRAINT "patient_sample_interval" CHECK ("patient_sample"."collected_at" < "patient_sample"."short_until" and "patient_sample"."short_until" <= "patient_sample"."long_until")
);
--> statement-breakpoint
CREATE TABLE "sample_rejection" (
	"sample_id" uuid PRIMARY KEY NOT NULL,
	"reason" text NOT NULL,
	"remark" text,
	"at" bigint NOT NULL,
	"actor" jsonb NOT NULL,
	CONSTRAINT "sample_rejection_reason" CHECK ("sample_rejection"."reason" in ('mislabelled', 'unlabelled', 'wrong_patient', 'haemolysed', 'clotted', 'too_little', 'wrong_tube', 'too_old', 'other'))
);
--> statement-breakpoint
CREATE TABLE "unit_trait" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "unit_trait_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"scheme" text NOT NULL,
	"identifier" text NOT NULL,
	"trait" text NOT NULL,
	"present" boolean NOT NULL,
	"bag_id" uuid NOT NULL,
	"at" bigint NOT NULL,
	"actor" jsonb NOT NULL,
	CONSTRAINT "unit_trait_scheme" CHECK ("unit_trait"."scheme" in ('ISBT128', 'cn_local')),
	CONSTRAINT "unit_trait_trait" CHECK ("unit_trait"."trait" in ('C', 'c', 'E', 'e', 'Cw', 'K', 'k', 'Kpa', 'Fya', 'Fyb', 'Jka', 'Jkb', 'S', 's', 'M', 'N', 'Mia', 'Dia', 'Lea', 'Leb', 'P1', 'Lua', 'cmv_antibody'))
);
--> statement-breakpoint
ALTER TABLE "patient" ADD COLUMN "has_record" boolean DEFAULT false NOT NULL;
--> statement-breakpoint
ALTER TABLE "take_out" ADD COLUMN "crossmatch_needed" boolean DEFAULT false NOT NULL;
--> statement-breakpoint
ALTER TABLE "take_out_rule" ADD COLUMN "crossmatch" boolean DEFAULT false NOT NULL;
--> statement-breakpoint
ALTER TABLE "antibody_screen" ADD CONSTRAINT "antibody_screen_sample_id_patient_sample_id_fk" FOREIGN KEY ("sample_id") REFERENCES "public"."patient_sample"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "crossmatch" ADD CONSTRAINT "crossmatch_facility_id_facility_id_fk" FOREIGN KEY ("facility_id") REFERENCES "public"."facility"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "crossmatch" ADD CONSTRAINT "crossmatch_bag_id_bag_id_fk" FOREIGN KEY ("bag_id") REFERENCES "public"."bag"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "crossmatch" ADD CONSTRAINT "crossmatch_sample_id_patient_sample_id_fk" FOREIGN KEY ("sample_id") REFERENCES "public"."patient_sample"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "patient_antibody" ADD CONSTRAINT "patient_antibody_sample_id_patient_sample_id_fk" FOREIGN KEY ("sample_id") REFERENCES "public"."patient_sample"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "patient_antibody" ADD CONSTRAINT "patient_antibody_patient" FOREIGN KEY ("facility_id","pseudonym") REFERENCES "public"."patient"("facility_id","pseudonym") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "patient_grouping" ADD CONSTRAINT "patient_grouping_sample_id_patient_sample_id_fk" FOREIGN KEY ("sample_id") REFERENCES "public"."patient_sample"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "patient_requirement" ADD CONSTRAINT "patient_requirement_patient" FOREIGN KEY ("facility_id","pseudonym") REFERENCES "public"."patient"("facility_id","pseudonym") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "patient_sample" ADD CONSTRAINT "patient_sample_patient" FOREIGN KEY ("facility_id","pseudonym") REFERENCES "public"."patient"("facility_id","pseudonym") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "sample_rejection" ADD CONSTRAINT "sample_rejection_sample_id_patient_sample_id_fk" FOREIGN KEY ("sample_id") REFERENCES "public"."patient_sample"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "unit_trait" ADD CONSTRAINT "unit_trait_bag_id_bag_id_fk" FOREIGN KEY ("bag_id") REFERENCES "public"."bag"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
CREATE INDEX "antibody_screen_sample" ON "antibody_screen" USING btree ("sample_id");
--> statement-breakpoint
CREATE INDEX "crossmatch_patient" ON "crossmatch" USING btree ("facility_id","pseudonym","bag_id");
--> statement-breakpoint
CREATE INDEX "crossmatch_bag" ON "crossmatch" USING btree ("bag_id");
--> statement-breakpoint
CREATE INDEX "patient_antibody_of" ON "patient_antibody" USING btree ("facility_id","pseudonym");
--> statement-breakpoint
CREATE INDEX "patient_grouping_sample" ON "patient_grouping" USING btree ("sample_id");
--> statement-breakpoint
CREATE INDEX "patient_requirement_of" ON "patient_requirement" USING btree ("facility_id","pseudonym");
--> statement-breakpoint
CREATE INDEX "patient_sample_of" ON "patient_sample" USING btree ("facility_id","pseudonym");
--> statement-breakpoint
CREATE INDEX "unit_trait_unit" ON "unit_trait" USING btree ("scheme","identifier");
--> statement-breakpoint
CREATE INDEX "bag_event_issued_for" ON "bag_event" USING btree ((data->>'patient')) WHERE verb = 'issue';
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON patient_sample FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON sample_rejection FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON patient_grouping FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON antibody_screen FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON patient_antibody FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON patient_requirement FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON unit_trait FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON crossmatch FOR EACH ROW EXECUTE FUNCTION refuse_change();
