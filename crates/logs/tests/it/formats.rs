//! One small input per format, as the tools really write them.

use crate::{read, read_with};
use tminus_core::{
    record::{Clock, Record, Stream},
    vocabulary::Severity,
};
use tminus_logs::{Options, TimeZone};

/// The only record of an input.
fn one(text: &str) -> Record {
    let (kept, summary) = read(text);
    assert_eq!(kept.skipped, [], "{text}");
    assert_eq!(kept.records.len(), 1, "{text}\n{summary:?}");
    kept.records.into_iter().next().expect("one record")
}

fn time(record: &Record) -> Option<(String, Clock)> {
    record.at.map(|at| (at.time.to_string(), at.clock))
}

fn envelope(at: &str) -> Option<(String, Clock)> {
    Some((at.to_owned(), Clock::Envelope))
}

fn format_of(text: &str) -> &'static str {
    read(text).1.formats.into_iter().max_by_key(|(_, rows)| *rows).expect("rows").0
}

#[test]
fn cloud_run_text_payload() {
    let record = one(concat!(
        r#"{"insertId":"65a","timestamp":"2026-11-22T06:00:00.123456Z","logName":"projects/p/logs/run.googleapis.com%2Fstderr","#,
        r#""resource":{"type":"cloud_run_revision","labels":{"service_name":"orders","revision_name":"orders-00036-lsd"}},"#,
        r#""labels":{"instanceId":"0069c7"},"textPayload":"2026-11-22 06:00:00,120 ERROR   orders.db refused\n"}"#,
    ));
    assert_eq!(record.text, "2026-11-22 06:00:00,120 ERROR   orders.db refused");
    assert_eq!((record.severity, record.stream), (Some(Severity::Error), Stream::Stderr));
    assert_eq!(time(&record), envelope("2026-11-22T06:00:00.123456Z"));
    assert_eq!(record.detail.app_time.map(|t| t.to_string()).as_deref(), Some("2026-11-22T06:00:00.12Z"));
    assert_eq!(record.detail.app_clock, Some(Clock::TextNoZone));
    assert_eq!(record.detail.logger.as_deref(), Some("orders.db"));
    assert_eq!(record.detail.row_id.as_deref(), Some("65a"));
    assert_eq!(record.detail.log.as_deref(), Some("run.googleapis.com/stderr"));
    let origin = &record.origin;
    assert_eq!((origin.service.as_deref(), origin.revision.as_deref()), (Some("orders"), Some("orders-00036-lsd")));
    assert_eq!(origin.instance.as_deref(), Some("0069c7"));
}

#[test]
fn the_same_entry_in_every_wrapping() {
    let entry = r#"{"insertId":"1","timestamp":"2026-11-22T06:00:00Z","severity":"ERROR","resource":{"type":"cloud_run_revision","labels":{"service_name":"a"}},"textPayload":"down"}"#;
    let snake = r#"{"insert_id":"1","timestamp":"2026-11-22T06:00:00+00:00","severity":"ERROR","resource":{"type":"cloud_run_revision","labels":{"service_name":"a"}},"text_payload":"down","json_payload":null}"#;
    let printed = r#"{"insert_id":"1","timestamp":"2026-11-22T06:00:00+00:00","severity":"ERROR","resource":"{'type': 'cloud_run_revision', 'labels': {'service_name': 'a'}}","text_payload":"None","json_payload":"{'message': 'down'}"}"#;
    let dated = r#"{"insert_id":"1","timestamp":{"seconds":"1795327200","nanos":0},"severity":"<LogSeverity.ERROR: 500>","resource":"{'type': 'cloud_run_revision', 'labels': {'service_name': 'a'}}","payload":"OrderedDict({'message': 'down', 'timestamp': datetime.datetime(2026, 11, 22, 6, 0)})"}"#;
    let numbered = snake.replace("\"ERROR\"", "500");
    let wrappings = [
        entry.to_owned(),
        snake.to_owned(),
        printed.to_owned(),
        dated.to_owned(),
        numbered,
        format!("[{entry}]"),
        format!("[\n  {entry}\n]\n"),
        format!("{{\"meta\": {{\"n\": 1}}, \"raw_logs\": [{entry}]}}"),
        format!("{{\n \"logs_by_severity\": {{\n \"ERROR\": [\n{snake}\n],\n \"INFO\": []\n }}\n}}"),
        format!("\u{feff}{entry}\r\n"),
        format!("{entry},"),
        format!("[]\n[{entry}]"),
        entry.replace(",\"", ",\n  \"").replace('}', "\n}"),
    ];
    for text in wrappings {
        let record = one(&text);
        assert_eq!((record.text.as_str(), record.severity), ("down", Some(Severity::Error)), "{text}");
        assert_eq!(time(&record), envelope("2026-11-22T06:00:00Z"), "{text}");
        assert_eq!(record.origin.service.as_deref(), Some("a"), "{text}");
        let line = text.lines().nth(record.line as usize - 1).unwrap_or_default();
        assert!(line.contains("down"), "line {}: {text}", record.line);
    }
}

