#!/bin/bash
# Run once by the image of Postgres, when its volume is empty: the role of the service, which owns nothing.
set -euo pipefail
psql -v ON_ERROR_STOP=1 -v password="$SERVICE_PASSWORD" -U "$POSTGRES_USER" -d "$POSTGRES_DB" <<'SQL'
create role service login password :'password';
SQL
