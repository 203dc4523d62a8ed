CREATE TABLE "bag_ledger" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "bag_ledger_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"bag_id" uuid NOT NULL,
	"revision" integer NOT NULL,
	"jurisdiction" text NOT NULL,
	"verdict" text NOT NULL,
	"entries" jsonb NOT NULL,
	"policies" jsonb NOT NULL,
	"due_at" bigint,
	"known_from" bigint NOT NULL,
	"known_to" bigint,
	CONSTRAINT "bag_ledger_revision_of" UNIQUE("bag_id","revision"),
	CONSTRAINT "bag_ledger_jurisdiction" CHECK ("bag_ledger"."jurisdiction" in ('CN', 'UK', 'EU', 'US')),
	CONSTRAINT "bag_ledger_verdict" CHECK ("bag_ledger"."verdict" in ('OK', 'UNVERIFIED', 'HOLD', 'BREACHED')),
	CONSTRAINT "bag_ledger_revision" CHECK ("bag_ledger"."revision" > 0)
);
--> statement-breakpoint
CREATE TABLE "ledger_due" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "ledger_due_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"bag_id" uuid,
	"device_id" integer,
	"from" bigint,
	"to" bigint,
	"due_at" bigint NOT NULL,
	CONSTRAINT "ledger_due_subject" CHECK (("ledger_due"."bag_id" is null) <> ("ledger_due"."device_id" is null)),
	CONSTRAINT "ledger_due_span" CHECK (("ledger_due"."device_id" is null) = ("ledger_due"."from" is null and "ledger_due"."to" is null))
);
--> statement-breakpoint
CREATE TABLE "look_back" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "look_back_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"bag_id" uuid NOT NULL,
	"ledger_id" bigint NOT NULL,
	"opened_at" bigint NOT NULL,
	"closed_at" bigint,
	"closed_by" jsonb,
	"conclusion" text,
	CONSTRAINT "look_back_ledger" UNIQUE("ledger_id"),
	CONSTRAINT "look_back_closing" CHECK (("look_back"."closed_at" is null) = ("look_back"."closed_by" is null) and ("look_back"."closed_at" is null) = ("look_back"."conclusion" is null))
);
--> statement-breakpoint
ALTER TABLE "bag_hold" DROP CONSTRAINT "bag_hold_kind";--> statement-breakpoint
ALTER TABLE "bag_hold" ADD COLUMN "released_revision" integer;--> statement-breakpoint
ALTER TABLE "bag_ledger" ADD CONSTRAINT "bag_ledger_bag_id_bag_id_fk" FOREIGN KEY ("bag_id") REFERENCES "public"."bag"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "ledger_due" ADD CONSTRAINT "ledger_due_bag_id_bag_id_fk" FOREIGN KEY ("bag_id") REFERENCES "public"."bag"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "ledger_due" ADD CONSTRAINT "ledger_due_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "look_back" ADD CONSTRAINT "look_back_bag_id_bag_id_fk" FOREIGN KEY ("bag_id") REFERENCES "public"."bag"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "look_back" ADD CONSTRAINT "look_back_ledger_id_bag_ledger_id_fk" FOREIGN KEY ("ledger_id") REFERENCES "public"."bag_ledger"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "bag_ledger_current" ON "bag_ledger" USING btree ("bag_id") WHERE known_to is null;--> statement-breakpoint
CREATE INDEX "bag_ledger_due" ON "bag_ledger" USING btree ("due_at") WHERE known_to is null and due_at is not null;--> statement-breakpoint
CREATE INDEX "ledger_due_at" ON "ledger_due" USING btree ("due_at","id");--> statement-breakpoint
CREATE INDEX "look_back_open" ON "look_back" USING btree ("bag_id") WHERE closed_at is null;--> statement-breakpoint
ALTER TABLE "bag_hold" ADD CONSTRAINT "bag_hold_kind" CHECK ("bag_hold"."kind" in ('recall', 'breach', 'look_back', 'test_reactive', 'group_mismatch', 'visual', 'unverified_gap', 'allowance', 'other'));--> statement-breakpoint
INSERT INTO "ledger_due" ("bag_id", "due_at") SELECT "id", 0 FROM "bag";
