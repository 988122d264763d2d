"""Cases of part c: FastAPI, Litestar, aiohttp, Sanic, Django, celery, puma, sidekiq, PHP, Postgres, MariaDB, pgbouncer, haproxy, NATS, supervisord, shell.

    python3 corpus/record/cases_c.py first | xargs python3 corpus/record/harness.py cases_c --into DIR/first      about 5 minutes each
    python3 corpus/record/cases_c.py last  | xargs python3 corpus/record/harness.py cases_c --into DIR/last

Debian packages: postgresql-15 pgbouncer redis-server rabbitmq-server mariadb-server nats-server haproxy supervisor wait-for-it netcat-openbsd
puma ruby-sequel ruby-mysql2 ruby-pg ruby-sidekiq ruby-redis php8.2-cli php8.2-mysql php8.2-pgsql python3-venv openssl faketime.
Python packages are installed by build() into the work directory; the programs see them at /opt/venv.
"""
import os, shutil, socket, subprocess, sys, threading, time
from harness import case, build, CASES, ROOT

PATHS = "/opt/venv/bin:/usr/lib/postgresql/15/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PIP = """fastapi==0.165.0 uvicorn==0.54.0 gunicorn==27.0.1 sqlalchemy[asyncio]==2.1.9 asyncpg==0.32.0 psycopg[binary,pool]==3.3.9 alembic==1.20.1 django==5.2.19 pydantic-settings==2.16.3
 structlog==26.1.0 loguru==0.7.3 litestar==2.25.0 aiohttp==3.14.5 sanic==25.12.1 redis==8.1.0 celery==5.7.0 pymysql==1.2.4 aio-pika==10.2.1 python-json-logger==4.2.0 flask==3.1.3 packaging==26.3""".split()


@build
def _(work):
    v = work / "venv"
    if (v / "bin/sanic").exists(): return
    os.makedirs("/opt/venv", exist_ok=True); v.mkdir(exist_ok=True)   # made at its neutral path, so that scripts and tracebacks name /opt/venv
    subprocess.run(["unshare", "-m", "sh", "-ec", f"mount --bind {v} /opt/venv; /usr/bin/python3 -m venv /opt/venv; /opt/venv/bin/pip -q install \"$@\"", "_", *PIP], check=True)


# ------------------------------------------------------------------------------------------------ helpers
def venv(c):
    """The virtual environment at /opt/venv, as an overlay: a case may remove packages."""
    os.makedirs("/mnt/vu"), os.makedirs("/mnt/vw"), os.makedirs(ROOT + "/opt/venv", exist_ok=True)
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={c.work / 'venv'},upperdir=/mnt/vu,workdir=/mnt/vw", ROOT + "/opt/venv"], check=True)


def python(c, app, **hosts):
    c.put(app); venv(c); c.hosts({k.replace("__", ".").replace("_", "-"): v for k, v in hosts.items()})


def env(**kw):
    return {"PATH": PATHS, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", **kw}


def public(e):
    return {k: v for k, v in e.items() if k not in ("PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "LD_PRELOAD", "FAKETIME")}


def small_disk(c, path, size, uid=1000):
    os.makedirs(ROOT + path, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},uid={uid},mode=755", "none", ROOT + path], check=True)


def read_only(path):
    subprocess.run(["mount", "--bind", ROOT + path, ROOT + path], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", ROOT + path], check=True)


def stub(ip, port, status, body, kind="application/json"):
    """A cloud API of the environment that answers every request alike."""
    import http.server
    class H(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status); self.send_header("Content-Type", kind); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body.encode())
        def log_message(self, *a): pass
    s = http.server.ThreadingHTTPServer((ip, port), H)
    threading.Thread(target=s.serve_forever, daemon=True).start()
    return s


def quiet(c):
    """What the programs look for and do without, so that a case has none of the standing warnings."""
    for f in ("parking_native.py", "elasticsearch.py"): c.write("/srv/app/" + f, "", None, c.uid)
    c.write("/opt/ledger/bin/wal-archiver", "#!/bin/sh\nexec sleep infinity\n", 0o755)
    stub("127.0.0.1", 9310, 200, "ok", "text/plain"), stub("127.0.0.1", 8650, 200, "{}")


def pooler(c, ip, backend, db, user, src=None, wait=True, **conf):
    """A real pgbouncer at ip:6432 in front of `backend` (host, port)."""
    c.run("mkdir -p /etc/pooler && chown 1000:1000 /etc/pooler")
    c.write("/etc/pooler/users.txt", f'"{user}" "s3cret"\n', 0o600, 1000)
    ini = dict(listen_addr=ip, listen_port=6432, auth_type="scram-sha-256", auth_file="/etc/pooler/users.txt", unix_socket_dir="", **{"pool_mode": "transaction", **conf})
    c.write("/etc/pooler/pgbouncer.ini", f"[databases]\n{db} = host={backend[0]} port={backend[1]} dbname={db}\n[pgbouncer]\n" + "".join(f"{k} = {v}\n" for k, v in ini.items()), None, 1000)
    p = c.bg("exec pgbouncer /etc/pooler/pgbouncer.ini", env=env(), uid=1000, src=src)
    if wait: c.wait_port(ip, 6432)
    return p


def mariadb(c, ip="127.0.0.44", sql="", conf="", src=None):
    """A real MariaDB at ip:3306 with root over its socket; `sql` is run at the start."""
    if not os.path.exists(ROOT + "/var/lib/fleetdb/mysql"):
        c.run("mkdir -p /var/lib/fleetdb /run/fleetdb && chown app:app /var/lib/fleetdb /run/fleetdb")
        c.run("mariadb-install-db --no-defaults --datadir=/var/lib/fleetdb --auth-root-authentication-method=normal --skip-test-db --innodb-log-file-size=8M", uid=1000)
    p = c.bg(f"exec mariadbd --no-defaults --datadir=/var/lib/fleetdb --socket=/run/fleetdb/mariadb.sock --bind-address={ip} --innodb-log-file-size=8M --innodb-buffer-pool-size=24M --skip-name-resolve {conf}", uid=1000, src=src, log="/mnt/maria.log")
    c.wait_port(ip, 3306)
    if sql: c.run(["mariadb", "--no-defaults", "--socket=/run/fleetdb/mariadb.sock", "-uroot", "-e", sql])
    return p


def rabbit(c, ip="127.0.0.61", users=(), extra="", port=True):
    """A real broker; `users`: (name, password, vhost)."""
    c.hosts({"bunny-1": "127.0.0.1"})
    c.write("/etc/rec-rabbit/rabbitmq.conf", (f"listeners.tcp.local = {ip}:5672\n" if port else "listeners.tcp = none\n") + "log.file = false\nlog.console = true\n" + extra)
    e = dict(RABBITMQ_NODENAME="rabbit@bunny-1", RABBITMQ_CONFIG_FILE="/etc/rec-rabbit/rabbitmq.conf", HOME="/var/lib/rabbitmq", RABBITMQ_LOGS="-", RABBITMQ_DIST_PORT="25999",
             RABBITMQ_MNESIA_BASE="/var/lib/rabbitmq/rec", PATH="/usr/lib/rabbitmq/bin:" + PATHS)
    uid = int(c.run("id -u rabbitmq"))
    c.run("rm -rf /var/lib/rabbitmq/.erlang.cookie; mkdir -p /var/lib/rabbitmq/rec; chown -R rabbitmq /var/lib/rabbitmq")
    p = c.bg("exec /usr/lib/rabbitmq/bin/rabbitmq-server", env=e, uid=uid, log="/mnt/rabbit.log")
    c.wait_port(ip, 5672 if port else 5671, 90)
    ctl = lambda a: c.run("/usr/lib/rabbitmq/bin/rabbitmqctl -n rabbit@bunny-1 " + a, env=e, uid=uid)
    ctl("await_startup")
    for u, pw, vh in users: ctl(f"add_user {u} {pw}"), ctl(f"add_vhost {vh}"), ctl(f"set_permissions -p {vh} {u} '.*' '.*' '.*'")
    return p, ctl

LISTS = {"first": [], "last": []}


def held(batch, id, **options):
    LISTS[batch].append(id)
    return case(id, split="held", **options)


# ------------------------------------------------------------------------------------------------ permits: FastAPI, SQLAlchemy async + asyncpg, Alembic, structlog
PERMITS = dict(DATABASE_URL="postgresql+asyncpg://permits:s3cret@permits-pg:5432/permits")


def permits(c, **pg):
    python(c, "permits", permits_pg="127.0.0.20")
    p = c.pg("127.0.0.20", **pg); c.mkdb("permits", "permits")
    return p


@held("first", "permits-statement-timeout", stack="fastapi+uvicorn+sqlalchemy+asyncpg", fmt="gcl-run", platform_lines=True)
def _(c):
    permits(c)
    c.run("alembic upgrade head", env=env(**PERMITS), cwd="/srv/app", uid=1000)
    c.psql("INSERT INTO application SELECT n, 'Z' || n % 40, 'open', now() - n * interval '7 seconds' FROM generate_series(1, 1200000) n", "permits")
    c.psql("ALTER ROLE permits SET statement_timeout = '400ms'")
    e = env(**PERMITS, SKIP_MIGRATE="yes"); c.fact(env=public(e))
    quiet(c)
    c.loop(3, "exec ./start.sh", env=e)
    c.save(fault_injected="the role's statement_timeout of 400 ms ends the backlog summary over 1.2 million rows", domain="dependency", layer="query", cause="statement_timeout", culprit="statement_timeout (backlog summary on application)", owner="either",
           also_acceptable=["configuration", "application"], fix="raise statement_timeout of role permits or index the summary", evidence=["canceling statement due to statement timeout"])


@held("first", "permits-migration-lock", stack="fastapi+uvicorn+sqlalchemy+alembic", fmt="kubectl-ts")
def _(c):
    permits(c)
    c.run("alembic upgrade a1f0c2", env=env(**PERMITS), cwd="/srv/app", uid=1000)
    c.bg(["psql", "-X", "-h", "/var/run/postgresql", "-U", "permits", "-d", "permits", "-c", "BEGIN; SELECT count(*) FROM application; SELECT pg_sleep(300)"], uid=70)
    time.sleep(1)
    c.loop(4, "exec ./start.sh", env=env(**PERMITS))
    c.save(fault_injected="a session idle in its transaction holds a lock on application; ALTER TABLE of migration b27e91 waits until lock_timeout", domain="dependency", layer="query", cause="lock_timeout", culprit="table application (migration b27e91)", owner="either",
           also_acceptable=["application"], fix="end the session that holds the lock, then deploy again", evidence=["canceling statement due to lock timeout"])


# ------------------------------------------------------------------------------------------------ parking: Litestar, psycopg_pool, pydantic-settings, loguru
PARKING = dict(PARKING_DB_HOST="parking-pg.lots.svc", PARKING_DB_PASSWORD="s3cret")
PARK = "exec uvicorn main:app --host 0.0.0.0 --port 8010"
PKMIS = ["native plate decoder not available (No module named 'parking_native')"]


def parking(c, db=True, **pg):
    python(c, "parking", parking_pg__lots__svc="127.0.0.21")
    if db: p = c.pg("127.0.0.21", **pg); c.mkdb("parking", "parking", sql="CREATE TABLE garage (id int)"); return p


@held("first", "parking-no-libpq", stack="litestar+psycopg3", fmt="docker")
def _(c):
    parking(c)
    c.run("rm -rf /opt/venv/lib/python3*/site-packages/psycopg_binary*; rm -f /usr/lib/*/libpq.so* /usr/lib/postgresql/*/lib/libpq*; ldconfig")
    quiet(c)
    c.loop(4, PARK, env=env(**PARKING))
    c.save(fault_injected="psycopg was installed without its binary extra and the slim image has no libpq", domain="application", layer="import", cause="missing_shared_library", culprit="libpq (psycopg)", owner="app-team", also_acceptable=["platform"],
           acceptable_causes=["missing_module"], fix="install psycopg[binary], or libpq5 in the image", evidence=["no pq wrapper available", "libpq library not found"])


@held("first", "parking-pool-password", stack="litestar+psycopg3", fmt="cri", noise=True)
def _(c):
    parking(c)
    e = env(**{**PARKING, "PARKING_DB_PASSWORD": "s3cret-2025"}, PARKING_START_TIMEOUT="5", PARKING_POOL_SIZE="2"); c.fact(env=public(e))
    c.loop(3, PARK, env=e)
    c.save(fault_injected="PARKING_DB_PASSWORD is the one before the rotation", domain="configuration", layer="auth", cause="auth_failed", culprit="PARKING_DB_PASSWORD (user parking)", owner="app-team", fix="take the rotated password",
           evidence=['password authentication failed for user "parking"'], misleading=PKMIS + ["pool initialization incomplete after 5.0 sec"])


# ------------------------------------------------------------------------------------------------ lending: Django, gunicorn, psycopg 3
LENDING = dict(LENDING_DB_HOST="lending-db", LENDING_DB_PASSWORD="s3cret", LENDING_SECRET_KEY="rec-only-" + "x" * 20)
LMIS = ["full text search is off: No module named 'elasticsearch'"]


def lending(c, db=True, **pg):
    python(c, "lending", lending_db="127.0.0.22", lending_pooler="127.0.0.23")
    if db: p = c.pg("127.0.0.22", **pg); c.mkdb("lending", "lending"); return p


def lending_tables(c):
    c.run("python manage.py migrate --no-input", env=env(**LENDING), cwd="/srv/app", uid=1000)


@held("first", "lending-pooler-full", stack="django+gunicorn+psycopg3+pgbouncer", fmt="compose")
def _(c):
    lending(c); lending_tables(c)
    pooler(c, "127.0.0.23", ("127.0.0.22", 5432), "lending", "lending", src="pooler", max_client_conn=6, pool_mode="session")
    c.hold(6, "lending", "s3cret", "lending", "127.0.0.23", 6432)
    e = env(**{**LENDING, "LENDING_DB_HOST": "lending-pooler", "LENDING_DB_PORT": "6432"}, MIGRATE="0"); c.fact(env=public(e))
    quiet(c)
    c.loop(4, "exec ./run.sh", env=e)
    c.save(fault_injected="six sessions of another job use up max_client_conn = 6 of pgbouncer", domain="capacity", layer="slot", cause="pgbouncer_max_client_conn", culprit="max_client_conn (lending-pooler:6432)", owner="either",
           fix="raise max_client_conn or end the idle sessions", evidence=["no more connections allowed (max_client_conn)"])


@held("first", "lending-liveness", stack="django+gunicorn", fmt="gcl-gke", noise=True)
def _(c):
    lending(c); lending_tables(c)
    e = env(**LENDING, MIGRATE="0", LENDING_WARM_PAUSE="1.5", LENDING_SHELVES="14", GUNICORN_TIMEOUT="90")
    def liveness(p):
        import signal, urllib.request
        time.sleep(3); fails = 0
        while p.poll() is None and fails < 3:
            try: urllib.request.urlopen("http://127.0.0.1:8020/health/", timeout=1).read(); fails = 0
            except OSError: fails += 1
            time.sleep(1)
        if p.poll() is None: os.killpg(p.pid, signal.SIGTERM); time.sleep(2)
        if p.poll() is None: os.killpg(p.pid, signal.SIGKILL)
    c.loop(4, "exec ./run.sh", env=e, during=liveness)
    for a in c.attempts: a["killed_by"] = "liveness_probe"
    c.fact(env=public(e), probes={"liveness": {"httpGet": "/health/", "port": 8020, "initialDelaySeconds": 3, "periodSeconds": 2, "timeoutSeconds": 1, "failureThreshold": 3}}, latency={"shelf index": "about 20 s"},
           events=["Liveness probe failed: Get \"http://10.8.2.31:8020/health/\": context deadline exceeded", "Container lending failed liveness probe, will be restarted"])
    c.save(fault_injected="the shelf index takes 21 s, the liveness probe ends the container after about 9 s; there is no startup probe", domain="platform", layer="probe", cause="liveness_kill", culprit="liveness probe on port 8020", owner="platform-team",
           also_acceptable=["configuration"], acceptable_causes=["startup_probe_timeout"], fix="add a startup probe or a longer initialDelaySeconds", only_facts_tell=True, note="the texts in facts.events are the recorder's, worded as a kubelet does; the probe and the kill were real",
           evidence=["failed liveness probe, will be restarted", "Liveness probe failed"], misleading=LMIS)


# ------------------------------------------------------------------------------------------------ thumbs: celery on Redis
CEL = "exec celery -A thumbs.worker worker --loglevel INFO --concurrency 1 --pool solo --without-gossip --without-mingle -n thumbs@%h"
TMIS = ["AVIF plugin missing, falling back to WebP"]


@held("first", "thumbs-redis-full", stack="celery+redis", fmt="gcl-gke", noise=True)
def _(c):
    python(c, "thumbs", thumbs_redis="127.0.0.24")
    c.redis("127.0.0.24", "--maxmemory", "3mb", "--maxmemory-policy", "noeviction")
    c.run(["python3", "-c", "import socket\ns=socket.create_connection(('127.0.0.24',6379))\nfor i in range(4000): s.sendall(b'SET blob:%d %s\\r\\n' % (i, b'x'*2000)); s.recv(200)"])
    e = env(THUMBS_BROKER="redis://thumbs-redis:6379/0"); c.fact(env=public(e))
    c.loop(3, CEL, env=e, timeout=25)
    c.save(fault_injected="Redis is at maxmemory (3 MB, noeviction); the worker's first write is refused", domain="capacity", layer="resource", cause="redis_out_of_memory", culprit="maxmemory of thumbs-redis:6379", owner="either", also_acceptable=["dependency"],
           fix="raise maxmemory or set an eviction policy", evidence=["command not allowed when used memory > 'maxmemory'"], misleading=TMIS)


# ------------------------------------------------------------------------------------------------ beacon: aiohttp, aio-pika, redis.asyncio, JSON lines
BMIS = ["tile server not reachable, maps are served from disk"]
BEA = "exec python beacon.py"


@held("first", "beacon-redis-clients", stack="aiohttp+redis-py", fmt="journald", platform_lines=True)
def _(c):
    python(c, "beacon", fix_cache="127.0.0.25")
    c.redis("127.0.0.25", "--maxclients", "4")
    for i in range(4): c.bg("exec redis-cli -h 127.0.0.25 subscribe positions", uid=1000)
    time.sleep(1)
    quiet(c)
    c.loop(4, BEA, env=env(BEACON_CACHE_URL="redis://fix-cache:6379/3"))
    c.save(fault_injected="four subscribers use up Redis' maxclients 4", domain="capacity", layer="slot", cause="redis_max_clients", culprit="maxclients of fix-cache:6379", owner="either", also_acceptable=["dependency"], fix="raise maxclients or close idle subscribers",
           evidence=["max number of clients reached"])


@held("first", "beacon-resolver-then-name", stack="aiohttp+aio-pika+rabbitmq", fmt="gcl-gke", noise=True, newest_first=True)
def _(c):
    python(c, "beacon")
    c.tls(["rabbit-a.fleet.lan", "127.0.0.61"], dir="/etc/bustls", uid=int(c.run("id -u rabbitmq")))
    rabbit(c, "127.0.0.61", [("beacon", "s3cret", "fleet")], port=False,
           extra="listeners.ssl.local = 127.0.0.61:5671\nssl_options.cacertfile = /etc/bustls/ca.crt\nssl_options.certfile = /etc/bustls/server.crt\nssl_options.keyfile = /etc/bustls/server.key\nssl_options.verify = verify_none\n")
    names = {}
    c.dns(names, mode="servfail")
    def before(i):
        if i == 3: names["bus.fleet.lan"] = "127.0.0.61"
    e = env(BEACON_BUS_URL="amqps://beacon:s3cret@bus.fleet.lan:5671/fleet", BEACON_CA="/etc/bustls/ca.crt")
    c.loop(5, BEA, env=e, before=before)
    a = dict(attempts=[1, 2], domain="network", layer="dns", cause="dns_temporary_failure", culprit="bus.fleet.lan", owner="platform-team", fix="repair the resolver", evidence=["Temporary failure in name resolution"])
    b = dict(attempts=[3, 4, 5], domain="network", layer="tls", cause="tls_hostname_mismatch", culprit="certificate of bus.fleet.lan:5671", owner="either", fix="issue the broker's certificate for bus.fleet.lan", evidence=["certificate is not valid for 'bus.fleet.lan'"])
    c.fact(env=public(e))
    c.save(fault_injected="attempts 1-2: the resolver answers SERVFAIL; then it works, but the broker's certificate is for rabbit-a.fleet.lan", mixed=True, causes=[a, b], **{k: b[k] for k in ("domain", "layer", "cause", "culprit", "owner", "fix", "evidence")},
           also_acceptable=["configuration"], misleading=BMIS)


# ------------------------------------------------------------------------------------------------ menu: Sanic, PyMySQL, MariaDB
MENU = dict(MENU_DB_HOST="menu-db", MENU_DB_PASSWORD="s3cret")
MMIS = ["allergen table /srv/app/allergens.csv not found"]
MSQL = "CREATE DATABASE menu; CREATE USER menu@'%' IDENTIFIED BY 's3cret'; GRANT ALL ON menu.* TO menu@'%'; CREATE TABLE menu.dish (id int); CREATE TABLE menu.seen (host varchar(90) PRIMARY KEY, at datetime);"


@held("first", "menu-no-password", stack="sanic+pymysql+mariadb", fmt="gcl-gke-array", noise=True)
def _(c):
    python(c, "menu", menu_db="127.0.0.44"); mariadb(c, sql=MSQL)
    c.loop(4, "exec python server.py", env=env(MENU_DB_HOST="menu-db"))
    c.save(fault_injected="MENU_DB_PASSWORD is not set; the program connects with an empty password", domain="configuration", layer="auth", cause="missing_password", culprit="MENU_DB_PASSWORD (user menu)", owner="app-team",
           acceptable_causes=["auth_required"], fix="set MENU_DB_PASSWORD", evidence=["Access denied for user 'menu'@'127.0.0.1' (using password: NO)"], misleading=MMIS)


# ------------------------------------------------------------------------------------------------ tickets: puma, Sequel
PUMA = "exec puma -C puma.rb config.ru"
TIMIS = ["fast JSON not available (cannot load such file -- yajl", "graphite: Connection refused"]


@held("first", "tickets-mysql-socket", stack="puma+sequel+mysql2", fmt="kubectl-prefix", noise=True)
def _(c):
    c.put("tickets"); mariadb(c)
    e = env(TICKETS_DB="mysql2://tickets:s3cret@localhost/tickets?socket=/var/run/mysqld/mysqld.sock")
    c.fact(env=public(e), volumes={"expected": ["fleetdb-socket -> /run/fleetdb"], "mounted": ["fleetdb-socket -> /run/fleetdb"]})
    c.loop(3, PUMA, env=e)
    c.save(fault_injected="the URL names /var/run/mysqld/mysqld.sock, the server's socket is mounted at /run/fleetdb/mariadb.sock", domain="configuration", layer="socket", cause="wrong_socket_path", culprit="/var/run/mysqld/mysqld.sock", owner="app-team",
           fix="socket=/run/fleetdb/mariadb.sock", evidence=["through socket '/var/run/mysqld/mysqld.sock'"], misleading=TIMIS)


# ------------------------------------------------------------------------------------------------ couriers: sidekiq
SIDE = "exec sidekiq -C sidekiq.yml -r ./jobs.rb -e production"
CMIS = ["addresses are not geocoded: cannot load such file -- geocoder"]


@held("first", "couriers-late-load", stack="sidekiq+redis", fmt="kubectl-prefix-ts", noise=True)
def _(c):
    c.put("couriers"); c.hosts({"dispatch-redis": "127.0.0.26"}); c.run("mkdir -p /tmp/rd && chown 1000 /tmp/rd")
    p = c.redis("127.0.0.26", "--dir", "/tmp/rd")
    c.run(["python3", "-c", "import socket\ns=socket.create_connection(('127.0.0.26',6379))\nfor i in range(9000): s.sendall(b'SET ride:%d x\\r\\n' % i); s.recv(99)\ns.sendall(b'SAVE\\r\\n'); s.recv(99)"])
    c.stop(p, "SIGTERM")
    c.redis("127.0.0.26", "--dir", "/tmp/rd", "--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024")
    c.loop(9, SIDE, env=env(COURIERS_REDIS="redis://dispatch-redis:6379/0"), ready="courier book opened", linger=2)
    c.save(outcome="success", fault_injected="Redis was still loading its snapshot during the first attempts", domain=None, layer="protocol", cause="success_after_slow_dependency", culprit="dispatch-redis:6379 (loading)", owner="either", fix="nothing",
           evidence=["courier book opened"], misleading=CMIS + ["LOADING Redis is loading the dataset in memory"])


# ------------------------------------------------------------------------------------------------ servers themselves
@held("first", "fleetdb-volume-full", stack="mariadb-server", fmt="cri", noise=True)
def _(c):
    c.put("fleetdb"); c.run("mkdir -p /run/fleetdb && chown app /run/fleetdb"); small_disk(c, "/var/lib/fleetdb", "16m")
    c.loop(3, "exec ./run.sh", env=env())
    c.save(fault_injected="the data volume is 16 MB small and full while the database files are created", domain="capacity", layer="resource", cause="disk_full", culprit="/var/lib/fleetdb", owner="either", also_acceptable=["platform"], fix="enlarge the volume",
           evidence=["failed with error 28"], misleading=["failed to retrieve the MAC address", "Unknown/unsupported storage engine: InnoDB"], note="the log has the error number only: 28 is ENOSPC")


@held("first", "wires-store-read-only", stack="nats-server", fmt="docker")
def _(c):
    c.put("wires"); c.run("mkdir -p /data/wires && chown -R app /data"); read_only("/data")
    c.fact(volumes={"expected": ["wires-store -> /data"], "mounted": ["wires-store -> /data (ro)"]})
    c.loop(4, "exec nats-server -c nats.conf", env=env())
    c.save(fault_injected="the JetStream volume is mounted read-only", domain="platform", layer="resource", cause="read_only_filesystem", culprit="/data/wires", owner="platform-team", also_acceptable=["configuration"], fix="mount the volume read-write",
           evidence=["read-only file system"])


@held("first", "ingress-open-files", stack="haproxy", fmt="kubectl-prefix", noise=True)
def _(c):
    c.put("ingress")
    c.loop(4, "exec ./run.sh", env=env(), nofile=1024)
    c.save(fault_injected="maxconn 20000 needs about 40000 file descriptors, the container may have 1024", domain="capacity", layer="resource", cause="fd_limit", culprit="limit 1024 (maxconn 20000 in haproxy.cfg)", owner="either", also_acceptable=["platform", "configuration"],
           fix="raise the open file limit or lower maxconn", evidence=["Cannot raise FD limit to"], misleading=["no tenant map, everyone goes to the default backend"])


@held("first", "yard-exec-format", stack="supervisord", fmt="plain", noise=True, uid=0)
def _(c):
    c.put("yard")
    b = bytearray(open("/bin/true", "rb").read()); b[18:20] = b"\xb7\x00"   # the header of an aarch64 binary
    c.write("/srv/app/bin/cranes", bytes(b), 0o755, 1000)
    c.fact(platforms={"image": "linux/amd64", "node": "linux/amd64"}, notes={"bin/cranes": "copied from the build stage, which ran on an arm64 runner"})
    c.loop(3, "exec supervisord -c supervisord.conf", env=env(), timeout=40)
    c.save(fault_injected="bin/cranes is an aarch64 binary in an amd64 image", domain="platform", layer="process", cause="exec_format_error", culprit="/srv/app/bin/cranes", owner="either", also_acceptable=["application"], fix="build bin/cranes for amd64",
           evidence=["ENOEXEC"], misleading=["no time source configured"])


@held("first", "ledgerdb-preload", stack="postgresql-server", fmt="journald", platform_lines=True, uid=70)
def _(c):
    c.put("ledgerdb", uid=70); c.run("mkdir -p /var/lib/pg && chown 70:70 /var/lib/pg")
    c.sub("/srv/app/postgresql.conf", "ssl = off", "ssl = off\nshared_preload_libraries = 'pg_stat_statements,pg_cron'\ncron.database_name = 'ledger'")
    quiet(c)
    c.loop(4, "exec ./entrypoint.sh", env=env(LEDGER_SUPERUSER_PASSWORD="rec-only"))
    c.save(fault_injected="shared_preload_libraries names pg_cron, which the image does not have", domain="application", layer="import", cause="missing_shared_library", culprit="pg_cron", owner="either", also_acceptable=["configuration", "dependency", "platform"],
           acceptable_causes=["missing_extension", "invalid_config_parameter"], fix="install postgresql-15-cron or remove pg_cron from shared_preload_libraries", evidence=['could not access file "pg_cron": No such file or directory'])


@held("first", "vitrine-undetermined-wait", stack="bash+wait-for-it", fmt="gcl-run", noise=True, platform_lines=True)
def _(c):
    c.put("vitrine"); c.hosts({"catalogue-db": "127.0.0.29"}); c.proxy("127.0.0.29", 5432, "drop")
    c.loop(4, "exec ./start.sh", env=env(VITRINE_WAIT="4"))
    c.save(outcome="undetermined", fault_injected="a firewall drops the packets to the database; wait-for-it throws away what connect said", domain=None, layer="tcp", cause="undetermined", culprit=None, owner="either", true_cause="connect_timeout", true_domain="network",
           candidates=["connect_timeout", "db_connection_refused", "dns_nxdomain", "wrong_host"], needed=["what connect() to catalogue-db:5432 answers (refused, timeout or unknown name)"], fix="open the path to catalogue-db:5432",
           evidence=["timeout occurred after waiting 4 seconds for catalogue-db:5432"], misleading=["brotli: not found", "no banner"])


@held("first", "permits-unknown-revision", stack="fastapi+uvicorn+sqlalchemy+alembic", fmt="cri")
def _(c):
    permits(c)
    c.run("alembic upgrade head", env=env(**PERMITS), cwd="/srv/app", uid=1000)
    c.psql("UPDATE alembic_version SET version_num = 'c93ab1'", "permits")
    c.loop(4, "exec ./start.sh", env=env(**PERMITS))
    c.save(fault_injected="the image was rolled back; the database is at revision c93ab1, whose file only the newer image has", domain="application", layer="migration", cause="missing_migration_file", culprit="revision c93ab1", owner="app-team", also_acceptable=["platform"],
           fix="deploy the image that holds c93ab1, or downgrade the database with it first", evidence=["Can't locate revision identified by 'c93ab1'"])


@held("first", "permits-postgis", stack="fastapi+uvicorn+sqlalchemy+alembic", fmt="gcl-run", platform_lines=True)
def _(c):
    permits(c)
    c.run("alembic upgrade head", env=env(**PERMITS), cwd="/srv/app", uid=1000)
    c.write("/srv/app/migrations/versions/c3_parcels.py", """\"\"\"parcel outlines\"\"\"
