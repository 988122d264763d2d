#!/bin/bash
set -euo pipefail
echo "permits-api: release $(cat RELEASE) (${REGION:-eu-1})"
if [[ "${SKIP_MIGRATE:-}" != yes ]]; then
  echo "permits-api: alembic upgrade head"
  alembic upgrade head
fi
exec uvicorn permits.asgi:api --host 0.0.0.0 --port "${PORT:-8000}" --log-level info
