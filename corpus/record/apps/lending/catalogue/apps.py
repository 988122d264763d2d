import logging

from django.apps import AppConfig

log = logging.getLogger("catalogue")


class CatalogueConfig(AppConfig):
    name = "catalogue"

    def ready(self):
        try:
            import elasticsearch  # noqa: F401
        except ModuleNotFoundError as e:
            log.warning("full text search is off: %s", e)
