CREATE TABLE "list_key" (
	"id" text PRIMARY KEY NOT NULL,
	"public_key" "bytea" NOT NULL,
	"sealed" "bytea" NOT NULL,
	"created_at" bigint NOT NULL,
	"retired_at" bigint
);
--> statement-breakpoint
CREATE TABLE "offline_decision" (
	"device_id" integer NOT NULL,
	"id" uuid NOT NULL,
	"facility_id" integer NOT NULL,
	"occurred_at" bigint NOT NULL,
	"uncertainty_ms" integer NOT NULL,
	"received_at" bigint NOT NULL,
	"list_seq" integer,
	"list_hash" "bytea",
	"badge" text,
	"checker" text,
	"pseudonym" text,
	"emergency" boolean NOT NULL,
	"answer" text NOT NULL,
	"findings" jsonb NOT NULL,
	"scanned" text NOT NULL,
	"bag_id" uuid,
	"bag_version" integer,
	"told" jsonb NOT NULL,
	"told_hash" "bytea" NOT NULL,
	"conflicts" jsonb NOT NULL,
	"actor" jsonb NOT NULL,
	CONSTRAINT "offline_decision_device_id_id_pk" PRIMARY KEY("device_id","id"),
	CONSTRAINT "offline_decision_answer" CHECK ("offline_decision"."answer" in ('GO', 'STOP', 'CALL')),
	CONSTRAINT "offline_decision_list" CHECK (("offline_decision"."list_seq" is null) = ("offline_decision"."list_hash" is null))
);
--> statement-breakpoint
CREATE TABLE "offline_list" (
	"device_id" integer NOT NULL,
	"seq" integer NOT NULL,
	"facility_id" integer NOT NULL,
	"as_of" bigint NOT NULL,
	"key_id" text NOT NULL,
	"payload" "bytea" NOT NULL,
	"signature" "bytea" NOT NULL,
	"payload_hash" "bytea" NOT NULL,
	CONSTRAINT "offline_list_device_id_seq_pk" PRIMARY KEY("device_id","seq"),
	CONSTRAINT "offline_list_seq" CHECK ("offline_list"."seq" > 0)
);
--> statement-breakpoint
CREATE TABLE "offline_review" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "offline_review_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"device_id" integer NOT NULL,
	"decision_id" uuid NOT NULL,
	"conclusion" text NOT NULL,
	"at" bigint NOT NULL,
	"actor" jsonb NOT NULL
);
--> statement-breakpoint
ALTER TABLE "offline_decision" ADD CONSTRAINT "offline_decision_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "offline_decision" ADD CONSTRAINT "offline_decision_facility_id_facility_id_fk" FOREIGN KEY ("facility_id") REFERENCES "public"."facility"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "offline_decision" ADD CONSTRAINT "offline_decision_bag_id_bag_id_fk" FOREIGN KEY ("bag_id") REFERENCES "public"."bag"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "offline_list" ADD CONSTRAINT "offline_list_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "offline_list" ADD CONSTRAINT "offline_list_facility_id_facility_id_fk" FOREIGN KEY ("facility_id") REFERENCES "public"."facility"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "offline_list" ADD CONSTRAINT "offline_list_key_id_list_key_id_fk" FOREIGN KEY ("key_id") REFERENCES "public"."list_key"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "offline_review" ADD CONSTRAINT "offline_review_of" FOREIGN KEY ("device_id","decision_id") REFERENCES "public"."offline_decision"("device_id","id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
CREATE INDEX "offline_decision_conflict" ON "offline_decision" USING btree ("received_at") WHERE conflicts <> '[]';
--> statement-breakpoint
CREATE INDEX "offline_decision_bag" ON "offline_decision" USING btree ("bag_id");
--> statement-breakpoint
CREATE INDEX "offline_decision_list_used" ON "offline_decision" USING btree ("device_id","list_seq");
--> statement-breakpoint
CREATE INDEX "offline_list_as_of" ON "offline_list" USING btree ("as_of");
--> statement-breakpoint
CREATE INDEX "offline_review_decision" ON "offline_review" USING btree ("device_id","decision_id");
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON offline_decision FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON offline_review FOR EACH ROW EXECUTE FUNCTION refuse_change();
