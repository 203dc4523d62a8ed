ALTER TABLE "device" ADD COLUMN "capacity" integer;--> statement-breakpoint
ALTER TABLE "device" ADD CONSTRAINT "device_capacity" CHECK ("device"."capacity" >= 0);--> statement-breakpoint
UPDATE "device" d SET "capacity" = (
	SELECT f."capacity" FROM "device_fitness" f
	WHERE f."device_id" = d."id" AND f."from" <= extract(epoch FROM now()) * 1000
	ORDER BY f."from" DESC LIMIT 1
);--> statement-breakpoint
DROP TABLE "device_fitness" CASCADE;
