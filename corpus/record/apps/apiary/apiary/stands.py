from flask import Blueprint

stands = Blueprint("stands", __name__)


def on_stand(hive):
    return "orchard" if hive % 2 else "ridge"


@stands.get("/stands")
def listing():
    return {"stands": ["orchard", "ridge"]}