#[test]
fn documents_behind_one_another() {
    let entry = |n: u32| {
        format!("{{\"insertId\":\"{n}\",\"timestamp\":\"2026-11-22T06:00:0{n}Z\",\"textPayload\":\"row {n}\"}}")
    };
    let pretty = |n: u32| entry(n).replace(',', ",\n").replace('{', "{\n");
    let (kept, _) = read([entry(1), entry(2)].concat());
    assert_eq!(kept.texts(), ["row 1", "row 2"]);
    let (kept, _) = read(format!("{}\n{}{}\n{}", pretty(1), pretty(2), pretty(3), entry(4)));
    assert_eq!(kept.texts(), ["row 1", "row 2", "row 3", "row 4"]);
    assert_eq!(kept.skipped, []);
}

#[test]
fn a_pretty_printed_payload_knows_the_lines_of_its_parts() {
    let text = "[\n {\n  \"timestamp\": \"2026-11-22T06:00:00Z\",\n  \"insertId\": \"1\",\n  \"jsonPayload\": {\n   \"exception\": \"Traceback (most recent call last):\\n  File \\\"a.py\\\"\\nKeyError: 'X'\",\n   \"message\": \"start-up failed\"\n  }\n }\n]\n";
    let record = one(text);
    assert_eq!(record.text, "start-up failed\nTraceback (most recent call last):\n  File \"a.py\"\nKeyError: 'X'");
    let lines: Vec<u32> = (0..4).map(|nth| record.physical_line(nth)).collect();
    assert_eq!(lines, [7, 6, 6, 6]);
    let fields = text.replace(
        "\"message\": \"start-up failed\"",
        "\"host\": \"db\",\n   \"message\": \"start-up failed\", \"port\":\n 1, \"user\": \"orders\"",
    );
    let record = one(&fields);
    let lines: Vec<(&str, u32)> =
        (0..7).zip(record.text.lines()).map(|(n, text)| (text, record.physical_line(n))).collect();
    assert_eq!(lines[..4], [("start-up failed", 8), ("host: db", 7), ("port: 1", 9), ("user: orders", 9)]);
    assert_eq!(lines[4], ("Traceback (most recent call last):", 6));
}

#[test]
fn rows_without_payload_are_counted_not_guessed() {
    let bare = r#"{"timestamp":"2026-11-22T06:00:00Z","severity":"ERROR","insert_id":"1","resource":{"type":"cloud_run_revision","labels":{}}}"#;
    for text in [
        bare.to_owned(),
        bare.replace("\"insert_id\"", "\"json_payload\":{\"message\":\"No message content\"},\"insert_id\""),
    ] {
        let (kept, summary) = read(&text);
        assert_eq!(summary.without_payload, 1, "{text}");
        assert!(kept.records[0].detail.empty_payload && kept.records[0].text.is_empty());
    }
}

