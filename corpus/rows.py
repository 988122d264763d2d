"""Log files of the corpus as rows, and back: what `perturb` edits.

A `Log` holds the rows of one file, oldest first. A `Row` keeps its raw form, so that a file that
is read and written without a change is the same file. `Row.like` makes a new row in the format
of an old one. Formats are those of label.json: plain, applog-json, kubectl-ts, kubectl-prefix,
kubectl-prefix-ts, cri, docker, compose, journald, gcl-run, gcl-gke and the two as arrays.
"""
import copy, datetime, json, re

STAMP = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d+))?Z")
LEVELS = ["DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL"]
PRIORITIES = {"DEBUG": "7", "INFO": "6", "NOTICE": "5", "WARNING": "4", "ERROR": "3", "CRITICAL": "2"}
# Text with a level column: what stands before it, the word, what separates, the logger, the message.
COLUMNS = re.compile(
    r"^(?P<head>.{0,70}?)\b(?P<level>DEBUG|INFO|NOTICE|WARNING|WARN|ERROR|LOG)\b(?P<gap>[^\s\w]*(?:\x1b\[0m)?[^\s\w]*\s+)"
    r"(?P<logger>\[[^\]]*\]\s+[\w.$]+\s+:\s|\[[\w. ]+\]\s+|in \w+:\s|[a-z]\w*(?:\.\w+)+:?\s+)?(?P<message>\S.*)$", re.S)
REDIS = re.compile(r"^(\d+:[A-Z] \d\d \w{3} \d{4} [\d:.]+ )[*#.-] ")


def nanoseconds(stamp):
    """A stamp (`2026-11-22T06:45:26.159837007Z`) as nanoseconds since 1970, or None."""
    m = STAMP.fullmatch(stamp or "")
    if not m:
        return None
    day = datetime.datetime.fromisoformat(f"{m[1]}T{m[2]}+00:00")
    return int(day.timestamp()) * 10**9 + int((m[3] or "").ljust(9, "0")[:9] or 0)


def stamp(ns, digits):
    """Nanoseconds as a stamp with so many digits after the point."""
    seconds, rest = divmod(ns, 10**9)
    text = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    return text + (f".{rest:09d}"[: digits + 1] if digits else "") + "Z"


def digits(text):
    return len(STAMP.fullmatch(text)[3] or "")


def own_json(text):
    """The program's own JSON row in `text`, or None."""
    if text[:1] != "{":
        return None
    try:
        row = json.loads(text)
    except ValueError:
        return None
    return row if isinstance(row, dict) and message_key(row) else None


def message_key(row):
    """Path of the message inside a program's JSON row."""
    for path in (("message",), ("msg",), ("fields", "message")):
        here = row
        for part in path:
            here = here.get(part) if isinstance(here, dict) else None
        if isinstance(here, str):
            return path
    return None


def put(row, path, value):
    for part in path[:-1]:
        row = row[part]
    row[path[-1]] = value


def speak(sample, level, message, extra=None):
    """`message` at `level` the way the program writes: in its JSON, in its columns, or bare.

    `sample` is a text of the same program; `extra` are fields for a JSON row.
    """
    row = own_json(sample)
    if row is not None:
        row = copy.deepcopy(row)
        put(row, message_key(row), message)
        for key in ("severity", "level", "levelname"):
            if isinstance(row.get(key), str):
                row[key] = {"WARNING": "WARN"}.get(level, level) if row[key] in ("WARN",) else level.lower() if row[key].islower() else level
            elif isinstance(row.get(key), int):
                row[key] = {"INFO": 30, "WARNING": 40, "ERROR": 50}[level]
        for key in ("exc_info", "stack", "err", "error"):
            row.pop(key, None)
        row.update(extra or {})
        compact = '":"' in sample[:60] or '":{' in sample[:60]
        return json.dumps(row, separators=(",", ":") if compact else None)
    m = COLUMNS.match(sample)
    if m:
        word = "WARN" if level == "WARNING" and len(m["level"]) == 4 and m["level"] != "INFO" else level
        gap = m["gap"]
        if gap.startswith((":", "\x1b[0m:")):
            gap = gap.rstrip(" ") + " " * max(1, len(m["level"]) + len(gap) - len(gap.rstrip(" ")) - len(word))
        return m["head"] + word + gap + (m["logger"] or "") + message
    m = REDIS.match(sample)
    if m:
        return f"{m[1]}{'#' if level in ('WARNING', 'ERROR') else '*'} {message}"
    return message


