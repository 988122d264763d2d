import logging
import os
import sys

from django.apps import AppConfig

log = logging.getLogger("fees")


class FeesConfig(AppConfig):
    name = "fees"

    def ready(self):
        if "migrate" in sys.argv:
            return
        from . import rates

        try:
            rates.push_gauge("tuition_boot", 1)
        except OSError as e:
            log.warning("metrics push gateway %s unreachable, continuing: %s", os.environ.get("PUSHGATEWAY", "127.0.0.1:9091"), e)
        if os.environ.get("PRELOAD_TARIFFS", "1") == "1":
            rates.preload()
