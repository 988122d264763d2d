"""Held-out cases of part f: apiary (Flask + gunicorn, SQLAlchemy, Alembic run by the entrypoint; a worker on Redis lists; logfmt), hangar (plain Node, pg, ioredis), quarry (Go, lib/pq, zap),
vineyard (Java, pgjdbc, java.util.logging), kennel (Ruby, pg, redis, Logger), newsdesk (PHP, PDO).

    python3 corpus/record/harness.py cases_f --into DIR [ID ...]        about 5 minutes

Debian packages: openjdk-17-jdk-headless libpostgresql-jdbc-java golang-go golang-github-lib-pq-dev golang-go.uber-zap-dev postgresql-15 redis-server nodejs ruby ruby-pg ruby-redis ruby-webrick
php-cli php-pgsql openssl. The Python packages are those of part c (cases_c --build), the Node packages those of part e (cases_e --build)."""
import os, shutil, subprocess, threading, time
from harness import APPS, ROOT, build, case

JARS = "/usr/share/java"
PATHS = "/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def sh(cmd, **kw): subprocess.run(cmd, shell=True, check=True, **kw)


@build
def _(work):
    """Jar and binary go to WORK/bin; done again only when a source is newer."""
    out = work / "bin"; out.mkdir(exist_ok=True)
    def stale(app):
        return not (out / app).exists() or any(p.stat().st_mtime > (out / app).stat().st_mtime for p in (APPS / app).rglob("*") if p.is_file())
    if stale("vineyard"):
        d = out / "vineyard"; shutil.rmtree(d, ignore_errors=True); (d / "lib").mkdir(parents=True)
        shutil.copy(f"{JARS}/postgresql-42.5.5.jar", d / "lib"); shutil.copy(APPS / "vineyard/logging.properties", d)
        sh(f"rm -rf c && mkdir c && javac -g --release 17 -d c $(find {APPS}/vineyard/src -name '*.java') && jar cf {d}/lib/vineyard-11.4.jar -C c .", cwd=out)
    if stale("quarry"):
        d = work / "go/src/quarry"; shutil.rmtree(d, ignore_errors=True); shutil.copytree(APPS / "quarry", d)
        sh(f"nice -n 10 go build -p 1 -trimpath -o {out}/quarry quarry", env=dict(os.environ, GO111MODULE="off", GOFLAGS="", GOPATH=f"{work}/go:/usr/share/gocode", GOCACHE=f"{work}/gocache"))


def held(id, **kw): return case(id, split="held", service=id.split("-")[0], **kw)


# ---------------------------------------------------------------- helpers
API = "127.0.0.171"
APIMIS = ["No module named 'prometheus_client'", "/etc/apiary/scales.csv is not there"]
APIWORK = "exec python -m apiary.worker"


def apienv(**kw):
    return {"PATH": PATHS, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "APIARY_PG_HOST": "apiary-db", "APIARY_PG_PASSWORD": "s3cret", **kw}


def apiary(c, db=False, src=None):
    c.put("apiary"); os.makedirs("/mnt/vu"), os.makedirs("/mnt/vw"), os.makedirs(ROOT + "/opt/venv", exist_ok=True)
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={c.work.parent / 'rec-c/venv'},upperdir=/mnt/vu,workdir=/mnt/vw", ROOT + "/opt/venv"], check=True)
    c.hosts({"apiary-db": API, "flags.apiary.svc": "127.0.0.172", "apiary-queue": "127.0.0.173"})
    if db: c.pg(API, src=src); c.mkdb("apiary", "apiary")


HAN = "127.0.0.174"
HANSQL = "create table gate(name text primary key, seen timestamptz); insert into gate values ('A1'),('A2'),('B1'),('B2'),('B3'),('C1'); create table slot(gate text, at time); insert into slot select name, time '06:00' + n * interval '40 min' from gate, generate_series(1, 12) n"
HANMIS = ["live positions are off", "HANGAR_TZ is not set"]
NODE = "exec node server.js"


