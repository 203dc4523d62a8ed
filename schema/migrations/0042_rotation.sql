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
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON rotation_proposal FOR EACH ROW EXECUTE FUNCTION refuse_change();
