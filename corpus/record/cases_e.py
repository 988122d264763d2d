"""Held-out cases of part e: allotment (FastAPI, SQLAlchemy, redis-py, structlog console), payslips (Django 5 + gunicorn, celery + RabbitMQ), ferry (Express 5, pg, ioredis, bunyan),
turnstile (Go, lib/pq, envconfig, go-kit log), kilns (Java, HikariCP, pgjdbc, slf4j-simple), lockers (Rust, sqlx, env_logger).

    python3 corpus/record/harness.py cases_e --into DIR [ID ...]        about 8 minutes

Debian packages: openjdk-17-jdk-headless libpostgresql-jdbc-java libhikaricp-java libslf4j-java golang-go golang-github-lib-pq-dev golang-github-go-kit-log-dev
golang-github-kelseyhightower-envconfig-dev postgresql-15 redis-server rabbitmq-server nodejs npm openssl; and cargo. The Python packages are those of part c (its build(): cases_c --build)."""
import os, pathlib, shutil, subprocess, threading, time
from harness import APPS, ROOT, build, case

JARS = "/usr/share/java"
PATHS = "/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NPM = "express@5 pg@8 ioredis@5 bunyan@1".split()


def sh(cmd, **kw): subprocess.run(cmd, shell=True, check=True, **kw)


@build
def _(work):
    """Jars and binaries go to WORK/bin, packages to WORK/node; done again only when a source is newer."""
    out = work / "bin"; out.mkdir(exist_ok=True)
    def stale(app):
        return not (out / app).exists() or any(p.stat().st_mtime > (out / app).stat().st_mtime for p in (APPS / app).rglob("*") if p.is_file())
    if stale("kilns"):
        d = out / "kilns"; shutil.rmtree(d, ignore_errors=True); (d / "lib").mkdir(parents=True)
        for j in ("postgresql-42.5.5", "HikariCP-2.7.9", "slf4j-api-1.7.32", "slf4j-simple-1.7.32"): shutil.copy(f"{JARS}/{j}.jar", d / "lib")
        sh(f"rm -rf c && mkdir c && javac -g --release 17 -cp '{d}/lib/*' -d c $(find {APPS}/kilns/src -name '*.java') && cp {APPS}/kilns/simplelogger.properties c/ && jar cf {d}/lib/kilns-3.0.7.jar -C c .", cwd=out)
    if stale("turnstile"):
        d = work / "go/src/turnstile"; shutil.rmtree(d, ignore_errors=True); shutil.copytree(APPS / "turnstile", d)
        sh(f"nice -n 10 go build -p 1 -trimpath -o {out}/turnstile turnstile", env=dict(os.environ, GO111MODULE="off", GOFLAGS="", GOPATH=f"{work}/go:/usr/share/gocode", GOCACHE=f"{work}/gocache"))
    if stale("lockers"):
        src = work / "src/lockers"; shutil.copytree(APPS / "lockers", src, dirs_exist_ok=True)
        reg = next(iter(sorted((pathlib.Path.home() / ".cargo/registry/src").glob("*"))), pathlib.Path.home())
        sh("nice -n 10 cargo build -j1", cwd=src, env=dict(os.environ, CARGO_TARGET_DIR=str(work / "target"), RUSTFLAGS=f"--remap-path-prefix={reg}=/usr/local/cargo/registry/src --remap-path-prefix={src}=."))
        shutil.copy(work / "target/debug/lockers", out)
    if not (work / "node/node_modules/bunyan").exists():
        (work / "node").mkdir(exist_ok=True); (work / "node/package.json").write_text('{"private":true}\n')
        subprocess.run(["nice", "-n", "10", "npm", "install", "--no-audit", "--no-fund", "--silent", *NPM], cwd=work / "node", check=True)


def held(id, **kw): return case(id, split="held", service=id.split("-")[0], **kw)


