CREATE TABLE "reading_hour" (
	"probe_id" integer NOT NULL,
	"hour" integer NOT NULL,
	"boot_id" integer NOT NULL,
	"count" integer NOT NULL,
	"sum" integer NOT NULL,
	"coldest" smallint NOT NULL,
	"warmest" smallint NOT NULL,
	"body" "bytea" NOT NULL,
	CONSTRAINT "reading_hour_probe_id_hour_boot_id_pk" PRIMARY KEY("probe_id","hour","boot_id")
);
