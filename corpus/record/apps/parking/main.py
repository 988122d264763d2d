import logging
import sys

from litestar import Litestar, get
from loguru import logger

from settings import Settings

logger.remove()
logger.add(sys.stdout, format="{time:YYYY-MM-DD HH:mm:ss.SSS} | {level: <8} | {name}:{function}:{line} - {message}", backtrace=False, diagnose=False)


class Intercept(logging.Handler):
    def emit(self, record):
        logger.opt(depth=6, exception=record.exc_info).log(record.levelname, record.getMessage())


logging.basicConfig(handlers=[Intercept()], level=logging.INFO, force=True)
settings = Settings()


def native_decoder():
    try:
        import parking_native  # noqa: F401
    except ImportError as e:
        logger.warning("native plate decoder not available ({}), using the slow one", e)


async def open_pool(app: Litestar) -> None:
    from psycopg_pool import AsyncConnectionPool
    logger.info("opening pool of {} to {}:{}/{}", settings.pool_size, settings.db_host, settings.db_port, settings.db_name)
    app.state.pool = AsyncConnectionPool(settings.conninfo, min_size=settings.pool_size, open=False, kwargs={"connect_timeout": 5})
    await app.state.pool.open(wait=True, timeout=settings.start_timeout)
    async with app.state.pool.connection() as conn:
        n = (await (await conn.execute("SELECT count(*) FROM garage")).fetchone())[0]
    logger.info("{} garages known, gates may call", n)


async def close_pool(app: Litestar) -> None:
    if getattr(app.state, "pool", None):
        await app.state.pool.close()


@get("/ping", sync_to_thread=False)
def ping() -> str:
    return "pong"


native_decoder()
app = Litestar([ping], on_startup=[open_pool], on_shutdown=[close_pool])
