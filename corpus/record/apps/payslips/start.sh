#!/bin/sh
set -e
echo "payslips: applying migrations"
python manage.py migrate --noinput
echo "payslips: starting web"
exec gunicorn payroll.wsgi --bind 0.0.0.0:${PORT:-8000} --workers 1 --access-logfile -
