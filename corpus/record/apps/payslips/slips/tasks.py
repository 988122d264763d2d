from celery import shared_task


@shared_task
def send_month(month):
    return f"sent {month}"
