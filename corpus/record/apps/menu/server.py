import os

import pymysql
from sanic import Sanic, response
from sanic.log import logger

app = Sanic("menu")
E = os.environ


def connect():
    return pymysql.connect(host=E["MENU_DB_HOST"], port=int(E.get("MENU_DB_PORT", "3306")), user=E.get("MENU_DB_USER", "menu"), password=E.get("MENU_DB_PASSWORD", ""),
                           database=E.get("MENU_DB_NAME", "menu"), connect_timeout=5)


@app.before_server_start
async def allergens(app, _):
    path = E.get("MENU_ALLERGENS", "/srv/app/allergens.csv")
    if not os.path.exists(path):
        logger.warning("allergen table %s not found, dishes are shown without icons", path)


@app.before_server_start
async def load(app, _):
    logger.info("reading dishes from %r as %s", E["MENU_DB_HOST"], E.get("MENU_DB_USER", "menu"))
    with connect() as db, db.cursor() as cur:
        cur.execute("SELECT count(*) FROM dish")
        app.ctx.dishes = cur.fetchone()[0]
        cur.execute("REPLACE INTO seen (host, at) VALUES (%s, now())", (E["HOSTNAME"],))
        db.commit()
    logger.info("%d dishes on the card", app.ctx.dishes)


@app.get("/up")
async def up(_):
    return response.text("ok")


if __name__ == "__main__":
    app.run(host="0.0.0.0", port=int(E.get("PORT", "8300")), single_process=True, access_log=False, motd=False)
