"""Cases of part b: Django, Flask, celery, Starlette, Fastify, Sinatra, PHP-FPM, nginx, haproxy, Redis, RabbitMQ, shell entrypoints.

    python3 corpus/record/harness.py cases_b        about 12 minutes

Debian packages: nginx-light haproxy redis-server rabbitmq-server ruby puma ruby-sinatra ruby-pg bundler php8.2-fpm postgresql-15 nodejs (20) npm python3-venv openssl.
Python and node packages are installed by build() into the work directory; the programs see them at /opt/venv and /srv/app/node_modules.
"""
import os, socket, subprocess, time
from harness import case, build, ROOT

PATHS = "/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PIP = "django==5.2.19 gunicorn==27.0.1 flask==3.1.3 psycopg2-binary==2.9.13 celery==5.7.0 kombu==5.7.0 redis==8.1.0 packaging==26.3 starlette==1.10.0 hypercorn==0.18.0".split()
NPM = "fastify@5.12.8 fastify-plugin@5.1.0 knex@3.3.0 pg@8.23.1 ioredis@5.11.1 amqplib@2.3.1 pino@10.4.0".split()


@build
def _(work):
    v, n = work / "venv", work / "node"
    if not (v / "bin/hypercorn").exists():   # made at its neutral path, so that scripts and tracebacks name /opt/venv
        os.makedirs("/opt/venv", exist_ok=True); v.mkdir(exist_ok=True)
        subprocess.run(["unshare", "-m", "sh", "-ec", f"mount --bind {v} /opt/venv; /usr/bin/python3 -m venv /opt/venv; /opt/venv/bin/pip -q install \"$@\"", "_", *PIP], check=True)
    if not (n / "node_modules/knex").exists():
        n.mkdir(exist_ok=True)
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(n), *NPM], check=True)


# ------------------------------------------------------------------------------------------------ helpers
def python(c, app):
    c.put(app); c.bind(c.work / "venv", "/opt/venv")


def node(c):
    c.put("loyalty"); c.bind(c.work / "node/node_modules", "/srv/app/node_modules")


