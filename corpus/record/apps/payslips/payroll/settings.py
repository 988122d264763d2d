import os

SECRET_KEY = os.environ["PAYSLIPS_SECRET_KEY"]
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "slips"]
ROOT_URLCONF = "payroll.urls"
WSGI_APPLICATION = "payroll.wsgi.application"
USE_TZ = True
TIME_ZONE = os.environ.get("PAYSLIPS_TZ", "UTC")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
FORMS_URLFIELD_ASSUME_HTTPS = True
DATABASES = {"default": {
    "ENGINE": "django.db.backends.postgresql", "NAME": os.environ.get("PAYSLIPS_DB_NAME", "payslips"), "USER": os.environ.get("PAYSLIPS_DB_USER", "payslips"),
    "PASSWORD": os.environ.get("PAYSLIPS_DB_PASSWORD", ""), "HOST": os.environ.get("PAYSLIPS_DB_HOST", "localhost"), "PORT": os.environ.get("PAYSLIPS_DB_PORT", "5432"),
    "OPTIONS": {"connect_timeout": 4}}}
CELERY_BROKER_URL = os.environ.get("PAYSLIPS_BROKER", "amqp://localhost")
CELERY_BROKER_CONNECTION_MAX_RETRIES = int(os.environ.get("PAYSLIPS_BROKER_RETRIES", "100"))
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
LOGGING = {
    "version": 1, "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{levelname:<7} {asctime} {name} [{process:d}] {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
}
