CREATE TABLE "rotation_proposal" (
	"id" uuid PRIMARY KEY NOT NULL,
	"day" text NOT NULL,
	"policies" jsonb NOT NULL,
	"facility_ids" integer[] NOT NULL,
	"answer" jsonb NOT NULL,
	"at" bigint NOT NULL,
	"actor" jsonb NOT NULL,
	CONSTRAINT "rotation_proposal_day_unique" UNIQUE("day")
);
--> statement-breakpoint
ALTER TABLE "transfer" ALTER COLUMN "plan_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "transfer_bag" ALTER COLUMN "request_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "transfer_bag" ALTER COLUMN "line" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "transfer" ADD COLUMN "rotation_id" uuid;--> statement-breakpoint
ALTER TABLE "transfer" ADD CONSTRAINT "transfer_rotation_id_rotation_proposal_id_fk" FOREIGN KEY ("rotation_id") REFERENCES "public"."rotation_proposal"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "transfer" ADD CONSTRAINT "transfer_source" CHECK (num_nonnulls("transfer"."plan_id", "transfer"."rotation_id") = 1);--> statement-breakpoint
ALTER TABLE "transfer_bag" ADD CONSTRAINT "transfer_bag_for" CHECK (("transfer_bag"."request_id" is null) = ("transfer_bag"."line" is null));
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON rotation_proposal FOR EACH ROW EXECUTE FUNCTION refuse_change();
