import os
import sys

import redis
from celery import Celery, bootsteps
from celery.utils.log import get_task_logger

log = get_task_logger(__name__)
BROKER = os.environ["THUMBS_BROKER"]
app = Celery("thumbs", broker=BROKER)
app.conf.update(broker_connection_retry_on_startup=os.environ.get("THUMBS_RETRY", "0") == "1", broker_connection_max_retries=int(os.environ.get("THUMBS_MAX_RETRIES", "4")), worker_hijack_root_logger=True, task_default_queue="thumbs")


class Presets(bootsteps.StartStopStep):
    """Puts the size presets where the web tier looks for them."""
    requires = {"celery.worker.components:Pool"}

    def start(self, worker):
        try:
            import pillow_avif  # noqa: F401
        except ImportError:
            log.warning("AVIF plugin missing, falling back to WebP")
        store = redis.Redis.from_url(os.environ.get("THUMBS_STORE", BROKER), socket_timeout=5)
        for name, size in (("list", "120x90"), ("card", "320x240"), ("hero", "1600x900")):
            store.hset("thumbs:presets", name, size)
        log.info("3 presets published")


app.steps["worker"].add(Presets)


@app.task
def render(path, preset):
    return f"{path}@{preset}"
