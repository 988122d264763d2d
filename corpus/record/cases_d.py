"""Held-out cases of part d: Java (Spring 4.3 + HikariCP + log4j2, Jetty 9 + logback), Go (lib/pq + slog, redigo + zerolog, pgx + logrus + gin + viper),
Node (NestJS + TypeORM, express + sequelize + winston, tsx + BullMQ + pino), Bun, Deno, Rust (axum + sqlx, deadpool + tokio-postgres).

    python3 corpus/record/harness.py cases_d --into DIR ID ...      `python3 corpus/record/cases_d.py first|last` prints the ids of a batch

Debian packages: openjdk-17-jdk-headless libpostgresql-jdbc-java libhikaricp-java liblogback-java liblog4j2-java libjetty9-java libspring-{core,beans,context,aop,expression,jdbc,transaction}-java
libcommons-logging-java golang-go golang-github-lib-pq-dev golang-github-jackc-pgx-v4-dev golang-github-gomodule-redigo-dev golang-github-rs-zerolog-dev golang-golang-x-exp-dev
golang-github-sirupsen-logrus-dev golang-github-spf13-viper-dev golang-github-gin-gonic-gin-dev pgbouncer haproxy nginx-light redis-server postgresql-15 nodejs npm gcc faketime; and cargo."""
import os, pathlib, shutil, socket, subprocess, sys, threading, time
from harness import APPS, ROOT, build, case

JARS, NODE = "/usr/share/java", "node_modules"
NPM = ("express@4 pg@8 sequelize@6 umzug@3 winston@3 pino bullmq @nestjs/core@10 @nestjs/common@10 @nestjs/platform-express@10 @nestjs/typeorm@10 typeorm@0.3 "
       "ioredis@5 reflect-metadata@0.2 rxjs@7 tsx typescript zod@3").split()
JETTY = "server http io util".split()
SPRING = "core beans context aop expression jdbc transaction".split()


def sh(cmd, **kw): subprocess.run(cmd, shell=True, check=True, **kw)


@build
def _(work):
    """Jars and binaries go to WORK/bin, packages to WORK/node, WORK/bun and WORK/deno; done again only when a source is newer."""
    out = work / "bin"; out.mkdir(exist_ok=True)
    def stale(app, target):
        t = out / target
        return not t.exists() or any(p.stat().st_mtime > t.stat().st_mtime for p in (APPS / app).rglob("*") if p.is_file())
    if stale("premium", "premium"):
        d = out / "premium"; shutil.rmtree(d, ignore_errors=True); (d / "lib").mkdir(parents=True); (d / "native").mkdir()
        libs = ["postgresql-42.5.5", "HikariCP-2.7.9", "slf4j-api-1.7.32", "commons-logging-1.2", "log4j-api-2.19.0", "log4j-core-2.19.0", "log4j-jcl-2.19.0", "log4j-jul-2.19.0", "slf4j-jdk14-1.7.32"] + [f"spring3-{s}" for s in SPRING]
        for j in libs: shutil.copy(f"{JARS}/{j}.jar", d / "lib")
        sh(f"rm -rf c && mkdir c && javac -nowarn -g --release 8 -cp '{d}/lib/*' -d c $(find {APPS}/premium/src -name '*.java') 2>&1 | grep -v warning; cp {APPS}/premium/log4j2.xml c/ && jar cf {d}/lib/premium-7.3.1.jar -C c .", cwd=out)
        n, inc = APPS / "premium/native", "/usr/lib/jvm/java-17-openjdk-amd64/include"
        sh(f"gcc -shared -fPIC -Wl,-soname,libgridcore.so.3 -o {d}/native/libgridcore.so.3 {n}/grid.c && gcc -shared -fPIC -I{inc} -I{inc}/linux -o {d}/native/libhazard.so {n}/hazard.c {d}/native/libgridcore.so.3")
    if stale("boxoffice", "boxoffice"):
        d = out / "boxoffice"; shutil.rmtree(d, ignore_errors=True); (d / "lib").mkdir(parents=True)
        for j in ["postgresql-42.5.5", "slf4j-api-1.7.32", "logback-core-1.2.11", "logback-classic-1.2.11", "servlet-api-4.0.1"] + [f"jetty9-{s}" for s in JETTY]: shutil.copy(f"{JARS}/{j}.jar", d / "lib")
        sh(f"rm -rf c && mkdir c && javac -g --release 17 -cp '{d}/lib/*' -d c $(find {APPS}/boxoffice/src -name '*.java') && cp {APPS}/boxoffice/logback.xml c/ && jar cf {d}/lib/boxoffice-2.11.jar -C c .", cwd=out)
    for app in ("seatmap", "fanout", "claims"):
        if stale(app, app):
            d = work / "go" / "src" / app; shutil.rmtree(d, ignore_errors=True); shutil.copytree(APPS / app, d)
            sh(f"nice -n 10 go build -p 1 -trimpath -o {out}/{app} {app}", env=dict(os.environ, GO111MODULE="off", GOFLAGS="", GOPATH=f"{work}/go:/usr/share/gocode", GOCACHE=f"{work}/gocache"))
    if stale("almanac", "almanac") or stale("almanac", "pickers"):
        src = work / "src" / "almanac"; shutil.copytree(APPS / "almanac", src, dirs_exist_ok=True)
        reg = next(iter(sorted((pathlib.Path.home() / ".cargo/registry/src").glob("*"))), pathlib.Path.home())
        sh("nice -n 10 cargo build -j1", cwd=src, env=dict(os.environ, CARGO_TARGET_DIR=str(work / "target"), RUSTFLAGS=f"--remap-path-prefix={reg}=/usr/local/cargo/registry/src --remap-path-prefix={src}=."))
        for b in ("almanac", "pickers"): shutil.copy(work / "target" / "debug" / b, out)
    for d, packages, probe in (("js-node", NPM, "typeorm"), ("js-bun", ["bun", "hono"], "hono"), ("js-deno", ["deno"], "deno")):
        if not (work / d / NODE / probe).exists():
            (work / d).mkdir(exist_ok=True); (work / d / "package.json").write_text('{"private":true}\n')
            subprocess.run(["nice", "-n", "10", "npm", "install", "--no-audit", "--no-fund", "--silent", "--omit=peer", "--legacy-peer-deps", *packages], cwd=work / d, check=True)
    if not (out / "bun").exists(): (out / "bun").mkdir(); shutil.copy(next(p for p in (work / "js-bun" / NODE).rglob("bun*") if p.is_file() and p.stat().st_size > 5 << 20), out / "bun/bun")
    if stale("roster", "roster"):
        d = out / "roster"; shutil.rmtree(d, ignore_errors=True); shutil.copytree(APPS / "roster", d); (d / NODE).symlink_to(work / "js-node" / NODE)
        sh(f"{work}/js-node/{NODE}/.bin/tsc -p . ; rm -rf src tsconfig.json {NODE}; test -f dist/main.js", cwd=d)


FIRST, LAST, BATCH = [], [], []


def held(id, **kw):
    BATCH[-1].append(id)
    return case(id, split="held", **kw)
