#!/bin/sh
# web container of the lending desk
set -eu
printf '%s lending: checking the deployment\n' "$(date +%H:%M:%S)"
python manage.py check --deploy --fail-level CRITICAL
if [ "${MIGRATE:-1}" = 1 ]; then
  printf '%s lending: migrating\n' "$(date +%H:%M:%S)"
  python manage.py migrate --no-input
fi
printf '%s lending: handing over to gunicorn\n' "$(date +%H:%M:%S)"
exec gunicorn desk.wsgi --bind "0.0.0.0:${PORT:-8020}" --workers "${WORKERS:-1}" --timeout "${GUNICORN_TIMEOUT:-30}"
