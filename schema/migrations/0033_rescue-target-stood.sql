ALTER TABLE "rescue_move" ADD COLUMN "to_facility_id" integer;--> statement-breakpoint
-- As far as is known now: where it stood when the move was accepted.
UPDATE "rescue_move" m SET "to_facility_id" = (
	SELECT p."facility_id" FROM "device_placement" p WHERE p."device_id" = m."to_id"
	ORDER BY p."from" <= r."at" DESC, abs(p."from" - r."at") LIMIT 1
) FROM "rescue" r WHERE r."id" = m."rescue_id";--> statement-breakpoint
ALTER TABLE "rescue_move" ALTER COLUMN "to_facility_id" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "rescue_move" ADD CONSTRAINT "rescue_move_to_facility_id_facility_id_fk" FOREIGN KEY ("to_facility_id") REFERENCES "public"."facility"("id") ON DELETE no action ON UPDATE no action;