# ---------------------------------------------------------------- helpers
JPREM = ("exec java -Xmx128m --add-opens java.base/java.lang=ALL-UNNAMED -Djava.util.logging.manager=org.apache.logging.log4j.jul.LogManager "
         "-Djava.library.path=/opt/hazard -cp '/srv/app/lib/*' io.premium.Main")
PRE = "127.0.0.131"
PRESQL = ("create table policy(id bigserial primary key, holder text); create table rate_book(hazard text primary key, rate float8); insert into rate_book values ('fire', .4), ('theft', .7), ('storm', .35);"
          "create table schema_level(level int not null); insert into schema_level values (11)")
PREMIS = ["Telemetry collector 127.0.0.1:4317 not reachable", "PREMIUM_GEO_LICENCE is not set"]


def preenv(**kw): return {"PREMIUM_JDBC_URL": "jdbc:postgresql://policies.corp.internal:5432/premium", "PREMIUM_JDBC_PASSWORD": "s3cret", "LD_LIBRARY_PATH": "/opt/hazard", **kw}


def premium(c, db=True, **kw):
    c.put(c.work / "bin/premium/lib", "/srv/app/lib"); c.put(c.work / "bin/premium/native", "/opt/hazard"); c.hosts({"policies.corp.internal": PRE})
    if db: c.pg(PRE, **kw); c.mkdb("premium", "premium", sql=PRESQL)


JBOX = "exec java -Xmx96m -cp '/srv/app/lib/*' com.boxoffice.BoxOffice"
BOX = "127.0.0.132"
BOXSQL = "create table sold_ticket(id bigserial primary key, show_at timestamptz not null, seat int); insert into sold_ticket(show_at, seat) select now() - n * interval '1 hour', n % 700 from generate_series(1, 4000) n"
BOXMIS = ["Ticket printer 127.0.0.1:9100 is offline"]


def boxenv(q="", host="tickets-db.stage.lan", **kw): return {"BOXOFFICE_STORE": f"jdbc:postgresql://{host}:5432/boxoffice{q}", "BOXOFFICE_STORE_PASSWORD": "s3cret", **kw}


def boxoffice(c, db=True, **kw):
    c.put(c.work / "bin/boxoffice/lib", "/srv/app/lib"); c.hosts({"tickets-db.stage.lan": BOX})
    if db: c.pg(BOX, **kw); c.mkdb("boxoffice", "boxoffice", sql=BOXSQL)


SEAT = "127.0.0.133"
SEATSQL = "create table cabin(tail text primary key, rows int); insert into cabin values ('D-AIMA', 52), ('D-ABYT', 61), ('D-AINK', 32); create table node_lease(node text primary key, taken_at timestamptz)"
SEATMIS = ["trace export disabled"]


def binary(c, name): shutil.copy(c.work / "bin" / name, ROOT + "/srv/app/" + name)
def seatenv(host="cabins-pg:5432", q="sslmode=disable", **kw): return {"SEATMAP_DSN": f"postgres://seatmap:s3cret@{host}/seatmap?{q}", **kw}


def seatmap(c, db=True, **kw):
    binary(c, "seatmap"); c.hosts({"cabins-pg": SEAT})
    if db: c.pg(SEAT, **kw); c.mkdb("seatmap", "seatmap", sql=SEATSQL)


FANIP = "127.0.0.134"
FANMIS = ["graphite sink skipped", "FANOUT_APNS_KEY empty"]


def fanout(c, *redis, up=True):
    binary(c, "fanout"); c.hosts({"subs.redis.local": FANIP})
    if up: c.redis(FANIP, *redis)


def fanenv(**kw): return {"FANOUT_REDIS": "redis://subs.redis.local:6379/0", **kw}


CLA = "127.0.0.135"
CLASQL = "create table claim(id bigserial primary key, state text); insert into claim(state) values ('open'), ('paid'), ('open')"
CLAMIS = ["running on environment and defaults", "photo directory not usable, uploads go to the database"]


def claims(c, db=True, **kw):
    binary(c, "claims"); c.hosts({"claims-db.prod": CLA})
    if db: c.pg(CLA, **kw); c.mkdb("claims", "claims", sql=CLASQL)


def claenv(host="claims-db.prod", port=5432, **kw):
    return {"CLAIMS_DB": f"host={host} port={port} user=claims password=s3cret dbname=claims sslmode=disable", "CLAIMS_PHOTO_DIR": "/var/lib/claims/photos", "GIN_MODE": "release", **kw}


ROS = "127.0.0.136"


def roster(c, db=True, **kw):
    c.put(c.work / "bin/roster"); c.bind(c.work / "js-node" / NODE, "/srv/app/" + NODE); c.hosts({"roster-db": ROS})
    if db: c.pg(ROS, **kw); c.mkdb("roster", "roster")


def rosenv(host="roster-db", **kw): return {"ROSTER_PG_HOST": host, "ROSTER_PG_PASSWORD": "s3cret", "NODE_ENV": "production", **kw}


ROSMIS = ["ical-generator is not installed"]
INV = "127.0.0.137"
INVMIS = ["corporate fonts not found", "memcached check: connect ECONNREFUSED 127.0.0.1:11211"]


def invoicer(c, db=True, **kw):
    c.put("invoicer"); c.bind(c.work / "js-node" / NODE, "/srv/app/" + NODE); c.hosts({"invoices-pg.acct.svc": INV})
    if db: p = c.pg(INV, **kw); c.mkdb("invoicer", "invoicer"); return p


def invenv(q="", **kw): return {"INVOICER_DB": f"postgres://invoicer:s3cret@invoices-pg.acct.svc:5432/invoicer{q}", **kw}


THU = "127.0.0.138"
THUMIS = ["HEIC pictures are skipped: libheif not found", "THUMBS_S3_PATH_STYLE is deprecated"]
TSX = "exec ./node_modules/.bin/tsx src/worker.ts"


def thumbs(c, *redis, up=True):
    c.put("thumbs"); c.bind(c.work / "js-node" / NODE, "/srv/app/" + NODE); c.hosts({"jobs.media.internal": THU})
    if up: c.redis(THU, *redis)


def thuenv(**kw): return {"THUMBS_REDIS": "redis://jobs.media.internal:6379", "THUMBS_S3_PATH_STYLE": "1", "TSX_DISABLE_CACHE": "1", **kw}


MEN = "127.0.0.139"
MENMIS = ["MENUS_TRANSLATE_KEY not given", "flag service: ECONNREFUSED"]
BUN = "exec /opt/bun/bun src/index.ts"


def menus(c, db=True, **kw):
    c.put("menus"); c.bind(c.work / "js-bun" / NODE, "/srv/app/" + NODE); c.bind(c.work / "bin/bun", "/opt/bun"); c.hosts({"kitchen-pg": MEN})
    if db: c.pg(MEN, **kw); c.mkdb("menus", "menus", sql="create table dish(name text primary key, codes text); insert into dish values ('Spaetzle', 'GEM'), ('Linsen', 'C')")


def menenv(**kw): return {"MENUS_DB": "postgres://menus:s3cret@kitchen-pg:5432/menus", **kw}


DENO = "exec /opt/deno/deno run --no-prompt --allow-net --allow-read=/srv/app,/etc/wayfinder --allow-env=WAYFINDER_FLOORS,WAYFINDER_TILES,WAYFINDER_TILES_CA,WAYFINDER_PORT main.ts"
WAYMIS = ["no closures file, all corridors are open"]


