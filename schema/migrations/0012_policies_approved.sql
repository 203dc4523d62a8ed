CREATE TABLE "policy_opinion" (
	"proposal_id" integer NOT NULL,
	"by" text NOT NULL,
	"decision" text NOT NULL,
	"comment" text NOT NULL,
	"at" bigint NOT NULL,
	CONSTRAINT "policy_opinion_proposal_id_by_pk" PRIMARY KEY("proposal_id","by"),
	CONSTRAINT "policy_opinion_decision" CHECK ("policy_opinion"."decision" in ('approve', 'reject'))
);
--> statement-breakpoint
CREATE TABLE "policy_proposal" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "policy_proposal_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"content" jsonb NOT NULL,
	"reason" text NOT NULL,
	"by" text NOT NULL,
	"at" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "policy" DROP CONSTRAINT "policy_limits";--> statement-breakpoint
ALTER TABLE "policy" ADD COLUMN "longest_ms" integer;--> statement-breakpoint
ALTER TABLE "policy" ADD COLUMN "occasions" integer;--> statement-breakpoint
ALTER TABLE "policy" ADD COLUMN "gap_grace_ms" integer DEFAULT 86400000 NOT NULL;--> statement-breakpoint
ALTER TABLE "policy" ADD COLUMN "allowances" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "policy" ADD COLUMN "alarm" jsonb;--> statement-breakpoint
ALTER TABLE "policy" ADD COLUMN "returns" text DEFAULT 'none' NOT NULL;--> statement-breakpoint
ALTER TABLE "policy" ADD COLUMN "uncertain" jsonb DEFAULT '["maxSilenceMs","gapGraceMs"]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "policy" ADD COLUMN "proposal_id" integer;--> statement-breakpoint
ALTER TABLE "policy_opinion" ADD CONSTRAINT "policy_opinion_proposal_id_policy_proposal_id_fk" FOREIGN KEY ("proposal_id") REFERENCES "public"."policy_proposal"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "policy" ADD CONSTRAINT "policy_proposal_id_policy_proposal_id_fk" FOREIGN KEY ("proposal_id") REFERENCES "public"."policy_proposal"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "policy" ADD CONSTRAINT "policy_proposalId_unique" UNIQUE("proposal_id");--> statement-breakpoint
ALTER TABLE "policy" ADD CONSTRAINT "policy_returns" CHECK ("policy"."returns" in ('none', 'timed', 'temperature_proven'));--> statement-breakpoint
ALTER TABLE "policy" ADD CONSTRAINT "policy_limits" CHECK ("policy"."low" < "policy"."high" and "policy"."max_silence_ms" > 0 and "policy"."gap_grace_ms" > 0);--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON policy FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON policy_proposal FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON policy_opinion FOR EACH ROW EXECUTE FUNCTION refuse_change();
