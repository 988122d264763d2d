#!/bin/bash
# Loads the price feed once, then keeps it fresh.
set -euo pipefail
cd /srv/app
echo "[feed] price feed loader 0.18, source ${FEED_SOURCE:-none}"
if ! command -v mlr >/dev/null; then
  echo "[feed] mlr is missing, column statistics are off" >&2
fi
echo "[feed] rendering feed.ini"
sed "s|@SOURCE@|${FEED_SOURCE:-none}|" feed.ini.in > /tmp/feed.ini
echo "[feed] starting loader"
exec ./bin/loader --config /tmp/feed.ini
