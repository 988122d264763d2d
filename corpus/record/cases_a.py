"""Cases of part a: Java (HikariCP, plain JDBC, Tomcat), Go (lib/pq, pgx), Rust (sqlx, redis), pgbouncer and redis-server.

Needs from Debian: openjdk-17-jdk-headless libpostgresql-jdbc-java libhikaricp-java liblogback-java tomcat10 golang-go
golang-github-lib-pq-dev golang-github-jackc-pgx-v4-dev golang-go.uber-zap-dev pgbouncer redis-server; and cargo."""
import os, pathlib, shutil, subprocess, threading, time
from harness import APPS, ROOT, build, case

JARS = "/usr/share/java"


# binary, app, faults built into it: (file, text, replacement)
GO = [("meterd", "meterd", []), ("dispatch", "dispatch", []),
      ("meterd-preload", "meterd", [("shards.go", "make(chan string, 64)", "make(chan string)\n\t\tqueues[i] <- \"warm\"")]),
      ("dispatch-early", "dispatch", [("main.go", "\ts.couriers = NewRegistry()\n", "")])]


def sh(cmd, **kw): subprocess.run(cmd, shell=True, check=True, **kw)


@build
def _(work):
    """Jars and binaries go to WORK/bin; done again only when a source is newer."""
    out = work / "bin"; out.mkdir(exist_ok=True)
    def stale(app, target):
        t = out / target
        return not t.exists() or any(p.stat().st_mtime > t.stat().st_mtime for p in (APPS / app).rglob("*") if p.is_file())
    cp = f"{JARS}/postgresql.jar:{JARS}/HikariCP.jar:{JARS}/slf4j-api.jar:{JARS}/tomcat10-servlet-api.jar"
    if stale("parcels", "parcels"):
        d = out / "parcels"; shutil.rmtree(d, ignore_errors=True); (d / "lib").mkdir(parents=True)
        sh(f"rm -rf c t && mkdir c t && javac --release 17 -d t $(find {APPS}/parcels/tariff -name '*.java') && jar cf {d}/lib/parcels-tariff-1.4.2.jar -C t . && "
           f"javac --release 17 -cp {cp}:t -d c $(find {APPS}/parcels/src -name '*.java') && cp {APPS}/parcels/logback.xml c/ && jar cf {d}/lib/parcels-5.2.0.jar -C c .", cwd=out)
        for j in ("postgresql-42.5.5", "HikariCP-2.7.9", "slf4j-api-1.7.32", "logback-core-1.2.11", "logback-classic-1.2.11"): shutil.copy(f"{JARS}/{j}.jar", d / "lib")
    if stale("freight", "freight"):
        d = out / "freight"; shutil.rmtree(d, ignore_errors=True); (d / "lib").mkdir(parents=True)
        sh(f"rm -rf c && mkdir c && javac --release 17 -d c $(find {APPS}/freight/src -name '*.java') && jar cf {d}/freight.jar -C c .", cwd=out)
        shutil.copy(f"{JARS}/postgresql-42.5.5.jar", d / "lib")
    if stale("depot", "depot"):
        d = out / "depot"; shutil.rmtree(d, ignore_errors=True)
        shutil.copytree(APPS / "depot" / "web", d / "webapps" / "ROOT")
        sh(f"javac --release 17 -cp {cp} -d {d}/webapps/ROOT/WEB-INF/classes $(find {APPS}/depot/src -name '*.java')")
        for s in ("conf", "lib", "temp", "work", "logs"): (d / s).mkdir()
        shutil.copy(APPS / "depot" / "server.xml", d / "conf"); shutil.copy("/usr/share/tomcat10/etc/web.xml", d / "conf")
        shutil.copy(f"{JARS}/postgresql-42.5.5.jar", d / "lib")
    for target, app, patch in GO:
        if stale(app, target):
            d = work / "go" / "src" / app; shutil.rmtree(d, ignore_errors=True); shutil.copytree(APPS / app, d)
            for f, old, new in patch:
                assert old in (d / f).read_text(), (f, old)
                (d / f).write_text((d / f).read_text().replace(old, new))
            sh(f"go build -trimpath -o {out}/{target} {app}", env=dict(os.environ, GO111MODULE="off", GOFLAGS="", GOPATH=f"{work}/go:/usr/share/gocode", GOCACHE=f"{work}/gocache"))
    for app in ("stockd", "notifier"):
        if stale(app, app):
            src = work / "src" / app; shutil.copytree(APPS / app, src, dirs_exist_ok=True)
            home = pathlib.Path.home() / ".cargo/registry/src"
            reg = next(iter(sorted(home.glob("*"))), home)
            sh("cargo build", cwd=src, env=dict(os.environ, CARGO_TARGET_DIR=str(work / "target"), RUSTFLAGS=f"--remap-path-prefix={reg}=/usr/local/cargo/registry/src --remap-path-prefix={work}/src/{app}=."))
            shutil.copy(work / "target" / "debug" / app, out)


# ---------------------------------------------------------------- Java: parcels (HikariCP, pgjdbc, logback)
JPAR = "exec java -Xmx{} -cp '/srv/app/lib/*' io.parcels.Main"
PDB = "127.0.0.22"
TARIFF = "create table tariff(zone int primary key, cents bigint); insert into tariff select z, z * 120 from generate_series(1, 40) z"
PNOISE = ["Metrics relay 127.0.0.1:8125 not available", "PARCELS_GEOCODER_KEY is not set"]


def penv(**kw): return {"PARCELS_DB_URL": "jdbc:postgresql://pg.parcels.svc:5432/parcels", "PARCELS_DB_USER": "parcels", "PARCELS_DB_PASSWORD": "s3cret", **kw}


def parcels(c, db=True, **kw):
    c.put(c.work / "bin" / "parcels"); c.hosts({"pg.parcels.svc": PDB})
    if db: c.pg(PDB, **kw); c.mkdb("parcels", "parcels", sql=TARIFF)


@case("parcels-refused", stack="java+hikaricp+pgjdbc", fmt="cri", service="parcels", noise=True)
def _(c):
    parcels(c, db=False)
    c.loop(3, JPAR.format("128m"), env=penv())
    c.save(fault_injected="Postgres does not run on pg.parcels.svc", domain="dependency", layer="tcp", cause="db_connection_refused", culprit="pg.parcels.svc:5432", owner="db-team",
           fix="start Postgres on pg.parcels.svc:5432", evidence=["Connection to pg.parcels.svc:5432 refused"], misleading=PNOISE)


