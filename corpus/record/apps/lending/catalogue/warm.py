import logging
import os
import time

from .models import Title

log = logging.getLogger("catalogue.warm")


def warm():
    """Fills the shelf index before the first request."""
    pause = float(os.environ.get("LENDING_WARM_PAUSE", "0"))
    shelves = int(os.environ.get("LENDING_SHELVES", "5"))
    log.info("warming the shelf index, %d shelves", shelves)
    for n in range(1, shelves + 1):
        Title.objects.filter(copies__gt=n).count()
        time.sleep(pause)
        if pause:
            log.info("shelf %d of %d indexed", n, shelves)
    log.info("shelf index ready")