class Row:
    """One record: `raw` as it stands, `at` in nanoseconds or None, `text` as the program wrote it."""

    def __init__(self, form, raw):
        self.form, self.raw = form, raw
        self.at, self.text, self.writer = form.parse(raw)

    @property
    def message(self):
        """What a reader sees: the message of the program's JSON, or the text."""
        row = own_json(self.text)
        if row is None:
            return self.text
        for part in message_key(row):
            row = row[part]
        return row

    def like(self, text, at=None, writer=None, level=None, rng=None):
        """A new row in the same format; what is not given stays."""
        return Row(self.form, self.form.build(self.raw, text, self.at if at is None else at, writer or self.writer, level, rng))

    @property
    def level(self):
        """Severity that the row's envelope (or the program's JSON row) carries, or None."""
        return self.form.level(self.raw, self.text)


class Lines:
    """A text format: `prefix` finds a stamp, a writer and the text of a line."""

    def __init__(self, pattern, write):
        self.pattern, self.write = re.compile(pattern, re.S), write

    def load(self, content):
        return content.removesuffix("\n").split("\n")

    def dump(self, raws):
        return "\n".join(raws) + "\n"

    def parse(self, raw):
        m = self.pattern.match(raw)
        if not m:
            return None, raw, None
        got = m.groupdict()
        return nanoseconds(got.get("stamp")), got["text"], (got.get("writer") or "").strip() or None

    def build(self, raw, text, at, writer, level, rng):
        m = self.pattern.match(raw)
        if not m:
            return text
        got = dict(m.groupdict(), text=text)
        if got.get("stamp"):
            got["stamp"] = stamp(at, digits(got["stamp"]))
        if got.get("writer"):
            got["writer"] = writer.ljust(len(got["writer"]))
        return self.write.format(**got)

    def level(self, raw, text):
        row = own_json(text) or {}
        word = str(row.get("severity") or row.get("level") or "").upper()
        return {"WARN": "WARNING", "30": "INFO", "40": "WARNING", "50": "ERROR", "60": "CRITICAL", "FATAL": "CRITICAL"}.get(word, word) or None


class OwnJson(Lines):
    """The program's own JSON lines, with raw lines between them."""

    def __init__(self):
        super().__init__(r"(?P<text>.*)", "{text}")

    @staticmethod
    def time_key(row):
        return next((k for k in ("time", "timestamp", "ts") if isinstance(row.get(k), str) and nanoseconds(row[k]) is not None), None)

    def parse(self, raw):
        row = own_json(raw)
        key = row and self.time_key(row)
        return (nanoseconds(row[key]) if key else None), raw, None

    def build(self, raw, text, at, writer, level, rng):
        row = own_json(text)
        key = row and self.time_key(row)
        if not key or at is None:
            return text
        row[key] = stamp(at, digits(row[key]))
        return json.dumps(row, separators=None if '": ' in text else (",", ":"))


class Json:
    """A transport that wraps each row in JSON; subclasses say where time, text and writer stand."""
    compact, array = False, False

    def load(self, content):
        return json.loads(content) if self.array else [json.loads(line) for line in content.split("\n") if line]

    def dump(self, raws):
        if self.array:
            return "[\n" + ",\n".join(json.dumps(r, indent=2) for r in raws) + "\n]\n"
        return "".join(json.dumps(r, separators=(",", ":") if self.compact else None) + "\n" for r in raws)

    def level(self, raw, text):
        return None


class Docker(Json):
    compact = True

    def parse(self, raw):
        return nanoseconds(raw["time"]), raw["log"].removesuffix("\n"), None

    def build(self, raw, text, at, writer, level, rng):
        return dict(raw, log=text + "\n", time=stamp(at, digits(raw["time"])))