def env(**kw):
    return {"PATH": PATHS, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", **kw}


def public(e):
    """The part of an environment that a facts file shows."""
    return {k: v for k, v in e.items() if k not in ("PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "NODE_NO_WARNINGS")}


def small_disk(c, path, size, uid=1000):
    os.makedirs(ROOT + path, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},uid={uid},mode=755", "none", ROOT + path], check=True)


def rabbit(c, ip="127.0.0.61", users=()):
    """A real broker; `users`: (name, password, vhost)."""
    c.hosts({"rabbit-1": "127.0.0.1"})
    c.write("/etc/rec-rabbit/rabbitmq.conf", f"listeners.tcp.local = {ip}:5672\nlog.file = false\nlog.console = true\n")
    e = dict(RABBITMQ_NODENAME="rabbit@rabbit-1", RABBITMQ_CONFIG_FILE="/etc/rec-rabbit/rabbitmq.conf", HOME="/var/lib/rabbitmq", RABBITMQ_LOGS="-", RABBITMQ_DIST_PORT="25999",
             RABBITMQ_MNESIA_BASE="/var/lib/rabbitmq/rec", PATH="/usr/lib/rabbitmq/bin:" + PATHS)
    uid = int(c.run("id -u rabbitmq"))
    c.run(f"rm -rf /var/lib/rabbitmq/.erlang.cookie; mkdir -p /var/lib/rabbitmq/rec; chown -R rabbitmq /var/lib/rabbitmq")
    p = c.bg("exec /usr/lib/rabbitmq/bin/rabbitmq-server", env=e, uid=uid, log="/mnt/rabbit.log")
    c.wait_port(ip, 5672, 90)
    ctl = lambda a: c.run("/usr/lib/rabbitmq/bin/rabbitmqctl -n rabbit@rabbit-1 " + a, env=e, uid=uid)
    ctl("await_startup")
    for u, pw, vh in users: ctl(f"add_user {u} {pw}"), ctl(f"add_vhost {vh}")
    return p, ctl


# ------------------------------------------------------------------------------------------------ Django + gunicorn
TENV = dict(DATABASE_URL="postgresql://tuition:s3cret@tuition-db:5432/tuition", DJANGO_SECRET_KEY="rec-only-not-a-secret", DJANGO_ALLOWED_HOSTS="tuition.example.org",
            TUITION_LEGACY_TERMS="1", PYTHONWARNINGS="default::DeprecationWarning")
TMIS = ["error reporting disabled: No module named 'sentry_sdk'", "metrics push gateway 127.0.0.1:9091 unreachable"]


def tuition(c, db=True, **pg):
    python(c, "tuition"); c.hosts({"tuition-db": "127.0.0.12"})
    if db: p = c.pg("127.0.0.12", **pg); c.mkdb("tuition", "tuition"); return p


@case("tuition-no-secret-key", stack="django+gunicorn", fmt="kubectl-prefix-ts", noise=True)
def _(c):
    tuition(c)
    e = env(**TENV); del e["DJANGO_SECRET_KEY"]
    c.fact(env=public(e))
    c.loop(4, "exec ./entrypoint.sh", env=e)
    c.save(fault_injected="DJANGO_SECRET_KEY is absent from the environment", domain="configuration", layer="config", cause="missing_env", culprit="SECRET_KEY (DJANGO_SECRET_KEY)", owner="app-team",
           fix="set DJANGO_SECRET_KEY", acceptable_causes=["invalid_env_value"], evidence=["The SECRET_KEY setting must not be empty"], misleading=[TMIS[0], "TUITION_LEGACY_TERMS is deprecated"])


@case("tuition-apps-not-ready", stack="django+gunicorn", fmt="docker", noise=True)
def _(c):
    tuition(c)
    c.write("/srv/app/fees/__init__.py", "from .models import Tariff  # re-export\n", uid=1000)
    c.loop(3, "exec ./entrypoint.sh", env=env(**TENV, RUN_MIGRATIONS="0"))
    c.save(fault_injected="fees/__init__.py imports a model, which runs before the app registry is filled", domain="application", layer="startup", cause="init_order", culprit="fees/__init__.py (fees.models Tariff)",
           owner="app-team", fix="do not import models in fees/__init__.py", evidence=["AppRegistryNotReady: Apps aren't loaded yet."], acceptable_causes=["startup_exception"], misleading=[TMIS[0], "TUITION_LEGACY_TERMS is deprecated"])


@case("tuition-two-leaves", stack="django+gunicorn", fmt="compose", noise=True)
def _(c):
    python(c, "tuition"); c.hosts({"tuition-db": "127.0.0.12"})
    c.pg("127.0.0.12", src="postgres"); c.mkdb("tuition", "tuition")
    for name, field in (("0002_tariff_currency", "currency"), ("0002_tariff_campus", "campus")):
        c.write(f"/srv/app/fees/migrations/{name}.py", f'''from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("fees", "0001_initial")]
    operations = [migrations.AddField("tariff", "{field}", models.CharField(max_length=12, default=""))]
''', uid=1000)
    c.loop(3, "exec ./entrypoint.sh", env=env(**TENV))
    c.save(fault_injected="two 0002 migrations both depend on 0001", domain="application", layer="migration", cause="multiple_migration_heads", culprit="0002_tariff_campus, 0002_tariff_currency in fees",
           owner="app-team", fix="python manage.py makemigrations --merge", evidence=["Conflicting migrations detected; multiple leaf nodes in the migration graph"], misleading=[TMIS[0]])


@case("tuition-no-tables", stack="django+gunicorn", fmt="gcl-run", noise=True, platform_lines=True)
def _(c):
    tuition(c)
    e = env(**TENV, RUN_MIGRATIONS="0", WEB_CONCURRENCY="1")
    c.fact(env=public(e))
    c.loop(4, "exec ./entrypoint.sh", env=e)
    c.save(fault_injected="migrations were switched off (RUN_MIGRATIONS=0) for a database that never had them", domain="dependency", layer="query", cause="missing_table", culprit="fees_tariff", owner="app-team",
           also_acceptable=["application", "configuration"], fix="run the migrations", evidence=['relation "fees_tariff" does not exist'], misleading=TMIS + ["Worker failed to boot"])


@case("tuition-refused-then-no-database", stack="django+gunicorn", fmt="journald", noise=True, platform_lines=True)
def _(c):
    tuition(c, db=False)
    def before(i):
        if i == 4: c.pg("127.0.0.12"); c.mkdb("tuition", "tuition")
    e = env(**{**TENV, "DATABASE_URL": "postgresql://tuition:s3cret@tuition-db:5432/tuition_live"})
    c.loop(6, "exec ./entrypoint.sh", env=e, before=before)
    a = dict(attempts=[1, 2, 3], domain="dependency", layer="tcp", cause="db_connection_refused", culprit="tuition-db:5432", evidence=['connection to server at "tuition-db" (127.0.0.12), port 5432 failed: Connection refused'], owner="db-team", fix="start Postgres")
    b = dict(attempts=[4, 5, 6], domain="configuration", layer="auth", cause="database_does_not_exist", culprit="tuition_live", evidence=['database "tuition_live" does not exist'], owner="app-team", fix="correct the name in DATABASE_URL")
    c.save(fault_injected="attempts 1-3: Postgres is down; then it is up and DATABASE_URL names a database that is not there", mixed=True, causes=[a, b],
           **{k: b[k] for k in ("domain", "layer", "cause", "culprit", "owner", "fix", "evidence")}, also_acceptable=["dependency"], misleading=[TMIS[0]])


@case("tuition-allowed-hosts", stack="django+gunicorn", fmt="cri", noise=True)
def _(c):
    tuition(c); c.hosts({"tuition-pod": "127.0.0.77"})
    import urllib.request, urllib.error
    def probed(pr):   # like a kubelet: the pod's address is the Host header
        try: r = urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.77:{pr['port']}{pr['http']}", headers={"User-Agent": "kube-probe/1.29"}), timeout=1); return True, str(r.status)
        except urllib.error.HTTPError as x: return False, f"HTTP probe failed with statuscode: {x.code}"
        except OSError as x: return False, str(x)
    c.probed = probed
    c.psql("SELECT 1", "tuition")
    e = env(**TENV, WEB_CONCURRENCY="1")
    c.fact(env=public(e), probes={"startup": {"httpGet": "/healthz", "port": 8000, "periodSeconds": 2, "failureThreshold": 4}})
    c.loop(3, "exec ./entrypoint.sh", env=e, probe=dict(port=8000, http="/healthz", period=2, failures=4, grace=5))
    c.save(fault_injected="DJANGO_ALLOWED_HOSTS lacks the address that the start-up probe uses; every probe gets 400 and the container is stopped", domain="configuration", layer="config", cause="invalid_env_value", culprit="ALLOWED_HOSTS (127.0.0.77)",
           owner="app-team", also_acceptable=["platform"], acceptable_causes=["startup_probe_timeout", "invalid_config_parameter", "missing_env", "liveness_kill"], fix="add the pod's address to DJANGO_ALLOWED_HOSTS (or a Host header to the probe)",
           evidence=["Invalid HTTP_HOST header: '127.0.0.77:8000'. You may need to add '127.0.0.77' to ALLOWED_HOSTS."], misleading=TMIS)


# ------------------------------------------------------------------------------------------------ Flask + gunicorn
PENV = dict(STATSD_HOST="127.0.0.88")
PMIS = ["statsd at 127.0.0.88:8125 not reachable", "barcode_native missing"]
PGUN = "exec gunicorn -c gunicorn.conf.py waybill.wsgi:app"


@case("waybill-wrong-app", stack="flask+gunicorn", fmt="gcl-gke", noise=True)
def _(c):
    python(c, "waybill")
    c.loop(4, "exec gunicorn -c gunicorn.conf.py waybill.wsgi:application", env=env(**PENV))
    c.save(fault_injected="the command names waybill.wsgi:application, the object is called app", domain="application", layer="import", cause="wrong_entrypoint", culprit="waybill.wsgi:application", owner="app-team",
           also_acceptable=["configuration"], fix="start waybill.wsgi:app", evidence=["Failed to find attribute 'application' in 'waybill.wsgi'"], misleading=PMIS)


@case("waybill-port-taken", stack="flask+gunicorn", fmt="journald", platform_lines=True)
def _(c):
    python(c, "waybill")
    s = socket.socket(); s.bind(("0.0.0.0", 8090)); s.listen(5)
    c.loop(3, PGUN, env=env(**PENV))
    c.save(fault_injected="another process of the host already listens on 8090", domain="platform", layer="socket", cause="port_in_use", culprit="0.0.0.0:8090", owner="either", also_acceptable=["configuration"],
           fix="stop the other listener or take another port", evidence=["connection to ('0.0.0.0', 8090) failed: [Errno 98] Address already in use", "Connection in use: ('0.0.0.0', 8090)"])


@case("waybill-no-tmp", stack="flask+gunicorn", fmt="cri")
def _(c):
    python(c, "waybill")
    subprocess.run(["mount", "--rbind", ROOT, ROOT], check=True)
    for d in ("", "/tmp", "/dev/shm", "/opt/venv"): subprocess.run(["mount", "-o", "remount,bind,ro", ROOT + d], check=True)
    assert "Read-only file system" in c.run("touch /srv/app/x /var/tmp/x /tmp/x /home/app/x 2>&1", check=False)
    c.fact(env=PENV, security={"readOnlyRootFilesystem": True}, volumes={"expected": [], "mounted": []})
    c.loop(4, PGUN, env=env(**PENV))
    c.save(fault_injected="the root file system is read-only and nothing writable is mounted at /tmp, where gunicorn keeps its worker heartbeat files", domain="platform", layer="resource", cause="read_only_filesystem",
           culprit="/tmp", owner="platform-team", also_acceptable=["configuration"], acceptable_causes=["missing_mount"], fix="mount an emptyDir at /tmp (or --worker-tmp-dir on a writable volume)",
           note="the log only says that no temporary directory is usable; that the root is read-only is a fact", evidence=["No usable temporary directory found in ['/tmp', '/var/tmp', '/usr/tmp', '/srv/app']"])


@case("waybill-cache-volume-full", stack="flask+gunicorn", fmt="docker", noise=True)
def _(c):
    python(c, "waybill"); small_disk(c, "/var/cache/labels", "160k")
    c.loop(3, PGUN, env=env(**PENV, LABEL_CACHE="/var/cache/labels"))
    c.save(fault_injected="the volume of the label cache is 160 kB small and full after the third template", domain="capacity", layer="resource", cause="disk_full", culprit="/var/cache/labels", owner="platform-team",
           also_acceptable=["platform"], fix="enlarge or empty the volume", evidence=["No space left on device"], misleading=PMIS)


@case("waybill-secret-not-mounted", stack="flask+gunicorn", fmt="kubectl-ts", noise=True)
def _(c):
    python(c, "waybill")
    e = env(**PENV, CARRIER_KEY_FILE="/run/secrets/carrier/api-key")
    c.fact(env=public(e),
           volumes={"expected": ["carrier-credentials -> /run/secrets/carrier"], "mounted": []})
    c.loop(4, PGUN, env=e)
    c.save(fault_injected="the secret volume at /run/secrets/carrier is not mounted", domain="platform", layer="resource", cause="missing_mount", culprit="/run/secrets/carrier/api-key", owner="platform-team",
           also_acceptable=["configuration"], fix="mount the secret carrier-credentials at /run/secrets/carrier", evidence=["No such file or directory: '/run/secrets/carrier/api-key'"], misleading=PMIS + ["Worker failed to boot"])


# ------------------------------------------------------------------------------------------------ celery
CEL = "exec celery -A mailroom.app worker --loglevel INFO --concurrency 1 --pool solo --without-gossip --without-mingle"
CMIS = ["DKIM_KEY is not set, mails go out unsigned"]


@case("mailroom-redis-broker-down", stack="celery+redis", fmt="gcl-gke-array", noise=True)
def _(c):
    python(c, "mailroom"); c.hosts({"queue.mail.svc": "127.0.0.62"})
    e = env(BROKER_URL="redis://queue.mail.svc:6379/1")
    c.fact(env=public(e))
    c.loop(2, CEL, env=e)
    c.save(fault_injected="nothing listens at the broker's address (Redis not started)", domain="dependency", layer="tcp", cause="broker_down", culprit="queue.mail.svc:6379", owner="platform-team",
           acceptable_causes=["redis_connection_refused"], fix="start the Redis that serves as broker", evidence=["Cannot connect to redis://:**@queue.mail.svc:6379/1: Error 111 connecting to queue.mail.svc:6379. Connection refused"], misleading=CMIS)


@case("mailroom-broker-down-then-login", stack="celery+rabbitmq", fmt="cri", noise=True)
def _(c):
    python(c, "mailroom"); c.hosts({"rabbit-mail": "127.0.0.61"})
    c.redis("127.0.0.63"); c.hosts({"results.mail.svc": "127.0.0.63"})
    def before(i):
        if i == 3: rabbit(c, users=[("mailroom", "right-one", "letters")])
    e = env(BROKER_URL="amqp://mailroom:old-one@rabbit-mail:5672/letters", RESULT_BACKEND="redis://results.mail.svc:6379/0")
    c.loop(5, CEL, env=e, before=before)
    a = dict(attempts=[1, 2], domain="dependency", layer="tcp", cause="broker_down", culprit="rabbit-mail:5672", evidence=["Cannot connect to amqp://mailroom:**@rabbit-mail:5672/letters: [Errno 111] Connection refused"], owner="platform-team", fix="start RabbitMQ")
    b = dict(attempts=[3, 4, 5], domain="configuration", layer="auth", cause="auth_failed", culprit="mailroom at rabbit-mail:5672 (BROKER_URL)", evidence=["ACCESS_REFUSED - Login was refused using authentication mechanism"], owner="app-team", fix="correct the password in BROKER_URL")
    c.save(fault_injected="attempts 1-2: RabbitMQ is down; then it is up and the password in BROKER_URL is the old one", mixed=True, causes=[a, b],
           **{k: b[k] for k in ("domain", "layer", "cause", "culprit", "owner", "fix", "evidence")}, misleading=CMIS)


@case("mailroom-vhost-refused", stack="celery+rabbitmq", fmt="plain", noise=True)
def _(c):
    python(c, "mailroom"); c.hosts({"rabbit-mail": "127.0.0.61"})
    rabbit(c, users=[("mailroom", "right-one", "letters")])   # the user exists and has no permission on the vhost
    c.loop(1, CEL, env=env(BROKER_URL="amqp://mailroom:right-one@rabbit-mail:5672/letters"), timeout=7)   # it retries for ever
    c.save(fault_injected="the broker's user mailroom was created without permissions on the vhost letters", domain="configuration", layer="auth", cause="auth_failed", culprit="vhost letters for user mailroom", owner="either",
           acceptable_causes=["db_permission_denied", "permission_denied"], also_acceptable=["dependency"], fix="rabbitmqctl set_permissions -p letters mailroom", evidence=["NOT_ALLOWED - access to vhost 'letters' refused for user 'mailroom'"], misleading=CMIS)


# ------------------------------------------------------------------------------------------------ Starlette + hypercorn
HYP = "exec hypercorn --bind 0.0.0.0:8070 tides:app"
SMIS = ["span export to 127.0.0.1:4317 failed"]


@case("tides-bad-scheme", stack="starlette+hypercorn", fmt="gcl-run-array", noise=True, newest_first=True, platform_lines=True)
def _(c):
    python(c, "tides")
    e = env(REGION="north-sea", STATION_CACHE_URL="redis//cache.tides.svc:6379/2")
    c.fact(env=public(e))
    c.loop(4, HYP, env=e)
    c.save(fault_injected="STATION_CACHE_URL lacks the colon of its scheme", domain="configuration", layer="config", cause="malformed_url", culprit="STATION_CACHE_URL (redis//cache.tides.svc:6379/2)", owner="app-team",
           acceptable_causes=["invalid_env_value"], fix="redis://cache.tides.svc:6379/2", evidence=["Redis URL must specify one of the following schemes"], misleading=SMIS)


@case("tides-late-cache", stack="starlette+hypercorn", fmt="kubectl-prefix-ts", noise=True)
def _(c):
    python(c, "tides"); c.hosts({"cache.tides.svc": "127.0.0.31"})
    def later(p): time.sleep(5.5); c.redis("127.0.0.31")
    c.loop(1, HYP, env=env(REGION="north-sea", STATION_CACHE_URL="redis://cache.tides.svc:6379/2"), ready="Running on http", during=later)
    c.save(outcome="success", fault_injected="Redis came up 5 s after the service; its retries got through", domain=None, layer=None, cause="success_after_slow_dependency", culprit="cache.tides.svc:6379 (late)", owner="either",
           fix="nothing to do", evidence=["station cache reached after", "Running on http"], misleading=SMIS + ["station cache not there yet"])


@case("tides-memory-limit", stack="starlette+hypercorn", fmt="gcl-gke", noise=True)
def _(c):
    python(c, "tides"); c.hosts({"cache.tides.svc": "127.0.0.31"}); c.redis("127.0.0.31")
    e = env(REGION="north-sea", STATION_CACHE_URL="redis://cache.tides.svc:6379/2", HARMONIC_YEARS="40")
    c.fact(env=public(e), limits={"memory_mb": 192})
    c.loop(3, HYP + " --workers 0", env=e, mem_mb=192)   # one process: it is the one that the kernel kills
    assert all(a["killed_by"] == "oom" for a in c.attempts)   # the kernel's own counter, see harness
    c.fact(events=[f"container tides terminated: OOMKilled, exit code {a['exit_code']}, at {a['ended']}" for a in c.attempts])
    c.save(fault_injected="40 tables of 20 MB are built at start in a container limited to 192 MB; the kernel's OOM killer ends it", domain="capacity", layer="resource", cause="out_of_memory", culprit="memory limit 192 MB", owner="either",
           fix="raise the limit or build fewer tables", evidence=["OOMKilled"], note="only facts and exit tell; the log just stops", misleading=SMIS)


@case("tides-slow-tables", stack="starlette+hypercorn", fmt="kubectl-ts", noise=True)
def _(c):
    python(c, "tides"); c.hosts({"cache.tides.svc": "127.0.0.31"}); c.redis("127.0.0.31")
    e = env(REGION="north-sea", STATION_CACHE_URL="redis://cache.tides.svc:6379/2", HARMONIC_YEARS="24", SLOW_TABLES="0.8")
    c.fact(env=public(e), probes={"startup": {"tcpSocket": 8070, "periodSeconds": 2, "failureThreshold": 4}})
    c.loop(3, HYP, env=e, probe=dict(port=8070, period=2, failures=4))
    c.fact(events=[x["text"] for x in c.events])   # what the prober saw and did
    c.save(fault_injected="24 tables of 0.8 s each meet a start-up probe that gives 8 s", domain="platform", layer="probe", cause="startup_probe_timeout", culprit="startup probe on port 8070 (8 s)", owner="platform-team",
           also_acceptable=["configuration"], fix="raise failureThreshold or build the tables in the image", evidence=["STARTUP TCP probe failed 4 times consecutively", "harmonic constants for 2000 computed"], note="only facts and exit tell who killed it", misleading=SMIS)


# ------------------------------------------------------------------------------------------------ Fastify
LOY = "exec node src/server.js"
LMIS = ["SENTRY_DSN is empty, errors stay local", "tracing off: Cannot find package 'dd-trace'"]
ACC = "CREATE TABLE accounts(id bigserial primary key, points int); INSERT INTO accounts(points) SELECT g * 40 FROM generate_series(1, 200) g"


def points_db(c, src=None):
    c.hosts({"points-db": "127.0.0.14"}); p = c.pg("127.0.0.14", src=src); c.mkdb("points", "loyalty", sql=ACC); return p


LDB = "postgres://loyalty:s3cret@points-db:5432/points"


@case("loyalty-module-path", stack="fastify", fmt="cri")
def _(c):
    node(c)
    c.sub("/srv/app/src/app.js", "'./routes/points.js'", "'./routes/Points.js'")
    c.loop(5, LOY, pause=.7, env=env())
    c.save(fault_injected="app.js imports ./routes/Points.js, the file is points.js", domain="application", layer="import", cause="missing_module", culprit="/srv/app/src/routes/Points.js",
           owner="app-team", fix="correct the case of the import", evidence=["Cannot find module '/srv/app/src/routes/Points.js' imported from /srv/app/src/app.js"])


@case("loyalty-export-name", stack="fastify", fmt="docker")
def _(c):
    node(c)
    c.sub("/srv/app/src/tiers.js", "export function tierFor (", "export function tierOf (")
    c.loop(4, LOY, pause=.7, env=env())
    c.save(fault_injected="tiers.js was refactored (tierOf), its importers still ask for tierFor", domain="application", layer="import", cause="import_error", culprit="tierFor from ../tiers.js", owner="app-team",
           fix="export tierFor again or rename it in the importers", evidence=["does not provide an export named 'tierFor'"], acceptable_causes=["syntax_error"],
           note="node calls this a SyntaxError; nothing is wrong with the syntax")


@case("loyalty-pool-starved", stack="fastify+knex+pg", fmt="gcl-run", noise=True, platform_lines=True)
def _(c):
    node(c); points_db(c)
    c.write("/srv/app/src/warm.js", '''import { tierFor } from './tiers.js'

/** Counts accounts per tier; every chunk is read inside its own snapshot and checked against the totals. */
export async function warmTiers (db, log) {
  const chunks = [0, 50, 100, 150]
  log.info({ chunks: chunks.length }, 'warming tiers')
  const counts = await Promise.all(chunks.map(from => db.transaction(async trx => {
    const rows = await trx('accounts').select('points').orderBy('id').offset(from).limit(50)
    const [{ count }] = await db('accounts').count('*')
    return rows.filter(r => tierFor(r.points)).length && Number(count)
  })))
  return counts[0]
}
''', uid=1000)
    e = env(DATABASE_URL=LDB, POOL_MAX="4", ACQUIRE_MS="3000", LOYALTY_V1_API="1")
    c.fact(env=public(e))
    c.loop(4, LOY, env=e)
    c.save(fault_injected="four parallel transactions hold all four pool connections, and each asks the pool for a fifth", domain="capacity", layer="slot", cause="pool_exhausted", culprit="knex pool (POOL_MAX 4)", owner="app-team",
           also_acceptable=["application"], fix="run the count on the transaction (or enlarge the pool)", evidence=["Knex: Timeout acquiring a connection. The pool is probably full."], misleading=LMIS + ["deprecated setting, the v1 API goes away"])


@case("loyalty-redis-retries", stack="fastify+ioredis", fmt="compose", noise=True)
def _(c):
    node(c); points_db(c, src="points-db"); c.hosts({"rewards-cache": "127.0.0.33"})
    c.loop(3, LOY, env=env(DATABASE_URL=LDB, REDIS_URL="redis://rewards-cache:6379/3", REDIS_ON_ERROR="none"))
    c.save(fault_injected="Redis is not running", domain="dependency", layer="tcp", cause="redis_connection_refused", culprit="127.0.0.33:6379 (rewards-cache)", owner="platform-team", fix="start the service rewards-cache",
           evidence=["connect ECONNREFUSED 127.0.0.33:6379", "Reached the max retries per request limit (which is 4)"], misleading=LMIS)


@case("loyalty-plugin-timeout", stack="fastify", fmt="kubectl-ts", noise=True)
def _(c):
    node(c)
    c.write("/srv/app/src/plugins/partners.js", '''import fp from 'fastify-plugin'

/** Partner rules; the feed is optional. */
export default fp(function partners (app, opts, done) {
  if (process.env.PARTNER_FEED) {
    fetch(process.env.PARTNER_FEED).then(r => r.json()).then(rules => { app.decorate('partners', rules); done() }, done)
  } else {
    app.log.info('no partner feed configured, using built-in rules')
    app.decorate('partners', [])
  }
}, { name: 'partners' })
''', uid=1000)
    c.sub("/srv/app/src/app.js", "import points from", "import partners from './plugins/partners.js'\nimport points from")
    c.sub("/srv/app/src/app.js", "  app.register(points,", "  app.register(partners)\n  app.register(points,")
    c.loop(3, LOY, env=env(PLUGIN_TIMEOUT="4000"))
    c.save(fault_injected="the plugin partners never calls done() when no feed is configured", domain="application", layer="startup", cause="startup_hang", culprit="plugin partners (src/plugins/partners.js)", owner="app-team",
           acceptable_causes=["init_order", "startup_exception", "deadline_too_short"], fix="call done() in the other branch", evidence=["Plugin did not start in time: 'partners'"], misleading=LMIS)


@case("loyalty-events-aggregate", stack="fastify+amqplib", fmt="plain", noise=True)
def _(c):
    node(c); points_db(c)
    c.hosts({"bus.loyalty.svc": "127.0.0.64"})
    c.write("/etc/hosts", open(ROOT + "/etc/hosts").read() + "::1\tbus.loyalty.svc\n")
    e = env(DATABASE_URL=LDB, AMQP_URL="amqp://loyalty:s3cret@bus.loyalty.svc:5672")
    c.fact(env=public(e))
    c.loop(5, LOY, pause=.8, env=e)
    c.save(fault_injected="RabbitMQ is not running at either address of its name", domain="dependency", layer="tcp", cause="broker_down", culprit="bus.loyalty.svc:5672 (AMQP_URL)", owner="platform-team",
           fix="start RabbitMQ", evidence=["event stream of points could not be opened", "caused by: AggregateError [ECONNREFUSED]"], misleading=LMIS, note="the logger's serializer drops the addresses; only the facts name the broker")


@case("loyalty-events-localhost", stack="fastify+amqplib", fmt="cri", noise=True)
def _(c):
    node(c); points_db(c)
    rabbit(c, "127.0.0.64"); c.hosts({"bus.loyalty.svc": "127.0.0.64"})
    c.write("/etc/hosts", open(ROOT + "/etc/hosts").read() + "::1\tlocalhost\n")
    c.write("/srv/app/src/server.js", "import { build } from './app.js'\n\nconst app = build()\nawait app.ready()\nawait app.listen({ host: '0.0.0.0', port: Number(process.env.PORT ?? 3000) })\n", uid=1000)
    e = env(DATABASE_URL=LDB, AMQP_URL="amqp://loyalty:s3cret@localhost:5672")
    c.fact(env=public(e), services={"bus.loyalty.svc": "RabbitMQ, port 5672", "points-db": "PostgreSQL, port 5432"})
    c.loop(4, LOY, pause=.8, env=e)
    c.save(fault_injected="AMQP_URL still names localhost; the broker really runs, at bus.loyalty.svc", domain="configuration", layer="tcp", cause="wrong_host", culprit="localhost:5672 (AMQP_URL)", owner="app-team",
           also_acceptable=["dependency"], acceptable_causes=["broker_down"], fix="AMQP_URL=amqp://...@bus.loyalty.svc:5672", evidence=["connect ECONNREFUSED 127.0.0.1:5672", "[cause]: AggregateError [ECONNREFUSED]"], misleading=LMIS,
           note="nobody catches the error: node prints it with cause and errors")


@case("loyalty-comes-back", stack="fastify+ioredis", fmt="gcl-gke", noise=True)
def _(c):
    node(c); points_db(c); c.hosts({"rewards-cache": "127.0.0.33"})
    def before(i):
        if i == 3: c.redis("127.0.0.33")
    c.loop(4, LOY, env=env(DATABASE_URL=LDB, REDIS_URL="redis://rewards-cache:6379/3", LOYALTY_V1_API="1"), before=before, ready="Server listening at")
    c.save(outcome="success", fault_injected="Redis was down for two attempts; the third attempt is up", domain=None, layer=None, cause="success", culprit=None, owner="either", fix="nothing to do",
           evidence=["Server listening at"], misleading=LMIS + ["connect ECONNREFUSED 127.0.0.33:6379"])


# ------------------------------------------------------------------------------------------------ Ruby
PUMA = "exec puma -C puma.rb"
BMIS = ["telemetry: Errno::ECONNREFUSED"]
BENV = dict(BOOKINGS_DB="postgresql://bookings:s3cret@pg-bookings.hotel.internal/bookings", TELEMETRY_PEER="127.0.0.1:4040")


@case("bookings-load-error", stack="sinatra+puma", fmt="docker")
def _(c):
    c.put("bookings")
    c.sub("/srv/app/lib/store.rb", "require 'pg'", "require 'pg'\nrequire 'connection_pool/pg'")
    c.loop(4, PUMA, pause=.7, env=env(**BENV))
    c.save(fault_injected="lib/store.rb requires a library whose gem is not in the image", domain="application", layer="import", cause="missing_module", culprit="connection_pool/pg", owner="app-team", fix="add the gem to the image",
           evidence=["cannot load such file -- connection_pool/pg"])


@case("bookings-bundler-gem", stack="bundler+puma", fmt="plain")
def _(c):
    c.put("bookings")
    c.write("/srv/app/Gemfile", "gem 'sinatra'\ngem 'puma'\ngem 'pg'\ngem 'rack-attack', '~> 6.6'\n", uid=1000)
    c.loop(3, "exec bundle exec puma -C puma.rb", pause=.7, env=env(**BENV, BUNDLE_FROZEN="false", BUNDLE_DISABLE_VERSION_CHECK="true"))
    c.save(fault_injected="the Gemfile asks for rack-attack, which is not installed", domain="application", layer="import", cause="missing_module", culprit="rack-attack", owner="app-team", fix="bundle install in the image", evidence=["Could not find gem 'rack-attack (~> 6.6)' in locally installed gems"])


@case("bookings-dns-then-table", stack="sinatra+puma+pg", fmt="kubectl-prefix", noise=True)
def _(c):
    c.put("bookings")
    c.pg("127.0.0.15"); c.mkdb("bookings", "bookings", sql="CREATE TABLE guests(id int)")
    def before(i):
        if i == 3: c.dns({"pg-bookings.hotel.internal": "127.0.0.15"})
    c.loop(5, PUMA, env=env(**BENV), before=before)
    a = dict(attempts=[1, 2], domain="network", layer="dns", cause="dns_temporary_failure", culprit="pg-bookings.hotel.internal", evidence=['could not translate host name "pg-bookings.hotel.internal" to address: Temporary failure in name resolution'], owner="platform-team", fix="get the resolver back", acceptable_causes=["dns_timeout"])
    b = dict(attempts=[3, 4, 5], domain="dependency", layer="query", cause="missing_table", culprit="rooms", evidence=['relation "rooms" does not exist'], owner="app-team", fix="run the migrations")
    c.save(fault_injected="attempts 1-2: no resolver answers (nothing listens at 127.0.0.53); then it is back and the table rooms turns out to be absent", mixed=True, causes=[a, b],
           **{k: b[k] for k in ("domain", "layer", "cause", "culprit", "owner", "fix", "evidence")}, also_acceptable=["application"], misleading=BMIS)


@case("bookings-killed-silently", stack="sinatra+puma", fmt="kubectl-ts", noise=True)
def _(c):
    c.put("bookings")
    c.pg("127.0.0.15"); c.mkdb("bookings", "bookings", sql="CREATE TABLE rooms(id int)"); c.hosts({"pg-bookings.hotel.internal": "127.0.0.15"})
    c.sub("/srv/app/app.rb", '  puts "rooms known', '  GRID = Array.new(365) { |day| sleep 0.05; Array.new(96) { day } }\n  puts "rooms known')
    c.loop(3, PUMA, env=env(**BENV), kill=(2.4, "SIGKILL"))
    c.save(outcome="undetermined", fault_injected="SIGKILL from outside while the booking grid is built; nothing recorded why", domain=None, layer="process", cause="undetermined", culprit=None, owner="either", fix="look up who sent SIGKILL",
           candidates=["out_of_memory", "startup_probe_timeout", "liveness_kill"], needed=["container termination reason (OOMKilled?) and memory usage", "probe settings and events"], evidence=["bookings 1.14.0 loading"], misleading=BMIS)


# ------------------------------------------------------------------------------------------------ PHP-FPM
@case("handbook-unknown-entry", stack="php-fpm", fmt="compose", noise=True)
def _(c):
    c.put("handbook"); c.sub("/srv/app/pool.d/handbook.conf", "pm.max_children = 6", "pm.max_childs = 6")
    c.loop(3, "exec ./start.sh", pause=.7, uid=0, env=env())
    c.save(fault_injected="the pool file says pm.max_childs", domain="configuration", layer="config", cause="invalid_config_parameter", culprit="pm.max_childs in /srv/app/pool.d/handbook.conf", owner="app-team", fix="pm.max_children",
           also_acceptable=["application"], evidence=["unknown entry 'pm.max_childs'"], misleading=["imagick extension missing, thumbnails are off"])


# ------------------------------------------------------------------------------------------------ nginx
EMIS = ["geoipupdate not found, country rules are off"]


@case("edge-upstream-name", stack="nginx", fmt="compose", noise=True)
def _(c):
    c.put("edge"); c.dns()
    c.sub("/srv/app/conf.d/20-shop.conf", "server 127.0.0.21:7000", "server quotes-api:7000")
    c.loop(4, "exec ./start.sh", pause=.7, uid=0, env=env())
    c.save(fault_injected="the upstream's name does not exist (the resolver answers NXDOMAIN)", domain="network", layer="dns", cause="dns_nxdomain", culprit="quotes-api", owner="either", also_acceptable=["configuration"],
           acceptable_causes=["wrong_host", "dns_temporary_failure"], fix="name an existing service in the upstream", evidence=['host not found in upstream "quotes-api:7000"'], misleading=EMIS)


@case("edge-no-certificate", stack="nginx", fmt="kubectl-ts", noise=True)
def _(c):
    c.put("edge")
    c.write("/srv/app/conf.d/30-tls.conf", "server {\n    listen 8443 ssl;\n    server_name shop.example.org;\n    ssl_certificate     /etc/edge-tls/tls.crt;\n    ssl_certificate_key /etc/edge-tls/tls.key;\n    root /srv/app/html;\n}\n")
    c.fact(volumes={"expected": ["edge-tls -> /etc/edge-tls"], "mounted": ["edge-conf -> /srv/app/conf.d"]})
    c.loop(4, "exec ./start.sh", pause=.7, uid=0, env=env())
    c.save(fault_injected="the secret with the certificate is not mounted", domain="platform", layer="resource", cause="missing_mount", culprit="/etc/edge-tls/tls.crt", owner="platform-team", also_acceptable=["configuration"],
           fix="mount edge-tls at /etc/edge-tls", evidence=['cannot load certificate "/etc/edge-tls/tls.crt"'], misleading=EMIS)


@case("edge-new-revision-directive", stack="nginx", fmt="gcl-run", noise=True, platform_lines=True)
def _(c):
    c.uid = 0
    c.put("edge"); c.put("edge", "/srv/old")
    subprocess.run(["sed", "-i", "s|/srv/app|/srv/old|", ROOT + "/srv/old/nginx.conf", ROOT + "/srv/old/conf.d/20-shop.conf"], check=True)
    c.sub("/srv/old/nginx.conf", "/tmp/edge", "/tmp/old")
    c.old_revision("exec nginx -c /srv/old/nginx.conf -g 'daemon off;'", env=env(), cwd="/srv/old", urls=["http://127.0.0.1:8080/", "http://127.0.0.1:8080/quotes/EUR?error=db%20connection%20refused", "http://127.0.0.1:8080/index.html"])
    c.wait_port("127.0.0.1", 8080); time.sleep(1)
    c.sub("/srv/app/conf.d/20-shop.conf", "    keepalive 8;", "    keepalive 8;\n    queue 40 timeout=5s;")
    c.loop(3, "exec ./start.sh", pause=1.5, uid=0, env=env())
    time.sleep(.6)
    c.save(fault_injected="the new revision's configuration uses a directive of the commercial edition; the old revision serves on", domain="configuration", layer="config", cause="invalid_config_parameter", culprit="queue in /srv/app/conf.d/20-shop.conf",
           owner="app-team", fix="remove the directive queue", evidence=['unknown directive "queue"'], misleading=EMIS + ["connect() failed (111: Connection refused) while connecting to upstream"])


@case("edge-port-80", stack="nginx", fmt="docker", noise=True)
def _(c):
    c.put("edge")
    c.sub("/srv/app/conf.d/20-shop.conf", "listen 8080", "listen 80")
    c.sub("/srv/app/nginx.conf", "access_log /dev/stdout main", "access_log /tmp/access.log main"); c.sub("/srv/app/nginx.conf", "/dev/stderr notice", "stderr notice")
    c.loop(4, "exec ./start.sh", pause=.7, env=env())
    c.save(fault_injected="the container runs as uid 1000 and wants port 80", domain="platform", layer="process", cause="permission_denied", culprit="0.0.0.0:80", owner="either", also_acceptable=["configuration"],
           fix="listen on a port above 1023", evidence=["bind() to 0.0.0.0:80 failed (13: Permission denied)"], misleading=EMIS + ['the "user" directive makes sense only if'])


# ------------------------------------------------------------------------------------------------ haproxy
@case("relay-cannot-bind", stack="haproxy", fmt="journald", platform_lines=True)
def _(c):
    c.put("relay"); s = socket.socket(); s.bind(("0.0.0.0", 8443)); s.listen(1)
    c.loop(4, "exec haproxy -W -db -f /srv/app/haproxy.cfg", pause=.7, uid=0, env=env())
    c.save(fault_injected="another process holds port 8443", domain="platform", layer="socket", cause="port_in_use", culprit="0.0.0.0:8443", owner="either", also_acceptable=["configuration"], fix="stop the other listener",
           evidence=["cannot bind socket (Address already in use) for [0.0.0.0:8443]"])


@case("relay-unknown-keyword", stack="haproxy", fmt="cri")
def _(c):
    c.put("relay"); c.sub("/srv/app/haproxy.cfg", "    timeout connect 3s", "    timeout connect 3s\n    timeout http-reply 5s")
    c.loop(3, "exec haproxy -W -db -f /srv/app/haproxy.cfg", pause=.7, uid=0, env=env())
    c.save(fault_injected="timeout http-reply is no haproxy setting", domain="configuration", layer="config", cause="invalid_config_parameter", culprit="timeout http-reply in /srv/app/haproxy.cfg", owner="app-team", fix="remove it",
           evidence=["(got 'http-reply')"])


# ------------------------------------------------------------------------------------------------ Redis, RabbitMQ
RED = "exec redis-server /srv/app/conf/redis.conf"


@case("sessions-maxmemory", stack="redis-server", fmt="docker")
def _(c):
    c.put("sessions"); c.run("mkdir -p /data && chown 1000:1000 /data")
    c.sub("/srv/app/conf/redis.conf", "maxmemory 64mb", "maxmemory 64mib")
    c.loop(4, RED, pause=.7, env=env())
    c.save(fault_injected="maxmemory 64mib (Redis knows mb, not mib)", domain="configuration", layer="config", cause="invalid_config_parameter", culprit="maxmemory 64mib", owner="app-team", fix="maxmemory 64mb",
           evidence=["maxmemory 64mib"])


@case("sessions-snapshot-corrupt", stack="redis-server", fmt="kubectl-ts", noise=True)
def _(c):
    c.put("sessions"); c.run("mkdir -p /data && chown 1000:1000 /data")
    c.sub("/srv/app/conf/redis.conf", "appendonly yes", "appendonly no")
    p = c.bg(RED, env=env(), cwd="/srv/app", uid=1000); c.wait_port("127.0.0.1", 6390)
    for i in range(12): c.run(f"redis-cli -p 6390 set session:{i} user-{i}-token")
    c.run("redis-cli -p 6390 save"); c.stop(p, "SIGTERM")
    f = ROOT + "/data/dump.rdb"; b = open(f, "rb").read()
    open(f, "wb").write(b[:len(b) * 2 // 3])
    c.loop(4, RED, pause=.7, env=env())
    c.save(fault_injected="the snapshot dump.rdb was cut off after two thirds", domain="dependency", layer="query", cause="db_data_corrupt", culprit="dump.rdb", owner="db-team", also_acceptable=["platform"],
           fix="restore a backup of dump.rdb", evidence=["Unexpected EOF reading RDB file"], misleading=["Memory overcommit must be enabled"])


@case("sessions-data-owner", stack="redis-server", fmt="cri", noise=True)
def _(c):
    c.put("sessions"); c.run("mkdir -p /data/appendonlydir && chown -R 0:0 /data && chmod 755 /data")
    c.loop(4, RED, pause=.7, env=env())
    c.save(fault_injected="the volume at /data belongs to root, the server runs as uid 1000", domain="platform", layer="resource", cause="data_directory_permissions", culprit="/data (appendonlydir)", owner="platform-team",
           acceptable_causes=["permission_denied"], fix="chown the volume (fsGroup)", evidence=["Permission denied"], misleading=["Memory overcommit must be enabled"])


@case("bus-bad-setting", stack="rabbitmq-server", fmt="docker", noise=True)
def _(c):
    c.put("bus"); c.hosts({"bus-0": "127.0.0.1"}); uid = int(c.run("id -u rabbitmq"))
    c.run("rm -f /var/lib/rabbitmq/.erlang.cookie; chown -R rabbitmq /var/lib/rabbitmq")
    c.sub("/srv/app/rabbitmq.conf", "vm_memory_high_watermark.relative = 0.4", "vm_memory_high_watermark.relatve = 0.4")
    c.loop(2, "exec ./start.sh", uid=uid, env=env(PATH="/usr/lib/rabbitmq/bin:" + PATHS, HOME="/var/lib/rabbitmq", RABBITMQ_NODENAME="bus@bus-0", RABBITMQ_CONFIG_FILE="/srv/app/rabbitmq.conf", RABBITMQ_LOGS="-"))
    c.save(fault_injected="a misspelt key in rabbitmq.conf", domain="configuration", layer="config", cause="invalid_config_parameter", culprit="vm_memory_high_watermark.relatve", owner="app-team", fix="vm_memory_high_watermark.relative",
           evidence=["vm_memory_high_watermark.relatve"], misleading=["no definitions file, exchanges are declared by clients"])


# ------------------------------------------------------------------------------------------------ shell entrypoints
FENV = dict(FEED_SOURCE="sftp://prices.example.org/in")
FMIS = ["mlr is missing, column statistics are off"]


@case("feed-command-not-found", stack="bash entrypoint", fmt="kubectl-prefix-ts", noise=True)
def _(c):
    c.put("feed"); c.sub("/srv/app/run.sh", "sed \"s|@SOURCE@|${FEED_SOURCE:-none}|\" feed.ini.in", "gomplate -f feed.ini.in")
    c.loop(5, "exec ./run.sh", pause=.6, env=env(**FENV))
    c.save(fault_injected="run.sh calls gomplate, which is not in the image", domain="platform", layer="process", cause="command_not_found", culprit="gomplate", owner="app-team", also_acceptable=["application"], fix="install gomplate in the image",
           evidence=["gomplate: command not found"], misleading=FMIS)


@case("feed-crlf", stack="bash entrypoint", fmt="plain")
def _(c):
    c.put("feed"); p = ROOT + "/srv/app/run.sh"; s = open(p).read().replace("#!/bin/bash", "#!/usr/bin/env bash")
    open(p, "w").write(s.replace("\n", "\r\n"))
    c.loop(5, "exec ./run.sh", pause=.6, env=env(**FENV))
    c.save(fault_injected="run.sh has CRLF line ends", domain="platform", layer="process", cause="command_not_found", culprit="run.sh (interpreter bash\\r)", owner="app-team", also_acceptable=["application"],
           acceptable_causes=["exec_format_error", "syntax_error"], fix="convert run.sh to LF", evidence=["No such file or directory"])


@case("feed-not-executable", stack="bash entrypoint", fmt="cri", noise=True)
def _(c):
    c.put("feed"); os.chmod(ROOT + "/srv/app/bin/loader", 0o644)
    c.loop(5, "exec ./run.sh", pause=.6, env=env(**FENV))
    c.save(fault_injected="bin/loader has no executable bit", domain="platform", layer="process", cause="permission_denied", culprit="./bin/loader", owner="app-team", also_acceptable=["application"], fix="chmod +x bin/loader in the image",
           evidence=["bin/loader: Permission denied"], misleading=FMIS)


@case("feed-swallowed", stack="bash entrypoint", fmt="gcl-run", noise=True, platform_lines=True)
def _(c):
    c.put("feed"); c.sub("/srv/app/run.sh", "exec ./bin/loader --config /tmp/feed.ini", "./bin/loader --check --config /tmp/feed.ini >/dev/null 2>&1 || { echo '[feed] loader check failed'; exit 1; }\nexec ./bin/loader --config /tmp/feed.ini")
    c.write("/srv/app/bin/loader", "#!/usr/bin/env python3\nimport paramiko\n", 0o755, 1000)
    c.loop(4, "exec ./run.sh", pause=.6, env=env(**FENV))
    c.save(outcome="undetermined", fault_injected="the loader's Python module is absent; run.sh throws the loader's output away", domain=None, layer="process", cause="undetermined", culprit=None, owner="app-team", true_cause="missing_module", true_domain="application",
           fix="let run.sh print the loader's output", candidates=["missing_module", "startup_exception", "command_not_found"], needed=["the output of ./bin/loader --check, which run.sh sends to /dev/null"], evidence=["[feed] loader check failed"], misleading=FMIS)
