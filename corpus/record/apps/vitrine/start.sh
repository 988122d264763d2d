#!/bin/bash
# shop window: static pages rendered from the catalogue
echo "[vitrine] build 7714, theme ${VITRINE_THEME:-linen}"
[[ -r /etc/vitrine/banner.html ]] || echo "[vitrine] WARN no banner, the page starts without one"
command -v brotli >/dev/null || echo "[vitrine] WARN brotli: not found, assets are only gzipped"
echo "[vitrine] waiting for ${VITRINE_DB:=catalogue-db:5432}"
wait-for-it -t "${VITRINE_WAIT:-6}" --strict "$VITRINE_DB" -- echo "[vitrine] database is up" || { echo "[vitrine] giving up"; exit 1; }
exec python3 -m http.server "${PORT:-8480}" --directory /srv/app/pages
