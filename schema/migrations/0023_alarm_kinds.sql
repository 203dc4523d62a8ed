ALTER TABLE "alarm_case" DROP CONSTRAINT "alarm_case_kind";--> statement-breakpoint
ALTER TABLE "alarm_test" DROP CONSTRAINT "alarm_test_kind";--> statement-breakpoint
ALTER TABLE "alarm_case" ALTER COLUMN "device_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "alarm_case" ADD COLUMN "bags" jsonb;--> statement-breakpoint
CREATE UNIQUE INDEX "alarm_case_open_bags" ON "alarm_case" USING btree ("kind","part","facility_id") WHERE device_id is null and closed_at is null;--> statement-breakpoint
CREATE INDEX "bag_under_way" ON "bag" USING btree ("holder_id") WHERE state in ('in_transit', 'arrived');--> statement-breakpoint
CREATE INDEX "bag_place_taken" ON "bag_place" USING btree ("known_from") WHERE known_to is null and "to" is null and state = 'in_hand';--> statement-breakpoint
ALTER TABLE "alarm_case" ADD CONSTRAINT "alarm_case_about" CHECK (("alarm_case"."device_id" is null) = ("alarm_case"."bags" is not null));--> statement-breakpoint
ALTER TABLE "alarm_case" ADD CONSTRAINT "alarm_case_kind" CHECK ("alarm_case"."kind" in ('load_high', 'load_low', 'air_high', 'air_low', 'load_high_soon', 'load_low_soon', 'silent', 'probe_missing', 'probe_stuck', 'probe_implausible', 'probes_disagree', 'door_open', 'mains_lost', 'battery_low', 'agitator_stopped', 'bag_out_soon', 'bag_out', 'transfusion_late', 'transit_overdue'));--> statement-breakpoint
ALTER TABLE "alarm_test" ADD CONSTRAINT "alarm_test_kind" CHECK ("alarm_test"."kind" in ('load_high', 'load_low', 'air_high', 'air_low', 'load_high_soon', 'load_low_soon', 'silent', 'probe_missing', 'probe_stuck', 'probe_implausible', 'probes_disagree', 'door_open', 'mains_lost', 'battery_low', 'agitator_stopped', 'bag_out_soon', 'bag_out', 'transfusion_late', 'transit_overdue'));