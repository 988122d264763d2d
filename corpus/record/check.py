#!/usr/bin/env python3
"""Check the recorded cases:  python3 corpus/record/check.py [DIR of cases] [case-id ...]

For every case: its JSON parses; label.json has the keys of the corpus with known words; every `evidence` and `misleading`
substring occurs in the decoded lines (evidence in facts.json or exit.json counts too); exit.json is consistent in itself,
with the label and with the time stamps of the log; files are under 300 KB and hold no path, host or kernel name of the
recording machine. Exit status 0 when everything holds. decode() is the independent reader of the log formats.
"""
import collections, datetime, json, os, pathlib, re, socket, sys

KEYS = """auth_failed auth_required bad_migration broker_down circular_import clock_skew command_not_found connect_timeout connection_reset
data_directory_permissions data_directory_version database_connection_limit database_does_not_exist db_connection_refused db_data_corrupt
db_down_behind_pooler db_in_recovery db_not_accepting_connections db_permission_denied db_shutting_down db_starting_up deadline_too_short disk_full
dns_nxdomain dns_temporary_failure dns_timeout egress_breaks_socket exec_format_error fd_limit image_pull_failed import_error init_order
invalid_config_parameter invalid_env_value liveness_kill lock_timeout malformed_url missing_env missing_extension missing_migration_file
missing_module missing_mount missing_password missing_shared_library missing_table multiple_migration_heads no_route_to_host out_of_memory
permission_denied pgbouncer_max_client_conn platform_connection_limit pool_exhausted port_in_use proxy_closed_handshake query_wait_timeout
quota_exceeded read_only_database read_only_filesystem read_only_replica redis_connection_refused redis_loading redis_max_clients redis_misconf
redis_out_of_memory role_connection_limit server_closed_connection sidecar_not_ready startup_exception startup_hang startup_probe_timeout
statement_timeout syntax_error tls_expired tls_hostname_mismatch tls_mode_mismatch tls_not_yet_valid tls_unknown_ca tls_verify_failed
too_many_connections unhandled_promise_rejection unsupported_class_version upstream_503 whitespace_in_value wrong_entrypoint wrong_host
wrong_socket_path""".split()
DOMAINS = {"application", "configuration", "platform", "network", "dependency", "capacity"}
LAYERS = set("auth config dns import migration probe process protocol query resource slot socket startup tcp tls".split())
OWNERS = {"app-team", "platform-team", "db-team", "either"}
NEED = "id split stack format outcome fault_injected domain layer cause culprit owner fix evidence misleading noise crash_loop attempts newest_first".split()
# Of the machine that recorded: where its work directories and its home are, and its name. No package registries either.
PLACES = [str(pathlib.Path(__file__).resolve().parents[2].parent) + "/", os.environ.get("RECORD_WORK"), str(pathlib.Path.home()) + "/.", socket.gethostname()]
LEAKS = [re.escape(place) for place in PLACES if place and len(place) > 3]
LEAKS += [r"\brec-[a-z]\b", r"(?:crates|pypi|npmjs|maven|golang|pythonhosted)\.(?:io|org)\b"]


def payload(o):
    """The text of one JSON record, whatever wrapped it; structured payloads give every string in them."""
    if "MESSAGE" in o: return [o["MESSAGE"]]
    if "log" in o and "stream" in o: return [o["log"].rstrip("\n")] + inner(o["log"])
    if "textPayload" in o: return [o["textPayload"]] + inner(o["textPayload"])
    return strings(o.get("jsonPayload", o))


def strings(o):
    if isinstance(o, dict): return [s for v in o.values() for s in strings(v)]
    if isinstance(o, list): return [s for v in o for s in strings(v)]
    return [o] if isinstance(o, str) else []


def inner(t):
    try: return strings(json.loads(t)) if t.startswith("{") else []
    except ValueError: return []


def decode(text):
    """The decoded lines of a log file in any of the corpus' formats."""
    if text.lstrip().startswith("["):
        try: return [t for o in json.loads(text) for t in payload(o)]
        except (ValueError, AttributeError): pass
    out = []
    for line in text.split("\n"):
        try: o = json.loads(line) if line.startswith("{") else None
        except ValueError: o = None
        if isinstance(o, dict): out += [line] + payload(o); continue
        out.append(line)
        t = re.sub(r"^\S+ +\| |^\[pod/\S+\] ", "", line)
        t = re.sub(r"^\d{4}-\d\d-\d\dT\S+Z (?:(?:stdout|stderr) [FP] )?", "", t)
        out += [t] + inner(t)
    return out


def when(s): return datetime.datetime.fromisoformat(s.replace("Z", "+00:00"))