@case("parcels-role-limit", stack="java+hikaricp+pgjdbc", fmt="gcl-gke", service="parcels", noise=True)
def _(c):
    parcels(c); c.psql("alter role parcels connection limit 3"); c.hold(3, "parcels", "s3cret", "parcels", PDB)
    c.loop(2, JPAR.format("128m"), env=penv(PARCELS_INIT_FAIL_MS="-1", PARCELS_POOL_TIMEOUT_MS="3500"))
    c.save(fault_injected="role parcels has CONNECTION LIMIT 3 and three exports hold them; the pool starts empty and times out", domain="capacity", layer="slot", cause="role_connection_limit", culprit='role "parcels"',
           owner="db-team", fix="raise the role's connection limit or end the exports", evidence=['too many connections for role "parcels"'],
           misleading=PNOISE + ["ParcelsPool - Connection is not available, request timed out after"])


@case("parcels-driver-missing", stack="java+hikaricp+pgjdbc", fmt="docker", service="parcels", noise=True)
def _(c):
    parcels(c, db=False); c.rm("/srv/app/lib/postgresql-42.5.5.jar")
    c.loop(3, JPAR.format("128m"), env=penv())
    c.save(fault_injected="postgresql-42.5.5.jar was left out of the image", domain="application", layer="import", cause="missing_module", culprit="org.postgresql.Driver", owner="app-team",
           fix="put the driver's jar back into lib/", evidence=["org.postgresql.Driver"], misleading=PNOISE)


@case("parcels-tariff-jar", stack="java", fmt="kubectl-prefix", service="parcels")
def _(c):
    parcels(c); c.rm("/srv/app/lib/parcels-tariff-1.4.2.jar")
    c.loop(3, JPAR.format("128m"), env=penv())
    c.save(fault_injected="the library jar parcels-tariff-1.4.2.jar was left out of the image", domain="application", layer="import", cause="missing_module", culprit="io.parcels.tariff.TariffTable",
           owner="app-team", fix="ship parcels-tariff with the service", evidence=["java.lang.NoClassDefFoundError: io/parcels/tariff/TariffTable", "java.lang.ClassNotFoundException: io.parcels.tariff.TariffTable"],
           misleading=PNOISE)


@case("parcels-class-version", stack="java", fmt="plain", service="parcels", noise=True)
def _(c):
    parcels(c)
    c.run("mkdir /srv/x && cd /srv/x && jar xf /srv/app/lib/parcels-tariff-1.4.2.jar && printf '\\000\\101' | dd of=io/parcels/tariff/TariffTable.class bs=1 seek=6 conv=notrunc && jar cf /srv/app/lib/parcels-tariff-1.4.2.jar . && rm -r /srv/x")
    c.loop(3, JPAR.format("128m"), env=penv())
    c.save(fault_injected="parcels-tariff was built for class file version 65 (Java 21), the image runs Java 17", domain="application", layer="import", cause="unsupported_class_version", culprit="io/parcels/tariff/TariffTable",
           owner="app-team", fix="build with release 17 or run Java 21", evidence=["has been compiled by a more recent version of the Java Runtime (class file version 65.0)"], misleading=PNOISE)


@case("parcels-heap", stack="java+hikaricp+pgjdbc", fmt="gcl-run-array", service="parcels", noise=True, platform_lines=True, newest_first=True)
def _(c):
    parcels(c)
    c.loop(3, JPAR.format("64m"), env=penv(PARCELS_PRECOMPUTE_ZONES="400"))
    c.save(fault_injected="400 precomputed zones of 512 KB do not fit into -Xmx64m", domain="capacity", layer="resource", cause="out_of_memory", culprit="Java heap space (-Xmx64m)", owner="either", also_acceptable=["configuration"],
           fix="a larger heap or fewer precomputed zones", evidence=["java.lang.OutOfMemoryError: Java heap space"], misleading=PNOISE)


@case("parcels-memory-kill", stack="java+hikaricp+pgjdbc", fmt="kubectl-ts", service="parcels", noise=True)
def _(c):
    parcels(c); env = penv(PARCELS_PRECOMPUTE_ZONES="2000")
    c.loop(3, JPAR.format("1200m") , env=env, mem_mb=170)
    c.fact(env=env, limits={"memory_mb": 170}, events=["container parcels: last state Terminated, reason OOMKilled, exit code 137"])
    c.save(fault_injected="the container's memory limit (170 MB, a real cgroup) is far below the heap that -Xmx1200m allows; the kernel kills the JVM", domain="capacity", layer="resource", cause="out_of_memory",
           culprit="parcels memory limit 170 MB", owner="either", also_acceptable=["configuration"], fix="raise the limit or lower -Xmx", evidence=["OOMKilled", "memory_mb", "SIGKILL"], misleading=PNOISE, only_facts_tell=True,
           note="the text in facts.events is the recorder's, worded as a kubelet does; limit and kill by the kernel were real")


@case("parcels-service-env", stack="java", fmt="kubectl-prefix-ts", service="parcels", noise=True)
def _(c):
    parcels(c); env = penv(PARCELS_PORT="tcp://10.3.241.7:8085")
    c.loop(4, JPAR.format("128m"), env=env); c.fact(env=env)
    c.save(fault_injected="a Kubernetes Service called parcels makes the kubelet inject PARCELS_PORT=tcp://10.3.241.7:8085 over the program's own setting", domain="configuration", layer="config", cause="invalid_env_value",
           culprit="PARCELS_PORT", owner="app-team", also_acceptable=["platform"], fix="enableServiceLinks: false, or rename the variable", evidence=['For input string: "tcp://10.3.241.7:8085"'], misleading=PNOISE)


@case("parcels-vm-option", stack="java", fmt="docker", service="parcels")
def _(c):
    parcels(c, db=False); env = penv(JAVA_TOOL_OPTIONS="-XX:+UseConcMarkSweepGC -XX:CMSInitiatingOccupancyFraction=70")
    c.loop(4, JPAR.format("128m"), env=env)
    c.save(fault_injected="JAVA_TOOL_OPTIONS still holds options of the collector that Java 14 removed", domain="configuration", layer="config", cause="invalid_env_value", culprit="JAVA_TOOL_OPTIONS UseConcMarkSweepGC", owner="either",
           acceptable_causes=["invalid_env_value", "invalid_config_parameter"], fix="remove the CMS options", evidence=["Unrecognized VM option 'UseConcMarkSweepGC'"], misleading=[])