# ---------------------------------------------------------------- helpers
def env(**kw): return {"PATH": PATHS, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", **kw}
def public(e): return {k: v for k, v in e.items() if k not in ("PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE")}
def binary(c, name): shutil.copy(c.work / "bin" / name, ROOT + "/srv/app/" + name)


def python(c, app):
    c.put(app)
    os.makedirs("/mnt/vu"), os.makedirs("/mnt/vw"), os.makedirs(ROOT + "/opt/venv", exist_ok=True)
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={c.work.parent / 'rec-c/venv'},upperdir=/mnt/vu,workdir=/mnt/vw", ROOT + "/opt/venv"], check=True)


def stop_pg(c):
    for p in c.procs:
        if not isinstance(p, list) and str(p.args[0]).endswith("/postgres") and p.poll() is None: c.stop(p)


ALLO = "127.0.0.151"
ALLOSQL = "create table plot(number int primary key, tenant text); insert into plot select n, 'tenant ' || n from generate_series(1, 120) n"
UVI = "exec uvicorn main:app --host 0.0.0.0 --port 8000"
ALLOMIS = ["fast json is off"]


def allotment(c, db=True):
    python(c, "allotment"); c.hosts({"gardens-db": ALLO, "gardens-cache": "127.0.0.152"})
    if db: c.pg(ALLO); c.mkdb("gardens", "allotment", sql=ALLOSQL)


def alloenv(driver="psycopg", pw="s3cret", **kw): return env(ALLOTMENT_DATABASE_URL=f"postgresql+{driver}://allotment:{pw}@gardens-db:5432/gardens", **kw)


PAY = "127.0.0.153"
PAYMIS = ["No module named 'weasyprint'", "statsd: [Errno 111] Connection refused"]
WORKER = "exec celery -A payroll worker --pool solo --loglevel INFO --without-gossip"


def payslips(c, db=True, src=None):
    python(c, "payslips"); c.hosts({"payroll-db": PAY, "mq.payroll.lan": "127.0.0.154"})
    if db: c.pg(PAY, src=src); c.mkdb("payslips", "payslips")


def payenv(**kw):
    return env(**{**dict(PAYSLIPS_SECRET_KEY="rec-only-not-a-secret", PAYSLIPS_DB_HOST="payroll-db", PAYSLIPS_DB_PASSWORD="s3cret"), **kw})


def rabbit(c, ip, users=(), wait=True):
    """A real broker; `users`: (name, password)."""
    c.hosts({"mq-1": "127.0.0.1"})
    c.write("/etc/rec-rabbit/rabbitmq.conf", f"listeners.tcp.local = {ip}:5672\nlog.file = false\nlog.console = true\n")
    e = dict(RABBITMQ_NODENAME="rabbit@mq-1", RABBITMQ_CONFIG_FILE="/etc/rec-rabbit/rabbitmq.conf", HOME="/var/lib/rabbitmq", RABBITMQ_LOGS="-", RABBITMQ_DIST_PORT="25999",
             RABBITMQ_MNESIA_BASE="/var/lib/rabbitmq/rec", PATH="/usr/lib/rabbitmq/bin:" + PATHS)
    uid = int(c.run("id -u rabbitmq"))
    c.run("rm -rf /var/lib/rabbitmq/.erlang.cookie; mkdir -p /var/lib/rabbitmq/rec; chown -R rabbitmq /var/lib/rabbitmq")
    def up():
        p = c.bg("exec /usr/lib/rabbitmq/bin/rabbitmq-server", env=e, uid=uid, log="/mnt/rabbit.log"); c.wait_port(ip, 5672, 90); return p
    ctl = lambda a: c.run("/usr/lib/rabbitmq/bin/rabbitmqctl -n rabbit@mq-1 " + a, env=e, uid=uid)
    p = up(); ctl("await_startup")
    for u, pw in users: ctl(f"add_user {u} {pw}"), ctl(f"set_permissions -p / {u} '.*' '.*' '.*'")
    return p, ctl, up


FER = "127.0.0.155"
FERSQL = "create table sailing(route text, departs time); insert into sailing select 'Norddeich-Juist', time '05:00' + n * interval '25 min' from generate_series(1, 40) n"
NODE = "exec node src/index.js"
FERMIS = ["gust forecast unavailable", "connect ECONNREFUSED 127.0.0.1:8391"]


def ferry(c, db=True, **kw):
    c.put("ferry"); c.bind(c.work / "node/node_modules", "/srv/app/node_modules", ro=True); c.hosts({"ferry-pg": FER, "ferry-cache.prod.svc": "127.0.0.156"})
    if db: c.pg(FER, **kw); c.mkdb("ferry", "ferry", sql=FERSQL)


def ferenv(**kw): return {"FERRY_DB": "postgres://ferry:s3cret@ferry-pg:5432/ferry", "NODE_ENV": "production", **kw}


TUR = "127.0.0.157"
TURSQL = "create table season_pass(id int primary key, valid_until timestamptz); insert into season_pass select n, now() + n * interval '1 hour' from generate_series(1, 900) n"
TURMIS = ["open /dev/ttyTURN0: no such file or directory", "open /etc/turnstile/blocklist.csv: no such file or directory"]


def turnstile(c, db=True, **kw):
    binary(c, "turnstile"); c.hosts({"passes-pg": TUR, "issuer.stadium.lan": "127.0.0.158"}); c.run("mkdir -p /var/spool/turnstile && chown app:app /var/spool/turnstile")
    if db: c.pg(TUR, **kw); c.mkdb("turnstile", "turnstile", sql=TURSQL)


def turenv(db="turnstile", pw="s3cret", **kw): return {"TURNSTILE_GATE_ID": "west-7", "TURNSTILE_DATABASE": f"postgres://turnstile:{pw}@passes-pg:5432/{db}?sslmode=disable", **kw}


KIL = "127.0.0.159"
KILSQL = "create table firing_curve(id bigserial primary key, kiln int, name text); insert into firing_curve(kiln, name) select n % 6 + 1, 'curve ' || n from generate_series(1, 50) n"
JAVA = "exec java -Xmx96m -cp '/srv/app/lib/*' de.brennerei.kilns.Kilns"
KILMIS = ["kiln controller at 127.0.0.1:4840 is silent", "/etc/kilns/glazes.xml not found"]


def kilns(c, db=True, own=True, **kw):
    c.put(c.work / "bin/kilns/lib", "/srv/app/lib"); c.hosts({"kiln-db.werkstatt.lan": KIL}); c.run("mkdir -p /var/lib/kilns" + " && chown app:app /var/lib/kilns" * own)
    if db: c.pg(KIL, **kw); c.mkdb("kilns", "kilns", sql=KILSQL)


def kilenv(q="", **kw): return {"KILNS_JDBC_URL": "jdbc:postgresql://kiln-db.werkstatt.lan:5432/kilns" + q, "KILNS_JDBC_PASSWORD": "s3cret", **kw}


LOC = "127.0.0.160"
LOCSQL = "create table locker_bank(station text primary key, boxes int); insert into locker_bank values ('Aral Ring 4', 36), ('Jet Hafen', 24)"
LOCMIS = ["no firmware in /opt/lockers/firmware", "mqtt bridge 127.0.0.1:1883 did not answer"]


def lockers(c, db=True, sql=LOCSQL, **kw):
    binary(c, "lockers"); c.hosts({"lockers-pg": LOC})
    if db: c.pg(LOC, **kw); c.mkdb("lockers", "lockers", sql=sql)


def locenv(**kw): return {"LOCKERS_DATABASE_URL": "postgres://lockers:s3cret@lockers-pg:5432/lockers", "LOCKERS_REGION": "nord", **kw}


# ---------------------------------------------------------------- allotment
@held("allotment-driver", stack="fastapi+uvicorn+sqlalchemy", fmt="plain", noise=True)
def _(c):
    allotment(c, db=False)
    c.loop(2, UVI, env=alloenv("psycopg2", ALLOTMENT_CACHE_URL="redis://gardens-cache:6379/0"))
    c.save(fault_injected="the image has psycopg (3), the URL names the driver psycopg2, which is not installed", domain="application", layer="import", cause="missing_module", culprit="psycopg2", owner="app-team", also_acceptable=["configuration"],
           fix="install psycopg2 or say postgresql+psycopg://", evidence=["ModuleNotFoundError: No module named 'psycopg2'"], misleading=ALLOMIS + ["No module named 'orjson'"])


@held("allotment-page-size", stack="fastapi+uvicorn+pydantic-settings", fmt="docker")
def _(c):
    allotment(c, db=False)
    c.loop(4, UVI, env=alloenv(ALLOTMENT_PLOTS_PER_PAGE="forty"))
    c.save(fault_injected="ALLOTMENT_PLOTS_PER_PAGE=forty, a number is wanted", domain="configuration", layer="config", cause="invalid_env_value", culprit="ALLOTMENT_PLOTS_PER_PAGE (plots_per_page)", owner="app-team", fix="ALLOTMENT_PLOTS_PER_PAGE=40",
           evidence=["Input should be a valid integer, unable to parse string as an integer", "plots_per_page"])


@held("allotment-new-revision-password", stack="fastapi+uvicorn+sqlalchemy+psycopg3", fmt="gcl-run", noise=True, platform_lines=True)
def _(c):
    allotment(c); cache = dict(ALLOTMENT_CACHE_URL="redis://gardens-cache:6379/0")
    c.old_revision("exec uvicorn main:app --host 0.0.0.0 --port 8081", alloenv(**cache), urls=["http://127.0.0.1:8081/plots", "http://127.0.0.1:8081/healthz"], every=.8)
    time.sleep(3.5)
    c.loop(3, UVI, env=alloenv(pw="s3cret-2027", **cache))
    c.save(fault_injected="the new revision got next year's password of role allotment, which the database does not know yet; the old revision goes on serving (and complains about its cache, which it does without)", domain="configuration", layer="auth", cause="auth_failed",
           culprit="password of user allotment (ALLOTMENT_DATABASE_URL)", owner="app-team", also_acceptable=["dependency"], fix="give the revision the password that the role has", evidence=['password authentication failed for user "allotment"'],
           misleading=ALLOMIS + ["cache is not usable, going on without it"])


@held("allotment-cache-refused", stack="fastapi+uvicorn+redis-py", fmt="journald", noise=True, platform_lines=True, host="garden-vm-2")
def _(c):
    allotment(c)
    c.loop(4, UVI, env=alloenv(ALLOTMENT_CACHE_URL="redis://gardens-cache:6379/0", ALLOTMENT_CACHE_REQUIRED="yes"))
    c.save(fault_injected="Redis at gardens-cache:6379 is not running and the service insists on it", domain="dependency", layer="tcp", cause="redis_connection_refused", culprit="gardens-cache:6379", owner="platform-team", fix="start Redis",
           evidence=["Error 111 connecting to gardens-cache:6379. Connection refused"], misleading=ALLOMIS)


@held("allotment-port-taken", stack="fastapi+uvicorn+sqlalchemy+psycopg3", fmt="plain")
def _(c):
    allotment(c); c.write("/srv/app/orjson.py", "")
    c.bg("exec uvicorn main:app --host 127.0.0.1 --port 8000", env=alloenv(), cwd="/srv/app", uid=1000); c.wait_port("127.0.0.1", 8000)
    c.loop(3, UVI, env=alloenv())
    c.save(fault_injected="an instance that somebody started by hand still listens on port 8000", domain="platform", layer="socket", cause="port_in_use", culprit="port 8000", owner="either", also_acceptable=["configuration"], fix="end the other instance",
           evidence=["[Errno 98] error while attempting to bind on address ('0.0.0.0', 8000)"], misleading=[])


# ---------------------------------------------------------------- payslips
@held("payslips-lazy-name", stack="django+gunicorn", fmt="kubectl-ts")
def _(c):
    payslips(c, db=False)
    c.sub("/srv/app/slips/models.py", "import gettext_lazy as _", "import ugettext_lazy as _")
    c.loop(3, "exec gunicorn payroll.wsgi --bind 0.0.0.0:8000 --workers 1", env=payenv())
    c.save(fault_injected="slips/models.py still imports ugettext_lazy, which Django dropped", domain="application", layer="import", cause="import_error", culprit="ugettext_lazy from django.utils.translation", owner="app-team", fix="import gettext_lazy",
           evidence=["cannot import name 'ugettext_lazy' from 'django.utils.translation'"])


@held("payslips-no-such-name", stack="django+gunicorn+psycopg3", fmt="gcl-gke", noise=True)
def _(c):
    payslips(c, db=False); c.dns({})
    c.loop(3, "exec ./start.sh", env=payenv(PAYSLIPS_DB_HOST="payroll-db.hr.svc.cluster.local"))
    c.save(fault_injected="the database's service was removed from the cluster: its name does not exist any more", domain="network", layer="dns", cause="dns_nxdomain", culprit="payroll-db.hr.svc.cluster.local", owner="either", acceptable_causes=["wrong_host"],
           also_acceptable=["configuration"], fix="restore the service or correct PAYSLIPS_DB_HOST", evidence=["Name or service not known"], misleading=PAYMIS)


@held("payslips-null-iban", stack="django+gunicorn+psycopg3", fmt="compose", noise=True)
def _(c):
    payslips(c, src="postgres")
    c.run("python manage.py migrate --noinput slips 0001", env=payenv(), cwd="/srv/app", uid=1000)
    c.psql("insert into slips_employee(name, iban) values ('A. Berg', 'DE02120300000000202051'), ('C. Dorn', null)", "payslips")
    c.loop(3, "exec ./start.sh", env=payenv())
    c.save(fault_injected="migration 0002 makes iban required while a row has none", domain="application", layer="migration", cause="bad_migration", culprit="slips.0002_iban_required (column iban of slips_employee)", owner="app-team",
           fix="fill the empty values before the column becomes NOT NULL", evidence=['column "iban" of relation "slips_employee" contains null values'], misleading=PAYMIS)


@held("payslips-backfill-probe", stack="django+gunicorn+psycopg3", fmt="gcl-run", noise=True, platform_lines=True)
def _(c):
    payslips(c)
    c.run("python manage.py migrate --noinput slips 0002", env=payenv(), cwd="/srv/app", uid=1000)
    c.psql("insert into slips_employee(name, iban) select 'E' || n, 'DE' || n from generate_series(1, 60) n; insert into slips_payslip(month, employee_id) select date '2024-01-01' + n % 24 * 30, n % 60 + 1 from generate_series(1, 6000) n", "payslips")
    e = payenv(PORT="8000")
    c.loop(3, "exec ./start.sh", env=e, probe=dict(port=8000, initial=1, period=1.5, failures=6))
    c.fact(env=public(e), probes={"startup": {"tcp": 8000, "initialDelaySeconds": 1, "periodSeconds": 1.5, "failureThreshold": 6}})
    c.save(fault_injected="migration 0003 computes 6000 checksums (about a minute) before the server listens; the startup probe allows 10 s", domain="platform", layer="probe", cause="startup_probe_timeout", culprit="startup probe on port 8000 (migration slips.0003_checksums)",
           owner="either", also_acceptable=["application", "configuration"], fix="run the migration as a job before the deployment, or raise the probe's budget", evidence=["Default STARTUP TCP probe failed 6 times consecutively", "payslips have their checksum"], misleading=PAYMIS)


@held("payslips-broker-down", stack="celery+rabbitmq+django", fmt="kubectl-prefix-ts", noise=True)
def _(c):
    payslips(c, db=False); e = payenv(PAYSLIPS_BROKER="amqp://payslips:s3cret@mq.payroll.lan:5672//", PAYSLIPS_BROKER_RETRIES="2", PAYSLIPS_TZ="Europe/Berlin")
    c.loop(3, WORKER, env=e)
    c.save(fault_injected="RabbitMQ at mq.payroll.lan:5672 is not running", domain="dependency", layer="tcp", cause="broker_down", culprit="mq.payroll.lan:5672", owner="platform-team", fix="start the broker",
           evidence=["Cannot connect to amqp://payslips:**@mq.payroll.lan:5672//: [Errno 111] Connection refused"], misleading=PAYMIS)


@held("payslips-late-broker", stack="celery+rabbitmq+django", fmt="compose", noise=True)
def _(c):
    payslips(c, db=False); p, ctl, up = rabbit(c, "127.0.0.154", [("payslips", "s3cret")])
    c.stop(p, "SIGTERM", 60); time.sleep(1)
    threading.Timer(3, up).start()
    c.loop(1, WORKER, env=payenv(PAYSLIPS_BROKER="amqp://payslips:s3cret@mq.payroll.lan:5672//"), ready=" ready.", linger=3)
    c.save(outcome="success", fault_injected="RabbitMQ comes up some seconds after the worker, whose retries get through", cause="success_after_slow_dependency", culprit="mq.payroll.lan:5672 (late)", owner="either", fix="nothing to do",
           evidence=[" ready."], misleading=PAYMIS + ["Cannot connect to amqp://payslips:**@mq.payroll.lan:5672//"])


# ---------------------------------------------------------------- ferry
@held("ferry-refused-then-ca", stack="express+pg+bunyan", fmt="docker", noise=True)
def _(c):
    ferry(c, db=False); e = ferenv(FERRY_DB_TLS="1", FERRY_TIDE_MODEL="harmonic")
    conf = c.tls("ferry-pg", ca="Island Ferries Root CA"); c.run("cat ca.crt >>server.crt", cwd="/etc/pgtls")
    def before(i):
        if i == 3: c.pg(FER, conf=conf); c.mkdb("ferry", "ferry", sql=FERSQL)
    c.loop(6, NODE, env=e, before=before)
    c.save(fault_injected="attempts 1-2: Postgres is not up yet; from attempt 3 on it is, with a certificate of a private CA that the service was not given", domain="network", layer="tls", cause="tls_unknown_ca", culprit="certificate issuer of ferry-pg:5432", owner="either", mixed=True,
           also_acceptable=["configuration"], fix="set FERRY_DB_CA to the CA's certificate", evidence=["self-signed certificate in certificate chain"], misleading=FERMIS,
           causes=[dict(attempts=[1, 2], domain="dependency", layer="tcp", cause="db_connection_refused", culprit=f"{FER}:5432", owner="db-team", fix="start Postgres", evidence=[f"connect ECONNREFUSED {FER}:5432"]),
                   dict(attempts=[3, 4, 5, 6], domain="network", layer="tls", cause="tls_unknown_ca", culprit="certificate issuer of ferry-pg:5432", owner="either", fix="set FERRY_DB_CA to the CA's certificate", evidence=["self-signed certificate in certificate chain"])])


@held("ferry-wrong-cache", stack="express+pg+ioredis+bunyan", fmt="gcl-gke", noise=True)
def _(c):
    ferry(c); c.dns({}); c.redis("127.0.0.156"); e = ferenv(FERRY_CACHE="redis://ferry-cache.stage.svc:6379")
    c.loop(3, NODE, env=e); c.fact(env=e, services=[{"name": "ferry-pg"}, {"name": "ferry-cache.prod.svc"}])
    c.save(fault_injected="FERRY_CACHE names the cache of the staging namespace; here it is ferry-cache.prod.svc", domain="configuration", layer="dns", cause="wrong_host", culprit="ferry-cache.stage.svc (FERRY_CACHE)", owner="app-team", acceptable_causes=["dns_nxdomain"],
           also_acceptable=["network"], fix="FERRY_CACHE=redis://ferry-cache.prod.svc:6379", evidence=["getaddrinfo ENOTFOUND ferry-cache.stage.svc"], misleading=FERMIS)


@held("ferry-memory", stack="express+pg+bunyan", fmt="kubectl-prefix", noise=True)
def _(c):
    ferry(c); e = ferenv(FERRY_PLAN_DAYS="1095", NODE_OPTIONS="--max-old-space-size=1024")
    c.loop(4, NODE, env=e, mem_mb=80); c.fact(env=e, limits={"memory_mb": 80})
    c.save(fault_injected="the sailing plan of three years does not fit into the container's 80 MB (and V8 was told that it may take 1 GB): the kernel kills the process", domain="capacity", layer="resource", cause="out_of_memory", culprit="memory limit 80 MB of ferry", owner="either",
           also_acceptable=["configuration", "platform"], fix="raise the memory limit or plan fewer days", evidence=["sailing plan laid out", "memory_mb", "SIGKILL"], misleading=FERMIS, only_facts_tell=True)


@held("ferry-generic-timeout", stack="express+pg+ioredis+bunyan", fmt="plain", noise=True)
def _(c):
    ferry(c); c.proxy("127.0.0.156", 6379, "silent")
    c.loop(3, NODE, env=ferenv(FERRY_CACHE="redis://ferry-cache.prod.svc:6379", FERRY_CACHE_CONNECT_MS="60000", FERRY_QUIET_CACHE="1", FERRY_START_LIMIT_MS="6000"))
    c.save(outcome="undetermined", fault_injected="the cache accepts connections and never answers; the program's overall limit of 6 s ends the start without saying what it waited for", cause="undetermined", layer="startup", true_cause="connect_timeout", true_domain="network", owner="either",
           fix="let the program name the step that it waits for", needed=["which step was being waited for when the limit fired", "a stack dump or debug log"], evidence=["not ready within 6000 ms"], misleading=FERMIS)


# ---------------------------------------------------------------- turnstile
@held("turnstile-gate-id", stack="go+envconfig+go-kit-log", fmt="cri")
def _(c):
    turnstile(c, db=False); e = turenv(); del e["TURNSTILE_GATE_ID"]
    c.loop(5, "exec ./turnstile", env=e)
    c.save(fault_injected="TURNSTILE_GATE_ID is not set", domain="configuration", layer="config", cause="missing_env", culprit="TURNSTILE_GATE_ID", owner="app-team", fix="set TURNSTILE_GATE_ID", evidence=["required key TURNSTILE_GATE_ID missing value"])


@held("turnstile-wrong-database", stack="go+lib/pq+go-kit-log", fmt="kubectl-prefix", noise=True)
def _(c):
    turnstile(c)
    c.loop(3, "exec ./turnstile", env=turenv("turnstile_live"))
    c.save(fault_injected="the URL names database turnstile_live, the server has turnstile", domain="configuration", layer="auth", cause="database_does_not_exist", culprit='database "turnstile_live"', owner="app-team", also_acceptable=["dependency"], fix="name the right database or create it",
           evidence=['pq: database \\"turnstile_live\\" does not exist'], misleading=TURMIS)


@held("turnstile-spool-full", stack="go+lib/pq+go-kit-log", fmt="docker", noise=True)
def _(c):
    turnstile(c)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=5m,uid=1000,mode=755", "none", ROOT + "/var/spool/turnstile"], check=True)
    c.loop(3, "exec ./turnstile", env=turenv())
    c.save(fault_injected="the spool's volume has 5 MB, the spool wants 8", domain="capacity", layer="resource", cause="disk_full", culprit="/var/spool/turnstile", owner="platform-team", also_acceptable=["platform"], fix="enlarge the volume", evidence=["no space left on device"], misleading=TURMIS)


@held("turnstile-keys-503", stack="go+lib/pq+go-kit-log", fmt="cri", noise=True, newest_first=True)
def _(c):
    turnstile(c); c.proxy("127.0.0.158", 8088, "http503")
    c.loop(4, "exec ./turnstile", env=turenv(TURNSTILE_KEYS="http://issuer.stadium.lan:8088/.well-known/jwks.json"))
    c.save(fault_injected="the pass issuer's load balancer answers 503: no healthy upstream", domain="dependency", layer="protocol", cause="upstream_503", culprit="http://issuer.stadium.lan:8088/.well-known/jwks.json", owner="either", fix="bring the pass issuer back",
           evidence=["503 Service Unavailable"], misleading=TURMIS)


@held("turnstile-quiet", stack="go+lib/pq+go-kit-log", fmt="gcl-run", noise=True, platform_lines=True)
def _(c):
    turnstile(c)
    c.loop(4, "exec ./turnstile", env=turenv(pw="wrong", TURNSTILE_TERSE="true"))
    c.save(outcome="undetermined", fault_injected="the password is wrong; the program drops the error and only says that the gate was not opened", cause="undetermined", layer="process", true_cause="auth_failed", true_domain="configuration", owner="either",
           fix="let the program log the error", needed=["the error that the program dropped", "which step failed"], evidence=["gate not opened"], misleading=TURMIS)


# ---------------------------------------------------------------- kilns
@held("kilns-connect-timeout", stack="java+hikaricp+pgjdbc+slf4j-simple", fmt="plain")
def _(c):
    kilns(c, db=False); c.proxy(KIL, 5432, "drop"); c.proxy("127.0.0.1", 4840, "silent"); c.write("/etc/kilns/glazes.xml", "<glazes/>")
    c.loop(3, JAVA, env=kilenv("?connectTimeout=3"))
    c.save(fault_injected="a firewall drops packets to the database", domain="network", layer="tcp", cause="connect_timeout", culprit="kiln-db.werkstatt.lan:5432", owner="platform-team", also_acceptable=["dependency"], fix="open the way to the database",
           evidence=["java.net.SocketTimeoutException: Connect timed out"], evidence_note="pgjdbc names no host here")


@held("kilns-pool-starved", stack="java+hikaricp+pgjdbc+slf4j-simple", fmt="gcl-run-array", noise=True, newest_first=True, platform_lines=True)
def _(c):
    kilns(c); e = kilenv(KILNS_POOL="3", KILNS_CONES="orton")
    c.loop(3, JAVA, env=e)
    c.save(fault_injected="six kilns read their curves at the same time with a connection each and wait for one another, the pool has three", domain="capacity", layer="slot", cause="pool_exhausted", culprit="KilnPool (KILNS_POOL=3)", owner="app-team",
           also_acceptable=["configuration", "application"], fix="KILNS_POOL=6 or more", evidence=["KilnPool - Connection is not available, request timed out after"], misleading=KILMIS)


@held("kilns-volume-owner", stack="java+hikaricp+pgjdbc+slf4j-simple", fmt="kubectl-ts", noise=True)
def _(c):
    kilns(c, db=False, own=False)
    c.loop(4, JAVA, env=kilenv())
    c.save(fault_injected="the volume at /var/lib/kilns belongs to root, the program runs as uid 1000", domain="platform", layer="process", cause="permission_denied", culprit="/var/lib/kilns/firings.journal", owner="platform-team", also_acceptable=["configuration"],
           fix="set fsGroup / the volume's owner", evidence=["java.nio.file.AccessDeniedException: /var/lib/kilns/firings.journal"], misleading=KILMIS)


# ---------------------------------------------------------------- lockers
@held("lockers-url-without-scheme", stack="rust+sqlx+env_logger", fmt="journald")
def _(c):
    lockers(c, db=False); c.run("mkdir -p /opt/lockers/firmware && touch /opt/lockers/firmware/kebox-31.bin"); c.proxy("127.0.0.1", 1883, "silent")
    c.loop(3, "exec ./lockers", env=locenv(LOCKERS_DATABASE_URL="lockers-pg/lockers"))
    c.save(fault_injected="LOCKERS_DATABASE_URL is lockers-pg/lockers, without scheme", domain="configuration", layer="config", cause="malformed_url", culprit="LOCKERS_DATABASE_URL", owner="app-team", fix="postgres://...", evidence=["RelativeUrlWithoutBase"])


@held("lockers-reserved-slots", stack="rust+sqlx+env_logger", fmt="kubectl-prefix-ts", noise=True)
def _(c):
    lockers(c, conf=dict(max_connections=10)); c.hold(7, "lockers", "s3cret", "lockers", LOC)
    c.loop(4, "exec ./lockers", env=locenv(RUST_LOG="debug"))
    c.save(fault_injected="max_connections is 10, three of them are reserved, the nightly export holds the other seven", domain="capacity", layer="slot", cause="too_many_connections", culprit="max_connections of lockers-pg:5432", owner="db-team", fix="end the export's idle connections or raise max_connections",
           evidence=["remaining connection slots are reserved for non-replication superuser connections"], misleading=LOCMIS)


@held("lockers-closed-then-table", stack="rust+sqlx+env_logger", fmt="gcl-gke-array", noise=True)
def _(c):
    lockers(c, sql="create table schema_note(t text)"); c.proxy("127.0.0.161", 5432, "close")
    c.loop(5, "exec ./lockers", env=locenv(LOCKERS_DATABASE_URL="postgres://lockers:s3cret@lockers-pg:5432/lockers?sslmode=disable"), before=lambda i: c.hosts({"lockers-pg": "127.0.0.161" if i < 3 else LOC}))
    c.save(fault_injected="attempts 1-2: the address of lockers-pg leads to a forwarder without target, which closes; from attempt 3 on it leads to the database, in which the table is missing", domain="dependency", layer="query", cause="missing_table", culprit='relation "locker_bank"',
           owner="app-team", mixed=True, also_acceptable=["application"], fix="run the migrations", evidence=['relation \\"locker_bank\\" does not exist'], misleading=LOCMIS,
           causes=[dict(attempts=[1, 2], domain="dependency", layer="protocol", cause="server_closed_connection", culprit="lockers-pg:5432", owner="either", fix="give the forwarder its target", acceptable_causes=["proxy_closed_handshake", "connection_reset"], evidence=["0 bytes at EOF"]),
                   dict(attempts=[3, 4, 5], domain="dependency", layer="query", cause="missing_table", culprit='relation "locker_bank"', owner="app-team", fix="run the migrations", evidence=['relation \\"locker_bank\\" does not exist'])])
