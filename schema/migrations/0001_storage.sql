-- Rewritten with every message: room on the page keeps the new version beside the old one, with no index to touch.
ALTER TABLE "probe_state" SET (fillfactor = 50);--> statement-breakpoint
ALTER TABLE "device_state" SET (fillfactor = 50);
