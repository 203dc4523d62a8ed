INSERT INTO "ledger_due" ("device_id", "from", "to", "due_at")
SELECT p."device_id", f."from", coalesce(f."to", 8640000000000000), 0 FROM "probe_fault" f JOIN "probe" p ON p."id" = f."probe_id" WHERE f."known_to" IS NULL;--> statement-breakpoint
INSERT INTO "ledger_due" ("bag_id", "due_at")
SELECT DISTINCT "bag_id", 0 FROM "bag_hold" WHERE "kind" = 'unverified_gap' AND "released_revision" IS NOT NULL;