@case("parcels-tail-wrong-database", stack="java+hikaricp+pgjdbc", fmt="kubectl-ts", service="parcels")
def _(c):
    parcels(c)
    c.loop(2, JPAR.format("128m"), env=penv(PARCELS_DB_URL="jdbc:postgresql://pg.parcels.svc:5432/parcel"))
    c.lines = sorted(c.lines, key=lambda l: l["ts"])[-24:]
    c.save(fault_injected="PARCELS_DB_URL names database parcel, it is called parcels; only the last 24 lines are left", domain="configuration", layer="auth", cause="database_does_not_exist", culprit='database "parcel"', owner="app-team",
           truncated=True, fix="parcels", evidence=['FATAL: database "parcel" does not exist'], misleading=[])


# ---------------------------------------------------------------- Java: freight (DriverManager, java.util.logging)
FRE = "exec java -Xmx96m -cp /srv/app/freight.jar:/srv/app/lib/postgresql-42.5.5.jar com.harbour.freight.Freight"
FDB = "127.0.0.23"
FNOISE = ["did not take the event: java.net.ConnectException", "freight.branding not given"]
MANIFEST = "create table manifest(id bigserial primary key, closed timestamptz); insert into manifest(closed) values (null), (now())"


def fenv(host="manifest-pg.harbour.lan", q="", **kw): return {"FREIGHT_DB_URL": f"jdbc:postgresql://{host}/freight{q}", "FREIGHT_DB_PASSWORD": "s3cret", **kw}


def freight(c, db=True, **kw):
    c.put(c.work / "bin" / "freight"); c.hosts({"manifest-pg.harbour.lan": FDB})
    if db: c.pg(FDB, **kw); c.mkdb("freight", "freight", sql=MANIFEST)


@case("freight-unknown-host", stack="java+pgjdbc", fmt="journald", service="freight", noise=True, platform_lines=True, host="quay-3")
def _(c):
    freight(c); c.dns({"manifest-pg.harbour.lan": FDB}); env = fenv("manifest-pgsql.harbour.lan")
    c.loop(3, FRE, env=env); c.fact(env=env, services=[{"name": "manifest-pg.harbour.lan"}, {"name": "audit.harbour.lan"}])
    c.save(fault_injected="FREIGHT_DB_URL names manifest-pgsql.harbour.lan, the database is manifest-pg.harbour.lan; the resolver answers NXDOMAIN", domain="configuration", layer="dns", cause="wrong_host",
           culprit="manifest-pgsql.harbour.lan", owner="app-team", fix="manifest-pg.harbour.lan", acceptable_causes=["wrong_host", "dns_nxdomain"], also_acceptable=["network"],
           evidence=["java.net.UnknownHostException: manifest-pgsql.harbour.lan"], misleading=FNOISE)


@case("freight-tls-expired", stack="java+pgjdbc", fmt="plain", service="freight", noise=True)
def _(c):
    freight(c, conf=c.tls("manifest-pg.harbour.lan", start=("20240110000000Z", "20250110000000Z")))
    env = fenv(q="?sslmode=verify-full&sslrootcert=/etc/pgtls/ca.crt")
    c.loop(2, FRE, env=env); c.fact(env=env)
    c.save(fault_injected="the database's certificate expired on 2025-01-10", domain="network", layer="tls", cause="tls_expired", culprit="manifest-pg.harbour.lan certificate", owner="db-team",
           fix="renew the server certificate", evidence=["java.security.cert.CertificateExpiredException: NotAfter"], misleading=FNOISE)


@case("freight-port-taken", stack="java+pgjdbc", fmt="docker", service="freight", noise=True)
def _(c):
    freight(c); c.bg("exec python3 -m http.server 7070 --bind 0.0.0.0", uid=1000); c.wait_port("127.0.0.1", 7070)
    c.loop(3, FRE, env=fenv(TZ="Europe/Helsinki"))
    c.save(fault_injected="a stray file server holds port 7070", domain="platform", layer="socket", cause="port_in_use", culprit="port 7070", owner="either", also_acceptable=["configuration", "application"], fix="end the other process or use another FREIGHT_PORT",
           evidence=["java.net.BindException: Address already in use"], misleading=FNOISE)


@case("freight-main-class", stack="java", fmt="gcl-run", service="freight", platform_lines=True)
def _(c):
    freight(c, db=False)
    c.loop(3, FRE.replace("freight.Freight", "freight.Desk"), env=fenv())
    c.save(fault_injected="the start command names com.harbour.freight.Desk, the main class is com.harbour.freight.Freight", domain="application", layer="import", cause="wrong_entrypoint", culprit="com.harbour.freight.Desk", owner="app-team",
           acceptable_causes=["wrong_entrypoint", "missing_module"], fix="com.harbour.freight.Freight", evidence=["Could not find or load main class com.harbour.freight.Desk"], misleading=[])


@case("freight-undetermined-boot-log", stack="java+pgjdbc", fmt="plain", service="freight", noise=True)
def _(c):
    freight(c); c.run("mkdir -p /var/log/freight && chown 1000 /var/log/freight"); c.psql("drop table manifest", db="freight")
    c.loop(3, FRE, env=fenv(FREIGHT_BOOT_LOG="/var/log/freight/boot.log"))
    c.save(outcome="undetermined", fault_injected="table manifest is absent, but the exception goes to /var/log/freight/boot.log only", layer="startup", cause="undetermined", owner="either", fix="read the boot log",
           needed=["/var/log/freight/boot.log"], evidence=["boot failed, details in /var/log/freight/boot.log"], misleading=FNOISE)


@case("freight-success-noise", stack="java+pgjdbc", fmt="gcl-gke", service="freight", noise=True)
def _(c):
    freight(c)
    c.loop(1, FRE, env=fenv(), ready="freight desk is open on 7070")
    c.save(outcome="success", fault_injected="none; audit trail and branding are absent as always", cause="success", owner="either", fix="nothing to do", evidence=["freight desk is open on 7070"], misleading=FNOISE)


