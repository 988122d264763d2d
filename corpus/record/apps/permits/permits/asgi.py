import contextlib
import urllib.request
import warnings

import structlog
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from .settings import settings

structlog.configure(processors=[structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso"), structlog.processors.format_exc_info, structlog.processors.JSONRenderer()])
log = structlog.get_logger("permits")

BACKLOG = """
    SELECT zone, count(*) AS open, percentile_disc(0.9) WITHIN GROUP (ORDER BY filed_at) AS p90
    FROM application WHERE state <> 'closed' GROUP BY zone
"""


def geocoder():
    try:
        urllib.request.urlopen(settings.geocoder_url + "/status", timeout=1).read()
    except OSError as e:
        log.warning("geocoder unavailable, addresses stay unresolved", url=settings.geocoder_url, error=str(e))


@contextlib.asynccontextmanager
async def lifespan(api):
    log.info("starting", backlog_days=settings.backlog_days)
    geocoder()
    api.state.engine = create_async_engine(settings.database_url, pool_size=3, pool_pre_ping=True)
    async with api.state.engine.connect() as c:
        version = (await c.execute(text("SHOW server_version"))).scalar()
        log.info("database reachable", server_version=version)
        zones = (await c.execute(text("SELECT count(*) FROM zone"))).scalar()
        log.info("zones loaded", count=zones)
        rows = (await c.execute(text(BACKLOG))).all()
        log.info("backlog summary ready", zones=len(rows))
    yield
    await api.state.engine.dispose()


api = FastAPI(title="permits", lifespan=lifespan)


@api.get("/status")
async def status():
    return {"ok": True}
