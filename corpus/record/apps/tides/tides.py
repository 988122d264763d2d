"""Tide tables over HTTP."""
import asyncio
import contextlib
import logging
import os
import sys

import redis.asyncio as redis
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
log = logging.getLogger("tides")


async def tell_collector():
    """Best effort, the collector is not needed to serve."""
    peer = os.environ.get("COLLECTOR", "127.0.0.1:4317")
    host, port = peer.rsplit(":", 1)
    try:
        _, w = await asyncio.open_connection(host, int(port))
        w.close()
    except OSError as e:
        log.error("span export to %s failed: %s (spans dropped)", peer, e)


async def station_cache():
    client = redis.from_url(os.environ["STATION_CACHE_URL"], socket_connect_timeout=2)
    for i in range(1, 31):
        try:
            await client.ping()
            log.info("station cache reached after %d tries", i)
            return client
        except redis.RedisError as e:
            log.warning("station cache not there yet (try %d of 30): %s: %s", i, type(e).__name__, e)
            await asyncio.sleep(1)
    raise RuntimeError("station cache never came up")


def harmonics():
    n = int(os.environ.get("HARMONIC_YEARS", "0"))
    table = []
    for year in range(n):
        table.append(bytearray(os.urandom(1 << 16) * 320))
        log.info("harmonic constants for %d computed", 2000 + year)
        if os.environ.get("SLOW_TABLES"):
            import time

            time.sleep(float(os.environ["SLOW_TABLES"]))
    return table


@contextlib.asynccontextmanager
async def lifespan(app):
    log.info("tides 3.9.2 starting, region %s", os.environ.get("REGION", "unset"))
    await tell_collector()
    app.state.table = await asyncio.to_thread(harmonics)
    app.state.cache = await station_cache()
    log.info("tables ready")
    yield


async def health(request):
    return JSONResponse({"status": "up"})


app = Starlette(routes=[Route("/health", health)], lifespan=lifespan)