# ---------------------------------------------------------------- Java: depot (Tomcat 10, JNDI pool)
TOM = ("exec java -Xmx160m -Djava.util.logging.manager=org.apache.juli.ClassLoaderLogManager -Dcatalina.home=/usr/share/tomcat10 -Dcatalina.base=/srv/app -Djava.io.tmpdir=/srv/app/temp "
       "-cp /usr/share/tomcat10/bin/bootstrap.jar:/usr/share/tomcat10/bin/tomcat-juli.jar org.apache.catalina.startup.Bootstrap start")


def depot(c, db=True):
    c.put(c.work / "bin" / "depot"); c.hosts({"pg.depot.lan": "127.0.0.25"})
    if db: c.pg("127.0.0.25"); c.mkdb("depot", "depot", sql="create table bay(id int primary key, label text)")


@case("depot-missing-table", stack="java+tomcat10+dbcp", fmt="cri", service="depot", noise=True)
def _(c):
    depot(c); c.psql("alter table bay rename to bays", db="depot")
    c.loop(2, TOM, probe=dict(port=8081, http="/bays", period=2, failures=6, grace=8)); c.fact(probes={"startup": {"http": "/bays", "port": 8081, "periodSeconds": 2, "failureThreshold": 6}})
    c.save(fault_injected="table bay is absent (renamed); the web application does not deploy, Tomcat stays up and the startup probe gets 404 until it kills", domain="dependency", layer="query", cause="missing_table",
           culprit='relation "bay"', owner="app-team", also_acceptable=["application", "configuration"], fix="run the migrations (table bay)", evidence=['relation "bay" does not exist'],
           misleading=["One or more listeners failed to start. Full details will be found in the appropriate container log file", "The Apache Tomcat Native library which allows using OpenSSL was not found"])


@case("depot-server-xml", stack="java+tomcat10", fmt="gcl-gke-array", service="depot")
def _(c):
    depot(c, db=False); c.sub("/srv/app/conf/server.xml", 'connectionTimeout="20000"/>', 'connectionTimeout="20000">')
    c.loop(2, TOM, timeout=15)
    c.save(fault_injected="server.xml: the Connector element is not closed", domain="application", layer="import", cause="syntax_error", culprit="server.xml", owner="either", also_acceptable=["configuration"],
           acceptable_causes=["syntax_error", "invalid_config_parameter"], fix="close the Connector element", evidence=['The element type "Connector" must be terminated by the matching end-tag'], misleading=[])


# ---------------------------------------------------------------- Go: meterd (lib/pq, log)
MDB = "127.0.0.26"
MNOISE = ["gateway announce failed: dial tcp 127.0.0.1:5683: connect: connection refused", "no calibration table: stat /etc/meterd/calibration.csv"]
READ = "create table reading_window(id bigserial primary key, open boolean); insert into reading_window(open) values (true), (false)"


def menv(q="?sslmode=disable", user="meter:s3cret", **kw): return {"METERD_STORE": f"postgres://{user}@store.meters.lan:5432/meters{q}", "METERD_SITE_ID": "hh-04", **kw}


def meterd(c, db=True, binary="meterd", **kw):
    shutil.copy(c.work / "bin" / binary, ROOT + "/srv/app/meterd"); c.hosts({"store.meters.lan": MDB})
    if db: c.pg(MDB, **kw); c.mkdb("meters", "meter", sql=READ)


@case("meterd-missing-env", stack="go+lib/pq", fmt="kubectl-prefix", service="meterd", noise=True)
def _(c):
    meterd(c); env = menv(); del env["METERD_SITE_ID"]
    c.loop(5, "exec ./meterd", env=env)
    c.save(fault_injected="METERD_SITE_ID was left out of the deployment", domain="configuration", layer="config", cause="missing_env", culprit="METERD_SITE_ID", owner="app-team", fix="set METERD_SITE_ID",
           evidence=["config: METERD_SITE_ID: not set"], misleading=MNOISE)


@case("meterd-unknown-ca", stack="go+lib/pq", fmt="docker", service="meterd", noise=True)
def _(c):
    meterd(c, conf=c.tls("store.meters.lan")); c.tls("other.lan", dir="/etc/othertls", ca="Decommissioned CA 2019")
    c.loop(3, "exec ./meterd", env=menv("?sslmode=verify-full&sslrootcert=/etc/othertls/ca.crt"))
    c.save(fault_injected="sslrootcert holds another CA than the one that signed the server's certificate", domain="network", layer="tls", cause="tls_unknown_ca", culprit="store.meters.lan:5432 certificate issuer", owner="either",
           also_acceptable=["configuration"], fix="mount the right CA", evidence=["x509: certificate signed by unknown authority"], misleading=MNOISE)


@case("meterd-admin-port", stack="go+lib/pq", fmt="compose", service="meterd", noise=True)
def _(c):
    meterd(c, src="store"); c.bg("exec python3 -m http.server 9102 --bind 127.0.0.1", uid=1000); c.wait_port("127.0.0.1", 9102)
    c.loop(3, "exec ./meterd", env=menv())
    c.save(fault_injected="another exporter on the host network already listens on 127.0.0.1:9102", domain="platform", layer="socket", cause="port_in_use", culprit="127.0.0.1:9102", owner="either", also_acceptable=["configuration", "application"],
           fix="give one of them another port (METERD_ADMIN)", evidence=["admin endpoint: listen tcp 127.0.0.1:9102: bind: address already in use"], misleading=MNOISE)


@case("meterd-low-port", stack="go+lib/pq", fmt="kubectl-ts", service="meterd", noise=True)
def _(c):
    meterd(c)
    c.loop(3, "exec ./meterd", env=menv(METERD_LISTEN=":443"))
    c.save(fault_injected="METERD_LISTEN was moved to port 443, the process runs as uid 1000 without NET_BIND_SERVICE", domain="platform", layer="process", cause="permission_denied", culprit=":443", owner="either",
           also_acceptable=["configuration"], fix="listen on a port above 1023 or grant the capability", evidence=["listen tcp :443: bind: permission denied"], misleading=MNOISE)


