CREATE TABLE "signature" (
	"id" uuid PRIMARY KEY NOT NULL,
	"at" bigint NOT NULL,
	"person_id" text NOT NULL,
	"username" text NOT NULL,
	"name" text NOT NULL,
	"meaning" text NOT NULL,
	"components" text NOT NULL,
	"act" text NOT NULL,
	"facility_id" integer NOT NULL,
	CONSTRAINT "signature_meaning" CHECK ("signature"."meaning" in ('released', 'hold_released', 'emergency_release_authorised', 'recall_ordered', 'witnessed')),
	CONSTRAINT "signature_components" CHECK ("signature"."components" in ('badge_and_pin', 'username_and_password')),
	CONSTRAINT "signature_act" CHECK ("signature"."act" in ('release', 'lift_hold', 'emergency_release', 'recall', 'witness_discard'))
);
--> statement-breakpoint
CREATE TABLE "signature_rule" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "signature_rule_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"facility_id" integer NOT NULL,
	"from" bigint NOT NULL,
	"acts" jsonb NOT NULL,
	"actor" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "signed_entry" (
	"signature_id" uuid NOT NULL,
	"entry_id" bigint NOT NULL,
	"key_id" text NOT NULL,
	"seal" "bytea" NOT NULL,
	CONSTRAINT "signed_entry_signature_id_entry_id_pk" PRIMARY KEY("signature_id","entry_id")
);
--> statement-breakpoint
ALTER TABLE "signature" ADD CONSTRAINT "signature_person_id_person_id_fk" FOREIGN KEY ("person_id") REFERENCES "public"."person"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "signature" ADD CONSTRAINT "signature_facility_id_facility_id_fk" FOREIGN KEY ("facility_id") REFERENCES "public"."facility"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "signature_rule" ADD CONSTRAINT "signature_rule_facility_id_facility_id_fk" FOREIGN KEY ("facility_id") REFERENCES "public"."facility"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "signed_entry" ADD CONSTRAINT "signed_entry_signature_id_signature_id_fk" FOREIGN KEY ("signature_id") REFERENCES "public"."signature"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
CREATE INDEX "signature_facility" ON "signature" USING btree ("facility_id","id");
--> statement-breakpoint
CREATE INDEX "signature_rule_facility" ON "signature_rule" USING btree ("facility_id","id");
--> statement-breakpoint
CREATE INDEX "signed_entry_entry" ON "signed_entry" USING btree ("entry_id");
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON signature FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON signature_rule FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON signed_entry FOR EACH ROW EXECUTE FUNCTION refuse_change();
