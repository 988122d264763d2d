"""Takes jobs off Redis lists: {"task": "apiary.tasks.weekly", "args": [...]}."""
import importlib, json, logging, os, socket, sys, time
import redis
from . import __version__, settings

settings.logging_on()
log = logging.getLogger("apiary.worker")
TASKS = ["apiary.tasks.scales", "apiary.tasks.weekly", "apiary.tasks.exports"]


def metrics():
    try:
        socket.create_connection(("127.0.0.1", 9125), 1).close()
        log.info("statsd exporter found")
    except OSError as e:
        log.warning("statsd exporter on 127.0.0.1:9125: %s, counting in memory", e)


def main():
    log.info("worker %s on %s, queues high,low", __version__, socket.gethostname())
    try:
        import hiredis  # noqa: F401
    except ModuleNotFoundError as e:
        log.warning("%s; the slower parser will do", e)
    metrics()
    r = redis.Redis.from_url(os.environ["APIARY_REDIS"], socket_timeout=5)
    r.ping()
    log.info("redis answers, %d jobs wait", r.llen("high") + r.llen("low"))
    for name in TASKS:
        importlib.import_module(name)
        log.info("tasks of %s registered", name)
    log.info("worker is foraging")
    while True:
        job = r.blpop(["high", "low"], 5)
        if job:
            j = json.loads(job[1])
            log.info("job %s", j["task"])
        time.sleep(.1)


try:
    main()
except Exception:
    log.critical("worker gives up", exc_info=True)
    sys.exit(1)
