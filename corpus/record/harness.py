#!/usr/bin/env python3
"""Record labelled start-up failures of real programs.

    python3 corpus/record/harness.py cases_a            record every case of cases_a.py (one after another)
    python3 corpus/record/harness.py cases_a ID ...     only these
    python3 corpus/record/harness.py cases_a --build    only run the module's build()
    --into DIR (anywhere in the line)                   write the cases below DIR instead of corpus/own

Each case runs in its own net, mount, pid, ipc and uts namespaces on a throw-away root: a tmpfs overlay over /, so that a case may
write anywhere (/srv/app, /etc/hosts, /var/lib/...) and the machine stays as it is. Only loopback exists in there; all of 127.x is up.
The work folders of the host are empty inside; c.bind() brings single directories in. Needs root, unshare, overlayfs; no network.
Results go to corpus/own/ID/{logs.EXT,exit.json,facts.json,label.json}; evidence is checked on the spot (check.py decodes the file).

A module cases_X.py looks like this (WORK = work directory outside of the repository, $RECORD_WORK/rec-X, default beside the repository):

    from harness import case, build, APPS, OWN                     # APPS = corpus/record/apps
    @build                                                         # optional; runs first, outside of namespaces, with network
    def _(work): ...                                               # compile, pip install --target, npm install into `work`

    @case('ledger-refused', stack='java+pgjdbc', fmt='cri', service='ledger', noise=True)       # options: see Case.__init__
    def _(c):
        c.put('ledger')                                            # copies apps/ledger to /srv/app (owned by uid 1000)
        c.bind(c.work / 'venv', '/srv/venv')                       # a work directory, read-write bind at a neutral path
        c.hosts({'pg.ledger': '127.0.0.21'})                       # /etc/hosts (unknown names fail; c.dns() for a real resolver)
        c.pg('127.0.0.21'); c.mkdb('ledger', 'ledger', 's3cret', sql='create table t(id int)')   # real Postgres 15
        c.loop(3, 'exec java -cp /srv/app Main', env={...})        # crash loop; stops early when `ready` was printed
        c.fact(env={...}, limits={'memory_mb': 256})               # -> facts.json (masks passwords in URLs and *_PASSWORD/_KEY/_TOKEN/SECRET)
        c.save(fault_injected=..., domain=..., layer=..., cause=..., culprit=..., owner=..., fix=..., evidence=[...], misleading=[...])
      Successes: c.save(outcome='success', cause='success' | 'success_after_slow_dependency', ...). Undetermined: outcome='undetermined',
      cause='undetermined', needed=[...]. Changing causes: mixed=True, causes=[dict(attempts=[1,2], domain=, layer=, cause=, culprit=, evidence=, owner=, fix=)].

Formats: plain, kubectl-ts, kubectl-prefix, kubectl-prefix-ts, cri, docker, compose, journald, gcl-run, gcl-run-array, gcl-gke, gcl-gke-array.
newest_first=True reverses the records (any format with a time). Case methods (all paths are inside the throw-away root):
  put(app, dst='/srv/app')  write(path, text, mode, uid)  sub(path, old, new)  rm(path)  bind(src, dst)  hosts({name: ip})  clock via faketime: your own env
  run(cmd, uid=0) -> output  bg(cmd, env, src=None)         src='postgres': its output goes into the log as that container (compose, prefix)
  loop(n, cmd, env=, cwd=, uid=1000, ready='text', before=f(i), pause=1.0, **attempt options), attempt(cmd, ...): options timeout (hung then),
      probe=dict(port=, period=1, failures=5, http='/healthz', grace=0), kill=(after_s, 'SIGKILL'), mem_mb= (a real cgroup limit: kernel OOM kill),
      nofile=, during=f(p), linger= (seconds captured after `ready`)
  platform(text, level): a line of the platform (only written with platform_lines=True; always in exit.json's platform_events)
  old_revision(cmd, env, urls=[...]): an older revision of the service serves (and logs) meanwhile
  pg(ip, port, conf={}, hba='...', src=None) stop(p) psql(sql, db) mkdb(db, user, pw, sql) hold(n, user, pw, db, ip)  redis(ip, *args)
  tls(names, dir, days=, start=, ca=)  proxy(ip, port, mode: close|silent|reset|http503|drop)  dns(records, mode: nxdomain|servfail|silent)  wait_port(ip, port)
"""
import datetime, hashlib, json, os, pathlib, random, re, resource, shutil, signal, socket, struct, subprocess, sys, threading, time

