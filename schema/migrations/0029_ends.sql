CREATE TABLE "box_content" (
	"packing_id" uuid NOT NULL,
	"bag_id" uuid NOT NULL,
	"packed_at" bigint NOT NULL,
	"packed_by" jsonb NOT NULL,
	"unpacked_at" bigint,
	"unpacked_by" jsonb,
	CONSTRAINT "box_content_packing_id_bag_id_pk" PRIMARY KEY("packing_id","bag_id"),
	CONSTRAINT "box_content_unpacking" CHECK (("box_content"."unpacked_at" is null) = ("box_content"."unpacked_by" is null))
);
--> statement-breakpoint
CREATE TABLE "box_packing" (
	"id" uuid PRIMARY KEY NOT NULL,
	"box" text NOT NULL,
	"device_id" integer,
	"facility_id" integer NOT NULL,
	"destination_id" integer NOT NULL,
	"seal" text,
	"centi" smallint,
	"logger" text,
	"packed_at" bigint NOT NULL,
	"packed_by" jsonb NOT NULL,
	"emptied_at" bigint,
	"settled_at" bigint,
	"settled_by" jsonb,
	"conclusion" text,
	CONSTRAINT "box_packing_settling" CHECK (("box_packing"."settled_at" is null) = ("box_packing"."settled_by" is null) and ("box_packing"."settled_at" is null) = ("box_packing"."conclusion" is null))
);
--> statement-breakpoint
CREATE TABLE "box_seal_check" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "box_seal_check_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"packing_id" uuid NOT NULL,
	"told" text NOT NULL,
	"matches" boolean NOT NULL,
	"actor" jsonb NOT NULL,
	"at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "bag_inspection" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "bag_inspection_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"bag_id" uuid NOT NULL,
	"occasion" text NOT NULL,
	"checks" jsonb NOT NULL,
	"remark" text,
	"actor" jsonb NOT NULL,
	"at" bigint NOT NULL,
	CONSTRAINT "bag_inspection_occasion" CHECK ("bag_inspection"."occasion" in ('receipt', 'return', 'stock'))
);
--> statement-breakpoint
CREATE TABLE "transfusion" (
	"bag_id" uuid PRIMARY KEY NOT NULL,
	"started_at" bigint,
	"is_over" boolean NOT NULL
);
--> statement-breakpoint
ALTER TABLE "alarm_case" DROP CONSTRAINT "alarm_case_kind";
--> statement-breakpoint
ALTER TABLE "alarm_test" DROP CONSTRAINT "alarm_test_kind";
--> statement-breakpoint
ALTER TABLE "bag_event" DROP CONSTRAINT "bag_event_verb";
--> statement-breakpoint
DROP INDEX "bag_event_transfused_against";
--> statement-breakpoint
ALTER TABLE "box_content" ADD CONSTRAINT "box_content_packing_id_box_packing_id_fk" FOREIGN KEY ("packing_id") REFERENCES "public"."box_packing"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "box_content" ADD CONSTRAINT "box_content_bag_id_bag_id_fk" FOREIGN KEY ("bag_id") REFERENCES "public"."bag"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "box_packing" ADD CONSTRAINT "box_packing_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "box_packing" ADD CONSTRAINT "box_packing_facility_id_facility_id_fk" FOREIGN KEY ("facility_id") REFERENCES "public"."facility"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "box_packing" ADD CONSTRAINT "box_packing_destination_id_facility_id_fk" FOREIGN KEY ("destination_id") REFERENCES "public"."facility"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "box_seal_check" ADD CONSTRAINT "box_seal_check_packing_id_box_packing_id_fk" FOREIGN KEY ("packing_id") REFERENCES "public"."box_packing"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "bag_inspection" ADD CONSTRAINT "bag_inspection_bag_id_bag_id_fk" FOREIGN KEY ("bag_id") REFERENCES "public"."bag"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "transfusion" ADD CONSTRAINT "transfusion_bag_id_bag_id_fk" FOREIGN KEY ("bag_id") REFERENCES "public"."bag"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
CREATE UNIQUE INDEX "box_content_bag" ON "box_content" USING btree ("bag_id") WHERE unpacked_at is null;
--> statement-breakpoint
CREATE UNIQUE INDEX "box_packing_open" ON "box_packing" USING btree ("facility_id","box") WHERE emptied_at is null;
--> statement-breakpoint
CREATE INDEX "box_packing_facility" ON "box_packing" USING btree ("facility_id","packed_at");
--> statement-breakpoint
CREATE INDEX "box_packing_destination" ON "box_packing" USING btree ("destination_id","packed_at");
--> statement-breakpoint
CREATE INDEX "box_seal_check_packing" ON "box_seal_check" USING btree ("packing_id");
--> statement-breakpoint
CREATE INDEX "box_seal_check_differs" ON "box_seal_check" USING btree ("packing_id") WHERE not matches;
--> statement-breakpoint
CREATE INDEX "bag_inspection_bag" ON "bag_inspection" USING btree ("bag_id");
--> statement-breakpoint
CREATE INDEX "transfusion_open" ON "transfusion" USING btree ("started_at") WHERE not is_over;
--> statement-breakpoint
CREATE INDEX "bag_living" ON "bag" USING btree ("expires_at") WHERE state not in ('processed', 'transfused', 'discarded');
--> statement-breakpoint
CREATE INDEX "bag_fated" ON "bag" USING btree ("holder_id") WHERE state in ('processed', 'transfused', 'discarded');
--> statement-breakpoint
CREATE INDEX "bag_reserved" ON "bag" USING btree ("reserved_until") WHERE reserved_until is not null;
--> statement-breakpoint
CREATE INDEX "bag_waiting" ON "bag" USING btree ("state","holder_id") WHERE state in ('distributed', 'returned');
--> statement-breakpoint
CREATE UNIQUE INDEX "bag_event_expired" ON "bag_event" USING btree ("bag_id") WHERE verb = 'expire';
--> statement-breakpoint
CREATE INDEX "bag_event_transfused_against" ON "bag_event" USING btree ("at","bag_id","version") WHERE verb in ('transfuse', 'start_transfusion', 'end_transfusion', 'interrupt_transfusion', 'report_reaction') and data->'discrepancies' <> '[]';
--> statement-breakpoint
ALTER TABLE "alarm_case" ADD CONSTRAINT "alarm_case_kind" CHECK ("alarm_case"."kind" in ('load_high', 'load_low', 'air_high', 'air_low', 'load_high_soon', 'load_low_soon', 'silent', 'probe_missing', 'probe_stuck', 'probe_implausible', 'probes_disagree', 'door_open', 'mains_lost', 'battery_low', 'agitator_stopped', 'bag_out_soon', 'bag_out', 'transfusion_late', 'transit_overdue', 'bedside_missing'));
--> statement-breakpoint
ALTER TABLE "alarm_test" ADD CONSTRAINT "alarm_test_kind" CHECK ("alarm_test"."kind" in ('load_high', 'load_low', 'air_high', 'air_low', 'load_high_soon', 'load_low_soon', 'silent', 'probe_missing', 'probe_stuck', 'probe_implausible', 'probes_disagree', 'door_open', 'mains_lost', 'battery_low', 'agitator_stopped', 'bag_out_soon', 'bag_out', 'transfusion_late', 'transit_overdue', 'bedside_missing'));
--> statement-breakpoint
ALTER TABLE "bag_event" ADD CONSTRAINT "bag_event_verb" CHECK ("bag_event"."verb" in ('collect', 'register', 'expire', 'process', 'test', 'release', 'reserve', 'unreserve', 'distribute', 'recall_shipment', 'depart', 'arrive', 'receive', 'refuse', 'issue', 'cancel_issue', 'transfuse', 'start_transfusion', 'end_transfusion', 'interrupt_transfusion', 'report_reaction', 'return', 'reinstate', 'discard'));
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON bag_inspection FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON box_seal_check FOR EACH ROW EXECUTE FUNCTION refuse_change();