def wayfinder(c):
    c.put("wayfinder"); c.bind(c.work / "js-deno" / NODE / "@deno/linux-x64-glibc", "/opt/deno")


ALM = "127.0.0.140"
ALMTOML = 'listen = "0.0.0.0:8500"\nhemisphere = "north"\nconnect-attempts = {}\nacquire-seconds = {}\ntiles = "127.0.0.1:11300"\n'
ALMMIS = ["ephemeris file not found, falling back", "tile cache unavailable, maps are rendered on demand"]


def almanac(c, tries=2, acquire=2, more=""):
    binary(c, "almanac"); shutil.copytree(APPS / "almanac/almanac/migrations", ROOT + "/srv/app/migrations"); c.hosts({"calendar-pg": ALM})
    c.write("/etc/almanac/almanac.toml", ALMTOML.format(tries, acquire) + more)


def almenv(**kw): return {"ALMANAC_DATABASE": "postgres://almanac:s3cret@calendar-pg:5432/almanac", "ALMANAC_TZ_LEGACY": "1", **kw}


PIC = "127.0.0.141"
PICMIS = ["voice picking is off: /etc/pickers/voice.lic", "wall display not reachable, going on without it"]
PICSQL = "create table pick_order(id bigserial primary key, picked_at timestamptz); insert into pick_order(picked_at) values (null), (now()), (null)"


def pickers(c, db=True, **kw):
    binary(c, "pickers"); c.hosts({"wms-db": PIC, "wall-display": "127.0.0.1"})
    if db: p = c.pg(PIC, **kw); c.mkdb("wms", "pickers", sql=PICSQL); return p


def picenv(host="wms-db", port=5432, **kw):
    return {"PICKERS_DB": f"host={host} port={port} user=pickers password=s3cret dbname=wms", "PICKERS_SITE": "Lehrte", "PICKERS_BOARD": "redis://wall-display:6390/", "NO_COLOR": "1", **kw}


def halt(c):
    for p in c.procs:
        if str(p.args[0]).endswith("/postgres") and p.poll() is None: c.stop(p)


def late_proxy(c, ip, port, target, wait, first_only=True):
    """Forwards to target, but answers a new connection's first bytes only after `wait` seconds."""
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind((ip, port)); s.listen(16)
    def pump(a, b, w=0):
        try:
            time.sleep(w)
            while d := a.recv(65536): b.sendall(d)
        except OSError: pass
        for x in (a, b):
            try: x.shutdown(socket.SHUT_RDWR)
            except OSError: pass
    def go():
        while True:
            a, _ = s.accept(); b = socket.create_connection(target)
            threading.Thread(target=pump, args=(a, b, wait), daemon=True).start(); threading.Thread(target=pump, args=(b, a), daemon=True).start()
    threading.Thread(target=go, daemon=True).start()


