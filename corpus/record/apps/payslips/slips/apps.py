import logging, socket
from django.apps import AppConfig

log = logging.getLogger("slips")


class SlipsConfig(AppConfig):
    name = "slips"

    def ready(self):
        try:
            import weasyprint  # noqa: F401
        except ImportError as e:
            log.warning("payslips go out as text, not as PDF: %s", e)
        try:
            socket.create_connection(("127.0.0.1", 8125), 1).close()
        except OSError as e:
            log.warning("statsd: %s", e)