def hangar(c, db=True, **kw):
    c.put("hangar"); c.bind(c.work.parent / "rec-e/node/node_modules", "/srv/app/node_modules", ro=True); c.hosts({"hangar-pg.tower": HAN, "hangar-redis": "127.0.0.175"})
    if db: c.pg(HAN, **kw); c.mkdb("hangar", "hangar", sql=HANSQL)


def hanenv(**kw): return {"HANGAR_PG": "postgres://hangar:s3cret@hangar-pg.tower:5432/hangar", **kw}


QUA = "127.0.0.176"
QUASQL = "create table ticket(id int); insert into ticket select generate_series(1, 4120); create table haulier(id int, rule text); insert into haulier values (1, 'Brandt/4/32'), (2, 'Holm & Sohn/5/40'), (3, 'Kies-Ost/3/26,Kies-West/3/26')"
QUAMIS = ["open /etc/quarry/holidays.ics: no such file or directory", "dial tcp 127.0.0.1:4318: connect: connection refused"]


def quarry(c, db=True, seal=True, **kw):
    shutil.copy(c.work / "bin/quarry", ROOT + "/srv/app/quarry"); c.hosts({"pg.quarry.lan": QUA})
    if seal: c.write("/run/secrets/quarry/seal.pem", "a seal\n" * 30)
    if db: c.pg(QUA, **kw); c.mkdb("quarry", "quarry", sql=QUASQL)


def quaenv(q="sslmode=disable", **kw): return {"QUARRY_STORE": f"postgres://quarry:s3cret@pg.quarry.lan/quarry?{q}", **kw}


VIN = "127.0.0.177"
VINSQL = "create table barrel(id int, litres int); insert into barrel select n, 225 from generate_series(1, 87) n"
VINMIS = ["Thermometer bus 127.0.0.1:1502 does not answer", "/etc/vineyard/labels.xsl does not exist"]
JAVA = "exec java -Xmx64m -Djava.util.logging.config.file=/srv/app/logging.properties -cp '/srv/app/lib/*' at.rebe.vineyard.Cellar"


def vineyard(c, **kw):
    c.put(c.work / "bin/vineyard"); c.hosts({"cellar-db": VIN}); c.pg(VIN, **kw); c.mkdb("vineyard", "vineyard", sql=VINSQL)


def vinenv(**kw): return {"VINEYARD_DB": "jdbc:postgresql://cellar-db/vineyard", "VINEYARD_DB_PASSWORD": "s3cret", **kw}


KEN = "127.0.0.178"
KENMIS = ["chip register is closed (Connection refused - connect(2) for \"127.0.0.1\" port 6070)", "bootsnap not bundled"]


def kennel(c, db=True):
    c.put("kennel"); c.hosts({"kennel-db": KEN, "kennel-redis": "127.0.0.179"})
    if db: c.pg(KEN); c.mkdb("kennel", "kennel", sql="create table box(id int); insert into box select generate_series(1, 40)")


def kenenv(**kw): return {"KENNEL_REDIS": "redis://kennel-redis:6379/0", "KENNEL_DB": "postgres://kennel:s3cret@kennel-db/kennel", **kw}


NEW = "127.0.0.180"
NEWMIS = ["apcu is not loaded", "wire 127.0.0.1:9020: Connection refused (111)", "/etc/newsdesk/desk.ini unreadable"]
PHP = "exec php -d display_errors=0 -d log_errors=1 -d error_log=/dev/stderr desk.php"
NEWSQL = "create table edition(title text, printed date); insert into edition values ('Morgenblatt 311', '2026-11-21')"


def newsdesk(c, **kw): c.put("newsdesk"); c.hosts({"archive-db": NEW})
def newenv(**kw): return {"NEWSDESK_DB_HOST": "archive-db", "NEWSDESK_DB_PASSWORD": "s3cret", **kw}


# ---------------------------------------------------------------- apiary
@held("apiary-no-client-tools", stack="bash entrypoint+flask+gunicorn", fmt="cri")
def _(c):
    apiary(c)
    for d in ("/usr/bin", "/bin"):
        if os.path.lexists(ROOT + d + "/pg_isready"): c.rm(d + "/pg_isready")
    c.loop(3, "exec ./entrypoint.sh", env=apienv())
    c.save(fault_injected="the new base image has no Postgres client tools: the entrypoint's pg_isready does not exist", domain="platform", layer="process", cause="command_not_found", culprit="pg_isready", owner="either", also_acceptable=["application", "configuration"],
           fix="install postgresql-client in the image", evidence=["pg_isready: command not found"], misleading=[])