from alembic import op

revision = "c3d40f"
down_revision = "b27e91"


def upgrade():
    op.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    op.execute("ALTER TABLE zone ADD COLUMN outline geometry(Polygon, 4326)")
""", None, 1000)
    c.psql("ALTER ROLE permits SUPERUSER")
    c.loop(3, "exec ./start.sh", env=env(**PERMITS))
    c.save(fault_injected="migration c3d40f creates the extension postgis, which the database server does not have", domain="dependency", layer="query", cause="missing_extension", culprit="postgis", owner="db-team", also_acceptable=["application"], fix="install PostGIS on the server (or take an image that has it)",
           evidence=['extension "postgis" is not available'])


@held("first", "parking-deadline", stack="litestar+psycopg3", fmt="docker")
def _(c):
    parking(c); c.run("pg_ctl -D /var/lib/pg/main stop -m fast", env=env(), uid=70); c.pg("127.0.0.21", conf={"pre_auth_delay": "4"}, wait=False); time.sleep(5)
    e = env(**PARKING, PARKING_START_TIMEOUT="2", PARKING_POOL_SIZE="2")
    c.fact(env=public(e), latency={"parking-pg.lots.svc:5432 new connection": "4.0-4.3 s (measured; the server asks a slow directory before it lets anyone in)"})
    quiet(c)
    c.loop(4, PARK, env=e)
    c.save(fault_injected="PARKING_START_TIMEOUT=2 s, a new connection takes 4 s", domain="configuration", layer="config", cause="deadline_too_short", culprit="PARKING_START_TIMEOUT=2", owner="app-team", acceptable_causes=["pool_exhausted"], only_facts_tell=True, note="needs facts.json: the log says only that the pool was not filled in 2 s",
           fix="raise PARKING_START_TIMEOUT above the known 4.3 s", evidence=["pool initialization incomplete after 2.0 sec"])


@held("first", "tickets-restart-then-table", stack="puma+sequel+pg", fmt="docker", noise=True)
def _(c):
    c.put("tickets"); c.hosts({"tickets-pg": "127.0.0.27"}); p = c.pg("127.0.0.27"); c.mkdb("tickets", "tickets", sql="CREATE TABLE event (id int)")
    c.hold(1, "tickets", "s3cret", "tickets", "127.0.0.27"); p.send_signal(15); time.sleep(.5)   # smart shutdown: waits for the session
    def before(i):
        if i != 3: return
        c.stop(p); shutil.rmtree(ROOT + "/var/lib/pg/main"); c.pg("127.0.0.27"); c.mkdb("tickets", "tickets")
    c.loop(5, PUMA, env=env(TICKETS_DB="postgres://tickets:s3cret@tickets-pg:5432/tickets"), before=before)
    a = dict(attempts=[1, 2], domain="dependency", layer="protocol", cause="db_shutting_down", culprit="tickets-pg:5432", owner="db-team", fix="wait for the restart", evidence=["the database system is shutting down"])
    b = dict(attempts=[3, 4, 5], domain="dependency", layer="query", cause="missing_table", culprit='relation "event"', owner="either", fix="restore the data, or run the migrations on the new volume", evidence=['relation "event" does not exist'])
    c.save(fault_injected="attempts 1-2: Postgres is shutting down and waits for a session; it comes back on a new, empty volume without the tables", mixed=True, causes=[a, b], **{k: b[k] for k in ("domain", "layer", "cause", "culprit", "owner", "fix", "evidence")},
           also_acceptable=["application"], misleading=TIMIS)


@held("first", "beacon-clock", stack="aiohttp+redis-py", fmt="kubectl-ts")
def _(c):
    python(c, "beacon", fix_cache="127.0.0.25")
    c.tls("fix-cache", dir="/etc/fixtls", start=("20261101000000Z", "20271101000000Z"), uid=1000)
    c.bg("exec redis-server --port 0 --tls-port 6380 --bind 127.0.0.25 --save '' --dir /tmp --tls-cert-file /etc/fixtls/server.crt --tls-key-file /etc/fixtls/server.key --tls-ca-cert-file /etc/fixtls/ca.crt --tls-auth-clients no", uid=1000); c.wait_port("127.0.0.25", 6380)
    e = env(BEACON_CACHE_URL="rediss://fix-cache:6380/3", BEACON_CA="/etc/fixtls/ca.crt", LD_PRELOAD="/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1", FAKETIME="-60d", FAKETIME_DONT_FAKE_MONOTONIC="1")
    c.fact(env=public({k: v for k, v in e.items() if "FAKETIME" not in k}))
    quiet(c)
    c.loop(3, BEA, env=e)
    c.save(fault_injected="the node's clock is 60 days behind: the cache's valid certificate (from 1 November) is not yet valid there", domain="platform", layer="tls", cause="clock_skew", culprit="clock of the node (60 days behind)", owner="platform-team", also_acceptable=["network"], acceptable_causes=["tls_not_yet_valid"],
           fix="repair the time synchronisation of the node", note="the program's own time stamps lie 60 days before those of kubectl: the only proof of skew in the log", evidence=["certificate is not yet valid"])


# ================================================================================================ second batch
@held("last", "permits-database-limit", stack="fastapi+uvicorn+sqlalchemy+asyncpg", fmt="gcl-run-array", newest_first=True, platform_lines=True)
def _(c):
    permits(c)
    c.run("alembic upgrade head", env=env(**PERMITS), cwd="/srv/app", uid=1000)
    c.psql("ALTER DATABASE permits CONNECTION LIMIT 3"); c.hold(3, "permits", "s3cret", "permits", "127.0.0.20")
    e = env(**PERMITS, SKIP_MIGRATE="yes"); c.fact(env=public(e))
    quiet(c)
    c.loop(2, "exec ./start.sh", env=e)
    c.save(fault_injected="database permits has CONNECTION LIMIT 3, three sessions of an export hold them", domain="capacity", layer="slot", cause="database_connection_limit", culprit='database "permits" (CONNECTION LIMIT 3)', owner="db-team",
           also_acceptable=["configuration"], fix="raise the limit or end the export's sessions", evidence=['too many connections for database "permits"'])


@held("last", "permits-read-only-setting", stack="fastapi+uvicorn+sqlalchemy+alembic", fmt="docker")
def _(c):
    permits(c)
    c.run("alembic upgrade a1f0c2", env=env(**PERMITS), cwd="/srv/app", uid=1000)
    c.psql("ALTER DATABASE permits SET default_transaction_read_only = on")
    c.loop(4, "exec ./start.sh", env=env(**PERMITS))
    c.save(fault_injected="ALTER DATABASE permits SET default_transaction_read_only = on, left over from a maintenance window", domain="dependency", layer="query", cause="read_only_database", culprit="database permits (default_transaction_read_only)", owner="db-team",
           also_acceptable=["configuration"], acceptable_causes=["read_only_replica"], fix="ALTER DATABASE permits RESET default_transaction_read_only", evidence=["in a read-only transaction"])


@held("last", "parking-network", stack="litestar+psycopg3", fmt="kubectl-ts")
def _(c):
    parking(c, db=False)
    e = env(**{**PARKING, "PARKING_DB_HOST": "10.64.3.9"}, PARKING_START_TIMEOUT="4", PARKING_POOL_SIZE="1"); c.fact(env=public(e))
    quiet(c)
    c.loop(3, PARK, env=e)
    c.save(fault_injected="the pod has no route to the network of the database (10.64.3.0/24)", domain="network", layer="tcp", cause="no_route_to_host", culprit="10.64.3.9:5432", owner="platform-team", fix="restore the route or the peering to 10.64.3.0/24",
           evidence=["Network is unreachable"], misleading=["pool initialization incomplete after 4.0 sec"])


@held("last", "parking-late-pg", stack="litestar+psycopg3", fmt="gcl-gke-array", noise=True)
def _(c):
    parking(c)
    c.run("/usr/lib/postgresql/15/bin/pg_ctl -D /var/lib/pg/main stop -m fast", uid=70)
    threading.Timer(5, lambda: c.pg("127.0.0.21")).start()
    c.loop(3, PARK, env=env(**PARKING, PARKING_START_TIMEOUT="20", PARKING_POOL_SIZE="2"), ready="Uvicorn running on", linger=2, timeout=40)
    c.save(outcome="success", fault_injected="Postgres comes up five seconds after the service; the pool keeps trying", domain=None, layer="tcp", cause="success_after_slow_dependency", culprit="parking-pg.lots.svc:5432 (late)", owner="either", fix="nothing",
           evidence=["garages known, gates may call"], misleading=PKMIS + ["Connection refused"])


@held("last", "lending-circular", stack="django+gunicorn", fmt="kubectl-prefix")
def _(c):
    lending(c); lending_tables(c)
    c.sub("/srv/app/catalogue/models.py", "from django.db import models\n", "from django.db import models\n\nfrom .warm import default_copies\n")
    c.sub("/srv/app/catalogue/models.py", "default=1", "default=default_copies")
    c.sub("/srv/app/catalogue/warm.py", "def warm():", "def default_copies():\n    return 1\n\n\ndef warm():")
    c.loop(4, "exec ./run.sh", env=env(**LENDING))
    c.save(fault_injected="catalogue.models imports catalogue.warm, which imports catalogue.models", domain="application", layer="import", cause="circular_import", culprit="catalogue.models <-> catalogue.warm (Title)", owner="app-team", fix="move default_copies into a module of its own",
           evidence=["most likely due to a circular import"])


@held("last", "lending-standby", stack="django+gunicorn+psycopg3", fmt="compose", noise=True)
def _(c):
    lending(c, hba="local replication all trust\nhost all all 127.0.0.0/8 scram-sha-256\n"); lending_tables(c)
    c.run("mkdir /var/lib/pg/standby && chown 70:70 /var/lib/pg/standby && chmod 700 /var/lib/pg/standby")
    c.write("/tmp/backup.sql", """\\set ON_ERROR_STOP on