#[test]
fn a_request_without_text_says_its_address() {
    let record = one(
        r#"{"insertId":"1","timestamp":"2026-11-22T06:00:00Z","logName":"projects/p/logs/run.googleapis.com%2Frequests","severity":"ERROR","httpRequest":{"requestMethod":"GET","requestUrl":"https://x/health","status":503}}"#,
    );
    assert_eq!((record.text.as_str(), record.stream), ("https://x/health", Stream::Request));
    assert_eq!(record.detail.request.map(|r| r.status), Some(503));
    assert!(!record.detail.empty_payload);
}

#[test]
fn kubernetes_engine_entries() {
    let entry = |stream: &str, severity: &str, payload: &str| {
        format!(
            r#"{{"insertId":"1","timestamp":"2026-11-22T06:00:00Z","severity":"{severity}","logName":"projects/p/logs/{stream}","resource":{{"type":"k8s_container","labels":{{"namespace_name":"shop","pod_name":"orders-7d9c5b7c6b-x2x4z","container_name":"app"}}}},"labels":{{"k8s-pod/app":"orders"}},{payload}}}"#
        )
    };
    let record = one(&entry("stderr", "ERROR", r#""textPayload":"INFO:     started""#));
    // The agent's severity is that of the stream.
    assert_eq!(record.severity, Some(Severity::Info));
    assert_eq!(one(&entry("stderr", "ERROR", r#""textPayload":"listening""#)).severity, None);
    assert_eq!(record.origin.instance.as_deref(), Some("orders-7d9c5b7c6b-x2x4z"));
    assert_eq!(record.origin.revision.as_deref(), Some("orders-7d9c5b7c6b"));
    assert_eq!((record.origin.container.as_deref(), record.origin.environment.as_deref()), (Some("app"), Some("shop")));
    let event = one(&entry(
        "events",
        "WARNING",
        r#""jsonPayload":{"kind":"Event","message":"Back-off restarting failed container","reason":"BackOff"}"#,
    ));
    assert_eq!((event.stream, event.severity), (Stream::Platform, Some(Severity::Warning)));
}

#[test]
fn kubelet_lines_are_joined() {
    let (kept, _) = read(concat!(
        "2026-11-22T06:00:00.1Z stdout P one \n",
        "2026-11-22T06:00:00.2Z stderr F between\n",
        "2026-11-22T06:00:00.3Z stdout F line\n",
        "2026-11-22T06:00:00.4Z stdout F \n",
        "2026-11-22T06:00:00.5Z stdout P open at the end\n",
    ));
    assert_eq!(kept.texts(), ["between", "one line", "open at the end"]);
    assert_eq!(kept.records[1].line, 1);
    assert_eq!(kept.records[0].stream, Stream::Stderr);
}

#[test]
fn docker_lines_are_joined() {
    let row = |log: &str, at: &str| {
        format!("{{\"log\":\"{log}\",\"stream\":\"stdout\",\"time\":\"2026-11-22T06:00:{at}Z\"}}\n")
    };
    let (kept, _) = read(
        [
            row("one ", "00.1"),
            row("two ", "00.1"),
            row("three\\n", "00.1"),
            row("last words", "00.2"),
            row("next start\\n", "09"),
        ]
        .concat(),
    );
    assert_eq!(kept.texts(), ["one two three", "last words", "next start"]);
    assert_eq!(kept.skipped, []);
    // A tool that rewrote the file may have dropped every line break.
    let (kept, _) = read([row("one", "00.1"), row("two", "00.1")].concat());
    assert_eq!(kept.texts(), ["one", "two"]);
    // Shippers add to the shape.
    let (kept, summary) = read(
        r#"{"log":"one","stream":"stdout","time":"2026-11-22T06:00:00Z","kubernetes":{"pod_name":"orders-7d9c5b7c6b-x2x4z","container_name":"app","namespace_name":"shop"}}"#,
    );
    assert_eq!(summary.formats.get("docker-json"), Some(&1));
    assert_eq!(kept.records[0].origin.service.as_deref(), Some("orders"));
}

#[test]
fn kubectl_stern_and_compose_prefixes() {
    for (text, format, instance, service, said) in [
        ("2026-11-22T06:00:00.123456789Z   File \"a.py\"", "kubectl-timestamps", None, None, "  File \"a.py\""),
        (
            "[pod/orders-7d9c5b7c6b-x2x4z/app] [boot] up",
            "kubectl-prefix",
            Some("orders-7d9c5b7c6b-x2x4z"),
            Some("orders"),
            "[boot] up",
        ),
        (
            "[pod/orders-0/app] 2026-11-22T06:00:00.123456789Z up",
            "kubectl-prefix",
            Some("orders-0"),
            Some("orders"),
            "up",
        ),
        ("orders-7d9c5b7c6b-x2x4z app up", "stern", Some("orders-7d9c5b7c6b-x2x4z"), Some("orders"), "up"),
        ("app-1        | INFO:     up", "docker-compose", Some("app-1"), Some("app"), "INFO:     up"),
        ("\u{1b}[36mapp-1  | \u{1b}[0m  indented", "docker-compose", Some("app-1"), Some("app"), "  indented"),
        ("app-1  | 2026-11-22T06:00:00.123456789Z up", "docker-compose", Some("app-1"), Some("app"), "up"),
        ("app-1  | {\"level\":\"info\",\"msg\":\"up\"}", "docker-compose", Some("app-1"), Some("app"), "up"),
        ("db    | ready\nweb   | up\nweb   | done", "docker-compose", Some("db"), Some("db"), "ready"),
    ] {
        let (kept, summary) = read(text);
        let record = &kept.records[0];
        assert_eq!(summary.formats.keys().copied().collect::<Vec<_>>(), [format], "{text}");
        assert_eq!(
            (record.origin.instance.as_deref(), record.origin.service.as_deref()),
            (instance, service),
            "{text}"
        );
        assert_eq!(record.text, said, "{text}");
        if text.contains(".123456789Z") {
            assert_eq!(time(record), envelope("2026-11-22T06:00:00.123456789Z"), "{text}");
        }
    }
    let (kept, _) = read("app-1  | bye\napp-1 exited with code 3\n");
    assert_eq!((kept.records[1].stream, kept.records[1].text.as_str()), (Stream::Platform, "app-1 exited with code 3"));
}

#[test]
fn journal_entries() {
    let row = |fields: &str| format!("{{\"__REALTIME_TIMESTAMP\":\"1795327200123456\",\"_BOOT_ID\":\"b\",{fields}}}");
    let printed = one(&row(
        r#""_TRANSPORT":"stdout","PRIORITY":"6","_PID":"737","_SYSTEMD_UNIT":"orders.service","_SYSTEMD_INVOCATION_ID":"i1","MESSAGE":"starting""#,
    ));
    assert_eq!(time(&printed), envelope("2026-11-22T06:00:00.123456Z"));
    assert_eq!((printed.origin.service.as_deref(), printed.origin.instance.as_deref()), (Some("orders"), Some("i1")));
    assert_eq!((printed.origin.pid, printed.severity), (Some(737), None));
    let bytes = one(&row(r#""PRIORITY":"3","MESSAGE":[27,91,51,49,109,101,114,114,27,91,48,109]"#));
    assert_eq!((bytes.text.as_str(), bytes.severity), ("err", Some(Severity::Error)));
    let systemd = one(&row(
        r#""_TRANSPORT":"journal","SYSLOG_IDENTIFIER":"systemd","_PID":"1","PRIORITY":"5","UNIT":"orders.service","INVOCATION_ID":"i1","MESSAGE":"orders.service: Failed with result 'exit-code'.""#,
    ));
    assert_eq!((systemd.stream, systemd.origin.service.as_deref()), (Stream::Platform, Some("orders")));
    assert_eq!(systemd.origin.instance.as_deref(), Some("i1"));
    let (_, summary) = read(row("\"MESSAGE\":null"));
    assert_eq!(summary.without_payload, 1);
}

#[test]
fn journalctl_text() {
    for (line, at) in [
        ("2026-11-22T06:00:00+0000 web-1 orders[737]: ERROR:    x", "2026-11-22T06:00:00Z"),
        ("2026-11-22T06:00:00.123456+00:00 web-1 orders[737]: ERROR:    x", "2026-11-22T06:00:00.123456Z"),
        ("Sun 2026-11-22 06:00:00 UTC web-1 orders[737]: ERROR:    x", "2026-11-22T06:00:00Z"),
    ] {
        let record = one(line);
        assert_eq!((record.text.as_str(), record.severity), ("ERROR:    x", Some(Severity::Error)), "{line}");
        assert_eq!(time(&record), envelope(at), "{line}");
        assert_eq!((record.origin.service.as_deref(), record.origin.pid), (Some("orders"), Some(737)), "{line}");
    }
    let options = Options { anchor: "2026-11-23T00:00:00Z".parse().ok(), ..Options::default() };
    let line = "Nov 22 06:00:00 web-1 systemd[1]: orders.service: Main process exited, code=exited, status=1/FAILURE";
    let (kept, _) = read_with(line.as_bytes(), &options).expect("readable");
    assert_eq!(time(&kept.records[0]), Some(("2026-11-22T06:00:00Z".to_owned(), Clock::TextNoZone)));
    assert_eq!((kept.records[0].stream, kept.records[0].origin.service.as_deref()), (Stream::Platform, Some("orders")));
    assert_eq!(read(line).0.records[0].at, None);
}

#[test]
fn cloud_tools() {
    let (kept, summary) =
        read("2026-11-22 06:00:00 GET 503 https://x.run.app/health\n2026-11-22 06:00:01 [boot] up\n  continued\n");
    assert_eq!(kept.texts(), ["GET 503 https://x.run.app/health", "[boot] up", "  continued"]);
    assert_eq!(summary.formats.get("gcloud-run"), Some(&2));
    assert_eq!(kept.records[0].detail.request.as_ref().map(|r| r.status), Some(503));
    assert_eq!(time(&kept.records[1]), envelope("2026-11-22T06:00:01Z"));
    let aws = one("2026-11-22T06:00:00.123000+00:00 app/web/0f1e2d3c4b5a6978 up");
    assert_eq!((aws.origin.instance.as_deref(), aws.text.as_str()), (Some("0f1e2d3c4b5a6978"), "up"));
    let event = one(
        r#"{"events":[{"timestamp":1795327200123,"ingestionTime":1795327201000,"logStreamName":"app/web/0f1e","message":"{\"level\":\"error\",\"msg\":\"down\"}"}],"nextForwardToken":"f/1"}"#,
    );
    assert_eq!((event.text.as_str(), event.severity), ("down", Some(Severity::Error)));
    assert_eq!(time(&event), envelope("2026-11-22T06:00:00.123Z"));
    let found = one(
        r#"{"results":[[{"field":"@timestamp","value":"2026-11-22 06:00:00.123"},{"field":"@message","value":"ERROR: down"},{"field":"@logStream","value":"s"}]],"status":"Complete"}"#,
    );
    assert_eq!(
        (found.text.as_str(), found.severity, found.origin.instance.as_deref()),
        ("ERROR: down", Some(Severity::Error), Some("s"))
    );
    assert_eq!(time(&found), envelope("2026-11-22T06:00:00.123Z"));
    let loki = one(r#"[{"line":"WARN: slow","timestamp":"1795327200123456789","fields":{"app":"orders"}}]"#);
    assert_eq!((loki.text.as_str(), loki.severity), ("WARN: slow", Some(Severity::Warning)));
}

#[test]
fn program_lines_of_every_kind_in_one_file() {
    let (kept, summary) = read(concat!(
        "/srv/app/settings.py:20: DeprecationWarning: x\n",
        "INFO:     Started server process [38]\n",
        "{\"level\":30,\"time\":1795327200123,\"pid\":1,\"hostname\":\"h\",\"msg\":\"listening\"}\n",
        "time=\"2026-11-22T06:00:00Z\" level=fatal msg=\"no route\"\n",
        "2026-11-22 06:00:00.123 UTC [12] FATAL:  the database system is starting up\n",
        "Traceback (most recent call last):\n",
        "  File \"a.py\", line 1, in <module>\n",
        "{ code: 'ECONNREFUSED',\n",
        "  port: 5432 }\n",
        "10.0.0.1 - - [22/Nov/2026:06:00:00 +0000] \"GET / HTTP/1.1\" 200 12\n",
        "E1122 06:00:00.000000       1 main.go:12] cannot bind\n",
    ));
    assert_eq!(kept.skipped, []);
    assert_eq!(kept.records.len(), 11);
    assert_eq!(summary.formats.get("json-lines"), Some(&1));
    assert_eq!(summary.formats.get("logfmt"), Some(&1));
    let severities: Vec<_> = kept.records.iter().map(|record| record.severity).collect();
    use Severity::{Critical, Error, Info};
    assert_eq!(
        severities,
        [None, Some(Info), Some(Info), Some(Critical), Some(Critical), None, None, None, None, None, Some(Error)]
    );
    let timed: Vec<bool> = kept.records.iter().map(|record| record.at.is_some()).collect();
    assert_eq!(timed, [false, false, true, true, true, false, false, false, false, true, true]);
    assert_eq!(kept.records[4].text, "2026-11-22 06:00:00.123 UTC [12] FATAL:  the database system is starting up");
}

#[test]
fn stamps_without_zone_are_read_as_the_caller_says() {
    let options = Options { zone: TimeZone::fixed(jiff_offset(2)), ..Options::default() };
    let (kept, _) = read_with(b"2026-11-22 08:00:00,000 INFO up", &options).expect("readable");
    assert_eq!(time(&kept.records[0]), Some(("2026-11-22T06:00:00Z".to_owned(), Clock::TextNoZone)));
}

fn jiff_offset(hours: i8) -> jiff::tz::Offset {
    jiff::tz::Offset::from_hours(hours).expect("a zone")
}

#[test]
fn a_quoted_line_of_a_digest_is_a_line() {
    let text = r#"{"errors":[{"line_number":3,"pattern":"ERROR","log_line":"\u001b[31mERROR\u001b[0m:    Application startup failed"}]}"#;
    let record = one(text);
    assert_eq!(
        (record.text.as_str(), record.severity),
        ("ERROR:    Application startup failed", Some(Severity::Error))
    );
}

#[test]
fn printed_settings_are_lines_of_text() {
    let (kept, _) = read("loading\n{\n  \"port\": 8080,\n  \"db\": {\n    \"host\": \"x\"\n  }\n}\nready\n");
    assert_eq!(
        kept.texts(),
        ["loading", "{", "  \"port\": 8080,", "  \"db\": {", "    \"host\": \"x\"", "  }", "}", "ready"]
    );
    assert_eq!(kept.records.last().map(|record| record.line), Some(8));
    assert_eq!(format_of("loading\n{\n}\n"), "text");
}

#[test]
fn rows_of_access_logs_written_as_json() {
    let text = r#"{"time":"2026-11-22T06:00:00Z","remote_addr":"10.0.0.1","request":"GET / HTTP/1.1","status":200}"#;
    let record = one(text);
    assert_eq!((record.text.as_str(), time(&record)), (text, Some(("2026-11-22T06:00:00Z".to_owned(), Clock::Text))));
    assert_eq!(record.detail.request.map(|r| r.status), Some(200));
    let pino = one(
        r#"{"level":30,"time":1795327200123,"req":{"method":"GET","url":"/healthz"},"res":{"statusCode":200},"msg":"request completed"}"#,
    );
    assert_eq!(pino.detail.request.map(|r| r.url).as_deref(), Some("/healthz"));
}