@held("apiary-view-in-the-way", stack="flask+gunicorn+sqlalchemy+alembic", fmt="compose")
def _(c):
    apiary(c, db=True, src="postgres"); e = apienv()
    c.write("/srv/app/migrations/versions/80f_drop_grams.py", '''"""grams are kilograms now"""
from alembic import op
revision, down_revision = "80f", "7c4"


def upgrade():
    op.drop_column("weighing", "grams")


def downgrade():
    raise NotImplementedError
''', uid=1000)
    c.run("alembic upgrade 7c4", env=e, cwd="/srv/app", uid=1000)
    c.loop(3, "exec ./entrypoint.sh", env=e)
    c.save(fault_injected="migration 80f drops column grams, on which the view honey_by_month of an earlier migration depends", domain="application", layer="migration", cause="bad_migration", culprit="migration 80f (column grams of weighing, view honey_by_month)", owner="app-team",
           also_acceptable=["dependency"], fix="drop or rebuild the view in the migration", evidence=["cannot drop column grams of table weighing because other objects depend on it"], misleading=[])


@held("apiary-blueprints", stack="flask+gunicorn", fmt="kubectl-ts", noise=True)
def _(c):
    apiary(c)
    c.sub("/srv/app/apiary/stands.py", "from flask import Blueprint\n", "from flask import Blueprint\nfrom .weighings import latest\n")
    c.loop(3, "exec gunicorn apiary.web:app --bind 0.0.0.0:5000 --workers 1", env=apienv())
    c.save(fault_injected="apiary/stands.py imports latest from apiary/weighings.py, which imports on_stand from stands.py", domain="application", layer="import", cause="circular_import", culprit="apiary.weighings <-> apiary.stands (on_stand, latest)", owner="app-team",
           fix="move the shared function into a third module", evidence=["partially initialized module 'apiary.weighings' (most likely due to a circular import)"], misleading=APIMIS)


@held("apiary-workbook", stack="python redis-py worker", fmt="journald", noise=True, platform_lines=True, host="apiary-vm-1")
def _(c):
    apiary(c); c.redis("127.0.0.173")
    c.loop(4, APIWORK, env=apienv(APIARY_REDIS="redis://apiary-queue:6379/2"))
    c.save(fault_injected="the new yearly export needs openpyxl, which the image does not have", domain="application", layer="import", cause="missing_module", culprit="openpyxl", owner="app-team", fix="add openpyxl to the requirements",
           evidence=["ModuleNotFoundError: No module named 'openpyxl'"], misleading=["No module named 'hiredis'", "statsd exporter on 127.0.0.1:9125: [Errno 111] Connection refused"])


@held("apiary-late-database", stack="bash entrypoint+flask+gunicorn+alembic", fmt="compose", noise=True)
def _(c):
    apiary(c, db=True)
    for p in c.procs:
        if not isinstance(p, list) and str(p.args[0]).endswith("/postgres"): c.stop(p)
    threading.Timer(5, lambda: c.pg(API, wait=False)).start()
    c.loop(1, "exec ./entrypoint.sh", env=apienv(APIARY_WAIT="ping", APIARY_FLAGS_URL="http://flags.apiary.svc:8500/flags.json"), ready="routes: 3", linger=4)
    c.save(outcome="success", fault_injected="Postgres comes up five seconds after the service, whose entrypoint asks again; then migrations and server", cause="success_after_slow_dependency", culprit="apiary-db:5432 (late)", owner="either", fix="nothing to do",
           evidence=["Listening at: http://0.0.0.0:5000", "schema is current"], misleading=APIMIS + ["connection to server at \"127.0.0.171\", port 5432 failed: Connection refused", "Failed to connect to flags.apiary.svc port 8500"])


