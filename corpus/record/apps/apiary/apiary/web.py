import logging, os
from flask import Flask
from . import __version__, settings

settings.logging_on()
log = logging.getLogger("apiary.web")
log.info("apiary %s is getting dressed", __version__)
try:
    import prometheus_client  # noqa: F401
except ImportError as e:
    log.warning("metrics endpoint stays off (%s)", e)
if not os.path.exists("/etc/apiary/scales.csv"):
    log.warning("calibration file /etc/apiary/scales.csv is not there, factory values apply")

from .weighings import weighings  # noqa: E402
from .stands import stands  # noqa: E402

app = Flask(__name__)
app.register_blueprint(weighings)
app.register_blueprint(stands)
log.info("routes: %d", len(list(app.url_map.iter_rules())))


@app.get("/alive")
def alive():
    return "buzz"
