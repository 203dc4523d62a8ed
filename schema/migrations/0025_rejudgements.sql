CREATE TABLE "rejudged_ledger" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "rejudged_ledger_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"rejudgement_id" integer NOT NULL,
	"bag_id" uuid NOT NULL,
	"revision" integer NOT NULL,
	"ledger_id" bigint NOT NULL,
	"verdict" text NOT NULL,
	"entries" jsonb NOT NULL,
	"policies" jsonb NOT NULL,
	"known_at" bigint NOT NULL,
	CONSTRAINT "rejudged_ledger_revision_of" UNIQUE("rejudgement_id","bag_id","revision"),
	CONSTRAINT "rejudged_ledger_verdict" CHECK ("rejudged_ledger"."verdict" in ('OK', 'UNVERIFIED', 'HOLD', 'BREACHED')),
	CONSTRAINT "rejudged_ledger_revision" CHECK ("rejudged_ledger"."revision" > 0)
);
--> statement-breakpoint
CREATE TABLE "rejudgement" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "rejudgement_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"policy_id" integer NOT NULL,
	"from" bigint NOT NULL,
	"to" bigint NOT NULL,
	"reason" text NOT NULL,
	"by" text NOT NULL,
	"at" bigint NOT NULL,
	CONSTRAINT "rejudgement_span" CHECK ("rejudgement"."from" < "rejudgement"."to" and "rejudgement"."to" <= "rejudgement"."at")
);
--> statement-breakpoint
CREATE TABLE "rejudgement_opinion" (
	"rejudgement_id" integer NOT NULL,
	"by" text NOT NULL,
	"decision" text NOT NULL,
	"comment" text NOT NULL,
	"at" bigint NOT NULL,
	CONSTRAINT "rejudgement_opinion_rejudgement_id_by_pk" PRIMARY KEY("rejudgement_id","by"),
	CONSTRAINT "rejudgement_opinion_decision" CHECK ("rejudgement_opinion"."decision" in ('approve', 'reject'))
);
--> statement-breakpoint
ALTER TABLE "ledger_due" DROP CONSTRAINT "ledger_due_subject";
--> statement-breakpoint
DROP INDEX "ledger_due_at";
--> statement-breakpoint
ALTER TABLE "look_back" ALTER COLUMN "ledger_id" DROP NOT NULL;
--> statement-breakpoint
ALTER TABLE "bag_hold" ADD COLUMN "rejudgement_id" integer;
--> statement-breakpoint
ALTER TABLE "ledger_due" ADD COLUMN "rejudgement_id" integer;
--> statement-breakpoint
ALTER TABLE "look_back" ADD COLUMN "rejudged_id" bigint;
--> statement-breakpoint
ALTER TABLE "rejudged_ledger" ADD CONSTRAINT "rejudged_ledger_rejudgement_id_rejudgement_id_fk" FOREIGN KEY ("rejudgement_id") REFERENCES "public"."rejudgement"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "rejudged_ledger" ADD CONSTRAINT "rejudged_ledger_bag_id_bag_id_fk" FOREIGN KEY ("bag_id") REFERENCES "public"."bag"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "rejudged_ledger" ADD CONSTRAINT "rejudged_ledger_ledger_id_bag_ledger_id_fk" FOREIGN KEY ("ledger_id") REFERENCES "public"."bag_ledger"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "rejudgement" ADD CONSTRAINT "rejudgement_policy_id_policy_id_fk" FOREIGN KEY ("policy_id") REFERENCES "public"."policy"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "rejudgement_opinion" ADD CONSTRAINT "rejudgement_opinion_rejudgement_id_rejudgement_id_fk" FOREIGN KEY ("rejudgement_id") REFERENCES "public"."rejudgement"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
CREATE INDEX "rejudged_ledger_bag" ON "rejudged_ledger" USING btree ("bag_id");
--> statement-breakpoint
ALTER TABLE "bag_hold" ADD CONSTRAINT "bag_hold_rejudgement_id_rejudgement_id_fk" FOREIGN KEY ("rejudgement_id") REFERENCES "public"."rejudgement"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "ledger_due" ADD CONSTRAINT "ledger_due_rejudgement_id_rejudgement_id_fk" FOREIGN KEY ("rejudgement_id") REFERENCES "public"."rejudgement"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE "look_back" ADD CONSTRAINT "look_back_rejudged_id_rejudged_ledger_id_fk" FOREIGN KEY ("rejudged_id") REFERENCES "public"."rejudged_ledger"("id") ON DELETE no action ON UPDATE no action;
--> statement-breakpoint
CREATE INDEX "ledger_due_rejudgement" ON "ledger_due" USING btree ("id") WHERE rejudgement_id is not null and bag_id is null;
--> statement-breakpoint
CREATE INDEX "ledger_due_rejudged" ON "ledger_due" USING btree ("id") WHERE rejudgement_id is not null and bag_id is not null;
--> statement-breakpoint
CREATE INDEX "ledger_due_at" ON "ledger_due" USING btree ("due_at","id") WHERE rejudgement_id is null;
--> statement-breakpoint
ALTER TABLE "look_back" ADD CONSTRAINT "look_back_rejudged" UNIQUE("rejudged_id");
--> statement-breakpoint
ALTER TABLE "ledger_due" ADD CONSTRAINT "ledger_due_subject" CHECK (num_nonnulls("ledger_due"."bag_id", "ledger_due"."device_id") = 1 or ("ledger_due"."rejudgement_id" is not null and "ledger_due"."device_id" is null));
--> statement-breakpoint
ALTER TABLE "look_back" ADD CONSTRAINT "look_back_opening" CHECK (num_nonnulls("look_back"."ledger_id", "look_back"."rejudged_id") = 1);
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON rejudgement FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON rejudgement_opinion FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON rejudged_ledger FOR EACH ROW EXECUTE FUNCTION refuse_change();