# ---------------------------------------------------------------- hangar
@held("hangar-certificate-lapsed", stack="node+pg", fmt="docker", noise=True)
def _(c):
    conf = c.tls("hangar-pg.tower", start=("20251101000000Z", "20261101000000Z"), ca="Tower Internal CA"); hangar(c, conf=conf)
    c.loop(4, NODE, env=hanenv(HANGAR_PG_CA="/etc/pgtls/ca.crt", HANGAR_REDIS="redis://hangar-redis:6379"))
    c.save(fault_injected="the database's certificate ended three weeks ago; Redis is down too, the service does without", domain="network", layer="tls", cause="tls_expired", culprit="certificate of hangar-pg.tower:5432", owner="either", also_acceptable=["dependency", "configuration"], fix="renew the server's certificate",
           evidence=["certificate has expired"], misleading=HANMIS + ["redis: connect ECONNREFUSED 127.0.0.175:6379", "going on without redis"])


@held("hangar-gate-list", stack="node+pg", fmt="plain")
def _(c):
    hangar(c, db=False)
    c.loop(2, NODE, env=hanenv(HANGAR_GATES="A1;A2;B1", HANGAR_TZ="Europe/Vienna"))
    c.save(fault_injected="HANGAR_GATES=A1;A2;B1, a JSON array is wanted", domain="configuration", layer="config", cause="invalid_env_value", culprit="HANGAR_GATES", owner="app-team", fix='HANGAR_GATES=["A1","A2","B1"]',
           evidence=["HANGAR_GATES cannot be used: Unexpected token"], misleading=[])


@held("hangar-pool-of-four", stack="node+pg", fmt="gcl-run", noise=True, platform_lines=True)
def _(c):
    hangar(c); e = hanenv(HANGAR_POOL="4", HANGAR_TZ="Europe/Vienna")
    c.loop(3, NODE, env=e)
    c.save(fault_injected="six gates keep a connection each while they ask for a further one, the pool has four", domain="capacity", layer="slot", cause="pool_exhausted", culprit="pg pool (HANGAR_POOL=4)", owner="app-team", also_acceptable=["configuration", "application"], fix="HANGAR_POOL=8, or use the connection in hand",
           evidence=["timeout exceeded when trying to connect", "pool: 4 open, 0 idle"], misleading=["live positions are off"], note="pg says the same when a new connection takes too long; the pool's own line tells them apart")


@held("hangar-down-then-role-limit", stack="node+pg", fmt="kubectl-prefix-ts", noise=True)
def _(c):
    hangar(c, db=False)
    def before(i):
        if i == 3: c.pg(HAN); c.mkdb("hangar", "hangar", sql=HANSQL); c.psql("alter role hangar connection limit 3"); c.hold(3, "hangar", "s3cret", "hangar", HAN)
    c.loop(5, NODE, env=hanenv(), before=before)
    role = dict(domain="capacity", layer="slot", cause="role_connection_limit", culprit="role hangar (CONNECTION LIMIT 3)", owner="db-team", fix="raise the role's limit or end the export's sessions", evidence=['too many connections for role "hangar"'])
    c.save(fault_injected="attempts 1-2: Postgres is not up yet; from attempt 3 on it is, and a nightly export holds the three connections that role hangar may have", mixed=True, also_acceptable=["configuration", "dependency"], misleading=HANMIS, **role,
           causes=[dict(attempts=[1, 2], domain="dependency", layer="tcp", cause="db_connection_refused", culprit=f"{HAN}:5432", owner="db-team", fix="start Postgres", evidence=[f"connect ECONNREFUSED {HAN}:5432"]), dict(attempts=[3, 4, 5], **role)])


# ---------------------------------------------------------------- quarry
@held("quarry-certificate-of-old-name", stack="go+lib/pq+zap", fmt="gcl-gke", noise=True)
def _(c):
    conf = c.tls(["pg-old.quarry.lan", "pg-old"], ca="Quarry CA"); quarry(c, conf=conf)
    c.loop(3, "exec ./quarry", env=quaenv("sslmode=verify-full&sslrootcert=/etc/pgtls/ca.crt", QUARRY_LOG="json"))
    c.save(fault_injected="the database moved to pg.quarry.lan and kept the certificate of pg-old.quarry.lan", domain="network", layer="tls", cause="tls_hostname_mismatch", culprit="certificate of pg.quarry.lan", owner="either", also_acceptable=["configuration", "dependency"], fix="issue a certificate for the new name",
           evidence=["certificate is valid for pg-old.quarry.lan, pg-old, not pg.quarry.lan"], misleading=QUAMIS)


