#!/bin/sh
set -e
echo "==> tuition $(cat VERSION), role ${ROLE:-web}"
if [ "${RUN_MIGRATIONS:-1}" = 1 ]; then
  echo "==> applying migrations"
  python manage.py migrate --noinput
fi
echo "==> starting gunicorn"
exec gunicorn tuition.wsgi:application --bind 0.0.0.0:${PORT:-8000} --workers ${WEB_CONCURRENCY:-2} --access-logfile - --timeout 20
