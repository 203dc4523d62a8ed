-- What is known of a partial index is not believed of its table: each such event was taken for one in two hundred, and
-- what a scan asks of one patient or one order was planned as if half the hospital were theirs.
CREATE STATISTICS bag_event_patient ON ((data->>'patient')) FROM bag_event;
--> statement-breakpoint
CREATE STATISTICS bag_event_order ON ((data->>'order')) FROM bag_event;
--> statement-breakpoint
CREATE STATISTICS bag_event_box ON ((data->>'box')) FROM bag_event;