@case("meterd-fd-limit", stack="go+lib/pq", fmt="journald", service="meterd", noise=True, platform_lines=True, host="meter-edge-7")
def _(c):
    meterd(c)
    c.loop(3, "exec ./meterd", env=menv(METERD_STORE_TRIES="2"), nofile=7); c.fact(limits={"nofile": 7})
    c.save(fault_injected="LimitNOFILE=7", domain="capacity", layer="resource", cause="fd_limit", culprit="too many open files (LimitNOFILE)", owner="platform-team", also_acceptable=["configuration", "platform"], fix="raise LimitNOFILE",
           evidence=["too many open files"], misleading=MNOISE + ["lookup store.meters.lan: no such host"], note="without a descriptor left, Go cannot read the resolver's files: no such host is a consequence")


@case("meterd-url-escape", stack="go+lib/pq", fmt="cri", service="meterd", noise=True)
def _(c):
    meterd(c)
    env = menv(user="meter:s3%cr^t")
    c.loop(3, "exec ./meterd", env=env); c.fact(env=env)
    c.save(fault_injected="the password in METERD_STORE holds a bare % (not percent-encoded)", domain="configuration", layer="config", cause="malformed_url", culprit="METERD_STORE", owner="app-team",
           fix="percent-encode the password", evidence=["net/url: invalid userinfo"], acceptable_causes=["malformed_url", "invalid_env_value"], misleading=MNOISE)


@case("meterd-preload-hang", stack="go+lib/pq", fmt="plain", service="meterd", noise=True)
def _(c):
    meterd(c, binary="meterd-preload")
    c.loop(2, "exec ./meterd", env=menv(), kill=(6, "SIGQUIT"))
    c.fact(notes={"kill": "the operator sent SIGQUIT to get a stack dump before each restart"})
    c.save(fault_injected="startShards sends into an unbuffered channel before its reader runs: main waits for ever; ended with SIGQUIT", domain="application", layer="startup", cause="startup_hang", culprit="main.startShards (meterd/shards.go)",
           owner="app-team", fix="start the reader first or buffer the queue", evidence=["goroutine 1 [chan send", "main.startShards"], misleading=MNOISE)


@case("meterd-dns-then-password", stack="go+lib/pq", fmt="gcl-run-array", service="meterd", noise=True, platform_lines=True)
def _(c):
    meterd(c); c._hosts.pop("store.meters.lan"); c.hosts({}); dns = c.dns({}, mode="servfail")
    c.psql("alter role meter password 'rotated-in-october'")
    def step(i):
        if i == 4: dns["store.meters.lan"] = MDB
    c.loop(6, "exec ./meterd", env=menv(), before=step)
    a = dict(domain="network", layer="dns", cause="dns_temporary_failure", culprit="store.meters.lan", owner="platform-team", evidence=["server misbehaving"], fix="repair the resolver")
    b = dict(domain="configuration", layer="auth", cause="auth_failed", culprit="password of meter in METERD_STORE", owner="app-team", evidence=['password authentication failed for user "meter"'], fix="use the rotated password")
    c.save(fault_injected="attempts 1-3: the resolver answers SERVFAIL; then it works and the rotated password turns out not to be deployed", **dict(b, mixed=True), causes=[dict(a, attempts=[1, 2, 3]), dict(b, attempts=[4, 5, 6])], misleading=MNOISE)


# ---------------------------------------------------------------- Go: dispatch (pgx, zap)
DDB = "127.0.0.24"
DNOISE = ["failed to upload traces"]
JOB = "create table job(id bigserial primary key, state text); insert into job(state) values ('waiting'), ('done')"


def denv(**kw): return {"DISPATCH_PG": "host=jobs-pg.internal user=dispatch password=s3cret dbname=jobs sslmode=disable", **kw}


def dispatch(c, db=True, binary="dispatch", **kw):
    shutil.copy(c.work / "bin" / binary, ROOT + "/srv/app/dispatch"); c.hosts({"jobs-pg.internal": DDB, "directory.internal": "127.0.0.27"})
    if db: c.pg(DDB, **kw); c.mkdb("jobs", "dispatch", sql=JOB)


@case("dispatch-syn-drop", stack="go+pgx", fmt="gcl-run", service="dispatch", noise=True, platform_lines=True)
def _(c):
    dispatch(c, db=False); c.proxy(DDB, 5432, "drop")
    c.loop(3, "exec ./dispatch", env=denv(DISPATCH_CLOUD_LOG="1"))
    c.save(fault_injected="SYNs to the database get no answer (dropped on the way)", domain="network", layer="tcp", cause="connect_timeout", culprit="jobs-pg.internal:5432", owner="platform-team",
           fix="repair the path (firewall, connector, route)", evidence=["dial error (timeout: dial tcp 127.0.0.24:5432"], misleading=DNOISE)


@case("dispatch-rollout-slots", stack="go+pgx", fmt="gcl-run", service="dispatch", noise=True, platform_lines=True)
def _(c):
    dispatch(c, conf=dict(max_connections=10)); env = denv(DISPATCH_CLOUD_LOG="1", DISPATCH_POOL="7")
    c.old_revision("exec ./dispatch", env, urls=["http://127.0.0.1:8090/jobs", "http://127.0.0.1:8090/couriers/9"], every=.25)
    c.wait_port("127.0.0.1", 8090); time.sleep(2.5)
    c.loop(4, "exec ./dispatch", env=env); c.fact(env=env)
    c.save(fault_injected="during the rollout the old revision's pool holds all 7 ordinary slots of a max_connections=10 server", domain="capacity", layer="slot", cause="too_many_connections", culprit="jobs-pg.internal max_connections",
           owner="either", fix="smaller pools, a pooler or more slots", evidence=["remaining connection slots are reserved for non-replication superuser connections", "sorry, too many clients already"], misleading=DNOISE)


@case("dispatch-nil-registry", stack="go+pgx", fmt="cri", service="dispatch", noise=True)
def _(c):
    dispatch(c, binary="dispatch-early")
    c.loop(4, "exec ./dispatch", env=denv())
    c.save(fault_injected="the courier registry is used before NewRegistry made it (nil pointer)", domain="application", layer="startup", cause="init_order", culprit="main.(*Registry).Add (dispatch/registry.go)", owner="app-team",
           acceptable_causes=["init_order", "startup_exception"], fix="create the registry first", evidence=["panic: runtime error: invalid memory address or nil pointer dereference", "main.(*Registry).Add"], misleading=DNOISE)


