"""A FastAPI service whose lifespan reports its phases over sd_notify.

tminus (or systemd) reads `STATUS=` and `READY=1` from $NOTIFY_SOCKET; without one nothing is sent and
the service starts as ever. Under gunicorn every worker runs the lifespan: the first that is ready
says so.
"""

import asyncio
import os
import socket
from contextlib import asynccontextmanager

import asyncpg
import redis.asyncio
from fastapi import FastAPI, WebSocket


def notify(message: str) -> None:
    """Sends one datagram of the sd_notify protocol, if somebody listens."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.connect(address)
        sender.sendall(message.encode())


@asynccontextmanager
async def lifespan(app: FastAPI):
    notify("STATUS=database: opening the pool")
    app.state.database = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=1, max_size=5)
    notify("STATUS=cache: asking redis")
    app.state.cache = redis.asyncio.from_url(os.environ["REDIS_URL"])
    await app.state.cache.ping()
    # A slow part of the start says that it goes on, so that its deadline moves with it.
    notify("STATUS=services: warming up\nEXTEND_TIMEOUT_USEC=5000000")
    await asyncio.sleep(float(os.environ.get("WARM_UP_S", "0.2")))
    notify("READY=1\nSTATUS=serving")
    yield
    notify("STOPPING=1\nSTATUS=closing pools")
    await app.state.cache.close()
    await app.state.database.close()


app = FastAPI()
# FastAPI takes `lifespan=` from 0.93 on; this works before, too.
app.router.lifespan_context = lifespan


@app.get("/health")
async def health():
    orders = await app.state.database.fetchval("select count(*) from orders")
    return {"status": "ok", "orders": orders}


@app.websocket("/ws")
async def echo(websocket: WebSocket):
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())
    await websocket.close()