@held("quarry-seal-not-mounted", stack="go+zap", fmt="gcl-gke-array", noise=True)
def _(c):
    quarry(c, db=False, seal=False)
    c.loop(5, "exec ./quarry", env=quaenv(QUARRY_LOG="json"))
    c.save(fault_injected="the secret with seal.pem is not mounted at /run/secrets/quarry", domain="platform", layer="resource", cause="missing_mount", culprit="/run/secrets/quarry/seal.pem", owner="either", also_acceptable=["configuration"], fix="mount the secret", evidence=["open /run/secrets/quarry/seal.pem: no such file or directory"], misleading=QUAMIS)


@held("quarry-rule-without-limit", stack="go+lib/pq+zap", fmt="plain")
def _(c):
    quarry(c); c.write("/etc/quarry/holidays.ics", "BEGIN:VCALENDAR\nEND:VCALENDAR\n"); c.proxy("127.0.0.1", 4318, "http503"); c.psql("insert into haulier values (4, 'Steinmetz Ahlers/2')", "quarry")
    c.loop(2, "exec ./quarry", env=quaenv())
    c.save(fault_injected="a haulier's rule in the database has two parts instead of three, the program takes three for granted", domain="application", layer="startup", cause="startup_exception", culprit="main.hauliers (quarry/main.go)", owner="app-team", fix="check the number of parts",
           evidence=["panic: runtime error: index out of range [2] with length 2"], misleading=[])


# ---------------------------------------------------------------- vineyard
@held("vineyard-rotated", stack="java+pgjdbc+jul", fmt="gcl-run-array", newest_first=True, platform_lines=True)
def _(c):
    vineyard(c); c.write("/etc/vineyard/labels.xsl", "<labels/>"); c.proxy("127.0.0.1", 1502, "silent"); c.psql("alter role vineyard password 'rotated-in-november'")
    c.loop(3, JAVA, env=vinenv())
    c.save(fault_injected="the password of role vineyard was rotated in the database, the service still has the old one", domain="configuration", layer="auth", cause="auth_failed", culprit="password of user vineyard (VINEYARD_DB_PASSWORD)", owner="app-team", also_acceptable=["dependency"], fix="give the service the new password",
           evidence=['password authentication failed for user "vineyard"'], misleading=[])


@held("vineyard-third-session", stack="java+pgjdbc+jul", fmt="kubectl-ts", noise=True)
def _(c):
    vineyard(c, conf=dict(max_connections=8, superuser_reserved_connections=0, max_wal_senders=0)); c.psql("create role tasting superuser login password 's3cret'"); c.hold(6, "tasting", "s3cret", "vineyard", VIN)
    c.loop(3, JAVA, env=vinenv())
    c.save(fault_injected="the server has eight slots, another program holds six: the third session of the service finds none", domain="capacity", layer="slot", cause="too_many_connections", culprit="max_connections of cellar-db", owner="db-team", also_acceptable=["dependency"], fix="end the other program's sessions or raise max_connections",
           evidence=["FATAL: sorry, too many clients already"], misleading=VINMIS)


# ---------------------------------------------------------------- kennel
@held("kennel-redis-reads-its-dump", stack="ruby+redis-rb", fmt="compose", noise=True)
def _(c):
    kennel(c, db=False)
    p = c.redis("127.0.0.179", "--dir", "/var/tmp", "--rdbcompression", "no"); c.run(["redis-cli", "-h", "127.0.0.179", "eval", "for i = 1, 200000 do redis.call('set', 'dog:' .. i, string.rep('w', 40)) end", "0"]); c.run("redis-cli -h 127.0.0.179 save")
    c.stop(p, "SIGKILL"); c.redis("127.0.0.179", "--dir", "/var/tmp", "--key-load-delay", "600", "--loading-process-events-interval-bytes", "1024", src="redis"); time.sleep(.5)
    c.loop(3, "exec ruby kennel.rb", env=kenenv())
    c.save(fault_injected="Redis was restarted and still reads its dump", domain="dependency", layer="protocol", cause="redis_loading", culprit="kennel-redis:6379", owner="either", fix="wait until Redis has read its dump, retry meanwhile", evidence=["LOADING Redis is loading the dataset in memory"], misleading=KENMIS)