def answer(ip, port, status, headers, body):
    """A plain HTTP server that gives one answer to everything."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    class H(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            for k, v in {**headers, "Content-Length": str(len(body))}.items(): self.send_header(k, v)
            self.end_headers(); self.wfile.write(body.encode())
        def log_message(self, *a): pass
    threading.Thread(target=ThreadingHTTPServer((ip, port), H).serve_forever, daemon=True).start()


# ================================================================ batch one
BATCH.append(FIRST)


@held("premium-lock-timeout", stack="java+spring+hikaricp+log4j2", fmt="kubectl-prefix-ts", service="premium", noise=True)
def _(c):
    premium(c)
    c.bg(["psql", "-X", "-q", f"host={PRE} user=premium dbname=premium password=s3cret application_name=month-end", "-c", "begin; lock table policy in access share mode; select pg_sleep(400)"], uid=1000); time.sleep(1)
    c.loop(3, JPREM, env=preenv())
    c.save(fault_injected="a month-end report holds an open transaction with a lock on table policy; the schema upgrade's ALTER TABLE gives up after its lock_timeout of 2.5 s", domain="dependency", layer="query", cause="lock_timeout",
           culprit="table policy (alter table policy add column renewal_notice)", owner="either", also_acceptable=["application"], fix="end the transaction that holds the lock, then start again",
           evidence=["canceling statement due to lock timeout"], misleading=PREMIS)


@held("boxoffice-certificate-2027", stack="java+jetty9+pgjdbc+logback", fmt="cri", service="boxoffice", noise=True)
def _(c):
    boxoffice(c, conf=None if os.makedirs(ROOT + "/etc/pgtls", exist_ok=True) else c.tls("tickets-db.stage.lan", start=("20270101000000Z", "20280101000000Z"), ca="Stage Lan CA"))
    c.loop(3, JBOX, env=boxenv("?sslmode=verify-full&sslrootcert=/etc/pgtls/ca.crt"))
    c.save(fault_injected="the database's certificate was issued for the time from 2027-01-01 on", domain="network", layer="tls", cause="tls_not_yet_valid", culprit="certificate of tickets-db.stage.lan", owner="either", also_acceptable=["dependency", "platform", "configuration"],
           acceptable_causes=["clock_skew"], fix="install a certificate that is valid today", evidence=["CertificateNotYetValidException", "NotBefore: Fri Jan 01"], misleading=BOXMIS)


@held("boxoffice-liveness", stack="java+jetty9+pgjdbc+logback", fmt="gcl-gke", service="boxoffice", noise=True)
def _(c):
    boxoffice(c); env = boxenv(BOXOFFICE_RENDER_ROWS="80"); say = c.platform
    c.platform = lambda text, level="ERROR": say(text.replace("Default STARTUP TCP probe", "LIVENESS TCP probe").replace("was not started", "has been shut down"), level)
    c.loop(3, JBOX, env=env, probe=dict(port=8180, initial=4, period=2, failures=3, grace=3))
    for a in c.attempts: a["killed_by"] = "liveness_probe"
    c.fact(env=env, probes={"liveness": {"tcp": 8180, "initialDelaySeconds": 4, "periodSeconds": 2, "failureThreshold": 3}}, latency={"rendering 80 rows at start": "32 s"},
           events=["Liveness probe failed: dial tcp 10.12.3.41:8180: connect: connection refused", "Container boxoffice failed liveness probe, will be restarted"])
    c.save(fault_injected="the liveness probe allows 10 s, the program renders its balcony for 32 s before it listens; no startup probe protects it", domain="platform", layer="probe", cause="liveness_kill", culprit="liveness probe on port 8180",
           owner="platform-team", also_acceptable=["configuration"], fix="add a startup probe or raise the liveness probe's budget", evidence=["Shutdown requested, releasing held seats", "failed liveness probe", "liveness"], misleading=BOXMIS, only_facts_tell=True,
           note="the texts in facts.events are the recorder's, worded as a kubelet does; probe and kill were real")


@held("seatmap-maintenance-read-only", stack="go+lib/pq+slog", fmt="gcl-run-array", service="seatmap", noise=True, newest_first=True)
def _(c):
    seatmap(c); c.psql("alter database seatmap set default_transaction_read_only = on")
    c.loop(4, "exec ./seatmap", env=seatenv())
    c.save(fault_injected="the database was set read-only for maintenance (default_transaction_read_only) and never set back", domain="dependency", layer="query", cause="read_only_database", culprit="database seatmap (INSERT into node_lease)", owner="db-team",
           acceptable_causes=["read_only_replica"], also_acceptable=["configuration"], fix="alter database seatmap reset default_transaction_read_only", evidence=["pq: cannot execute INSERT in a read-only transaction"], misleading=SEATMIS)


@held("seatmap-no-route", stack="go+lib/pq+slog", fmt="journald", service="seatmap", noise=True, host="cabin-07")
def _(c):
    seatmap(c, db=False); c.hosts({"cabins-pg": "127.77.0.9"}); subprocess.run(["ip", "route", "add", "unreachable", "127.77.0.9/32", "table", "local"], check=True)
    c.loop(4, "exec ./seatmap", env=seatenv())
    c.save(fault_injected="the route to cabins-pg (127.77.0.9) is rejected: no route to host", domain="network", layer="tcp", cause="no_route_to_host", culprit="127.77.0.9:5432 (cabins-pg)", owner="platform-team", fix="repair the route to the database's subnet",
           evidence=["connect: no route to host"], misleading=SEATMIS)


@held("fanout-redis-clients", stack="go+redigo+zerolog", fmt="docker", service="fanout", noise=True)
def _(c):
    fanout(c, "--maxclients", "6"); time.sleep(.5); keep = [socket.create_connection((FANIP, 6379)) for _ in range(6)]
    c.loop(4, "exec ./fanout", env=fanenv(FANOUT_LOG="console"))
    c.save(fault_injected="Redis allows 6 clients and idle consumers hold all of them", domain="capacity", layer="slot", cause="redis_max_clients", culprit="subs.redis.local maxclients", owner="either", also_acceptable=["dependency"], fix="raise maxclients or close idle clients",
           evidence=["ERR max number of clients reached"], misleading=FANMIS, note="coloured by the program"); del keep


@held("claims-database-limit", stack="go+pgx+logrus+gin", fmt="plain", service="claims", noise=True)
def _(c):
    claims(c); c.psql("alter database claims connection limit 4"); c.hold(4, "claims", "s3cret", "claims", CLA)
    c.loop(3, "exec ./claims", env=claenv(CLAIMS_RETRIES="2"))
    c.save(fault_injected="database claims has CONNECTION LIMIT 4, a nightly export holds all four", domain="capacity", layer="slot", cause="database_connection_limit", culprit='database "claims"', owner="db-team", fix="raise the database's connection limit or end the export",
           evidence=['too many connections for database'], misleading=CLAMIS)


@held("claims-socket-directory", stack="go+pgx+logrus+gin", fmt="gcl-run", service="claims", noise=True, platform_lines=True)
def _(c):
    claims(c); env = claenv("/tmp")
    c.loop(3, "exec ./claims", env=env); c.fact(env=env, mounts=["/var/run/postgresql"])
    c.save(fault_injected="CLAIMS_DB says host=/tmp, Postgres' socket is in /var/run/postgresql", domain="configuration", layer="socket", cause="wrong_socket_path", culprit="/tmp/.s.PGSQL.5432", owner="app-team", also_acceptable=["platform"],
           fix="host=/var/run/postgresql", evidence=["dial unix /tmp/.s.PGSQL.5432: connect: no such file or directory"], misleading=CLAMIS)


@held("roster-module-circle", stack="nestjs+typeorm+pg", fmt="plain", service="roster", noise=True)
def _(c):
    roster(c); f = "/srv/app/dist/people/people.module.js"
    c.sub(f, 'const people_service_1 = require("./people.service");', 'const shift_module_1 = require("../shift/shift.module");\nconst people_service_1 = require("./people.service");')
    c.sub(f, "forFeature([person_entity_1.Person])]", "forFeature([person_entity_1.Person]), shift_module_1.ShiftModule]")
    c.loop(3, "exec node dist/main.js", env=rosenv())
    c.save(fault_injected="PeopleModule now imports ShiftModule, which imports PeopleModule; the second is undefined while the first loads", domain="application", layer="import", cause="circular_import", culprit="ShiftModule / PeopleModule", owner="app-team",
           acceptable_causes=["init_order"], fix="forwardRef() or break the circle", evidence=["A circular dependency between modules"], misleading=ROSMIS, note="coloured by Nest's logger")


@held("roster-uuid-function", stack="nestjs+typeorm+pg", fmt="docker", service="roster", noise=True)
def _(c):
    roster(c); c.psql("alter database roster owner to postgres"); c.psql("grant create on schema public to roster", "roster")
    c.loop(3, "exec node dist/main.js", env=rosenv(ROSTER_SYNC="1", ROSTER_PG_RETRIES="3", NO_COLOR="1"))
    c.save(fault_injected="extension uuid-ossp is not installed in the new database and the role may not create it", domain="dependency", layer="query", cause="missing_extension", culprit="uuid-ossp (uuid_generate_v4())", owner="db-team", also_acceptable=["configuration"],
           acceptable_causes=["missing_extension"], fix='create extension "uuid-ossp" as superuser', evidence=["function uuid_generate_v4() does not exist"], misleading=ROSMIS)


@held("thumbs-noauth", stack="tsx+bullmq+pino", fmt="kubectl-ts", service="thumbs", noise=True)
def _(c):
    thumbs(c, "--requirepass", "kept-elsewhere")
    c.loop(3, TSX, env=thuenv())
    c.save(fault_injected="Redis got a password, THUMBS_REDIS holds none", domain="configuration", layer="auth", cause="auth_required", culprit="THUMBS_REDIS (jobs.media.internal:6379)", owner="app-team", acceptable_causes=["missing_password"], fix="put the password into THUMBS_REDIS",
           evidence=["NOAUTH Authentication required"], misleading=THUMIS)


@held("invoicer-psql-verify", stack="express+sequelize+winston, sh entrypoint", fmt="compose", service="invoicer", noise=True)
def _(c):
    os.makedirs(ROOT + "/etc/oldca", exist_ok=True); c.tls("x.invalid", dir="/etc/oldca", ca="Accounts CA 2023")
    invoicer(c, conf=c.tls("invoices-pg.acct.svc", ca="Accounts CA 2026"))
    c.loop(4, "exec ./docker-entrypoint.sh", env=invenv("?sslmode=verify-full&sslrootcert=/etc/oldca/ca.crt", INVOICER_SEED="yes"))
    c.save(fault_injected="the database's certificate comes from a new CA, the image still ships the old CA", domain="network", layer="tls", cause="tls_verify_failed", culprit="invoices-pg.acct.svc", owner="either", also_acceptable=["configuration"],
           acceptable_causes=["tls_unknown_ca"], fix="ship the new CA", evidence=["SSL error: certificate verify failed"], misleading=["/docker-entrypoint.d is not a directory"])


@held("menus-renamed-export", stack="bun+hono", fmt="gcl-gke", service="menus")
def _(c):
    menus(c); c.sub("/srv/app/src/allergens.ts", "export function labelFor(", "export function labelsFor(")
    c.loop(4, BUN, env=menenv())
    c.save(fault_injected="allergens.ts exports labelsFor since the last refactoring, index.ts still imports labelFor", domain="application", layer="import", cause="import_error", culprit="labelFor in /srv/app/src/allergens.ts", owner="app-team", fix="import labelsFor",
           evidence=["Export named 'labelFor' not found in module"], misleading=[])


@held("pickers-standby-then-grant", stack="rust+deadpool+tokio-postgres", fmt="kubectl-prefix", service="pickers", noise=True)
def _(c):
    binary(c, "pickers"); c.hosts({"wms-db": PIC, "wall-display": "127.0.0.1"}); hba = "local replication all trust\nhost all all 127.0.0.0/8 scram-sha-256\n"
    c.pg("127.0.0.199", hba=hba); c.psql("create role pickers login password 's3cret'"); c.psql("create database wms"); c.psql(PICSQL, "wms")
    os.makedirs(ROOT + "/var/lib/pg/standby"); os.chown(ROOT + "/var/lib/pg/standby", 70, 70); os.chmod(ROOT + "/var/lib/pg/standby", 0o700)
    b = c.popen("exec /usr/lib/postgresql/15/bin/pg_basebackup -h /var/run/postgresql -U postgres -D /var/lib/pg/standby -X fetch -c fast --max-rate=6M", uid=70); time.sleep(1.5)
    c.psql("create table moved(n int)"); end = c.psql("select pg_walfile_name(pg_switch_wal())").strip(); c.psql("insert into moved values (1)"); assert b.wait(60) == 0
    for f in pathlib.Path(ROOT + "/var/lib/pg/standby/pg_wal").glob("0*"):
        if f.is_file() and f.name > end: f.unlink()
    c.write("/var/lib/pg/standby/standby.signal", "", 0o600, 70); halt(c)
    p = c.pg(PIC, data="/var/lib/pg/standby", conf={"restore_command": "/bin/false"}, wait=False); time.sleep(2.5)
    def before(i):
        if i == 4: c.stop(p, "SIGQUIT"); c.pg(PIC, hba=hba)
    c.loop(6, "exec ./pickers", env=picenv(), before=before)
    a = dict(attempts=[1, 2, 3], domain="dependency", layer="protocol", cause="db_not_accepting_connections", culprit="wms-db:5432", evidence=["the database system is not yet accepting connections"], owner="db-team", fix="give the standby its missing WAL", acceptable_causes=["db_in_recovery"])
    z = dict(attempts=[4, 5, 6], domain="configuration", layer="query", cause="db_permission_denied", culprit="table pick_order, role pickers", evidence=["permission denied for table pick_order"], owner="db-team", fix="grant select on pick_order to pickers")
    c.save(fault_injected="attempts 1-3: the address leads to a restored standby that lacks WAL and is not consistent yet; then to the primary, where the role has no right on table pick_order", mixed=True, causes=[a, z],
           **{k: z[k] for k in ("domain", "layer", "cause", "culprit", "owner", "fix", "evidence")}, also_acceptable=["dependency"], misleading=PICMIS)


@held("pickers-haproxy-no-backend", stack="rust+deadpool+tokio-postgres+haproxy", fmt="compose", service="pickers", noise=True)
def _(c):
    pickers(c, db=False); c.hosts({"wms-db": "127.0.0.142"})
    c.write("/srv/lb/haproxy.cfg", "global\n  log stderr format raw local0\ndefaults\n  mode tcp\n  log global\n  option tcplog\n  timeout connect 2s\n  timeout client 1m\n  timeout server 1m\n  retries 1\n"
            f"frontend wms\n  bind 127.0.0.142:5432\n  default_backend wms_pg\nbackend wms_pg\n  server pg1 {PIC}:5432\n")
    c.bg("exec haproxy -db -f /srv/lb/haproxy.cfg", uid=1000, src="dblb"); c.wait_port("127.0.0.142", 5432)
    c.loop(3, "exec ./pickers", env=picenv())
    c.save(fault_injected=f"the load balancer in front of Postgres runs, Postgres itself ({PIC}:5432) does not: haproxy accepts and closes", domain="network", layer="protocol", cause="proxy_closed_handshake", culprit="wms_pg/pg1 behind haproxy", owner="either", also_acceptable=["dependency"],
           acceptable_causes=["server_closed_connection", "db_down_behind_pooler", "sidecar_not_ready"], fix="start Postgres behind the balancer", evidence=["Error occurred while creating a new object: connection closed", "Error { kind: Closed, cause: None }", "wms_pg/pg1"], misleading=PICMIS)


@held("almanac-late-success", stack="rust+axum+sqlx+tracing", fmt="gcl-gke-array", service="almanac", noise=True)
def _(c):
    almanac(c, tries=6, acquire=2); c.pg(ALM); c.mkdb("almanac", "almanac"); halt(c)
    threading.Timer(5, lambda: c.pg(ALM)).start()
    c.loop(1, "exec ./almanac", env=almenv(), ready="almanac is serving")
    c.save(outcome="success", fault_injected="Postgres came up 5 s after the service, whose own retries got through", cause="success_after_slow_dependency", culprit="calendar-pg:5432 (late)", owner="either", fix="nothing to do", evidence=["calendar store connected", "almanac is serving"],
           misleading=["calendar store not there yet"] + ALMMIS)


@held("invoicer-says-nothing", stack="express+sequelize+winston", fmt="gcl-run", service="invoicer", noise=True, platform_lines=True)
def _(c):
    invoicer(c); c.psql("alter role invoicer set statement_timeout = 1"); c.psql("create table invoice(id int)", "invoicer")
    c.loop(4, "exec node server.js", env=invenv(INVOICER_QUIET="1"))
    c.save(outcome="undetermined", fault_injected="the role's statement_timeout is 1 ms, so that a query of the start fails; INVOICER_QUIET hides the error", layer="startup", cause="undetermined", owner="either", true_cause="statement_timeout", fix="unset INVOICER_QUIET",
           candidates=["statement_timeout", "auth_failed", "bad_migration"], needed=["the error that INVOICER_QUIET=1 hides", "the database's log"], evidence=["startup aborted, see previous messages"], misleading=INVMIS)


@held("wayfinder-floor-without-nodes", stack="deno", fmt="docker", service="wayfinder", noise=True)
def _(c):
    wayfinder(c); c.sub("/srv/app/floors.json", '{"level": 2, "name": "surgery", "nodes"', '{"level": 2, "name": "surgery", "points"')
    c.loop(3, DENO, env={"DENO_NO_UPDATE_CHECK": "1", "NO_COLOR": "1", "DENO_DIR": "/tmp/deno"})
    c.save(fault_injected="one floor of floors.json has points instead of nodes; the program reads nodes without checking", domain="application", layer="startup", cause="startup_exception", culprit="loadFloors in /srv/app/floors.ts (nodes of floors.json)", owner="app-team", also_acceptable=["configuration"],
           acceptable_causes=["unhandled_promise_rejection"], fix="correct floors.json and check it when it is read", evidence=["TypeError: Cannot read properties of undefined (reading 'filter')"], misleading=WAYMIS)


@held("boxoffice-reset", stack="java+jetty9+pgjdbc+logback", fmt="gcl-run", service="boxoffice", noise=True, platform_lines=True)
def _(c):
    boxoffice(c); c.hosts({"tickets-db.stage.lan": "127.0.0.157"}); keep = c.proxy("127.0.0.157", 5432, "reset")
    c.loop(3, JBOX, env=boxenv())
    c.save(fault_injected="a middlebox on the path resets the connection as soon as the client has sent its first bytes", domain="network", layer="tcp", cause="connection_reset", culprit="tickets-db.stage.lan:5432", owner="platform-team", also_acceptable=["dependency"], acceptable_causes=["server_closed_connection"],
           fix="find what resets the connections", evidence=["java.net.SocketException: Connection reset"], misleading=BOXMIS); del keep


@held("thumbs-half-edit", stack="tsx+bullmq+pino", fmt="kubectl-ts", service="thumbs")
def _(c):
    thumbs(c); c.sub("/srv/app/src/sizes.ts", "webp: width > 64 }));", "webp: width > 64 });")
    c.loop(4, TSX, env=thuenv())
    c.save(fault_injected="sizes.ts lacks a closing parenthesis", domain="application", layer="import", cause="syntax_error", culprit="/srv/app/src/sizes.ts:4", owner="app-team", fix="close the parenthesis", evidence=["sizes.ts:4:", "Transform failed with 1 error"], misleading=[])


# ================================================================ batch two
BATCH.append(LAST)


@held("premium-placeholder", stack="java+spring+hikaricp+log4j2", fmt="gcl-gke", service="premium", noise=True)
def _(c):
    premium(c); env = preenv(PREMIUM_DB_URL=preenv()["PREMIUM_JDBC_URL"]); del env["PREMIUM_JDBC_URL"]
    c.loop(3, JPREM, env=env); c.fact(env=env)
    c.save(fault_injected="the deployment sets PREMIUM_DB_URL, the program reads PREMIUM_JDBC_URL", domain="configuration", layer="config", cause="missing_env", culprit="PREMIUM_JDBC_URL", owner="app-team", fix="set PREMIUM_JDBC_URL",
           evidence=["Could not resolve placeholder 'PREMIUM_JDBC_URL'"], misleading=["PREMIUM_GEO_LICENCE is not set"])


@held("premium-native-library", stack="java+spring+hikaricp+log4j2", fmt="docker", service="premium", noise=True)
def _(c):
    premium(c); c.rm("/opt/hazard/libgridcore.so.3")
    c.loop(2, JPREM, env=preenv(PREMIUM_JDBC_USER="premium"))
    c.save(fault_injected="libgridcore.so.3, which the JNI library libhazard.so needs, was left out of the image", domain="application", layer="import", cause="missing_shared_library", culprit="libgridcore.so.3", owner="app-team", also_acceptable=["platform"], fix="install libgridcore in the image",
           evidence=["libgridcore.so.3: cannot open shared object file"], misleading=PREMIS)


@held("boxoffice-deadlock", stack="java+jetty9+pgjdbc+logback", fmt="kubectl-ts", service="boxoffice", noise=True)
def _(c):
    boxoffice(c); env = boxenv(BOXOFFICE_DYNAMIC_PRICES="true")
    c.attempt(JBOX, env=env, timeout=18, during=lambda p: (time.sleep(12), p.send_signal(3)))
    c.save(fault_injected="two warm-up threads take the locks of SeatPlan and PriceList in opposite order and wait for each other for ever; kill -3 had the JVM print its threads", domain="application", layer="startup", cause="startup_hang", culprit="SeatPlan.build / PriceList.dynamic (deadlock)",
           owner="app-team", fix="take the locks in one order", evidence=["Found one Java-level deadlock", "Found 1 deadlock", "waiting to lock"], misleading=BOXMIS)


@held("boxoffice-statement-timeout", stack="java+jetty9+pgjdbc+logback", fmt="journald", service="boxoffice", noise=True, platform_lines=True, host="foyer-2")
def _(c):
    boxoffice(c); c.psql("set role boxoffice; create function seat_block(s int) returns int language sql as 'select count(*)::int from generate_series(1, 6000) g where (g * 7) % 700 = s'", "boxoffice")
    c.psql("alter role boxoffice set statement_timeout = '900ms'")
    c.loop(3, JBOX, env=boxenv(BOXOFFICE_REPORT_CLAUSE=" and seat_block(s.seat) > 0"))
    c.save(fault_injected="the role got a statement_timeout of 900 ms, the count of the running season takes several seconds", domain="dependency", layer="query", cause="statement_timeout", culprit="statement_timeout of role boxoffice", owner="either", also_acceptable=["configuration", "application"],
           fix="raise the limit or make the query faster", evidence=["canceling statement due to statement timeout"], misleading=BOXMIS)


@held("seatmap-secret-quota", stack="go+lib/pq+slog", fmt="gcl-run", service="seatmap", noise=True, platform_lines=True)
def _(c):
    seatmap(c); c.hosts({"secrets.cloud.internal": "127.0.0.150"})
    answer("127.0.0.150", 8080, 429, {"Content-Type": "application/json", "Retry-After": "60"}, '{"error": {"code": 429, "message": "Quota exceeded for quota metric \'Access requests\' and limit \'Access requests per minute\' for consumer \'project_number:418820137\'.", "status": "RESOURCE_EXHAUSTED"}}')
    c.loop(5, "exec ./seatmap", env=seatenv(SEATMAP_KEYS="http://secrets.cloud.internal:8080"))
    c.save(fault_injected="the secret service answers every request with 429: its quota per minute is used up (a stub server gives that answer)", domain="capacity", layer="protocol", cause="quota_exceeded", culprit="secrets.cloud.internal:8080", owner="platform-team", also_acceptable=["dependency"],
           fix="raise the quota or fetch the keys less often", evidence=["429 Too Many Requests", "RESOURCE_EXHAUSTED"], misleading=SEATMIS)


@held("fanout-redis-memory", stack="go+redigo+zerolog", fmt="kubectl-prefix", service="fanout", noise=True)
def _(c):
    fanout(c, "--maxmemory", "2mb", "--maxmemory-policy", "noeviction"); c.run(["redis-cli", "-h", FANIP, "eval", "for i = 1, 3000 do redis.call('set', 'score:' .. i, string.rep('x', 800)) end", "0"])
    c.loop(5, "exec ./fanout", env=fanenv(), timeout=15)
    c.save(fault_injected="Redis has reached its maxmemory of 2 MB and may not evict", domain="capacity", layer="resource", cause="redis_out_of_memory", culprit="subs.redis.local maxmemory", owner="either", also_acceptable=["dependency"], fix="raise maxmemory or choose an eviction policy",
           evidence=["OOM command not allowed when used memory > 'maxmemory'"], misleading=FANMIS)


@held("fanout-newline", stack="go+redigo+zerolog", fmt="cri", service="fanout", noise=True)
def _(c):
    fanout(c); env = fanenv(FANOUT_REDIS="redis://subs.redis.local:6379/0\n")
    c.loop(4, "exec ./fanout", env=env); c.fact(env=env)
    c.save(fault_injected="the secret with FANOUT_REDIS was made with a trailing newline", domain="configuration", layer="config", cause="whitespace_in_value", culprit="FANOUT_REDIS", owner="app-team", acceptable_causes=["malformed_url"], fix="make the secret again without the newline",
           evidence=["invalid control character in URL"], misleading=FANMIS)


@held("claims-pooler-clients", stack="go+pgx+logrus+gin+pgbouncer", fmt="kubectl-prefix-ts", service="claims", noise=True)
def _(c):
    claims(c); c.hosts({"claims-pooler": "127.0.0.151"})
    c.write("/srv/bouncer/pgbouncer.ini", f"[databases]\nclaims = host={CLA} port=5432\n[pgbouncer]\nlisten_addr = 127.0.0.151\nlisten_port = 6432\nunix_socket_dir =\nauth_type = plain\nauth_file = /srv/bouncer/userlist.txt\nmax_client_conn = 5\ndefault_pool_size = 10\n", uid=1000)
    c.write("/srv/bouncer/userlist.txt", '"claims" "s3cret"\n', uid=1000); c.bg("exec pgbouncer /srv/bouncer/pgbouncer.ini", uid=1000, src="pooler"); c.wait_port("127.0.0.151", 6432); time.sleep(.5)
    c.hold(5, "claims", "s3cret", "claims", "127.0.0.151", port=6432)
    c.loop(3, "exec ./claims", env=claenv("claims-pooler", 6432, CLAIMS_RETRIES="2"))
    c.save(fault_injected="pgbouncer allows 5 clients (max_client_conn) and a nightly export holds all of them; Postgres has room", domain="capacity", layer="slot", cause="pgbouncer_max_client_conn", culprit="max_client_conn of claims-pooler", owner="either", fix="raise max_client_conn",
           evidence=["no more connections allowed (max_client_conn)"], misleading=CLAMIS)


@held("claims-rules-then-shutdown", stack="go+pgx+logrus+gin", fmt="docker", service="claims", noise=True)
def _(c):
    claims(c); c.hosts({"intake-rules.prod": "127.0.0.152"})
    pg = next(p for p in c.procs if str(p.args[0]).endswith("/postgres"))
    keep = c.proxy("127.0.0.152", 8088, "http503"); answer("127.0.0.153", 8088, 200, {}, "rule 1\n")
    def before(i):
        if i == 4: c.hosts({"intake-rules.prod": "127.0.0.153"}); c.hold(1, "claims", "s3cret", "claims", CLA); pg.send_signal(15); time.sleep(.5)
    c.loop(6, "exec ./claims", env=claenv(CLAIMS_INTAKE_URL="http://intake-rules.prod:8088"), before=before)
    a = dict(attempts=[1, 2, 3], domain="dependency", layer="protocol", cause="upstream_503", culprit="intake-rules.prod:8088", evidence=["answered 503 Service Unavailable"], owner="either", fix="bring the rule service back")
    z = dict(attempts=[4, 5, 6], domain="dependency", layer="protocol", cause="db_shutting_down", culprit="claims-db.prod", evidence=["the database system is shutting down"], owner="db-team", fix="end the last session or start Postgres again")
    c.save(fault_injected="attempts 1-3: the rule service answers 503; then it is back, but Postgres got a smart shutdown and waits for a long session", mixed=True, causes=[a, z],
           **{k: z[k] for k in ("domain", "layer", "cause", "culprit", "owner", "fix", "evidence")}, misleading=CLAMIS); del keep


@held("roster-servfail", stack="nestjs+typeorm+pg", fmt="plain", service="roster", noise=True)
def _(c):
    roster(c, db=False); c.dns({}, mode="servfail")
    c.loop(3, "exec node dist/main.js", env=rosenv("pg.roster.internal", ROSTER_PG_RETRIES="2"))
    c.save(fault_injected="the resolver answers SERVFAIL to everything", domain="network", layer="dns", cause="dns_temporary_failure", culprit="pg.roster.internal", owner="platform-team", acceptable_causes=["dns_timeout"], fix="repair the resolver",
           evidence=["getaddrinfo EAI_AGAIN pg.roster.internal"], misleading=ROSMIS, note="coloured by Nest's logger")


@held("thumbs-clock-behind", stack="tsx+bullmq+pino", fmt="cri", service="thumbs", noise=True)
def _(c):
    thumbs(c, up=False); c.tls("jobs.media.internal", dir="/etc/redistls", ca="Media CA", uid=1000)
    c.redis(THU, "--tls-port", "6380", "--tls-cert-file", "/etc/redistls/server.crt", "--tls-key-file", "/etc/redistls/server.key", "--tls-ca-cert-file", "/etc/redistls/ca.crt", "--tls-auth-clients", "no")
    c.loop(3, TSX, env=thuenv(THUMBS_REDIS="rediss://jobs.media.internal:6380", THUMBS_REDIS_CA="/etc/redistls/ca.crt", LD_PRELOAD="/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1", FAKETIME="-400d", FAKETIME_DONT_FAKE_MONOTONIC="1"))
    c.save(fault_injected="the clock that the program sees is 400 days behind (libfaketime), so that a valid certificate is not yet valid; the log's own time stamps show it", domain="platform", layer="tls", cause="clock_skew", culprit="clock of the host", owner="platform-team", also_acceptable=["network"],
           acceptable_causes=["tls_not_yet_valid"], fix="set the clock", evidence=["certificate is not yet valid"], misleading=THUMIS)


@held("invoicer-duplicate-numbers", stack="express+sequelize+umzug+winston", fmt="compose", service="invoicer", noise=True)
def _(c):
    invoicer(c, src="db"); p = c.popen("exec node server.js", env=invenv(), cwd="/srv/app", uid=1000); time.sleep(4); p.kill(); p.wait()
    c.psql("insert into invoice(number, total) values ('2026-0017', 12), ('2026-0018', 80), ('2026-0017', 12)", "invoicer"); c.lines.clear()
    c.write("/srv/app/migrations/2026.10.05-unique-number.js", "exports.up = ({ context: q }) => q.addConstraint('invoice', { type: 'unique', fields: ['number'], name: 'invoice_number_uk' });\nexports.down = ({ context: q }) => q.removeConstraint('invoice', 'invoice_number_uk');\n", uid=1000)
    c.loop(3, "exec ./docker-entrypoint.sh", env=invenv())
    c.save(fault_injected="migration 2026.10.05-unique-number.js makes invoice.number unique, the table holds number 2026-0017 twice", domain="application", layer="migration", cause="bad_migration", culprit="2026.10.05-unique-number.js (invoice_number_uk)", owner="app-team", also_acceptable=["dependency"],
           fix="remove the duplicates first", evidence=['could not create unique index "invoice_number_uk"', "2026.10.05-unique-number.js"], misleading=INVMIS + ["/docker-entrypoint.d is not a directory"])


def tiles(c, names):
    c.hosts({"tiles.campus.lan": "127.0.0.154"}); c.tls(names, dir="/etc/tiles", ca="Campus CA", uid=1000)
    c.write("/srv/tiles/v2/index.json", "[]\n"); c.bg("exec openssl s_server -accept 127.0.0.154:8443 -cert /etc/tiles/server.crt -key /etc/tiles/server.key -WWW -quiet", cwd="/srv/tiles", uid=1000); c.wait_port("127.0.0.154", 8443)


@held("wayfinder-tiles-name", stack="deno", fmt="gcl-run-array", service="wayfinder", noise=True, newest_first=True, platform_lines=True)
def _(c):
    wayfinder(c); tiles(c, ["maps-2.campus.lan"])
    c.loop(4, DENO, env={"WAYFINDER_TILES": "https://tiles.campus.lan:8443", "DENO_CERT": "/etc/tiles/ca.crt", "DENO_NO_UPDATE_CHECK": "1", "NO_COLOR": "1", "DENO_DIR": "/tmp/deno"})
    c.save(fault_injected="the tile server's certificate is for maps-2.campus.lan only", domain="network", layer="tls", cause="tls_hostname_mismatch", culprit="certificate of tiles.campus.lan:8443", owner="either", also_acceptable=["dependency", "configuration"], fix="a certificate for tiles.campus.lan",
           evidence=["certificate not valid for name"], misleading=WAYMIS)


@held("wayfinder-net-permission", stack="deno", fmt="plain", service="wayfinder", noise=True)
def _(c):
    wayfinder(c); tiles(c, ["tiles.campus.lan"])
    c.loop(4, DENO.replace("--allow-net ", "--allow-net=0.0.0.0:8900 "), env={"WAYFINDER_TILES": "https://tiles.campus.lan:8443", "DENO_CERT": "/etc/tiles/ca.crt", "DENO_NO_UPDATE_CHECK": "1", "DENO_DIR": "/tmp/deno"})
    c.save(fault_injected="the start command allows the network for the listener only (--allow-net=0.0.0.0:8900), the tile index needs tiles.campus.lan:8443", domain="platform", layer="process", cause="permission_denied", culprit="tiles.campus.lan:8443 (--allow-net)", owner="app-team", also_acceptable=["configuration", "application"],
           fix="add tiles.campus.lan:8443 to --allow-net", evidence=['Requires net access to "tiles.campus.lan:8443"'], misleading=WAYMIS, note="coloured by Deno")


@held("almanac-settings-key", stack="rust+axum+sqlx+tracing", fmt="plain", service="almanac", noise=False)
def _(c):
    almanac(c, more='time-zones = ["Europe/Berlin", "Europe/Zurich"]\n')
    c.loop(5, "exec ./almanac", env=almenv())
    c.save(fault_injected="almanac.toml holds time-zones, a setting of a newer version", domain="configuration", layer="config", cause="invalid_config_parameter", culprit="time-zones in /etc/almanac/almanac.toml", owner="app-team", fix="remove time-zones or deploy the newer version",
           evidence=["unknown field `time-zones`"], misleading=[])


@held("pickers-connect-limit", stack="rust+deadpool+tokio-postgres", fmt="gcl-gke", service="pickers", noise=True)
def _(c):
    pickers(c); c.hosts({"wms-db": "127.0.0.155"}); late_proxy(c, "127.0.0.155", 5432, (PIC, 5432), 2.4); env = picenv(PICKERS_CONNECT_LIMIT="1.5")
    c.loop(3, "exec ./pickers", env=env); c.fact(env=env, latency={"wms-db:5432 connect, cold": "2.4 s (measured)"})
    c.save(fault_injected="PICKERS_CONNECT_LIMIT=1.5 s, a cold connect to wms-db takes 2.4 s", domain="configuration", layer="config", cause="deadline_too_short", culprit="PICKERS_CONNECT_LIMIT", owner="app-team", also_acceptable=["network"], acceptable_causes=["connect_timeout"], fix="raise PICKERS_CONNECT_LIMIT",
           evidence=["Timeout occurred while creating a new object", "PICKERS_CONNECT_LIMIT", "2.4 s"], misleading=PICMIS)


@held("pickers-memory-limit", stack="rust", fmt="kubectl-ts", service="pickers", noise=True)
def _(c):
    pickers(c); env = picenv(PICKERS_AISLES="96")
    c.loop(3, "exec ./pickers", env=env, mem_mb=260); c.fact(env=env, limits={"memory_mb": 260})
    c.save(fault_injected="the new site's 96 aisles need 576 MB, the container's limit is 260 MB (a real cgroup): the kernel kills it", domain="capacity", layer="resource", cause="out_of_memory", culprit="memory limit 260 MB of pickers", owner="either", also_acceptable=["configuration"], fix="raise the limit",
           evidence=["walking distances computed", "memory_mb", "SIGKILL"], misleading=PICMIS, only_facts_tell=True)


@held("pickers-pool-queue", stack="rust+deadpool+tokio-postgres+pgbouncer", fmt="compose", service="pickers", noise=True)
def _(c):
    pickers(c); c.hosts({"wms-pooler": "127.0.0.156"})
    c.write("/srv/bouncer/pgbouncer.ini", f"[databases]\nwms = host={PIC} port=5432\n[pgbouncer]\nlisten_addr = 127.0.0.156\nlisten_port = 6432\nunix_socket_dir =\nauth_type = plain\nauth_file = /srv/bouncer/userlist.txt\nmax_client_conn = 200\ndefault_pool_size = 2\nquery_wait_timeout = 3\n", uid=1000)
    c.write("/srv/bouncer/userlist.txt", '"pickers" "s3cret"\n', uid=1000); c.bg("exec pgbouncer /srv/bouncer/pgbouncer.ini", uid=1000, src="pgbouncer"); c.wait_port("127.0.0.156", 6432); c.hold(2, "pickers", "s3cret", "wms", "127.0.0.156", port=6432)
    c.loop(3, "exec ./pickers", env=picenv("wms-pooler", 6432, PICKERS_CONNECT_LIMIT="9"))
    c.save(fault_injected="pgbouncer's two server connections for wms are held by a nightly export; further clients wait until query_wait_timeout. Postgres is healthy", domain="capacity", layer="slot", cause="query_wait_timeout", culprit="default_pool_size of wms-pooler", owner="either", also_acceptable=["dependency"],
           fix="raise default_pool_size or end the export", evidence=["query_wait_timeout"], misleading=PICMIS)


@held("menus-third-try", stack="bun+hono", fmt="journald", service="menus", noise=True, host="kitchen-1")
def _(c):
    menus(c); halt(c); threading.Timer(3.2, lambda: c.pg(MEN)).start()
    c.loop(1, BUN, env=menenv(MENUS_TRIES="8"), ready="open for orders")
    c.save(outcome="success", fault_injected="Postgres came up 3 s after the service; its own retries got through", cause="success_after_slow_dependency", culprit="kitchen-pg:5432 (late)", owner="either", fix="nothing to do", evidence=["open for orders at"], misleading=["try 1/8"] + MENMIS)


@held("thumbs-silent", stack="tsx+bullmq+pino", fmt="gcl-run", service="thumbs", platform_lines=True)
def _(c):
    thumbs(c, up=False); env = thuenv(LOG_LEVEL="silent")
    c.loop(4, "exec npm start", env=dict(env, npm_config_update_notifier="false")); c.fact(env={k: v for k, v in env.items() if not k.startswith("TSX")})
    c.save(outcome="undetermined", fault_injected="Redis does not run; LOG_LEVEL=silent hides every message of the program", layer="startup", cause="undetermined", owner="either", true_cause="redis_connection_refused", fix="LOG_LEVEL=info", candidates=["redis_connection_refused", "invalid_env_value", "auth_failed"],
           needed=["the program's own messages (LOG_LEVEL=silent hides them)"], evidence=["thumbs@0.31.0 start"], misleading=[])


if __name__ == "__main__":
    print(*{"first": FIRST, "last": LAST}[sys.argv[1]])
