import sys
from sqlalchemy import create_engine, text
from .settings import url
try:
    with create_engine(url(), connect_args={"connect_timeout": 3}).connect() as c:
        c.execute(text("select 1"))
except Exception as e:
    print("ping:", str(e).splitlines()[0], file=sys.stderr)
    sys.exit(1)