@case("dispatch-directory-then-flags", stack="go+pgx", fmt="gcl-gke-array", service="dispatch", noise=True)
def _(c):
    dispatch(c); c.proxy("127.0.0.27", 8500, "http503")
    c.write("/srv/dir/couriers", "[]")
    def step(i):
        if i == 4:
            c.bg("cd /srv/dir && exec python3 -m http.server 8500 --bind 127.0.0.28", uid=1000); c.wait_port("127.0.0.28", 8500); c.hosts({"directory.internal": "127.0.0.28"})
    env = denv(DISPATCH_DIRECTORY="http://directory.internal:8500/couriers", DISPATCH_FLAGS="/etc/dispatch/flags/flags.json")
    c.loop(6, "exec ./dispatch", env=env, before=step)
    c.fact(env=env, volumes={"expected": ["/etc/dispatch/flags"], "mounted": []})
    a = dict(domain="dependency", layer="protocol", cause="upstream_503", culprit="http://directory.internal:8500/couriers", owner="either", evidence=["unexpected status 503 Service Unavailable"], fix="bring the courier directory back")
    b = dict(domain="platform", layer="resource", cause="missing_mount", culprit="/etc/dispatch/flags/flags.json", owner="platform-team", also_acceptable=["configuration"], evidence=["feature flags: open /etc/dispatch/flags/flags.json: no such file or directory"], fix="mount the flags volume")
    c.save(fault_injected="attempts 1-3: the courier directory answers 503; then it is back and the flags volume turns out not to be mounted", **dict(b, mixed=True), causes=[dict(a, attempts=[1, 2, 3]), dict(b, attempts=[4, 5, 6])], misleading=DNOISE)


# ---------------------------------------------------------------- Rust: stockd (sqlx, anyhow, tracing JSON)
SDB = "127.0.0.28"
SNOISE = ["trace export failed, spans are dropped", "price hints /etc/stockd/price-hints.json not found, using list prices"]


def senv(host="stock-pg.internal:5432", **kw): return {"STOCK_DATABASE_URL": f"postgres://stock:s3cret@{host}/stock", **kw}


def stockd(c, db=True, **kw):
    shutil.copy(c.work / "bin" / "stockd", ROOT + "/srv/app/stockd"); c.put("stockd/migrations", "/srv/app/migrations"); c.hosts({"stock-pg.internal": SDB})
    if db: c.pg(SDB, **kw); c.mkdb("stock", "stock")


def migrated(c):
    assert c.popen("exec timeout 4 ./stockd", env=senv(), cwd="/srv/app", uid=1000).wait() == 124


@case("stockd-migration-file", stack="rust+sqlx+anyhow", fmt="docker", service="stockd", noise=True)
def _(c):
    stockd(c); migrated(c); c.rm("/srv/app/migrations/0003_reservations.sql")
    c.loop(3, "exec ./stockd", env=senv())
    c.save(fault_injected="an older image without 0003_reservations.sql meets a database on which it was already applied", domain="application", layer="migration", cause="missing_migration_file", culprit="migration 3", owner="app-team",
           fix="deploy an image that holds migration 3", evidence=["migration 3 was previously applied but is missing in the resolved migrations"], misleading=SNOISE)


@case("stockd-migration-broken", stack="rust+sqlx+anyhow", fmt="journald", service="stockd", noise=True, platform_lines=True, host="stock-a1")
def _(c):
    stockd(c); migrated(c); c.write("/srv/app/migrations/0004_min_quantity.sql", "alter table stock_level add column minimum int not null defalt 5;\n")
    c.loop(3, "exec ./stockd", env=senv())
    c.save(fault_injected="0004_min_quantity.sql holds a typo (defalt)", domain="application", layer="migration", cause="bad_migration", culprit="migration 4 (defalt)", owner="app-team", fix="default",
           evidence=['syntax error at or near "defalt"'], misleading=SNOISE)


@case("stockd-pool-timeout-refused", stack="rust+sqlx+anyhow", fmt="plain", service="stockd", noise=True)
def _(c):
    stockd(c, db=False); env = senv(STOCK_ACQUIRE_SECONDS="4")
    c.loop(3, "exec ./stockd", env=env); c.fact(env=env)
    c.save(fault_injected="nothing listens at stock-pg.internal:5432; sqlx retries refused connections in silence until its acquire timeout, the log names the pool only", domain="dependency", layer="tcp", cause="db_connection_refused",
           culprit="stock-pg.internal:5432", owner="either", acceptable_causes=["db_connection_refused", "pool_exhausted", "connect_timeout"], also_acceptable=["capacity", "network"], fix="start Postgres",
           evidence=["pool timed out while waiting for an open connection"], misleading=SNOISE)


def stock_bouncer(c, more):
    stockd(c); c.hosts({"bouncer.internal": "127.0.0.29"})
    c.write("/srv/bouncer/pgbouncer.ini", "[databases]\nstock = host=127.0.0.28 port=5432\n[pgbouncer]\nlisten_addr = 127.0.0.29\nlisten_port = 6432\nunix_socket_dir =\nauth_type = plain\n"
            "auth_file = /srv/bouncer/userlist.txt\nquery_wait_timeout = 3\nserver_login_retry = 1\nserver_connect_timeout = 2\n" + more, uid=1000)
    c.write("/srv/bouncer/userlist.txt", '"stock" "s3cret"\n', uid=1000)
    c.bg("exec pgbouncer /srv/bouncer/pgbouncer.ini", uid=1000, src="bouncer"); c.wait_port("127.0.0.29", 6432)


@case("stockd-behind-pgbouncer", stack="rust+sqlx+pgbouncer", fmt="compose", service="stockd", noise=True)
def _(c):
    stock_bouncer(c, "ignore_startup_parameters = extra_float_digits\n"); [c.stop(p) for p in c.procs if str(p.args[0]).endswith("/postgres")]
    c.loop(3, "exec ./stockd", env=senv("bouncer.internal:6432", STOCK_ACQUIRE_SECONDS="8"))
    c.save(fault_injected="pgbouncer runs, the Postgres behind it (127.0.0.28:5432) does not", domain="dependency", layer="protocol", cause="db_down_behind_pooler", culprit="127.0.0.28:5432", owner="db-team", fix="start Postgres",
           evidence=["closing because: connect failed", "query_wait_timeout"], misleading=SNOISE)


