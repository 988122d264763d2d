"""Prints parcel labels."""
import logging
import os
import socket

from flask import Flask, jsonify

from .cache import LabelCache

log = logging.getLogger("waybill")


def _statsd():
    host = os.environ.get("STATSD_HOST")
    if not host:
        return
    try:
        socket.create_connection((host, 8125), timeout=1).close()
    except OSError as e:
        log.warning("statsd at %s:8125 not reachable (%s), metrics are dropped", host, e)


def carrier_key():
    path = os.environ.get("CARRIER_KEY_FILE")
    if not path:
        log.warning("CARRIER_KEY_FILE not set, using the sandbox carrier")
        return "sandbox"
    with open(path) as f:
        return f.read().strip()


def create_app():
    logging.basicConfig(level="INFO", format="[%(asctime)s] %(levelname)s in %(module)s: %(message)s")
    app = Flask("waybill")
    log.info("label service 7.2 booting, pid %d", os.getpid())
    try:
        import barcode_native  # noqa: F401
    except ImportError:
        log.info("barcode_native missing, falling back to the pure python encoder")
    _statsd()
    app.config["CARRIER_KEY"] = carrier_key()
    cache_dir = os.environ.get("LABEL_CACHE")
    if cache_dir:
        app.cache = LabelCache(cache_dir)
        app.cache.warm()

    @app.get("/ping")
    def ping():
        return jsonify(pong=True)

    return app
