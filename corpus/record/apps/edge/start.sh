#!/bin/sh
# Prints what it found, checks for optional parts, then hands over to nginx.
set -e
echo "start.sh: edge proxy $(nginx -v 2>&1 | sed 's/.*: //')"
for f in /srv/app/conf.d/*.conf; do echo "start.sh: using $f"; done
if [ ! -w /srv/app/conf.d ]; then echo "start.sh: info: can not modify /srv/app/conf.d (read-only file system?), templates are not rendered"; fi
if ! command -v geoipupdate >/dev/null; then echo "start.sh: warning: geoipupdate not found, country rules are off" >&2; fi
echo "start.sh: configuration complete; ready for start up"
exec nginx -c /srv/app/nginx.conf -g 'daemon off;'
