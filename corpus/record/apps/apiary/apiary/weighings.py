from flask import Blueprint
from .stands import on_stand

weighings = Blueprint("weighings", __name__)


def latest(hive):
    return {"hive": hive, "stand": on_stand(hive)}


@weighings.get("/hives/<int:hive>/weighings")
def listing(hive):
    return latest(hive)
