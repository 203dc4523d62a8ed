CREATE TABLE "bag_event" (
	"bag_id" uuid NOT NULL,
	"version" integer NOT NULL,
	"verb" text NOT NULL,
	"from" text,
	"to" text NOT NULL,
	"at" bigint NOT NULL,
	"actor" jsonb NOT NULL,
	"data" jsonb NOT NULL,
	CONSTRAINT "bag_event_bag_id_version_pk" PRIMARY KEY("bag_id","version"),
	CONSTRAINT "bag_event_verb" CHECK ("bag_event"."verb" in ('collect', 'register', 'process', 'test', 'release', 'reserve', 'unreserve', 'distribute', 'recall_shipment', 'depart', 'arrive', 'receive', 'refuse', 'issue', 'cancel_issue', 'transfuse', 'return', 'reinstate', 'discard')),
	CONSTRAINT "bag_event_from" CHECK ("bag_event"."from" in ('collected', 'processed', 'quarantined', 'available', 'distributed', 'in_transit', 'arrived', 'issued', 'returned', 'transfused', 'discarded')),
	CONSTRAINT "bag_event_to" CHECK ("bag_event"."to" in ('collected', 'processed', 'quarantined', 'available', 'distributed', 'in_transit', 'arrived', 'issued', 'returned', 'transfused', 'discarded'))
);
--> statement-breakpoint
CREATE TABLE "bag_hold" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "bag_hold_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"bag_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"reason" text NOT NULL,
	"placed_at" bigint NOT NULL,
	"placed_by" jsonb NOT NULL,
	"lifted_at" bigint,
	"lifted_by" jsonb,
	"lift_reason" text,
	CONSTRAINT "bag_hold_kind" CHECK ("bag_hold"."kind" in ('recall', 'breach', 'look_back', 'test_reactive', 'group_mismatch', 'visual', 'unverified_gap', 'other'))
);
--> statement-breakpoint
CREATE TABLE "bag_lineage" (
	"parent_id" uuid NOT NULL,
	"child_id" uuid NOT NULL,
	CONSTRAINT "bag_lineage_parent_id_child_id_pk" PRIMARY KEY("parent_id","child_id")
);
--> statement-breakpoint
CREATE TABLE "donation" (
	"id" uuid PRIMARY KEY NOT NULL,
	"scheme" text NOT NULL,
	"identifier" text NOT NULL,
	"donor" text NOT NULL,
	"facility_id" integer NOT NULL,
	"collected_at" bigint NOT NULL,
	"registered_at" bigint NOT NULL,
	CONSTRAINT "donation_identity" UNIQUE("scheme","identifier")
);
--> statement-breakpoint
CREATE TABLE "grouping" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "grouping_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"donation_id" uuid NOT NULL,
	"abo" text NOT NULL,
	"rhd" text NOT NULL,
	"actor" jsonb NOT NULL,
	"at" bigint NOT NULL,
	CONSTRAINT "grouping_abo" CHECK ("grouping"."abo" in ('O', 'A', 'B', 'AB')),
	CONSTRAINT "grouping_rhd" CHECK ("grouping"."rhd" in ('positive', 'negative'))
);
--> statement-breakpoint
CREATE TABLE "patient" (
	"facility_id" integer NOT NULL,
	"pseudonym" text NOT NULL,
	"abo" text,
	"rhd" text,
	"anti_d" boolean DEFAULT false NOT NULL,
	"sample_until" bigint,
	"updated_at" bigint NOT NULL,
	CONSTRAINT "patient_facility_id_pseudonym_pk" PRIMARY KEY("facility_id","pseudonym"),
	CONSTRAINT "patient_abo" CHECK ("patient"."abo" in ('O', 'A', 'B', 'AB')),
	CONSTRAINT "patient_rhd" CHECK ("patient"."rhd" in ('positive', 'negative'))
);
--> statement-breakpoint
CREATE TABLE "scan_answer" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "scan_answer_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"take_out_id" uuid NOT NULL,
	"scanned" text NOT NULL,
	"bag_id" uuid,
	"answer" text NOT NULL,
	"findings" jsonb NOT NULL,
	"known_at" bigint NOT NULL,
	"actor" jsonb NOT NULL,
	CONSTRAINT "scan_answer_answer" CHECK ("scan_answer"."answer" in ('GO', 'STOP', 'CALL'))
);
--> statement-breakpoint
CREATE TABLE "take_out" (
	"id" uuid PRIMARY KEY NOT NULL,
	"device_id" integer NOT NULL,
	"facility_id" integer NOT NULL,
	"pseudonym" text,
	"emergency" boolean NOT NULL,
	"reason" text,
	"actor" jsonb NOT NULL,
	"opened_at" bigint NOT NULL,
	"expires_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "test_result" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "test_result_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"donation_id" uuid NOT NULL,
	"marker" text NOT NULL,
	"reactive" boolean NOT NULL,
	"actor" jsonb NOT NULL,
	"at" bigint NOT NULL,
	CONSTRAINT "test_result_marker" CHECK ("test_result"."marker" in ('hbsag', 'anti_hcv', 'hiv', 'syphilis', 'nat'))
);
--> statement-breakpoint
CREATE TABLE "answered_request" (
	"caller" text NOT NULL,
	"key" text NOT NULL,
	"request_hash" "bytea" NOT NULL,
	"at" bigint NOT NULL,
	"status" integer,
	"content_type" text,
	"body" text,
	CONSTRAINT "answered_request_key" UNIQUE("caller","key")
);
--> statement-breakpoint
CREATE TABLE "news" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "news_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"xid" "xid8" DEFAULT pg_current_xact_id() NOT NULL,
	"at" bigint NOT NULL,
	"kind" text NOT NULL,
	"subject" text NOT NULL,
	"facility_ids" integer[] NOT NULL,
	"data" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "webhook" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "webhook_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"name" text NOT NULL,
	"url" text NOT NULL,
	"secret" text NOT NULL,
	"facility_id" integer,
	"created_at" bigint NOT NULL,
	"ended_at" bigint,
	"cursor_xid" "xid8" NOT NULL,
	"cursor_id" bigint NOT NULL,
	CONSTRAINT "webhook_name_unique" UNIQUE("name")
);
--> statement-breakpoint
CREATE TABLE "webhook_delivery" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "webhook_delivery_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"webhook_id" integer NOT NULL,
	"news_id" bigint NOT NULL,
	"attempt" integer NOT NULL,
	"at" bigint NOT NULL,
	"outcome" text NOT NULL,
	"status" integer,
	"error" text,
	CONSTRAINT "webhook_delivery_attempt" UNIQUE("webhook_id","news_id","attempt"),
	CONSTRAINT "webhook_delivery_outcome" CHECK ("webhook_delivery"."outcome" in ('delivered', 'failed', 'given_up'))
);
--> statement-breakpoint
DROP INDEX "bag_holder";--> statement-breakpoint
ALTER TABLE "bag" ADD COLUMN "destination_id" integer;--> statement-breakpoint
ALTER TABLE "bag" ADD COLUMN "donation_id" uuid;--> statement-breakpoint
ALTER TABLE "bag" ADD COLUMN "state" text DEFAULT 'available' NOT NULL;--> statement-breakpoint
ALTER TABLE "bag" ADD COLUMN "version" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "bag" ADD COLUMN "abo" text;--> statement-breakpoint
ALTER TABLE "bag" ADD COLUMN "rhd" text;--> statement-breakpoint
ALTER TABLE "bag" ADD COLUMN "low_titre" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "bag" ADD COLUMN "reserved_for" text;--> statement-breakpoint
ALTER TABLE "bag" ADD COLUMN "reserved_until" bigint;--> statement-breakpoint
ALTER TABLE "bag_event" ADD CONSTRAINT "bag_event_bag_id_bag_id_fk" FOREIGN KEY ("bag_id") REFERENCES "public"."bag"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "bag_hold" ADD CONSTRAINT "bag_hold_bag_id_bag_id_fk" FOREIGN KEY ("bag_id") REFERENCES "public"."bag"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "bag_lineage" ADD CONSTRAINT "bag_lineage_parent_id_bag_id_fk" FOREIGN KEY ("parent_id") REFERENCES "public"."bag"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "bag_lineage" ADD CONSTRAINT "bag_lineage_child_id_bag_id_fk" FOREIGN KEY ("child_id") REFERENCES "public"."bag"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "donation" ADD CONSTRAINT "donation_facility_id_facility_id_fk" FOREIGN KEY ("facility_id") REFERENCES "public"."facility"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "grouping" ADD CONSTRAINT "grouping_donation_id_donation_id_fk" FOREIGN KEY ("donation_id") REFERENCES "public"."donation"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "patient" ADD CONSTRAINT "patient_facility_id_facility_id_fk" FOREIGN KEY ("facility_id") REFERENCES "public"."facility"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "scan_answer" ADD CONSTRAINT "scan_answer_take_out_id_take_out_id_fk" FOREIGN KEY ("take_out_id") REFERENCES "public"."take_out"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "scan_answer" ADD CONSTRAINT "scan_answer_bag_id_bag_id_fk" FOREIGN KEY ("bag_id") REFERENCES "public"."bag"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "take_out" ADD CONSTRAINT "take_out_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "take_out" ADD CONSTRAINT "take_out_facility_id_facility_id_fk" FOREIGN KEY ("facility_id") REFERENCES "public"."facility"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "test_result" ADD CONSTRAINT "test_result_donation_id_donation_id_fk" FOREIGN KEY ("donation_id") REFERENCES "public"."donation"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "webhook" ADD CONSTRAINT "webhook_facility_id_facility_id_fk" FOREIGN KEY ("facility_id") REFERENCES "public"."facility"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "webhook_delivery" ADD CONSTRAINT "webhook_delivery_webhook_id_webhook_id_fk" FOREIGN KEY ("webhook_id") REFERENCES "public"."webhook"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "webhook_delivery" ADD CONSTRAINT "webhook_delivery_news_id_news_id_fk" FOREIGN KEY ("news_id") REFERENCES "public"."news"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "bag_hold_bag" ON "bag_hold" USING btree ("bag_id") WHERE lifted_at is null;--> statement-breakpoint
CREATE INDEX "bag_lineage_child" ON "bag_lineage" USING btree ("child_id");--> statement-breakpoint
CREATE INDEX "donation_donor" ON "donation" USING btree ("donor");--> statement-breakpoint
CREATE INDEX "grouping_donation" ON "grouping" USING btree ("donation_id");--> statement-breakpoint
CREATE INDEX "scan_answer_bag" ON "scan_answer" USING btree ("bag_id");--> statement-breakpoint
CREATE INDEX "take_out_device" ON "take_out" USING btree ("device_id");--> statement-breakpoint
CREATE INDEX "test_result_donation" ON "test_result" USING btree ("donation_id");--> statement-breakpoint
CREATE INDEX "answered_request_at" ON "answered_request" USING btree ("at");--> statement-breakpoint
CREATE INDEX "news_order" ON "news" USING btree ("xid","id");--> statement-breakpoint
ALTER TABLE "bag" ADD CONSTRAINT "bag_destination_id_facility_id_fk" FOREIGN KEY ("destination_id") REFERENCES "public"."facility"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "bag" ADD CONSTRAINT "bag_donation_id_donation_id_fk" FOREIGN KEY ("donation_id") REFERENCES "public"."donation"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "bag_donation" ON "bag" USING btree ("donation_id");--> statement-breakpoint
CREATE INDEX "bag_holder" ON "bag" USING btree ("holder_id","state","expires_at");--> statement-breakpoint
ALTER TABLE "bag" ADD CONSTRAINT "bag_state" CHECK ("bag"."state" in ('collected', 'processed', 'quarantined', 'available', 'distributed', 'in_transit', 'arrived', 'issued', 'returned', 'transfused', 'discarded'));--> statement-breakpoint
ALTER TABLE "bag" ADD CONSTRAINT "bag_abo" CHECK ("bag"."abo" in ('O', 'A', 'B', 'AB'));--> statement-breakpoint
ALTER TABLE "bag" ADD CONSTRAINT "bag_rhd" CHECK ("bag"."rhd" in ('positive', 'negative'));--> statement-breakpoint
ALTER TABLE "bag" ADD CONSTRAINT "bag_group" CHECK (("bag"."abo" is null) = ("bag"."rhd" is null));--> statement-breakpoint
ALTER TABLE "bag" ADD CONSTRAINT "bag_reservation" CHECK (("bag"."reserved_for" is null) = ("bag"."reserved_until" is null));