HERE = pathlib.Path(__file__).resolve().parent
APPS, OWN, REPO = HERE / "apps", pathlib.Path(os.environ.get("RECORD_INTO") or HERE.parent / "own"), HERE.parent.parent
ROOT, PGBIN = "/mnt/rec-root", "/usr/lib/postgresql/15/bin"
CASES, BUILDS = {}, []


def case(id, **options):
    def deco(f):
        assert id not in CASES, id
        CASES[id] = (f, options)
        return f
    return deco


def build(f):
    BUILDS.append(f)
    return f


def work_dir(module):
    d = pathlib.Path(os.environ.get("RECORD_WORK") or REPO.parent) / ("rec-" + module.rsplit("_", 1)[-1])
    d.mkdir(parents=True, exist_ok=True)
    return d


def iso(ts, digits=9):
    return datetime.datetime.fromtimestamp(int(ts), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.") + ("%09d" % round((ts % 1) * 1e9 - .5))[:digits] + "Z"


def rid(n, alpha="bcdfghjklmnpqrstvwxz2456789"): return "".join(random.choice(alpha) for _ in range(n))
def hexid(n): return rid(n, "0123456789abcdef")


class Case:
    def __init__(self, id, work, stack, fmt="plain", service=None, noise=False, platform_lines=False, newest_first=False, host=None, uid=1000, split="own"):
        self.id, self.work, self.stack, self.fmt, self.service, self.noise = id, work, stack, fmt, service or id.split("-")[0], noise
        self.platform_lines, self.newest_first, self.uid, self.split = platform_lines, newest_first, uid, split
        self.lines, self.attempts, self.events, self.facts, self.procs = [], [], [], {}, []
        self.lock, self._hosts = threading.Lock(), {}
        self.revision, self.instance = "%s-%05d-%s" % (self.service, random.randint(3, 140), rid(3)), hexid(96)
        self.hostname = host or "%s-%s-%s" % (self.service, rid(9), rid(5))
        subprocess.run(["hostname", self.hostname[:63]])
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        self.hosts({})
        self.write("/etc/resolv.conf", "nameserver 127.0.0.53\noptions timeout:2 attempts:2\n")
        for f, lines in (("/etc/passwd", ("app:x:1000:1000::/home/app:/bin/sh", "postgres:x:70:70::/var/lib/pg:/bin/sh")), ("/etc/group", ("app:x:1000:", "postgres:x:70:"))):
            body = [l for l in pathlib.Path(ROOT + f).read_text().splitlines() if not re.search(r"^(app|postgres):|:(1000|70):", l)]
            self.write(f, "\n".join(body + list(lines)) + "\n")
        for d, u in (("/home/app", 1000), ("/srv/app", 1000), ("/var/run/postgresql", 70)):
            os.makedirs(ROOT + d, exist_ok=True); os.chown(ROOT + d, u, u)
        os.chmod(ROOT + "/var/run/postgresql", 0o777)

    # ---- files in the throw-away root
    def put(self, app, dst="/srv/app", uid=1000):
        src = app if os.path.isabs(str(app)) else APPS / app
        shutil.copytree(src, ROOT + dst, symlinks=True, dirs_exist_ok=True)
        subprocess.run(["chown", "-R", f"{uid}:{uid}", ROOT + dst])

    def write(self, path, text, mode=None, uid=None):
        p = pathlib.Path(ROOT + path); p.parent.mkdir(parents=True, exist_ok=True)
        if p.is_symlink(): p.unlink()
        p.write_bytes(text) if isinstance(text, bytes) else p.write_text(text)
        if mode is not None: p.chmod(mode)
        if uid is not None: os.chown(p, uid, uid)

    def sub(self, path, old, new):
        p = pathlib.Path(ROOT + path); s = p.read_text()
        assert old in s, (path, old)
        p.write_text(s.replace(old, new))

    def rm(self, path): shutil.rmtree(ROOT + path) if os.path.isdir(ROOT + path) else os.unlink(ROOT + path)

    def bind(self, src, dst, ro=False):
        os.makedirs(ROOT + dst, exist_ok=True)
        subprocess.run(["mount", "--bind", str(src), ROOT + dst], check=True)
        if ro: subprocess.run(["mount", "-o", "remount,bind,ro", ROOT + dst], check=True)

    def hosts(self, names):
        self._hosts.update(names)
        self.write("/etc/hosts", f"127.0.0.1\tlocalhost\n127.0.0.1\t{self.hostname}\n" + "".join(f"{ip}\t{n}\n" for n, ip in self._hosts.items()))

    # ---- processes
    def popen(self, cmd, env=None, cwd="/", uid=0, nofile=None, cgroup=None, **io):
        e = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/home/app", "LANG": "C.UTF-8", "HOSTNAME": self.hostname}
        e.update({k: str(v) for k, v in (env or {}).items()})
        def pre():
            if cgroup: open(cgroup + "/cgroup.procs", "w").write("0")
            os.chroot(ROOT); os.chdir(cwd)
            if nofile: resource.setrlimit(resource.RLIMIT_NOFILE, (nofile, nofile))
            os.setgroups([]); os.setgid(uid); os.setuid(uid)
        p = subprocess.Popen(["/bin/sh", "-c", cmd] if isinstance(cmd, str) else [str(a) for a in cmd], env=e, preexec_fn=pre, start_new_session=True,
                             **{"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **io})
        self.procs.append(p)
        return p

    def run(self, cmd, env=None, cwd="/", uid=0, check=True, timeout=120):
        p = self.popen(cmd, env, cwd, uid, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        out = p.communicate(timeout=timeout)[0].decode()
        if check and p.returncode: raise RuntimeError(f"{cmd} -> {p.returncode}\n{out}")
        return out

    def bg(self, cmd, env=None, cwd="/", uid=0, src=None, log=None):
        if not src:
            f = open(log, "ab") if log else subprocess.DEVNULL
            return self.popen(cmd, env, cwd, uid, stdout=f, stderr=f)
        p = self.popen(cmd, env, cwd, uid, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.read(p, src, None, {})
        return p

    def stop(self, p, sig="SIGINT", wait=30):
        p.send_signal(getattr(signal, sig)); p.wait(wait)

    def add(self, text, stream, src, ts, n, rev=None, inst=None, level=None):
        text = text.replace(os.uname().release, "6.1.0-28-amd64")  # scrubbed: this machine's kernel
        with self.lock:
            self.lines.append(dict(ts=ts, stream=stream, text=text, src=src, level=level, attempt=n or len(self.attempts) + 1, rev=rev or self.revision,
                                   inst=inst or self.instance, host=self.hostname))

    def read(self, p, src, n, seen, **kw):
        def go(pipe, stream):
            buf = b""
            while True:
                ch = os.read(pipe.fileno(), 65536)
                now = time.time(); buf += ch
                *full, buf = buf.split(b"\n")
                if not ch and buf: full, buf = [buf], b""
                for l in full:
                    if seen.get("mute"): continue
                    t = l.decode("utf-8", "replace").rstrip("\r")
                    self.add(t, stream, src, now, n, **kw); now += random.uniform(1e-6, 6e-6)  # a reader stamps line after line
                    if seen.get("ready") and seen["ready"] in t: seen.setdefault("at", time.time())
                if not ch: return
        ts = [threading.Thread(target=go, args=a, daemon=True) for a in ((p.stdout, "stdout"), (p.stderr, "stderr"))]
        for t in ts: t.start()
        return ts

    def platform(self, text, level="ERROR"):
        self.events.append(dict(ts=iso(time.time(), 6), text=text, attempt=len(self.attempts) + 1))
        if self.platform_lines: self.add(text, "system", "platform", time.time(), None, level=level)

    def attempt(self, cmd, env=None, cwd="/srv/app", uid=None, timeout=90, ready=None, linger=1.5, probe=None, kill=None, mem_mb=None, nofile=None, during=None, src="app"):
        """One start of the service; returns its exit code, 'running' or 'hung'."""
        n, cg, oom0 = len(self.attempts) + 1, None, 0
        if mem_mb:
            cg = f"/sys/fs/cgroup/memory/{self.id}-{os.getpid()}-{n}-{hexid(4)}"; os.makedirs(cg)
            open(cg + "/memory.limit_in_bytes", "w").write(str(mem_mb << 20))
        t0, seen, killed_by, ended_by = time.time(), {"ready": ready}, None, None
        p = self.popen(cmd, env, cwd, self.uid if uid is None else uid, nofile, cg, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        readers = self.read(p, src, n, seen)
        if during: threading.Thread(target=during, args=(p,), daemon=True).start()
        pr, fails, passed, termed, outcome = probe or {}, 0, False, None, "exited"
        nextp = t0 + pr.get("initial", 0) + pr.get("period", 1)
        while p.poll() is None:
            now = time.time()
            if "at" in seen and now - seen["at"] > linger: outcome = "running"; break
            if now - t0 > timeout: outcome = "hung"; break
            if probe and not passed and not termed and now >= nextp:
                nextp = now + pr.get("period", 1); passed, why = self.probed(pr); fails += not passed
                if passed: self.platform('Default STARTUP TCP probe succeeded after %d attempt%s for container "%s-1" on port %d.' % (fails + 1, "s" * (fails > 0), self.service, pr["port"]), "INFO")
                elif fails >= pr["failures"]:
                    self.platform('Default STARTUP TCP probe failed %d time%s consecutively for container "%s-1" on port %d. The instance was not started.\nConnection failed with status %s.' % (fails, "s" * (fails > 1), self.service, pr["port"], why))
                    killed_by, termed = "startup_probe", now
                    os.killpg(p.pid, signal.SIGTERM if pr.get("grace") else signal.SIGKILL)
            if termed and pr.get("grace") and now - termed > pr["grace"]: os.killpg(p.pid, signal.SIGKILL)
            if kill and not termed and now - t0 > kill[0]: termed, killed_by = now, "platform"; os.killpg(p.pid, getattr(signal, kill[1]))
            time.sleep(.02)
        rc = sig = None
        if outcome != "exited": seen["mute"] = True
        else:
            rc = p.returncode
            if rc < 0: sig, rc = signal.Signals(-rc).name, 128 - rc
        t1 = time.time()
        try: os.killpg(p.pid, signal.SIGKILL)
        except ProcessLookupError: pass
        p.wait(); [t.join(2) for t in readers]
        if cg:
            m = re.search(r"oom_kill (\d+)", open(cg + "/memory.oom_control").read())
            if m and int(m.group(1)) > oom0: killed_by = "oom"
            time.sleep(.1)
            try: os.rmdir(cg)
            except OSError: pass
        self.attempts.append(dict(attempt=n, started=iso(t0, 3), ended=iso(max(t1, t0 + .001), 3), duration_s=round(t1 - t0, 2), outcome=outcome, exit_code=rc, signal=sig, killed_by=killed_by, revision=self.revision))
        if outcome == "exited" and self.platform_lines: self.exit_line(rc, sig, n)
        return rc if outcome == "exited" else outcome

    def exit_line(self, rc, sig, n):
        say = lambda t, level: self.add(t, "system", "platform", time.time(), n, level=level)
        if self.fmt == "journald":
            names = {0: "SUCCESS", 1: "FAILURE", 2: "INVALIDARGUMENT", 3: "NOTIMPLEMENTED", 78: "CONFIG", 203: "EXEC"}
            say(f"{self.service}.service: Main process exited, " + (f"code=killed, status={rc - 128}/{sig[3:]}" if sig else f"code=exited, status={rc}/{names.get(rc, 'n/a')}"), "NOTICE")
            say(f"{self.service}.service: Failed with result '{'signal' if sig else 'exit-code'}'.", "WARNING")
        elif self.fmt.startswith("gcl-run"):
            say(f"Container terminated on signal {rc - 128}." if sig else f"Container called exit({rc}).", "WARNING")

    def loop(self, n, cmd, pause=1.0, before=None, **kw):
        for i in range(1, n + 1):
            if before: before(i)
            if i > 1 and self.fmt == "journald" and self.platform_lines:
                self.add(f"{self.service}.service: Scheduled restart job, restart counter is at {i - 1}.", "system", "platform", time.time(), None, level="INFO")
            r = self.attempt(cmd, **kw)
            if r == "running": break
            if i < n: time.sleep(min(pause * (1 + .4 * (i - 1)), 6))
            if self.fmt.startswith("gcl-run"): self.instance = hexid(96)
        return r

    def old_revision(self, cmd, env=None, cwd="/srv/app", urls=(), every=.3):
        a = self.revision.rsplit("-", 2); self.old_rev = "%s-%05d-%s" % (a[0], int(a[1]) - 1, rid(3))
        p = self.popen(cmd, env, cwd, self.uid, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.read(p, "app", 0, {}, rev=self.old_rev, inst=hexid(96))
        def traffic():
            import urllib.request
            for i in range(100000):
                if p.poll() is not None: return
                try: urllib.request.urlopen(urls[i % len(urls)], timeout=2).read()
                except OSError: pass
                time.sleep(every)
        if urls: threading.Thread(target=traffic, daemon=True).start()
        return p

    def probed(self, pr):
        s = socket.socket(); s.settimeout(1)
        try:
            s.connect((pr.get("host", "127.0.0.1"), pr["port"]))
            if not pr.get("http"): return True, "OK"
            s.send(f"GET {pr['http']} HTTP/1.1\r\nHost: x\r\nUser-Agent: kube-probe/1.29\r\nConnection: close\r\n\r\n".encode())
            r = s.recv(200).decode().split("\r\n")[0]
            return " 200" in r or " 204" in r, r
        except OSError as e: return False, {"ConnectionRefusedError": "CONNECTION_REFUSED", "TimeoutError": "DEADLINE_EXCEEDED"}.get(type(e).__name__, type(e).__name__)
        finally: s.close()

    # ---- dependencies
    def wait_port(self, ip, port, t=30):
        for _ in range(int(t * 20)):
            try: socket.create_connection((ip, port), 1).close(); return
            except OSError: time.sleep(.05)
        raise RuntimeError(f"port {ip}:{port} not up")

    def pg(self, ip="127.0.0.10", port=5432, conf=None, hba=None, data="/var/lib/pg/main", src=None, wait=True):
        if not os.path.exists(ROOT + data):
            os.makedirs(ROOT + data); os.chown(ROOT + data, 70, 70); os.chmod(ROOT + data, 0o700)
            self.run([PGBIN + "/initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"], uid=70)
        self.write(data + "/pg_hba.conf", "local all all trust\n" + (hba or "host all all 127.0.0.0/8 scram-sha-256\n"), 0o600, 70)
        c = dict(listen_addresses=ip, port=port, unix_socket_directories="/var/run/postgresql", fsync="off", shared_buffers="16MB", **(conf or {}))
        cmd = [PGBIN + "/postgres", "-D", data] + [x for k, v in c.items() for x in ("-c", f"{k}={v}")]
        p = self.bg(cmd, uid=70, src=src, log="/mnt/pg.log")
        for _ in range(300 if wait else 0):
            if p.poll() is not None: raise RuntimeError("postgres died: " + (open("/mnt/pg.log").read() if not src else ""))
            if self.popen([PGBIN + "/pg_isready", "-q", "-h", "/var/run/postgresql", "-p", port], uid=70).wait() == 0: break
            time.sleep(.1)
        return p

    def psql(self, sql, db="postgres", port=5432):
        return self.run(["psql", "-X", "-q", "-At", "-h", "/var/run/postgresql", "-p", port, "-U", "postgres", "-d", db, "-v", "ON_ERROR_STOP=1", "-c", sql], uid=70)

    def mkdb(self, db, user, pw="s3cret", sql=None, port=5432):
        self.psql(f"CREATE ROLE {user} LOGIN PASSWORD '{pw}'", port=port)
        self.psql(f"CREATE DATABASE {db} OWNER {user}", port=port)
        if sql: self.psql(f"SET ROLE {user}; {sql}", db, port)

    def hold(self, n, user, pw, db, ip, port=5432, secs=300):
        """n other clients that keep a connection each."""
        ps = [self.bg(["psql", "-X", "-q", f"host={ip} port={port} user={user} dbname={db} password={pw} application_name=nightly-export", "-c", f"select pg_sleep({secs})"], uid=1000) for _ in range(n)]
        time.sleep(1.2)
        return ps

    def redis(self, ip="127.0.0.30", *args, port=6379, src=None, wait=True):
        p = self.bg(["redis-server", "--port", port, "--bind", ip, "--save", "", "--dir", "/tmp", *args], uid=1000, src=src)
        if wait: self.wait_port(ip, port)
        return p

    def tls(self, names, dir="/etc/pgtls", days=365, start=None, ca="Internal Root CA", uid=70):
        """CA (ca.crt) and server.crt/.key for `names` (first is CN); start=('20240101000000Z', '20240301000000Z') sets the validity. -> Postgres settings"""
        names = [names] if isinstance(names, str) else names
        san = ",".join(("IP:" if re.match(r"[\d.]+$", n) else "DNS:") + n for n in names)
        os.makedirs(ROOT + dir, exist_ok=True)
        self.write(dir + "/ca.cnf", "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n[e]\nsubjectAltName=" + san + "\n")
        when = f"-startdate {start[0]} -enddate {start[1]}" if start else f"-days {days}"
        self.run(f'''openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 3650 -subj "/CN={ca}" && : >index.txt && echo 01 >serial &&
            openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj "/CN={names[0]}" &&
            openssl ca -batch -config ca.cnf -extensions e -cert ca.crt -keyfile ca.key -in server.csr -out server.crt -notext {when} &&
            chown -R {uid}:{uid} . && chmod 755 . && chmod 600 server.key && chmod 644 ca.crt server.crt''', cwd=dir)
        return dict(ssl="on", ssl_cert_file=dir + "/server.crt", ssl_key_file=dir + "/server.key")

    def proxy(self, ip, port, mode):
        """A server that misbehaves: close (accepts, closes), reset, silent (never answers), http503, drop (SYNs get no answer)."""
        s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind((ip, port)); s.listen(0 if mode == "drop" else 64)
        keep = [s]
        if mode == "drop":  # the accept queue is full: the kernel ignores further SYNs
            for _ in range(4): k = socket.socket(); k.setblocking(False); k.connect_ex((ip, port)); keep.append(k)
            time.sleep(.3)
        def go():
            while True:
                c, _ = s.accept(); keep.append(c)
                if mode == "silent": continue
                try:
                    c.settimeout(2); c.recv(4096)
                    if mode == "http503": c.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 31\r\nConnection: close\r\n\r\nno healthy upstream, try later\n")
                    if mode == "reset": c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                except OSError: pass
                c.close()
        if mode != "drop": threading.Thread(target=go, daemon=True).start()
        self.procs.append(keep)
        return keep

    def dns(self, records=None, mode="nxdomain", ip="127.0.0.53"):
        """A resolver at 127.0.0.53: answers `records` {name: ip}; other names get nxdomain, servfail or nothing (silent). records may be changed later."""
        records = records if records is not None else {}
        u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind((ip, 53))
        def go():
            while True:
                q, who = u.recvfrom(512); i, name = 12, []
                while q[i]: name.append(q[i + 1:i + 1 + q[i]].decode()); i += 1 + q[i]
                qtype, end, a = struct.unpack(">H", q[i + 1:i + 3])[0], i + 5, records.get(".".join(name).lower())
                if not a and mode == "silent": continue
                code = 0 if a else {"nxdomain": 3, "servfail": 2}[mode]
                body = b"\xc0\x0c\0\1\0\1\0\0\0\x1e\0\4" + socket.inet_aton(a) if a and qtype == 1 else b""
                u.sendto(q[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, 1 if body else 0, 0, 0) + q[12:end] + body, who)
        threading.Thread(target=go, daemon=True).start()
        return records

    # ---- output
    def fact(self, **facts):
        def mask(k, v):
            if re.search(r"PASSWORD|_KEY$|TOKEN|SECRET", k) and v != "": return "***"
            return re.sub(r"(password=)[^\s&;]+", r"\1***", re.sub(r"(://[^:/@\s]*:)[^@\s]*@", r"\1***@", str(v)))
        if "env" in facts: facts["env"] = {k: mask(k, v) for k, v in facts["env"].items()}
        self.facts.update(facts)

    def render(self):
        L, fmt, sysout = sorted(self.lines, key=lambda l: l["ts"]), self.fmt, lambda l: "stderr" if l["stream"] == "system" else l["stream"]
        js, pod = (lambda o: json.dumps(o, ensure_ascii=False, separators=(",", ":"))), self.hostname
        who = lambda l: self.service if l["src"] == "app" else l["src"]
        pids, boot = {}, hexid(32)
        def journald(l):
            own = l["src"] == "platform"; pid = "1" if own else str(pids.setdefault((l["attempt"], l["src"]), 612 + 41 * len(pids)))
            return json.dumps({"__REALTIME_TIMESTAMP": str(int(l["ts"] * 1e6)), "_BOOT_ID": boot, "_HOSTNAME": self.hostname, "_PID": pid, "SYSLOG_IDENTIFIER": "systemd" if own else who(l),
                    "PRIORITY": {"NOTICE": "5", "WARNING": "4", "ERROR": "3"}.get(l["level"], "6"), "_TRANSPORT": "journal" if own else "stdout", "MESSAGE": l["text"],
                    "UNIT" if own else "_SYSTEMD_UNIT": self.service + ".service"}, ensure_ascii=False)
        def cloud(l):
            own, gke = l["src"] == "platform", fmt.startswith("gcl-gke")
            if gke: res, labels = {"type": "k8s_container", "labels": {"project_id": "acme-prod-1", "location": "europe-west3-a", "cluster_name": "apps", "namespace_name": "shop", "pod_name": l["host"], "container_name": who(l)}}, {"k8s-pod/app": self.service, "compute.googleapis.com/resource_name": "gke-apps-pool-2-7c1f90ab-q4"}
            else: res, labels = {"type": "cloud_run_revision", "labels": {"project_id": "acme-prod-1", "location": "europe-west3", "service_name": self.service, "configuration_name": self.service, "revision_name": l["rev"]}}, {"instanceId": "00" + l["inst"]}
            log = l["stream"] if gke else "run.googleapis.com%2F" + ("varlog%2Fsystem" if own else l["stream"])
            if not gke and not own and l["src"] != "app": labels["container_name"] = l["src"]
            o = {"insertId": hexid(20), "timestamp": iso(l["ts"], 6), "receiveTimestamp": iso(l["ts"] + random.uniform(.1, .4)), "logName": "projects/acme-prod-1/logs/" + log, "resource": res, "labels": labels}
            try: d = json.loads(l["text"]) if l["text"].startswith("{") else None
            except ValueError: d = None
            if isinstance(d, dict):
                lv = d.pop("severity", None)
                if lv: o["severity"] = str(lv).upper()
                o["jsonPayload"] = d
            else:
                o["textPayload"] = l["text"]
                if own: o["severity"] = l["level"] or "ERROR"
                elif gke: o["severity"] = "ERROR" if l["stream"] == "stderr" else "INFO"
            return json.dumps(o, ensure_ascii=False, indent=2 if fmt.endswith("array") else None)
        if fmt.startswith("gcl-") or fmt == "journald": L = [l for l in L if l["text"]]   # these drop empty lines
        one = {"plain": lambda l: l["text"], "kubectl-ts": lambda l: iso(l["ts"]) + " " + l["text"], "kubectl-prefix": lambda l: f"[pod/{pod}/{who(l)}] {l['text']}",
               "kubectl-prefix-ts": lambda l: f"[pod/{pod}/{who(l)}] {iso(l['ts'])} {l['text']}", "cri": lambda l: f"{iso(l['ts'])} {sysout(l)} F {l['text']}",
               "docker": lambda l: js({"log": l["text"] + "\n", "stream": sysout(l), "time": iso(l["ts"])}), "compose": lambda l: f"{who(l) + '-1':<12} | {l['text']}", "journald": journald}.get(fmt, cloud)
        rows = [one(l) for l in L]
        if self.newest_first: rows.reverse()
        if fmt.endswith("array"): return "json", "[\n" + ",\n".join(rows) + "\n]\n"
        json_app = fmt == "plain" and sum(t.startswith("{") for t in rows) > len(rows) / 2
        return {"docker": "json", "journald": "json"}.get(fmt, "ndjson" if fmt.startswith("gcl") else "jsonl" if json_app else "log"), "".join(r + "\n" for r in rows)

    def save(self, outcome="failure", evidence=(), misleading=(), **label):
        import check
        ext, body = self.render()
        a, d = self.attempts, OWN / self.id
        shutil.rmtree(d, ignore_errors=True); d.mkdir(parents=True)
        (d / f"logs.{ext}").write_text(body)
        put = lambda f, o: (d / f).write_text(json.dumps(o, indent=1, ensure_ascii=False) + "\n")
        put("exit.json", dict(attempts=a, restarts=max(0, len(a) - 1), last_exit_code=a[-1]["exit_code"], last_signal=a[-1]["signal"],
            note="exit_code of a signalled process is 128+signal; outcome running = up when the capture ended; hung = still not up when the capture ended", platform_events=self.events))
        if self.facts: put("facts.json", self.facts)
        if hasattr(self, "old_rev"): label = dict(label, failing_revision=self.revision, serving_revision=self.old_rev)
        head = dict(id=self.id, split=self.split, stack=self.stack, format=self.fmt, outcome=outcome, fault_injected=None, domain=None, layer=None, cause=None, culprit=None)
        put("label.json", {**head, **label, "evidence": list(evidence), "misleading": list(misleading), "noise": self.noise, "crash_loop": len(a) > 1, "attempts": len(a),
                           "platform_lines_written_by_harness": self.platform_lines, "newest_first": self.newest_first})
        bad = check.check(d)
        print(f"{self.id}: {len(body.splitlines())} lines, exits {[x['exit_code'] if x['exit_code'] is not None else x['outcome'] for x in a]}", *("\n   !! " + b for b in bad), flush=True)
        if bad: raise SystemExit(2)


def inside(module, id):
    """Runs as process 1 of the namespaces, with ROOT mounted."""
    __import__(module)
    f, options = sys.modules["harness"].CASES[id]
    c, rc = sys.modules["harness"].Case(id, work_dir(module), **options), 0
    try: f(c)
    except SystemExit as e: rc = e.code
    except BaseException:
        import traceback; traceback.print_exc(); rc = 3
        for l in c.lines[-15:]: print("   |", l["text"][:300])
    sys.stdout.flush(); os._exit(rc)


SETUP = f"""mount -t tmpfs -o size=4g none /mnt && mkdir /mnt/u /mnt/w {ROOT} &&
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w {ROOT} && mount -t proc proc /proc && cd {ROOT} &&
mount -t proc proc proc && mount --rbind /dev dev && mount -t tmpfs none dev/shm && mount -t tmpfs none tmp && chmod 1777 tmp &&
for d in work root mnt; do mount -t tmpfs none $d; done && chmod 700 root && chmod 755 /mnt {ROOT} && cd / && exec "$@" """


def main():
    args = sys.argv[1:]
    if "--into" in args: i = args.index("--into"); os.environ["RECORD_INTO"] = os.path.abspath(args[i + 1]); del args[i:i + 2]
    if not args or args[0].startswith("-"): print(__doc__); return 1
    if args[0] == "inside": return inside(*args[1:])
    module, ids, failed = args[0].removesuffix(".py"), args[1:], []
    __import__(module)
    h, env = sys.modules["harness"], dict(os.environ, PYTHONPATH=os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]), PYTHONDONTWRITEBYTECODE="1")
    for b in h.BUILDS: b(work_dir(module))
    for id in ids or h.CASES:
        if id == "--build": break
        r = subprocess.run(["unshare", "-n", "-m", "-u", "-i", "-p", "--fork", "--kill-child", "bash", "-c", SETUP, "_", sys.executable, "-B", str(HERE / "harness.py"), "inside", module, id], env=env, timeout=600)
        if r.returncode: failed.append(id)
    print("failed: " + " ".join(failed) if failed else "all recorded")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.path.insert(0, str(HERE)); sys.dont_write_bytecode = True
    import harness
    sys.exit(harness.main())
