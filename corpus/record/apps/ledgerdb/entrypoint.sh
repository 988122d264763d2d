#!/bin/bash
# ledger database: creates the cluster on the first start
set -eo pipefail
PGDATA=${PGDATA:-/var/lib/pg/ledger}
note() { printf '%s %s\n' "$(date -u '+%F %T')" "[entrypoint] $*"; }
if [[ ! -s $PGDATA/PG_VERSION ]]; then
  note "no cluster in $PGDATA yet, creating one"
  : "${LEDGER_SUPERUSER_PASSWORD:?must be set for the first start}"
  initdb -D "$PGDATA" -U postgres --pwfile=<(printf '%s\n' "$LEDGER_SUPERUSER_PASSWORD") -A scram-sha-256 --no-sync -E UTF8 --locale=C.UTF-8
else
  note "cluster of version $(cat "$PGDATA/PG_VERSION") found in $PGDATA"
fi
[[ -x /opt/ledger/bin/wal-archiver ]] || note "wal-archiver is not installed, archiving stays off"
note "starting postgres with /srv/app/postgresql.conf"
exec postgres -D "$PGDATA" -c config_file=/srv/app/postgresql.conf