@case("stockd-pgbouncer-parameter", stack="rust+sqlx+pgbouncer", fmt="kubectl-prefix-ts", service="stockd", noise=True)
def _(c):
    stock_bouncer(c, "")
    c.loop(3, "exec ./stockd", env=senv("bouncer.internal:6432"))
    c.save(fault_injected="pgbouncer's ignore_startup_parameters lacks extra_float_digits, which sqlx always sends", domain="configuration", layer="config", cause="invalid_config_parameter", culprit="extra_float_digits", owner="either",
           also_acceptable=["dependency"], fix="ignore_startup_parameters = extra_float_digits", evidence=["unsupported startup parameter: extra_float_digits"], misleading=SNOISE)


@case("stockd-probe-rebuild", stack="rust+sqlx", fmt="cri", service="stockd", noise=True)
def _(c):
    stockd(c); env = senv(STOCK_REBUILD="1")
    c.loop(3, "exec ./stockd", env=env, probe=dict(port=8080, period=1, failures=6))
    c.fact(env=env, probes={"startup": {"tcp": 8080, "periodSeconds": 1, "failureThreshold": 6}}, latency={"rebuild of the reservation index": "40 s"},
           events=["Container stockd failed startup probe, will be restarted"])
    c.save(fault_injected="a rebuild of 40 s at start meets a startup probe that gives 6 s", domain="platform", layer="probe", cause="startup_probe_timeout", culprit="startup probe on port 8080 (6 s)", owner="platform-team",
           also_acceptable=["configuration"], fix="raise the probe's budget or rebuild outside of the start", evidence=["rebuilding reservation index", "failureThreshold", "failed startup probe"], misleading=SNOISE, only_facts_tell=True,
           note="the text in facts.events is the recorder's, worded as a kubelet does; the probe and the kill were real")


@case("stockd-late-db", stack="rust+sqlx", fmt="docker", service="stockd", noise=True)
def _(c):
    stockd(c, db=False); c.pg("127.0.0.99"); c.mkdb("stock", "stock");
    [c.stop(p) for p in c.procs if str(p.args[0]).endswith("/postgres")]
    threading.Timer(5.5, lambda: c.pg(SDB)).start()
    c.loop(1, "exec ./stockd", env=senv(STOCK_CONNECT_TRIES="8", STOCK_ACQUIRE_SECONDS="2"), ready='"listening"')
    c.save(outcome="success", fault_injected="Postgres came up 6 s after the service; its retries got through", cause="success_after_slow_dependency", culprit="stock-pg.internal:5432 (late)", owner="either", fix="nothing to do",
           evidence=["database pool ready", "listening"], misleading=["stock database not reachable yet"] + SNOISE)


# ---------------------------------------------------------------- Rust: notifier (redis, postgres; panics)
QIP, NDB = "127.0.0.31", "127.0.0.32"
NNOISE = ["no overrides: /etc/notifier/overrides.toml: No such file or directory", "NOTIFIER_SMTP_LEGACY is deprecated and ignored since 3.0"]


def nenv(**kw): return {"NOTIFIER_QUEUE": "redis://queue.internal:6379/2", "NOTIFIER_TEMPLATES_DSN": "host=tpl-pg.internal user=notifier password=s3cret dbname=templates", "NOTIFIER_SMTP_LEGACY": "1", **kw}


def notifier(c, redis=(), db=True):
    shutil.copy(c.work / "bin" / "notifier", ROOT + "/srv/app/notifier"); c.hosts({"queue.internal": QIP, "tpl-pg.internal": NDB})
    if redis is not None: c.redis(QIP, *redis)
    if db: c.pg(NDB); c.mkdb("templates", "notifier", sql="create table template(name text primary key, body text)")


@case("notifier-redis-refused", stack="rust+redis", fmt="kubectl-ts", service="notifier", noise=True)
def _(c):
    notifier(c, redis=None)
    env = nenv(RUST_BACKTRACE="1")
    c.loop(4, "exec ./notifier", env=env); c.fact(env=env)
    c.save(fault_injected="Redis does not run on queue.internal; the connection's Result is unwrapped", domain="dependency", layer="tcp", cause="redis_connection_refused", culprit="queue.internal:6379", owner="either",
           fix="start Redis", evidence=["called `Result::unwrap()` on an `Err` value: Connection refused (os error 111)"], misleading=NNOISE)


@case("notifier-redis-wrongpass", stack="rust+redis", fmt="cri", service="notifier", noise=True)
def _(c):
    notifier(c, redis=("--requirepass", "rotated-2024"))
    c.loop(3, "exec ./notifier", env=nenv(NOTIFIER_QUEUE="redis://:spring-2023@queue.internal:6379/2"))
    c.save(fault_injected="Redis' password was rotated, NOTIFIER_QUEUE still holds the old one", domain="configuration", layer="auth", cause="auth_failed", culprit="password in NOTIFIER_QUEUE", owner="app-team", fix="use the new password",
           evidence=["Password authentication failed"], misleading=NNOISE)


@case("notifier-missing-env", stack="rust+redis", fmt="kubectl-prefix", service="notifier", noise=True)
def _(c):
    notifier(c); env = nenv(); del env["NOTIFIER_TEMPLATES_DSN"]
    c.loop(3, "exec ./notifier", env=env)
    c.save(fault_injected="NOTIFIER_TEMPLATES_DSN is not set", domain="configuration", layer="config", cause="missing_env", culprit="NOTIFIER_TEMPLATES_DSN", owner="app-team", fix="set NOTIFIER_TEMPLATES_DSN",
           evidence=["NOTIFIER_TEMPLATES_DSN: environment variable not found"], misleading=NNOISE)


@case("notifier-rate", stack="rust", fmt="journald", service="notifier", noise=True, host="mail-1")
def _(c):
    notifier(c); env = nenv(NOTIFIER_RATE="50/s")
    c.loop(3, "exec ./notifier", env=env); c.fact(env=env)
    c.save(fault_injected="NOTIFIER_RATE=50/s where a number is expected; the panic names neither variable nor value", domain="configuration", layer="config", cause="invalid_env_value", culprit="NOTIFIER_RATE", owner="app-team", fix="50",
           evidence=["ParseIntError { kind: InvalidDigit }"], misleading=NNOISE)