@held("kennel-says-bye", stack="ruby+pg", fmt="cri", noise=True)
def _(c):
    kennel(c); c.redis("127.0.0.179"); c.psql("alter table box rename to boxes", "kennel")
    c.loop(4, "exec ruby kennel.rb", env=kenenv(KENNEL_QUIET_BOOT="1"))
    c.save(outcome="undetermined", fault_injected="table box is absent; the program rescues every error and says only that it could not be opened", cause="undetermined", layer="process", true_cause="missing_table", true_domain="dependency", owner="either",
           fix="let the program log the error that it rescues", needed=["the error that the program rescued", "which step failed"], evidence=["kennel could not be opened, bye"], misleading=KENMIS)


# ---------------------------------------------------------------- newsdesk
@held("newsdesk-missing-brace", stack="php+pdo", fmt="kubectl-prefix", noise=True)
def _(c):
    newsdesk(c); c.sub("/srv/app/src/Editions.php", "private PDO $db)\n    {", "private PDO $db\n    {")
    c.loop(3, PHP, env=newenv())
    c.save(fault_injected="an edit in src/Editions.php lost a closing parenthesis", domain="application", layer="import", cause="syntax_error", culprit="/srv/app/src/Editions.php", owner="app-team", fix="restore the parenthesis", evidence=["PHP Parse error:  syntax error, unexpected token"], misleading=NEWMIS)


@held("newsdesk-archive-unanswered", stack="php+pdo", fmt="journald", noise=True, platform_lines=True, host="desk-2")
def _(c):
    newsdesk(c); c.proxy(NEW, 5432, "drop")
    c.loop(3, PHP, env=newenv(NEWSDESK_DB_TIMEOUT="4"))
    c.save(fault_injected="a security group drops the packets to the database", domain="network", layer="tcp", cause="connect_timeout", culprit="archive-db:5432", owner="platform-team", also_acceptable=["dependency"], fix="allow the way to the database", evidence=["port 5432 failed: timeout expired"], misleading=NEWMIS)


@held("newsdesk-silent-255", stack="php+pdo", fmt="docker", noise=True)
def _(c):
    newsdesk(c); c.pg(NEW); c.mkdb("newsdesk", "newsdesk", sql="create table author(name text)")
    c.loop(4, "exec php -d display_errors=0 -d log_errors=0 desk.php", env=newenv())
    c.save(outcome="undetermined", fault_injected="table edition is absent; display_errors and log_errors are both off, so PHP ends with 255 and no word", cause="undetermined", layer="process", true_cause="missing_table", true_domain="dependency", owner="either",
           fix="log_errors=1, error_log=/dev/stderr", needed=["PHP's error message (log_errors is off)", "what failed after the archive was opened"], evidence=["archive is open"], misleading=NEWMIS)


@held("newsdesk-database-then-table", stack="php+pdo", fmt="kubectl-prefix-ts", noise=True)
def _(c):
    newsdesk(c); c.pg(NEW); c.psql("create role newsdesk login password 's3cret'")
    def before(i):
        if i == 3: c.psql("create database newsdesk_eu owner newsdesk")
    c.loop(5, PHP, env=newenv(NEWSDESK_DB_NAME="newsdesk_eu"), before=before)
    table = dict(domain="dependency", layer="query", cause="missing_table", culprit='relation "edition"', owner="app-team", fix="create the tables", evidence=['relation "edition" does not exist'])
    c.save(fault_injected="attempts 1-2: database newsdesk_eu does not exist; then it was created, empty", mixed=True, also_acceptable=["application"], misleading=NEWMIS, **table,
           causes=[dict(attempts=[1, 2], domain="configuration", layer="auth", cause="database_does_not_exist", culprit='database "newsdesk_eu"', owner="either", fix="create the database", evidence=['database "newsdesk_eu" does not exist']), dict(attempts=[3, 4, 5], **table)])