class Journald(Json):
    def parse(self, raw):
        writer = raw["SYSLOG_IDENTIFIER"] if raw.get("_TRANSPORT") != "journal" else None
        return int(raw["__REALTIME_TIMESTAMP"]) * 1000, raw.get("MESSAGE") or "", writer

    def build(self, raw, text, at, writer, level, rng):
        row = dict(raw, __REALTIME_TIMESTAMP=str(at // 1000), MESSAGE=text)
        if writer and writer != raw.get("SYSLOG_IDENTIFIER"):
            row.update(SYSLOG_IDENTIFIER=writer, _SYSTEMD_UNIT=f"{writer}.service", _PID="411")
        if level:
            row["PRIORITY"] = PRIORITIES[level]
        return row

    def level(self, raw, text):
        return {v: k for k, v in PRIORITIES.items()}.get(raw.get("PRIORITY"))


class Cloud(Json):
    """Cloud Logging entries. The writer is the pod's container, or `run` for the program on Cloud Run."""

    def __init__(self, array):
        self.array = array

    def parse(self, raw):
        labels = raw["resource"]["labels"]
        program = re.search(r"(stdout|stderr)$", raw["logName"])
        payload = raw.get("textPayload")
        text = payload if payload is not None else json.dumps(raw.get("jsonPayload") or {})
        return nanoseconds(raw["timestamp"]), text, labels.get("container_name", "run") if program else None

    def build(self, raw, text, at, writer, level, rng):
        row = copy.deepcopy(raw)
        row["timestamp"] = stamp(at, digits(raw["timestamp"]))
        row["receiveTimestamp"] = stamp(at + 150_000_000, 9)
        if rng:
            row["insertId"] = f"{rng.getrandbits(80):020x}"
        row.pop("textPayload", None), row.pop("jsonPayload", None)
        own = own_json(text)
        if own is not None:
            # The platform takes the severity out of the program's row.
            level = own.pop("severity", None) or level
            row["jsonPayload"] = own
        else:
            row["textPayload"] = text
        if level:
            row["severity"] = level
        return row

    def level(self, raw, text):
        return {"FATAL": "CRITICAL"}.get(raw.get("severity"), raw.get("severity") or "DEFAULT")


TEXT, TIME = r"(?P<text>.*)", r"(?P<stamp>\d{4}-\d\d-\d\dT[\d:.]+Z) "
POD = r"\[pod/(?P<pod>[^/]+)/(?P<writer>[^\]]+)\] "
FORMS = {
    "plain": lambda: Lines(TEXT, "{text}"),
    "applog-json": OwnJson,
    "kubectl-ts": lambda: Lines(TIME + TEXT, "{stamp} {text}"),
    "kubectl-prefix": lambda: Lines(POD + TEXT, "[pod/{pod}/{writer}] {text}"),
    "kubectl-prefix-ts": lambda: Lines(POD + TIME + TEXT, "[pod/{pod}/{writer}] {stamp} {text}"),
    "cri": lambda: Lines(TIME + r"(?P<stream>stdout|stderr) F " + TEXT, "{stamp} {stream} F {text}"),
    "compose": lambda: Lines(r"(?P<writer>\S+ *) \| " + TEXT, "{writer} | {text}"),
    "docker": Docker,
    "journald": Journald,
    "gcl-run": lambda: Cloud(False),
    "gcl-gke": lambda: Cloud(False),
    "gcl-run-array": lambda: Cloud(True),
    "gcl-gke-array": lambda: Cloud(True),
}


class Log:
    """One file of a case."""

    def __init__(self, name, form, rows, newest_first):
        self.name, self.form, self.rows, self.newest_first = name, form, rows, newest_first

    @classmethod
    def read(cls, path, label):
        form = FORMS[label["format"]]()
        rows = [Row(form, raw) for raw in form.load(path.read_text(errors="surrogateescape"))]
        return cls(path.name, form, rows[::-1] if label.get("newest_first") else rows, bool(label.get("newest_first")))

    def write(self, folder):
        rows = self.rows[::-1] if self.newest_first else self.rows
        (folder / self.name).write_text(self.form.dump([r.raw for r in rows]), errors="surrogateescape")
