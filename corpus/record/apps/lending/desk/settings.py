import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = os.environ["LENDING_SECRET_KEY"]
DEBUG = False
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "catalogue"]
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware"]
ROOT_URLCONF = "desk.urls"
WSGI_APPLICATION = "desk.wsgi.application"
DATABASES = {"default": {
    "ENGINE": "django.db.backends.postgresql",
    "HOST": os.environ.get("LENDING_DB_HOST", ""), "PORT": os.environ.get("LENDING_DB_PORT", "5432"), "NAME": os.environ.get("LENDING_DB_NAME", "lending"),
    "USER": os.environ.get("LENDING_DB_USER", "lending"), "PASSWORD": os.environ.get("LENDING_DB_PASSWORD", ""),
    "OPTIONS": {"connect_timeout": 6, "sslmode": os.environ.get("LENDING_DB_SSLMODE", "prefer"), **({"sslrootcert": os.environ["LENDING_DB_CA"]} if "LENDING_DB_CA" in os.environ else {})},
    "DISABLE_SERVER_SIDE_CURSORS": True}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
LOGGING = {"version": 1, "disable_existing_loggers": False,
           "formatters": {"line": {"format": "[%(asctime)s] %(levelname)s %(name)s: %(message)s"}},
           "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "line"}},
           "root": {"handlers": ["out"], "level": "INFO"}}
