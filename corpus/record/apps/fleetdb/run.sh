#!/bin/bash
set -e
DATADIR=${DATADIR:-/var/lib/fleetdb}
ts() { date -u '+%Y-%m-%d %H:%M:%S+00:00'; }
echo "$(ts) [Note] [fleetdb]: $(mariadbd --version | cut -d' ' -f1-4)"
if [ ! -d "$DATADIR/mysql" ]; then
  echo "$(ts) [Note] [fleetdb]: Initializing database files"
  mariadb-install-db --defaults-file=/srv/app/my.cnf --datadir="$DATADIR" --auth-root-authentication-method=normal --skip-test-db --skip-log-bin >/tmp/install.out 2>&1 || { cat /tmp/install.out; echo "$(ts) [ERROR] [fleetdb]: database files could not be created"; exit 1; }
fi
exec mariadbd --defaults-file=/srv/app/my.cnf --datadir="$DATADIR"
