"""beacon: takes position reports over HTTP and puts them on the bus."""
import asyncio
import logging
import os
import ssl
import sys

import aio_pika
import aiohttp
import redis.asyncio as redis
from aiohttp import web
from pythonjsonlogger.json import JsonFormatter

handler = logging.StreamHandler(sys.stdout)
handler.setFormatter(JsonFormatter("{levelname}{name}{message}{asctime}", style="{", rename_fields={"levelname": "severity", "name": "logger", "asctime": "at"}))
logging.basicConfig(handlers=[handler], level=logging.INFO)
log = logging.getLogger("beacon")
E = os.environ


async def secrets(app):
    """The signing key comes from the secrets API."""
    url = E.get("BEACON_SECRETS_URL")
    if not url:
        return log.info("no secrets API configured, positions are not signed")
    async with aiohttp.ClientSession() as s, s.get(url) as r:
        if r.status != 200:
            body = (await r.text()).strip()
            raise RuntimeError(f"GET {url} -> {r.status} {r.reason}: {body}")
        app["key"] = (await r.json())["payload"]


async def cache(app):
    url = E.get("BEACON_CACHE_URL")
    if not url:
        return
    extra = {"ssl_ca_certs": E["BEACON_CA"]} if url.startswith("rediss:") and "BEACON_CA" in E else {}
    app["cache"] = redis.from_url(url, socket_connect_timeout=4, **extra)
    await app["cache"].ping()
    log.info("cache answers", extra={"cache": url.rpartition("@")[2]})


async def bus(app):
    url = E.get("BEACON_BUS_URL")
    if not url:
        return
    ctx = None
    if url.startswith("amqps:"):
        ctx = ssl.create_default_context(cafile=E.get("BEACON_CA"))
    log.info("dialling the bus", extra={"bus": url.rpartition("@")[2]})
    app["bus"] = await aio_pika.connect(url, ssl_context=ctx, timeout=8)
    channel = await app["bus"].channel()
    await channel.declare_exchange("positions", aio_pika.ExchangeType.TOPIC, durable=True)
    log.info("bus ready, exchange positions declared")


async def tiles(app):
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(1)) as s:
            await s.get(E.get("BEACON_TILES_URL", "http://127.0.0.1:9310/health"))
    except (aiohttp.ClientError, asyncio.TimeoutError) as e:
        log.warning("tile server not reachable, maps are served from disk", extra={"error": str(e)})


async def main():
    log.info("beacon starting", extra={"version": "5.8.1", "python": sys.version.split()[0]})
    app = web.Application()
    app.add_routes([web.get("/alive", lambda r: web.Response(text="ok"))])
    for step in (tiles, secrets, cache, bus):
        try:
            await step(app)
        except Exception:
            log.exception("start step %s failed, giving up", step.__name__)
            await asyncio.sleep(0.1)
            raise SystemExit(4)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", int(E.get("PORT", "8088"))).start()
    log.info("beacon listening", extra={"port": int(E.get("PORT", "8088"))})
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
