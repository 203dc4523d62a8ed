CREATE TABLE "audit_entry" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "audit_entry_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"at" bigint NOT NULL,
	"actor" jsonb NOT NULL,
	"action" text NOT NULL,
	"subject_kind" text NOT NULL,
	"subject" text NOT NULL,
	"before" jsonb,
	"after" jsonb,
	"reason" text
);
--> statement-breakpoint
CREATE TABLE "bag" (
	"id" uuid PRIMARY KEY NOT NULL,
	"scheme" text NOT NULL,
	"identifier" text NOT NULL,
	"product_code" text NOT NULL,
	"collection_type" text NOT NULL,
	"division" text NOT NULL,
	"component" text NOT NULL,
	"expires_at" bigint NOT NULL,
	"registered_at" bigint NOT NULL,
	CONSTRAINT "bag_identity" UNIQUE("scheme","identifier","product_code","division"),
	CONSTRAINT "bag_component" CHECK ("bag"."component" in ('red_cells'))
);
--> statement-breakpoint
CREATE TABLE "bag_place" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "bag_place_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"bag_id" uuid NOT NULL,
	"state" text NOT NULL,
	"device_id" integer NOT NULL,
	"from" bigint NOT NULL,
	"to" bigint,
	"known_from" bigint NOT NULL,
	"known_to" bigint,
	CONSTRAINT "bag_place_state" CHECK ("bag_place"."state" in ('inside', 'in_hand', 'unknown'))
);
--> statement-breakpoint
CREATE TABLE "inventory" (
	"boot_id" integer NOT NULL,
	"seq" integer NOT NULL,
	"device_id" integer NOT NULL,
	"at" bigint NOT NULL,
	CONSTRAINT "inventory_of_message" UNIQUE("boot_id","seq")
);
--> statement-breakpoint
CREATE TABLE "sighting" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "sighting_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"tag" text NOT NULL,
	"kind" text NOT NULL,
	"source" text NOT NULL,
	"device_id" integer NOT NULL,
	"at" bigint NOT NULL,
	"boot_id" integer,
	"seq" integer,
	"element" smallint,
	"session" text,
	"actor" jsonb,
	"received_at" bigint NOT NULL,
	CONSTRAINT "sighting_of_message" UNIQUE("boot_id","seq","element","tag","kind"),
	CONSTRAINT "sighting_kind" CHECK ("sighting"."kind" in ('added', 'removed', 'seen')),
	CONSTRAINT "sighting_source" CHECK ("sighting"."source" in ('rfid', 'scan', 'manual')),
	CONSTRAINT "sighting_observer" CHECK (("sighting"."boot_id" is null) = ("sighting"."actor" is not null))
);
--> statement-breakpoint
CREATE TABLE "tag_assignment" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "tag_assignment_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"tag" text NOT NULL,
	"bag_id" uuid NOT NULL,
	"from" bigint NOT NULL,
	"to" bigint,
	CONSTRAINT "tag_assignment_interval" CHECK ("tag_assignment"."from" < "tag_assignment"."to")
);
--> statement-breakpoint
CREATE TABLE "excursion" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "excursion_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"probe_id" integer NOT NULL,
	"side" text NOT NULL,
	"from" bigint NOT NULL,
	"to" bigint,
	"ended" text,
	"coldest" smallint NOT NULL,
	"warmest" smallint NOT NULL,
	"readings" integer NOT NULL,
	"known_from" bigint NOT NULL,
	"known_to" bigint,
	CONSTRAINT "excursion_side" CHECK ("excursion"."side" in ('low', 'high')),
	CONSTRAINT "excursion_ended" CHECK ("excursion"."ended" in ('inside', 'other_side', 'gap')),
	CONSTRAINT "excursion_interval" CHECK ("excursion"."from" <= "excursion"."to" and ("excursion"."to" is null) = ("excursion"."ended" is null))
);
--> statement-breakpoint
CREATE TABLE "gap" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "gap_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"probe_id" integer NOT NULL,
	"from" bigint NOT NULL,
	"to" bigint NOT NULL,
	"known_from" bigint NOT NULL,
	"known_to" bigint,
	CONSTRAINT "gap_interval" CHECK ("gap"."from" < "gap"."to")
);
--> statement-breakpoint
CREATE TABLE "boot" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "boot_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"device_id" integer NOT NULL,
	"boot" text NOT NULL,
	"clock_seq" integer,
	"clock_epoch" bigint,
	"clock_proven" boolean DEFAULT false NOT NULL,
	CONSTRAINT "boot_of_device" UNIQUE("device_id","boot")
);
--> statement-breakpoint
CREATE TABLE "clock_fact" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "clock_fact_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"device_id" integer NOT NULL,
	"boot_id" integer NOT NULL,
	"from_seq" integer NOT NULL,
	"to_seq" integer,
	"offset_ms" bigint NOT NULL,
	"reason" text NOT NULL,
	"decided_by" jsonb NOT NULL,
	"decided_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "clock_fault" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "clock_fault_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"device_id" integer NOT NULL,
	"boot_id" integer NOT NULL,
	"kind" text NOT NULL,
	"from_seq" integer NOT NULL,
	"to_seq" integer,
	"measured_offset_ms" bigint NOT NULL,
	"raised_at" bigint NOT NULL,
	"settled_by" integer,
	CONSTRAINT "clock_fault_kind" CHECK ("clock_fault"."kind" in ('offset', 'step'))
);
--> statement-breakpoint
CREATE TABLE "device" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "device_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"name" text NOT NULL,
	"kind" text NOT NULL,
	"secret_hash" "bytea" NOT NULL,
	"previous_secret_hash" "bytea",
	"previous_secret_until" bigint,
	"revoked_at" bigint,
	"in_service_from" bigint NOT NULL,
	"created_at" bigint NOT NULL,
	CONSTRAINT "device_name_unique" UNIQUE("name"),
	CONSTRAINT "device_kind" CHECK ("device"."kind" in ('fridge', 'freezer', 'incubator', 'box'))
);
--> statement-breakpoint
CREATE TABLE "device_placement" (
	"device_id" integer NOT NULL,
	"from" bigint NOT NULL,
	"facility_id" integer NOT NULL,
	CONSTRAINT "device_placement_device_id_from_pk" PRIMARY KEY("device_id","from")
);
--> statement-breakpoint
CREATE TABLE "device_profile" (
	"device_id" integer NOT NULL,
	"from" bigint NOT NULL,
	"low" smallint NOT NULL,
	"high" smallint NOT NULL,
	"max_silence_ms" integer NOT NULL,
	"physical_low" smallint NOT NULL,
	"physical_high" smallint NOT NULL,
	CONSTRAINT "device_profile_device_id_from_pk" PRIMARY KEY("device_id","from"),
	CONSTRAINT "device_profile_limits" CHECK ("device_profile"."physical_low" <= "device_profile"."low" and "device_profile"."low" < "device_profile"."high" and "device_profile"."high" <= "device_profile"."physical_high"),
	CONSTRAINT "device_profile_silence" CHECK ("device_profile"."max_silence_ms" > 0)
);
--> statement-breakpoint
CREATE TABLE "device_state" (
	"device_id" integer PRIMARY KEY NOT NULL,
	"last_received_at" bigint,
	"status" text,
	"status_boot" text,
	"status_received_at" bigint,
	"doors" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"power" jsonb,
	"position" jsonb,
	CONSTRAINT "device_state_status" CHECK ("device_state"."status" in ('online', 'offline'))
);
--> statement-breakpoint
CREATE TABLE "probe" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "probe_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"device_id" integer NOT NULL,
	"kind" text NOT NULL,
	CONSTRAINT "probe_of_device" UNIQUE("device_id","kind"),
	CONSTRAINT "probe_kind" CHECK ("probe"."kind" in ('air', 'load', 'ambient'))
);
--> statement-breakpoint
CREATE TABLE "probe_state" (
	"probe_id" integer PRIMARY KEY NOT NULL,
	"version" integer NOT NULL,
	"first_at" bigint NOT NULL,
	"last_at" bigint NOT NULL,
	"last_boot" text NOT NULL,
	"last_centi" smallint NOT NULL,
	"last_received_at" bigint NOT NULL,
	"open_from" bigint,
	"open_side" text,
	"open_coldest" smallint,
	"open_warmest" smallint,
	"open_readings" integer,
	CONSTRAINT "probe_state_side" CHECK ("probe_state"."open_side" in ('low', 'high'))
);
--> statement-breakpoint
CREATE TABLE "facility" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "facility_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"code" text NOT NULL,
	"name" text NOT NULL,
	"kind" text NOT NULL,
	"time_zone" text NOT NULL,
	"created_at" bigint NOT NULL,
	CONSTRAINT "facility_code_unique" UNIQUE("code"),
	CONSTRAINT "facility_kind" CHECK ("facility"."kind" in ('centre', 'hospital', 'ambulance'))
);
--> statement-breakpoint
CREATE TABLE "device_event" (
	"boot_id" integer NOT NULL,
	"seq" integer NOT NULL,
	"element" smallint NOT NULL,
	"device_id" integer NOT NULL,
	"channel" text NOT NULL,
	"at" bigint NOT NULL,
	"body" jsonb NOT NULL,
	CONSTRAINT "device_event_boot_id_seq_element_pk" PRIMARY KEY("boot_id","seq","element"),
	CONSTRAINT "device_event_channel" CHECK ("device_event"."channel" in ('readings', 'door', 'bags', 'power', 'status', 'position', 'replies'))
);
--> statement-breakpoint
CREATE TABLE "message" (
	"boot_id" integer NOT NULL,
	"seq" integer NOT NULL,
	"channel" text NOT NULL,
	"payload_hash" "bytea" NOT NULL,
	"sent_at" bigint NOT NULL,
	"received_at" bigint NOT NULL,
	"late_beyond_window" boolean DEFAULT false NOT NULL,
	CONSTRAINT "message_boot_id_seq_pk" PRIMARY KEY("boot_id","seq"),
	CONSTRAINT "message_channel" CHECK ("message"."channel" in ('readings', 'door', 'bags', 'power', 'status', 'position', 'replies'))
);
--> statement-breakpoint
CREATE TABLE "reading" (
	"probe_id" integer NOT NULL,
	"at" bigint NOT NULL,
	"boot_id" integer NOT NULL,
	"seq" integer NOT NULL,
	"centi" smallint NOT NULL,
	"humidity" smallint,
	CONSTRAINT "reading_probe_id_at_boot_id_pk" PRIMARY KEY("probe_id","at","boot_id")
);
--> statement-breakpoint
CREATE TABLE "reading_conflict" (
	"probe_id" integer NOT NULL,
	"at" bigint NOT NULL,
	"boot_id" integer NOT NULL,
	"centi" smallint NOT NULL,
	"seq" integer NOT NULL,
	"received_at" bigint NOT NULL,
	CONSTRAINT "reading_conflict_probe_id_at_boot_id_centi_pk" PRIMARY KEY("probe_id","at","boot_id","centi")
);
--> statement-breakpoint
CREATE TABLE "rejected_message" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "rejected_message_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"device_id" integer NOT NULL,
	"topic" text NOT NULL,
	"boot" text,
	"seq" integer,
	"payload" "bytea" NOT NULL,
	"payload_hash" "bytea" NOT NULL,
	"code" text NOT NULL,
	"reason" text NOT NULL,
	"elements" jsonb,
	"received_at" bigint NOT NULL,
	"times" integer DEFAULT 1 NOT NULL,
	"readmitted_at" bigint,
	CONSTRAINT "rejected_message_seq" CHECK ("rejected_message"."seq" is null or "rejected_message"."boot" is not null)
);
--> statement-breakpoint
CREATE TABLE "policy" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "policy_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"jurisdiction" text NOT NULL,
	"component" text NOT NULL,
	"phase" text NOT NULL,
	"version" integer NOT NULL,
	"effective_from" bigint NOT NULL,
	"low" smallint NOT NULL,
	"high" smallint NOT NULL,
	"max_silence_ms" integer NOT NULL,
	"source" text NOT NULL,
	CONSTRAINT "policy_version" UNIQUE("jurisdiction","component","phase","version"),
	CONSTRAINT "policy_jurisdiction" CHECK ("policy"."jurisdiction" in ('CN', 'UK', 'EU', 'US')),
	CONSTRAINT "policy_component" CHECK ("policy"."component" in ('red_cells')),
	CONSTRAINT "policy_phase" CHECK ("policy"."phase" in ('storage', 'transport', 'in_hand')),
	CONSTRAINT "policy_limits" CHECK ("policy"."low" < "policy"."high" and "policy"."max_silence_ms" > 0)
);
--> statement-breakpoint
ALTER TABLE "bag_place" ADD CONSTRAINT "bag_place_bag_id_bag_id_fk" FOREIGN KEY ("bag_id") REFERENCES "public"."bag"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "bag_place" ADD CONSTRAINT "bag_place_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "inventory" ADD CONSTRAINT "inventory_boot_id_boot_id_fk" FOREIGN KEY ("boot_id") REFERENCES "public"."boot"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "inventory" ADD CONSTRAINT "inventory_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sighting" ADD CONSTRAINT "sighting_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sighting" ADD CONSTRAINT "sighting_boot_id_boot_id_fk" FOREIGN KEY ("boot_id") REFERENCES "public"."boot"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tag_assignment" ADD CONSTRAINT "tag_assignment_bag_id_bag_id_fk" FOREIGN KEY ("bag_id") REFERENCES "public"."bag"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "excursion" ADD CONSTRAINT "excursion_probe_id_probe_id_fk" FOREIGN KEY ("probe_id") REFERENCES "public"."probe"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "gap" ADD CONSTRAINT "gap_probe_id_probe_id_fk" FOREIGN KEY ("probe_id") REFERENCES "public"."probe"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "boot" ADD CONSTRAINT "boot_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clock_fact" ADD CONSTRAINT "clock_fact_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clock_fact" ADD CONSTRAINT "clock_fact_boot_id_boot_id_fk" FOREIGN KEY ("boot_id") REFERENCES "public"."boot"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clock_fault" ADD CONSTRAINT "clock_fault_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clock_fault" ADD CONSTRAINT "clock_fault_boot_id_boot_id_fk" FOREIGN KEY ("boot_id") REFERENCES "public"."boot"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "clock_fault" ADD CONSTRAINT "clock_fault_settled_by_clock_fact_id_fk" FOREIGN KEY ("settled_by") REFERENCES "public"."clock_fact"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "device_placement" ADD CONSTRAINT "device_placement_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "device_placement" ADD CONSTRAINT "device_placement_facility_id_facility_id_fk" FOREIGN KEY ("facility_id") REFERENCES "public"."facility"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "device_profile" ADD CONSTRAINT "device_profile_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "device_state" ADD CONSTRAINT "device_state_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "probe" ADD CONSTRAINT "probe_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "probe_state" ADD CONSTRAINT "probe_state_probe_id_probe_id_fk" FOREIGN KEY ("probe_id") REFERENCES "public"."probe"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "device_event" ADD CONSTRAINT "device_event_boot_id_boot_id_fk" FOREIGN KEY ("boot_id") REFERENCES "public"."boot"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "device_event" ADD CONSTRAINT "device_event_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "reading_conflict" ADD CONSTRAINT "reading_conflict_probe_id_probe_id_fk" FOREIGN KEY ("probe_id") REFERENCES "public"."probe"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "reading_conflict" ADD CONSTRAINT "reading_conflict_boot_id_boot_id_fk" FOREIGN KEY ("boot_id") REFERENCES "public"."boot"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "rejected_message" ADD CONSTRAINT "rejected_message_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "audit_entry_subject" ON "audit_entry" USING btree ("subject_kind","subject");--> statement-breakpoint
CREATE INDEX "bag_place_current" ON "bag_place" USING btree ("bag_id","from") WHERE known_to is null;--> statement-breakpoint
CREATE INDEX "bag_place_device" ON "bag_place" USING btree ("device_id") WHERE known_to is null;--> statement-breakpoint
CREATE INDEX "inventory_device" ON "inventory" USING btree ("device_id","at");--> statement-breakpoint
CREATE INDEX "sighting_tag" ON "sighting" USING btree ("tag");--> statement-breakpoint
CREATE INDEX "tag_assignment_tag" ON "tag_assignment" USING btree ("tag");--> statement-breakpoint
CREATE INDEX "tag_assignment_bag" ON "tag_assignment" USING btree ("bag_id");--> statement-breakpoint
CREATE INDEX "excursion_current" ON "excursion" USING btree ("probe_id","from") WHERE known_to is null;--> statement-breakpoint
CREATE INDEX "gap_current" ON "gap" USING btree ("probe_id","from") WHERE known_to is null;--> statement-breakpoint
CREATE INDEX "clock_fact_device" ON "clock_fact" USING btree ("device_id");--> statement-breakpoint
CREATE INDEX "clock_fault_device" ON "clock_fault" USING btree ("device_id");--> statement-breakpoint
CREATE INDEX "device_event_device" ON "device_event" USING btree ("device_id","channel","at");--> statement-breakpoint
CREATE UNIQUE INDEX "rejected_message_payload" ON "rejected_message" USING btree ("device_id","payload_hash") WHERE readmitted_at is null;