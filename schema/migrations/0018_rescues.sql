CREATE TABLE "device_fitness" (
	"device_id" integer NOT NULL,
	"from" bigint NOT NULL,
	"capacity" integer,
	"qualified_until" bigint,
	"calibrated_until" bigint,
	CONSTRAINT "device_fitness_device_id_from_pk" PRIMARY KEY("device_id","from"),
	CONSTRAINT "device_fitness_capacity" CHECK ("device_fitness"."capacity" >= 0)
);
--> statement-breakpoint
CREATE TABLE "rescue" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "rescue_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"case_id" integer NOT NULL,
	"at" bigint NOT NULL,
	"actor" jsonb NOT NULL,
	"policy" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "rescue_move" (
	"rescue_id" integer NOT NULL,
	"order" integer NOT NULL,
	"bag_id" uuid NOT NULL,
	"from_id" integer NOT NULL,
	"to_id" integer NOT NULL,
	"by" text NOT NULL,
	"leave_by" bigint,
	"state" text DEFAULT 'intended' NOT NULL,
	"settled_at" bigint,
	CONSTRAINT "rescue_move_rescue_id_order_pk" PRIMARY KEY("rescue_id","order"),
	CONSTRAINT "rescue_move_by" CHECK ("rescue_move"."by" in ('foot', 'car')),
	CONSTRAINT "rescue_move_state" CHECK ("rescue_move"."state" in ('intended', 'arrived', 'abandoned'))
);
--> statement-breakpoint
ALTER TABLE "device_fitness" ADD CONSTRAINT "device_fitness_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "rescue" ADD CONSTRAINT "rescue_case_id_alarm_case_id_fk" FOREIGN KEY ("case_id") REFERENCES "public"."alarm_case"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "rescue_move" ADD CONSTRAINT "rescue_move_rescue_id_rescue_id_fk" FOREIGN KEY ("rescue_id") REFERENCES "public"."rescue"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "rescue_move" ADD CONSTRAINT "rescue_move_bag_id_bag_id_fk" FOREIGN KEY ("bag_id") REFERENCES "public"."bag"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "rescue_move" ADD CONSTRAINT "rescue_move_from_id_device_id_fk" FOREIGN KEY ("from_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "rescue_move" ADD CONSTRAINT "rescue_move_to_id_device_id_fk" FOREIGN KEY ("to_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "rescue_case" ON "rescue" USING btree ("case_id","id");--> statement-breakpoint
CREATE UNIQUE INDEX "rescue_move_intended" ON "rescue_move" USING btree ("bag_id") WHERE state = 'intended';--> statement-breakpoint
CREATE INDEX "rescue_move_to" ON "rescue_move" USING btree ("to_id") WHERE state = 'intended';--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON device_fitness FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON rescue FOR EACH ROW EXECUTE FUNCTION refuse_change();
