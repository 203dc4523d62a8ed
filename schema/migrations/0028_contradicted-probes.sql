ALTER TABLE "probe_fault" DROP CONSTRAINT "probe_fault_kind";
--> statement-breakpoint
ALTER TABLE "probe_fault" ADD CONSTRAINT "probe_fault_kind" CHECK ("probe_fault"."kind" in ('stuck', 'implausible', 'contradicted'));
--> statement-breakpoint
UPDATE "probe_state" "s" SET "faults_to" = NULL FROM "probe" "p" WHERE "p"."id" = "s"."probe_id" AND "p"."kind" = 'load' AND EXISTS (SELECT FROM "probe" "q" WHERE "q"."device_id" = "p"."device_id" AND "q"."kind" = 'air');
