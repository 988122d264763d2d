#!/bin/bash
# Migrations first, then the server.
set -euo pipefail
note() { printf '>>> %s\n' "$*"; }

note "apiary image ${APIARY_BUILD:-2026.47.1}, role ${APIARY_ROLE:-web}"
if [ -n "${APIARY_FLAGS_URL:-}" ]; then
  note "fetching feature flags"
  curl -sS --max-time 2 -o /tmp/flags.json "$APIARY_FLAGS_URL" || note "no flags, defaults apply"
fi
if [ "${APIARY_WAIT:-pg_isready}" = pg_isready ]; then
  note "is the database there?"
  pg_isready -q -t 5 -h "$APIARY_PG_HOST"
else
  for i in 1 2 3 4 5 6 7 8; do
    python -m apiary.ping && break
    note "database not there yet ($i/8)"
    sleep 1.5
  done
fi
note "bringing the schema up to date"
alembic upgrade head
note "schema is current"
exec gunicorn apiary.web:app --bind 0.0.0.0:5000 --workers 2 --access-logfile -