@case("notifier-missing-password", stack="rust+postgres", fmt="gcl-gke", service="notifier", noise=True)
def _(c):
    notifier(c)
    c.loop(3, "exec ./notifier", env=nenv(NOTIFIER_TEMPLATES_DSN="host=tpl-pg.internal user=notifier dbname=templates", RUST_LOG_STYLE="always"))
    c.save(fault_injected="the DSN has no password; the server wants SCRAM", domain="configuration", layer="auth", cause="missing_password", culprit="NOTIFIER_TEMPLATES_DSN password of notifier", owner="app-team", acceptable_causes=["missing_password", "missing_env"], fix="add the password",
           evidence=["password missing"], misleading=NNOISE, note="coloured by the program")


@case("notifier-undetermined-swallowed", stack="rust+postgres", fmt="gcl-run", service="notifier", noise=True, platform_lines=True)
def _(c):
    notifier(c); c.psql("drop table template", db="templates")
    c.loop(4, "exec ./notifier", env=nenv(NOTIFIER_STRICT="0"))
    c.save(outcome="undetermined", fault_injected="table template is absent; the program swallows the error and says only that it failed", layer="startup", cause="undetermined", owner="either", fix="log the error",
           needed=["the swallowed error: which step of loading templates failed", "the database's log"], evidence=["startup failed"], misleading=NNOISE)


# ---------------------------------------------------------------- servers: pgbouncer, redis-server
INI = "[databases]\n* = host=127.0.0.33\n[pgbouncer]\nlisten_addr = 127.0.0.34\nlisten_port = 6432\nunix_socket_dir =\nauth_type = {}\nauth_file = /etc/pgbouncer/userlist.txt\n{}"


def bouncer(c, auth="scram-sha-256", more="", users='"app" "s3cret"\n'):
    c.write("/etc/pgbouncer/pgbouncer.ini", INI.format(auth, more), uid=1000)
    if users is not None: c.write("/etc/pgbouncer/userlist.txt", users, uid=1000)
    elif os.path.exists(ROOT + "/etc/pgbouncer/userlist.txt"): c.rm("/etc/pgbouncer/userlist.txt")


@case("pgbouncer-bad-setting", stack="pgbouncer", fmt="docker", service="pgbouncer")
def _(c):
    bouncer(c, more="pool_mode = connection\ndefault_pool_size = 20\n")
    c.loop(3, "exec pgbouncer /etc/pgbouncer/pgbouncer.ini")
    c.save(fault_injected="pool_mode = connection, which pgbouncer does not know", domain="configuration", layer="config", cause="invalid_config_parameter", culprit="pool_mode", owner="db-team", fix="session, transaction or statement",
           evidence=["pool_mode"], misleading=[])


@case("pgbouncer-port-taken", stack="pgbouncer", fmt="journald", service="pgbouncer", platform_lines=True, host="edge-db-2")
def _(c):
    bouncer(c, users=None); c.bg("exec python3 -m http.server 6432 --bind 127.0.0.34", uid=1000); c.wait_port("127.0.0.34", 6432)
    c.noise = True
    c.loop(3, "exec pgbouncer /etc/pgbouncer/pgbouncer.ini")
    c.save(fault_injected="another process listens on 127.0.0.34:6432; userlist.txt is absent too, which pgbouncer tolerates at start", domain="platform", layer="socket", cause="port_in_use", culprit="127.0.0.34:6432", owner="either", also_acceptable=["configuration", "application"],
           fix="end the other process", evidence=["Address already in use"], misleading=["could not open auth_file"])


@case("redis-bad-directive", stack="redis-server", fmt="plain", service="redis")
def _(c):
    c.write("/srv/redis/cache.conf", "bind 127.0.0.35\nport 6379\ndir /tmp\nmaxmemory 200mb\nmaxmemory-policy allkeys-lru-old\nsave \"\"\n", uid=1000)
    c.loop(3, "exec redis-server /srv/redis/cache.conf")
    c.save(fault_injected="maxmemory-policy allkeys-lru-old does not exist", domain="configuration", layer="config", cause="invalid_config_parameter", culprit="maxmemory-policy", owner="either", fix="allkeys-lru",
           evidence=["maxmemory-policy allkeys-lru-old"], misleading=[])


@case("redis-no-volume", stack="redis-server", fmt="cri", service="redis")
def _(c):
    c.write("/srv/redis/cache.conf", "bind 127.0.0.35\nport 6379\ndir /data/cache\nappendonly yes\n", uid=1000)
    c.loop(3, "exec redis-server /srv/redis/cache.conf"); c.fact(volumes={"expected": ["/data/cache"], "mounted": []})
    c.save(fault_injected="the volume /data/cache is not mounted", domain="platform", layer="resource", cause="missing_mount", culprit="/data/cache", owner="platform-team", also_acceptable=["configuration"], fix="mount the volume",
           evidence=[">>> 'dir /data/cache'", "No such file or directory"], misleading=[])


@case("redis-aof-corrupt", stack="redis-server", fmt="kubectl-prefix-ts", service="redis", noise=True)
def _(c):
    c.write("/srv/redis/cache.conf", "bind 127.0.0.35\nport 6379\ndir /data/cache\nappendonly yes\nsave \"\"\n", uid=1000); c.run("mkdir -p /data/cache && chown 1000 /data/cache")
    p = c.bg("exec redis-server /srv/redis/cache.conf", uid=1000); c.wait_port("127.0.0.35", 6379)
    c.run("for i in 1 2 3 4 5 6 7 8 9; do redis-cli -h 127.0.0.35 set price:$i $i$i$i; done"); c.stop(p, "SIGTERM")
    f = next(iter(pathlib.Path(ROOT + "/data/cache/appendonlydir").glob("*.incr.aof"))); b = bytearray(f.read_bytes()); b[60:90] = bytes(30); f.write_bytes(b)
    c.loop(3, "exec redis-server /srv/redis/cache.conf")
    c.save(fault_injected="30 bytes in the middle of the append-only file were overwritten with zeros", domain="dependency", layer="query", cause="db_data_corrupt", culprit="appendonly.aof.1.incr.aof", owner="either",
           also_acceptable=["platform"], fix="redis-check-aof --fix or restore", evidence=["Bad file format reading the append only file"], misleading=["Memory overcommit must be enabled"])