def check(case):
    bad = []
    def want(ok, text):
        if not ok: bad.append(text)
    for f in case.iterdir():
        want(f.stat().st_size < 300_000, f"{f.name} is {f.stat().st_size} bytes")
        want(f.name in ("label.json", "exit.json", "facts.json") or f.name.startswith("logs"), f"stray file {f.name}")
        body = f.read_text()
        for leak in LEAKS:
            m = re.search(r".{0,30}" + leak + r".{0,30}", body)
            want(not m, f"{f.name} leaks {m and m.group(0)!r}")
    try:
        label, ex = json.loads((case / "label.json").read_text()), json.loads((case / "exit.json").read_text())
        facts = (case / "facts.json").read_text() if (case / "facts.json").exists() else ""
        facts and json.loads(facts)
    except (OSError, ValueError) as e: return bad + [f"unreadable: {e}"]
    logs = sorted(p for p in case.iterdir() if p.name.startswith("logs"))
    want(logs, "no logs file")
    want(not facts or json.loads(facts), "empty facts.json")
    for p in logs:
        if p.suffix in (".ndjson", ".jsonl") or p.suffix == ".json" and not p.read_text().startswith("["):
            for n, line in enumerate(p.read_text().splitlines(), 1):
                try: json.loads(line)
                except ValueError: want(p.suffix == ".jsonl" and not line.startswith("{"), f"{p.name}:{n} is no JSON")
    lines = [t for p in logs for t in decode(p.read_text())]
    for k in NEED: want(k in label, f"label lacks {k}")
    want(label.get("id") == case.name, "id is not the directory's name")
    told = label.get("causes") or []
    for c in [label] * (label.get("outcome") == "failure") + [c for c in told if not str(c.get("cause")).startswith("success")]:
        want(c.get("cause") in KEYS and c.get("domain") in DOMAINS and c.get("layer") in LAYERS, f"unknown words {c.get('cause')}/{c.get('domain')}/{c.get('layer')}")
        want(c.get("culprit"), "no culprit")
        for k in c.get("acceptable_causes") or []: want(k in KEYS, f"unknown key {k}")
    want(set(label.get("also_acceptable") or []) <= DOMAINS, "unknown domain accepted")
    want(label.get("owner") in OWNERS, f"owner {label.get('owner')}")
    want(label.get("outcome") in ("failure", "success", "undetermined"), "unknown outcome")
    if label.get("outcome") == "undetermined": want(label.get("needed"), "undetermined without needed")
    for kind in ("evidence", "misleading"):
        for s in list(label.get(kind) or []) + [s for c in told for s in c.get(kind) or []]:
            want(any(s in t for t in lines) or kind == "evidence" and s in facts + json.dumps(ex, ensure_ascii=False), f"{kind} not in the log: {s!r}")
    want(label.get("evidence") or label.get("evidence_note"), "no evidence (and no evidence_note)")
    if told: want(all(any(n in c["attempts"] for c in told) for n in range(1, 1 + len(ex["attempts"]))) or label.get("note"), "causes do not cover the attempts")
    rows = ex.get("attempts") or []
    want(rows and [a["attempt"] for a in rows] == list(range(1, len(rows) + 1)), "attempt numbers")
    want(label.get("attempts") == len(rows) and ex.get("restarts") == max(0, len(rows) - 1), "attempt counts differ")
    want(label.get("crash_loop") == (len(rows) > 1), "crash_loop")
    for a, b in zip(rows, rows[1:]): want(when(a["ended"]) <= when(b["started"]), f"attempt {b['attempt']} starts before the last one ended")
    for a in rows:
        want(when(a["started"]) < when(a["ended"]), "times")
        want((a["exit_code"] is None) == (a["outcome"] in ("running", "hung")), "exit code and outcome")
        want(a["signal"] is None or a["exit_code"] > 128, "signal without 128+n")
    if rows: want((ex.get("last_exit_code"), ex.get("last_signal")) == (rows[-1]["exit_code"], rows[-1]["signal"]), "last exit")
    if label.get("outcome") == "success": want(rows and rows[-1]["outcome"] == "running", "a success must be running at the end")
    return bad


def main():
    args = sys.argv[1:]
    base = pathlib.Path(args.pop(0)) if args and pathlib.Path(args[0]).is_dir() else pathlib.Path(__file__).resolve().parent.parent / "own"
    n, failed, causes = 0, 0, collections.Counter()
    for case in sorted(p for p in base.iterdir() if p.is_dir() and (not args or p.name in args)):
        bad = check(case); n += 1; failed += bool(bad)
        for b in bad: print(f"{case.name}: {b}")
        if not bad: causes[json.loads((case / "label.json").read_text())["cause"]] += 1
    print(f"{n} cases, {failed} with problems; causes: " + ", ".join(f"{k} {v}" for k, v in sorted(causes.items())))
    return 1 if failed or not n else 0


if __name__ == "__main__":
    sys.exit(main())