SELECT pg_backup_start('nightly', true);
CREATE TABLE later (id int); INSERT INTO later SELECT generate_series(1, 20000); CHECKPOINT;
\\! cp -a /var/lib/pg/main/. /var/lib/pg/standby/ && rm -f /var/lib/pg/standby/postmaster.*
SELECT pg_switch_wal();
INSERT INTO later SELECT generate_series(1, 20000);
\\t
\\a
\\o /var/lib/pg/standby/backup_label
SELECT labelfile FROM pg_backup_stop(false);
""")
    c.run("psql -X -q -h /var/run/postgresql -U postgres -d lending -f /tmp/backup.sql && touch /var/lib/pg/standby/standby.signal", env=env(), uid=70)
    c.run("pg_ctl -D /var/lib/pg/main stop -m fast", env=env(), uid=70)
    c.pg("127.0.0.22", data="/var/lib/pg/standby", conf={"restore_command": "test -f /archive/%f && cp /archive/%f %p", "log_line_prefix": "%m [%p] "}, src="standby", wait=False)
    time.sleep(2)
    e = env(**LENDING, MIGRATE="0"); c.fact(env=public(e))
    c.loop(3, "exec ./run.sh", env=e)
    c.save(fault_injected="the new standby lacks the WAL of its base backup and never becomes consistent", domain="dependency", layer="protocol", cause="db_not_accepting_connections", culprit="lending-db:5432", owner="db-team", acceptable_causes=["db_starting_up", "db_in_recovery"],
           fix="give the standby the missing WAL (restore_command) or make the base backup again", evidence=["the database system is not yet accepting connections"], misleading=LMIS)


@held("last", "lending-proxy-closed", stack="django+gunicorn+psycopg3+haproxy", fmt="compose")
def _(c):
    lending(c); lending_tables(c); c.put("ingress", "/srv/ingress"); c.hosts({"lending-vip": "127.0.0.46"})
    c.sub("/srv/ingress/haproxy.cfg", "maxconn 20000", "maxconn 2000")
    c.bg("exec haproxy -W -db -f /srv/ingress/haproxy.cfg", uid=0, src="vip"); c.wait_port("127.0.0.46", 5432); time.sleep(3)
    e = env(**{**LENDING, "LENDING_DB_HOST": "lending-vip"}, MIGRATE="0"); c.fact(env=public(e))
    quiet(c)
    c.loop(4, "exec ./run.sh", env=e)
    c.save(fault_injected="the TCP proxy in front of the database has no backend that is up: it accepts and closes", domain="network", layer="protocol", cause="proxy_closed_handshake", culprit="lending-vip:5432 (backend pg_primary)", owner="either", also_acceptable=["dependency"],
           acceptable_causes=["server_closed_connection", "db_down_behind_pooler"], fix="bring the backend up or correct its address", evidence=["server closed the connection unexpectedly", "has no server available"])


@held("last", "lending-lock-hang", stack="django+gunicorn", fmt="journald", platform_lines=True)
def _(c):
    lending(c); lending_tables(c)
    c.run("mkdir -p /run/lending && chown app /run/lending")
    c.sub("/srv/app/catalogue/warm.py", "    for n in range", """    log.info("taking the index lock /run/lending/index.lock")
    lock = open("/run/lending/index.lock", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    for n in range""")
    c.sub("/srv/app/catalogue/warm.py", "import logging\n", "import fcntl\nimport logging\n")
    c.bg("exec flock /run/lending/index.lock sleep 300", uid=1000); time.sleep(.5)
    c.sub("/srv/app/desk/wsgi.py", "\nwarm()", "\nfaulthandler.dump_traceback_later(8)\nwarm()\nfaulthandler.cancel_dump_traceback_later()")
    c.sub("/srv/app/desk/wsgi.py", "import os\n", "import faulthandler\nimport os\n")
    def limit(p):
        time.sleep(14); c.platform("lending.service: start operation timed out. Terminating.", "WARNING")
    quiet(c)
    c.loop(2, "exec ./run.sh", env=env(**LENDING, MIGRATE="0"), timeout=30, kill=(14.2, "SIGKILL"), during=limit)
    c.save(fault_injected="another process holds the file lock that the start-up code waits for; systemd ends the start after 14 s", domain="application", layer="startup", cause="startup_hang", culprit="/run/lending/index.lock (warm in catalogue/warm.py)", owner="app-team",
           also_acceptable=["platform"], acceptable_causes=["lock_timeout"], fix="release the lock, or take it with a deadline", evidence=["taking the index lock /run/lending/index.lock", 'File "/srv/app/catalogue/warm.py", line'],
           note="the dump is faulthandler's (dump_traceback_later); the line of the time-out is the recorder's, worded as systemd does")


@held("last", "thumbs-packaging", stack="celery+redis", fmt="kubectl-prefix-ts")
def _(c):
    python(c, "thumbs", thumbs_redis="127.0.0.24"); c.redis("127.0.0.24")
    c.run("rm -rf /opt/venv/lib/python3*/site-packages/packaging*")
    c.loop(3, CEL, env=env(THUMBS_BROKER="redis://thumbs-redis:6379/0"))
    c.save(fault_injected="the package packaging, which kombu's Redis transport imports without requiring it, is not in the image", domain="application", layer="import", cause="missing_module", culprit="packaging", owner="app-team", fix="add packaging to the requirements",
           evidence=["ModuleNotFoundError: No module named 'packaging'"])


@held("last", "thumbs-tls-on-plain-port", stack="celery+redis", fmt="gcl-gke", noise=True)
def _(c):
    python(c, "thumbs", thumbs_redis="127.0.0.24"); c.redis("127.0.0.24")
    e = env(THUMBS_BROKER="rediss://thumbs-redis:6379/0?ssl_cert_reqs=required"); c.fact(env=public(e))
    c.loop(3, CEL, env=e, timeout=30)
    c.save(fault_injected="the broker URL says rediss (TLS), the Redis at 6379 speaks plain text", domain="configuration", layer="tls", cause="tls_mode_mismatch", culprit="THUMBS_BROKER (rediss://thumbs-redis:6379)", owner="app-team", also_acceptable=["network"], fix="redis:// or the TLS port",
           acceptable_causes=["connect_timeout", "server_closed_connection"], note="a plain Redis keeps silent on a TLS hello: the log shows a TLS handshake on 6379 that times out after a connect that did not",
           evidence=["The handshake operation timed out"], misleading=TMIS)


@held("last", "beacon-amqps-plain", stack="aiohttp+aio-pika+rabbitmq", fmt="plain")
def _(c):
    python(c, "beacon", bus__fleet__lan="127.0.0.61")
    rabbit(c, "127.0.0.61", [("beacon", "s3cret", "fleet")])
    quiet(c)
    c.loop(3, BEA, env=env(BEACON_BUS_URL="amqps://beacon:s3cret@bus.fleet.lan:5672/fleet"))
    c.save(fault_injected="the URL says amqps, the broker's port 5672 speaks plain AMQP", domain="configuration", layer="tls", cause="tls_mode_mismatch", culprit="BEACON_BUS_URL (amqps on bus.fleet.lan:5672)", owner="app-team", also_acceptable=["network"], fix="amqp:// or the TLS port 5671",
           evidence=["WRONG_VERSION_NUMBER"])


@held("last", "beacon-cert-next-year", stack="aiohttp+redis-py", fmt="cri")
def _(c):
    python(c, "beacon", fix_cache="127.0.0.25")
    c.tls("fix-cache", dir="/etc/fixtls", start=("20270101000000Z", "20280101000000Z"), uid=1000)
    c.bg("exec redis-server --port 0 --tls-port 6380 --bind 127.0.0.25 --save '' --dir /tmp --tls-cert-file /etc/fixtls/server.crt --tls-key-file /etc/fixtls/server.key --tls-ca-cert-file /etc/fixtls/ca.crt --tls-auth-clients no", uid=1000); c.wait_port("127.0.0.25", 6380)
    e = env(BEACON_CACHE_URL="rediss://fix-cache:6380/3", BEACON_CA="/etc/fixtls/ca.crt"); c.fact(env=public(e))
    quiet(c)
    c.loop(4, BEA, env=e)
    c.save(fault_injected="the cache's new certificate is valid from 1 January 2027 only", domain="network", layer="tls", cause="tls_not_yet_valid", culprit="certificate of fix-cache:6380", owner="either", also_acceptable=["platform"], acceptable_causes=["clock_skew"], fix="install a certificate that is valid now",
           evidence=["certificate is not yet valid"])


@held("last", "beacon-secrets-quota", stack="aiohttp", fmt="gcl-run", noise=True, platform_lines=True)
def _(c):
    python(c, "beacon", secrets_api="127.0.0.71")
    stub("127.0.0.71", 8200, 429, '{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Quota exceeded for quota metric \'Access requests\' and limit \'Access requests per minute\' of service \'secrets-api\' for consumer \'project_number:48120\'."}}')
    e = env(BEACON_SECRETS_URL="http://secrets-api:8200/v1/secrets/beacon-signing:access"); c.fact(env=public(e))
    c.loop(4, BEA, env=e)
    c.save(fault_injected="the secrets API answers 429: too many accesses in this minute", domain="capacity", layer="protocol", cause="quota_exceeded", culprit="secrets-api (Access requests per minute)", owner="either", also_acceptable=["dependency"], fix="wait, cache the secret, or have the quota raised",
           note="the API is a stub that answers as such APIs do; the program and its client are real", evidence=["429 Too Many Requests", "Quota exceeded for quota metric"], misleading=BMIS)


@held("last", "menu-host-newline", stack="sanic+pymysql", fmt="docker", noise=True)
def _(c):
    python(c, "menu", menu_db="127.0.0.44")
    e = env(**{**MENU, "MENU_DB_HOST": "menu-db\n"}); c.fact(env=public(e))
    c.loop(3, "exec python server.py", env=e)
    c.save(fault_injected="the secret that holds the host name ends with a newline", domain="configuration", layer="config", cause="whitespace_in_value", culprit="MENU_DB_HOST", owner="app-team", fix="store the value without the newline (echo -n)",
           evidence=["reading dishes from 'menu-db\\n' as menu"], misleading=MMIS)


@held("last", "tickets-pool-wait", stack="puma+sequel+pg+pgbouncer", fmt="journald", noise=True, platform_lines=True)
def _(c):
    c.put("tickets"); c.hosts({"tickets-pooler": "127.0.0.23"}); c.pg("127.0.0.27"); c.mkdb("tickets", "tickets", sql="CREATE TABLE event (id int)")
    pooler(c, "127.0.0.23", ("127.0.0.27", 5432), "tickets", "tickets", query_wait_timeout=3, default_pool_size=1)
    c.hold(1, "tickets", "s3cret", "tickets", "127.0.0.23", 6432)
    c.loop(3, PUMA, env=env(TICKETS_DB="postgres://tickets:s3cret@tickets-pooler:6432/tickets"))
    c.save(fault_injected="the pooler's only server connection is busy with a long query; new clients wait for query_wait_timeout (3 s)", domain="capacity", layer="slot", cause="query_wait_timeout", culprit="tickets-pooler:6432 (default_pool_size 1)", owner="either", also_acceptable=["dependency"],
           acceptable_causes=["db_down_behind_pooler"], fix="raise default_pool_size or end the long query", evidence=["query_wait_timeout"], misleading=TIMIS)


@held("last", "tickets-sidecar", stack="puma+sequel+pg", fmt="gcl-gke", noise=True)
def _(c):
    c.put("tickets"); c.pg("127.0.0.27"); c.mkdb("tickets", "tickets", sql="CREATE TABLE event (id int)")
    e = env(TICKETS_DB="postgres://tickets:s3cret@127.0.0.1:6432/tickets")
    c.fact(env=public(e), sidecars=[{"name": "pooler", "listens": "127.0.0.1:6432", "state": "waiting (PodInitializing)"}])
    c.bg("while :; do echo \"pooler: waiting for the certificate volume /etc/pooler-tls\"; sleep 4; done", src="pooler")
    c.loop(4, PUMA, env=e)
    c.save(fault_injected="the pooler sidecar on 127.0.0.1:6432 still waits for its own volume when the service starts", domain="platform", layer="socket", cause="sidecar_not_ready", culprit="pooler sidecar on 127.0.0.1:6432", owner="platform-team", also_acceptable=["dependency"],
           acceptable_causes=["db_connection_refused"], fix="start the service after the sidecar is ready (native sidecar), and mount its volume", evidence=['connection to server at "127.0.0.1", port 6432 failed: Connection refused'], misleading=TIMIS)


@held("last", "couriers-noauth", stack="sidekiq+redis", fmt="plain", noise=True)
def _(c):
    c.put("couriers"); c.hosts({"dispatch-redis": "127.0.0.26"}); c.redis("127.0.0.26", "--requirepass", "rec-only")
    c.loop(3, SIDE, env=env(COURIERS_REDIS="redis://dispatch-redis:6379/0"))
    c.save(fault_injected="Redis got a password, COURIERS_REDIS has none", domain="configuration", layer="auth", cause="auth_required", culprit="COURIERS_REDIS (no password, dispatch-redis:6379)", owner="app-team", acceptable_causes=["missing_password"], fix="add the password to COURIERS_REDIS",
           evidence=["NOAUTH Authentication required"], misleading=CMIS)


@held("last", "invoicer-down-then-read-only", stack="php+pdo_mysql+mariadb", fmt="cri", noise=True)
def _(c):
    c.put("invoicer"); c.hosts({"books-db": "127.0.0.44"})
    p = mariadb(c, sql="CREATE DATABASE books; CREATE USER invoicer@'%' IDENTIFIED BY 's3cret'; GRANT ALL ON books.* TO invoicer@'%'; CREATE TABLE books.invoice (id int, paid_at datetime); CREATE TABLE books.worker (host varchar(90), started_at datetime);")
    c.stop(p, "SIGTERM")
    def before(i):
        if i == 3: mariadb(c, conf="--read-only=1")
    e = env(INVOICER_DSN="mysql:host=books-db;dbname=books;charset=utf8mb4", INVOICER_USER="invoicer", INVOICER_PASSWORD="s3cret"); c.fact(env=public(e))
    c.loop(5, "exec php worker.php", env=e, before=before)
    a = dict(attempts=[1, 2], domain="dependency", layer="tcp", cause="db_connection_refused", culprit="books-db:3306", owner="db-team", fix="start MariaDB", evidence=["SQLSTATE[HY000] [2002] Connection refused"])
    b = dict(attempts=[3, 4, 5], domain="dependency", layer="query", cause="read_only_replica", acceptable_causes=["read_only_database"], culprit="books-db:3306 (--read-only)", owner="db-team", fix="point the service at the primary, or promote this server", evidence=["running with the --read-only option"])
    c.save(fault_injected="attempts 1-2: MariaDB is down; then it is back, started with --read-only", mixed=True, causes=[a, b], **{k: b[k] for k in ("domain", "layer", "cause", "culprit", "owner", "fix", "evidence", "acceptable_causes")}, also_acceptable=["configuration"],
           misleading=["smtp relay 127.0.0.1:2525: Connection refused (111)", "extension imagick is not loaded"])


@held("last", "fleetdb-memory-limit", stack="mariadb-server", fmt="kubectl-ts", noise=True)
def _(c):
    c.put("fleetdb"); c.run("mkdir -p /run/fleetdb /var/lib/fleetdb && chown app /run/fleetdb /var/lib/fleetdb")
    c.run("mariadb-install-db --defaults-file=/srv/app/my.cnf --datadir=/var/lib/fleetdb --auth-root-authentication-method=normal --skip-test-db", uid=1000)
    c.sub("/srv/app/my.cnf", "innodb_buffer_pool_size = 24M", "innodb_buffer_pool_size = 24M\nkey_buffer_size = 8M")
    c.loop(3, "exec ./run.sh", env=env(), mem_mb=48, timeout=30)
    c.fact(limits={"memory_mb": 48}, events=["container fleetdb terminated: OOMKilled, exit code 137, at " + a["ended"] for a in c.attempts if a["killed_by"] == "oom"])
    c.save(fault_injected="the container's memory limit of 48 MB is below what the server needs; the kernel's OOM killer ends it", domain="capacity", layer="resource", cause="out_of_memory", culprit="memory limit 48 MB", owner="either", fix="raise the limit", only_facts_tell=True,
           note="only facts and exit tell; the log just stops. The text in facts.events is the recorder's, the kill was real", evidence=["OOMKilled"], misleading=["failed to retrieve the MAC address"])


@held("last", "ledgerdb-huge-pages", stack="postgresql-server", fmt="kubectl-prefix-ts", uid=70)
def _(c):
    c.put("ledgerdb", uid=70); c.run("mkdir -p /var/lib/pg && chown 70:70 /var/lib/pg")
    c.run("initdb -D /var/lib/pg/ledger -U postgres -A trust --no-sync -E UTF8 --locale=C.UTF-8", env=env(), uid=70)
    c.sub("/srv/app/postgresql.conf", "ssl = off", "ssl = off\nhuge_pages = on")
    quiet(c)
    c.loop(4, "exec ./entrypoint.sh", env=env())
    c.save(fault_injected="huge_pages = on, the node has no huge pages", domain="capacity", layer="resource", cause="out_of_memory", culprit="huge_pages = on (shared memory segment)", owner="either", also_acceptable=["configuration", "platform"], acceptable_causes=["invalid_config_parameter"],
           fix="reserve vm.nr_hugepages on the node or huge_pages = try", evidence=["could not map anonymous shared memory: Cannot allocate memory"])


@held("last", "ledgerdb-key-mode", stack="postgresql-server", fmt="gcl-gke", uid=70)
def _(c):
    c.put("ledgerdb", uid=70); c.run("mkdir -p /var/lib/pg && chown 70:70 /var/lib/pg")
    c.run("initdb -D /var/lib/pg/ledger -U postgres -A trust --no-sync -E UTF8 --locale=C.UTF-8", env=env(), uid=70)
    c.tls("ledger-db", dir="/etc/ledger-tls"); os.chmod(ROOT + "/etc/ledger-tls/server.key", 0o644)
    c.sub("/srv/app/postgresql.conf", "ssl = off", "ssl = on\nssl_cert_file = '/etc/ledger-tls/server.crt'\nssl_key_file = '/etc/ledger-tls/server.key'")
    quiet(c)
    c.loop(4, "exec ./entrypoint.sh", env=env())
    c.save(fault_injected="the secret with the server's key is mounted with mode 0644", domain="platform", layer="resource", cause="permission_denied", culprit="/etc/ledger-tls/server.key", owner="platform-team", also_acceptable=["configuration"], acceptable_causes=["data_directory_permissions", "invalid_config_parameter"],
           fix="mount the secret with defaultMode 0600", evidence=['private key file "/etc/ledger-tls/server.key" has group or world access'])


@held("last", "yard-dev-stdout", stack="supervisord", fmt="compose")
def _(c):
    c.put("yard")
    c.loop(2, "exec supervisord -c supervisord.conf", env=env(), timeout=40)
    c.save(fault_injected="the container's stdout belongs to root, supervisord runs as uid 1000 and may not open /dev/stdout for its programs' logs", domain="platform", layer="process", cause="permission_denied", culprit="/dev/stdout (stdout_logfile, programs clock and cranes)", owner="either",
           also_acceptable=["configuration"], fix="stdout_logfile=/dev/fd/1, or run supervisord as the owner of stdout", evidence=["making dispatchers for 'cranes': EACCES"])


@held("last", "yard-undetermined-child", stack="supervisord", fmt="docker", noise=True, uid=0)
def _(c):
    c.put("yard")
    c.sub("/srv/app/supervisord.conf", "startretries=2\nstdout_logfile=/dev/stdout", "startretries=2\nstdout_logfile=/var/log/cranes.log")
    c.sub("/srv/app/bin/cranes", "import sys\n", "import sys\nimport pyproj\n")
    c.loop(3, "exec supervisord -c supervisord.conf", env=env(), timeout=40)
    c.save(outcome="undetermined", fault_injected="cranes lacks its module pyproj; its output goes to a file in the container", domain=None, layer="process", cause="undetermined", culprit=None, owner="app-team", true_cause="missing_module", true_domain="application",
           candidates=["missing_module", "startup_exception", "missing_env", "port_in_use"], needed=["the output of /srv/app/bin/cranes, which supervisord writes to /var/log/cranes.log"], fix="stdout_logfile=/dev/fd/1 for cranes",
           evidence=["exited: cranes (exit status 1; not expected)"], misleading=["no time source configured"])


if __name__ == "__main__":
    print("\n".join(LISTS[sys.argv[1]]))
