#!/bin/sh
echo "bus: node $RABBITMQ_NODENAME, configuration $RABBITMQ_CONFIG_FILE"
[ -f /etc/bus/definitions.json ] || echo "bus: no definitions file, exchanges are declared by clients"
exec /usr/lib/rabbitmq/bin/rabbitmq-server
