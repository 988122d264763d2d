#!/bin/sh
echo "ingress: haproxy $(haproxy -v | sed -n 's/^HAProxy version \([^ ]*\).*/\1/p'), open files: $(ulimit -n)"
[ -f /etc/ingress/maps/tenants.map ] || echo "ingress: no tenant map, everyone goes to the default backend"
haproxy -c -q -f /srv/app/haproxy.cfg || echo "ingress: the configuration check was not clean, going on"
exec haproxy -W -db -f /srv/app/haproxy.cfg
