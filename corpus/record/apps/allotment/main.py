"""allotment: who may dig where in the city's garden plots."""
import contextlib

import redis
from fastapi import FastAPI
from sqlalchemy import create_engine, text

from log import setup
from settings import Settings

cfg = Settings()
log = setup(cfg.colour)
log.info("allotment 4.2.0", page=cfg.plots_per_page)

try:
    import orjson  # noqa: F401
except ImportError as e:
    log.warning("fast json is off", reason=str(e))

engine = create_engine(cfg.database_url, pool_size=2, connect_args={"connect_timeout": 5})


def waiting_list():
    if not cfg.cache_url:
        return log.warning("no cache configured, the waiting list is counted each time")
    r = redis.Redis.from_url(cfg.cache_url, socket_connect_timeout=2)
    try:
        n = r.llen("waiting")
        log.info("waiting list read", people=n)
    except redis.RedisError as e:
        if cfg.cache_required:
            raise
        log.warning("cache is not usable, going on without it", error=str(e))


def gardens():
    with engine.connect() as c:
        n = c.execute(text("select count(*) from plot")).scalar()
    log.info("garden register read", plots=n)


@contextlib.asynccontextmanager
async def lifespan(app):
    log.info("reading garden register", url=engine.url.render_as_string(hide_password=True))
    gardens()
    waiting_list()
    yield
    engine.dispose()


app = FastAPI(lifespan=lifespan)


@app.get("/plots")
def plots():
    with engine.connect() as c:
        rows = c.execute(text("select number, tenant from plot order by number limit :n"), {"n": cfg.plots_per_page}).all()
    waiting_list()
    return [dict(r._mapping) for r in rows]


@app.get("/healthz")
def healthz():
    return {"ok": True}
