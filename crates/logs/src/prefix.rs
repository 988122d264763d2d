//! What transports put before a line of a program: the prefixes of the kubelet, kubectl, stern,
//! Docker, compose, journalctl, syslog, gcloud and aws. Each function takes a line and gives back
//! what the prefix says and the rest; none of them guesses from the rest alone.

use crate::time::{self, Stamp};
use tminus_core::{Timestamp, record::Stream, vocabulary::Severity};

/// A container's line as the kubelet stores it: `2026-11-22T06:00:00.1Z stderr F text`.
pub(crate) struct Cri<'a> {
    pub(crate) time: Timestamp,
    pub(crate) stream: Stream,
    /// Whether the line ends here.
    pub(crate) last: bool,
    pub(crate) text: &'a str,
}

pub(crate) fn cri(line: &str) -> Option<Cri<'_>> {
    if !line.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (stamp, rest) = line.split_once(' ')?;
    let (stream, rest) = match rest.strip_prefix("stdout ") {
        Some(rest) => (Stream::Stdout, rest),
        None => (Stream::Stderr, rest.strip_prefix("stderr ")?),
    };
    let (tag, text) = rest.split_once(' ').unwrap_or((rest, ""));
    let last = match tag.split(':').next()? {
        "F" => true,
        "P" => false,
        _ => return None,
    };
    Some(Cri { time: time::rfc3339(stamp)?, stream, last, text })
}

/// `kubectl logs --timestamps`, `docker logs -t`: a stamp with exactly nine decimals, which
/// programs do not write.
pub(crate) fn transport_stamp(line: &str) -> Option<(Timestamp, &str)> {
    let bytes = line.as_bytes();
    if bytes.get(19) != Some(&b'.') || bytes.get(10) != Some(&b'T') {
        return None;
    }
    let (stamp, rest) = line.split_once(' ').unwrap_or((line, ""));
    let decimals = stamp.as_bytes().get(20..)?.iter().take_while(|b| b.is_ascii_digit()).count();
    if decimals != 9 {
        return None;
    }
    Some((time::rfc3339(stamp)?, rest))
}

/// The writer that a prefix names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Writer<'a> {
    pub(crate) instance: &'a str,
    pub(crate) container: Option<&'a str>,
    pub(crate) namespace: Option<&'a str>,
}

/// `kubectl logs --prefix`: `[pod/NAME/CONTAINER] text`; kubetail: `[NAME] text`, `[NAME CONTAINER] text`.
pub(crate) fn kubectl(line: &str) -> Option<(Writer<'_>, &str)> {
    let (inside, rest) = line.strip_prefix('[')?.split_once(']')?;
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    if let Some((instance, container)) = inside.strip_prefix("pod/").and_then(|inside| inside.split_once('/')) {
        return Some((Writer { instance, container: Some(container), namespace: None }, rest));
    }
    let (instance, container) = match inside.split_once(' ') {
        Some((instance, container)) => (instance, Some(container)),
        None => (inside, None),
    };
    crate::kubernetes::is_deployment_pod(instance).then_some((Writer { instance, container, namespace: None }, rest))
}

/// stern: `POD CONTAINER text` or `NAMESPACE POD CONTAINER text`, where the pod is certainly one.
pub(crate) fn stern(line: &str) -> Option<(Writer<'_>, &str)> {
    let is_name = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let (first, rest) = line.split_once(' ')?;
    let (second, after) = rest.split_once(' ').unwrap_or((rest, ""));
    if !is_name(first) || !is_name(second) {
        return None;
    }
    if crate::kubernetes::is_deployment_pod(first) {
        return Some((Writer { instance: first, container: Some(second), namespace: None }, after));
    }
    let (third, after) = after.split_once(' ').unwrap_or((after, ""));
    if crate::kubernetes::is_deployment_pod(second) && is_name(third) {
        return Some((Writer { instance: second, container: Some(third), namespace: Some(first) }, after));
    }
    None
}

/// `docker compose logs`: `NAME-1  | text`. Without a number at its end a name is only believed
/// when `loose`, because tables look like that too.
pub(crate) fn compose(line: &str, loose: bool) -> Option<(&str, &str)> {
    let bytes = line.as_bytes();
    let length = bytes.iter().take(120).take_while(|b| b.is_ascii_alphanumeric() || b"-_.@".contains(b)).count();
    let padding = bytes[length..].iter().take(120).take_while(|b| **b == b' ').count();
    if length == 0 || padding == 0 || bytes.get(length + padding) != Some(&b'|') {
        return None;
    }
    let name = &line[..length];
    let rest = &line[length + padding + 1..];
    let rest = rest.strip_prefix(' ').or_else(|| rest.is_empty().then_some(""))?;
    (loose || is_replica(name)).then_some((name, rest))
}

/// `app-1`, `project_app_1`, `app.1.x2x4z@node`.
fn is_replica(name: &str) -> bool {
    let front = name.trim_end_matches(|c: char| c.is_ascii_digit());
    name.contains('@') || front.len() < name.len() && front.len() > 1 && front.ends_with(['-', '_'])
}

/// The compose service in the name of one of its containers.
pub(crate) fn compose_service(name: &str) -> &str {
    let name = name.split('@').next().unwrap_or(name);
    if let Some((service, _)) = name.split_once('.') {
        return service;
    }
    match name.rsplit_once(['-', '_']) {
        Some((service, number)) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => service,
        _ => name,
    }
}

/// `app-1 exited with code 3`, which compose says between the lines of containers.
pub(crate) fn compose_exit(line: &str) -> Option<&str> {
    // Nearly every line is something else: look at its last byte first.
    if !line.ends_with(|c: char| c.is_ascii_digit() || c == ')') {
        return None;
    }
    let (name, code) = line.split_once(" exited with code ")?;
    let name = name.trim_end();
    let code = code.split_ascii_whitespace().next()?;
    (is_replica(name) && code.bytes().all(|b| b.is_ascii_digit() || b == b'-')).then_some(name)
}

/// `gcloud run services logs read`: `2026-11-22 06:00:00 text`, in UTC and whole seconds. Lines of
/// programs look like that too, so the caller has to know.
pub(crate) fn gcloud(line: &str) -> Option<(Stamp, &str)> {
    let bytes = line.as_bytes();
    if bytes.get(4) != Some(&b'-') || bytes.get(10) != Some(&b' ') || !matches!(bytes.get(19), Some(b' ') | None) {
        return None;
    }
    let (stamp, _) = time::stamp(line.get(..19)?)?;
    Some((stamp, line.get(20..).unwrap_or("")))
}

/// Whether a line can only come from `gcloud run services logs read`: behind its stamp stands a
/// request or a second stamp.
pub(crate) fn is_gcloud(line: &str) -> bool {
    let Some((_, rest)) = gcloud(line) else {
        return false;
    };
    let mut words = rest.split(' ');
    let (method, status, url) = (words.next().unwrap_or(""), words.next().unwrap_or(""), words.next().unwrap_or(""));
    let request = method.len() >= 3
        && method.bytes().all(|b| b.is_ascii_uppercase())
        && status.len() == 3
        && url.starts_with("http");
    request || time::stamp(rest.trim_start_matches('[')).is_some()
}

/// Status and address of the request in such a line.
pub(crate) fn gcloud_request(rest: &str) -> Option<(u16, &str)> {
    let mut words = rest.split(' ');
    let method = words.next()?;
    let status = words.next()?.parse().ok().filter(|status| (100..600).contains(status))?;
    let url = words.next().filter(|url| url.starts_with("http"))?;
    (method.bytes().all(|b| b.is_ascii_uppercase()) && words.next().is_none()).then_some((status, url))
}

/// A line of syslog or of `journalctl`.
pub(crate) struct Journal<'a> {
    pub(crate) stamp: Stamp,
    pub(crate) program: &'a str,
    pub(crate) pid: Option<u32>,
    pub(crate) severity: Option<Severity>,
    pub(crate) text: &'a str,
}

/// `Nov 22 06:00:00 host program[12]: text`, the same with ISO stamps, with or without `<34>`.
pub(crate) fn journal(line: &str) -> Option<Journal<'_>> {
    let (severity, line) = priority(line);
    // journalctl -o short-full puts the day before the ISO stamp.
    let after_day = line.get(..4).filter(|day| time::is_weekday(day)).map_or(line, |_| &line[4..]);
    let (stamp, used) = time::stamp(after_day).or_else(|| time::stamp(line))?;
    let line = if time::stamp(after_day).is_some() { after_day } else { line };
    let (host, rest) = line[used..].strip_prefix(' ')?.split_once(' ')?;
    let (tag, text) = rest.split_once(": ").or_else(|| Some((rest.strip_suffix(':')?, "")))?;
    let (program, pid) = match tag.split_once('[') {
        Some((program, pid)) => (program, Some(pid.strip_suffix(']')?.parse().ok()?)),
        None => (tag, None),
    };
    let named =
        |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-@/()".contains(&b));
    if !named(host) || !named(program) || Severity::read(host).is_some() {
        return None;
    }
    // Without a process id only the kernel and lines with syslog's own stamp are certain.
    let syslog_stamp = line.starts_with(|c: char| c.is_ascii_uppercase());
    (pid.is_some() || program == "kernel" || syslog_stamp).then_some(Journal { stamp, program, pid, severity, text })
}

fn priority(line: &str) -> (Option<Severity>, &str) {
    let parsed = line.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    match parsed.and_then(|(number, rest)| Some((number.parse::<u8>().ok()?, rest))) {
        Some((number, rest)) => (crate::json_logger::syslog(f64::from(number % 8)), rest),
        None => (None, line),
    }
}

/// RFC 5424: `<165>1 2026-11-22T06:00:00.003Z host app pid msgid - text`.
pub(crate) fn rfc5424(line: &str) -> Option<(Journal<'_>, Timestamp)> {
    let (severity, rest) = priority(line);
    severity?;
    let mut fields = rest.strip_prefix("1 ")?.splitn(6, ' ');
    let (stamp, _host, program, pid, _id) =
        (fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let rest = fields.next()?;
    let text = match rest.strip_prefix("- ") {
        Some(text) => text,
        None => rest.split_once("] ")?.1,
    };
    let time = time::rfc3339(stamp)?;
    let (stamp, _) = time::stamp(stamp)?;
    let text = text.trim_start_matches('\u{feff}');
    Some((Journal { stamp, program, pid: pid.parse().ok(), severity, text }, time))
}

/// `aws logs tail`: `2026-11-22T06:00:00.123000+00:00 app/web/0f1e2d3c4b5a text`.
pub(crate) fn aws(line: &str) -> Option<(Timestamp, Writer<'_>, &str)> {
    if line.as_bytes().get(26..32) != Some(b"+00:00") {
        return None;
    }
    let (stamp, rest) = line.split_once(' ')?;
    let (stream, text) = rest.split_once(' ').unwrap_or((rest, ""));
    let mut parts = stream.rsplit('/');
    let (task, container) = (parts.next()?, parts.next()?);
    parts.next()?;
    let is_id = task.len() >= 8 && task.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let time = time::rfc3339(stamp).filter(|_| is_id)?;
    Some((time, Writer { instance: task, container: Some(container), namespace: None }, text))
}

/// `heroku logs`: `2026-11-22T06:00:00.123456+00:00 app[web.1]: text`; whether the platform speaks.
pub(crate) fn heroku(line: &str) -> Option<(Timestamp, bool, &str, &str)> {
    if line.as_bytes().get(26..32) != Some(b"+00:00") {
        return None;
    }
    let (stamp, rest) = line.split_once(' ')?;
    let (source, rest) = rest.split_once('[')?;
    let (dyno, text) = rest.split_once("]: ").or_else(|| Some((rest.strip_suffix("]:")?, "")))?;
    if !["app", "heroku"].contains(&source) || dyno.contains(' ') {
        return None;
    }
    Some((time::rfc3339(stamp)?, source == "heroku", dyno, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubelet_and_kubectl() {
        let cri = cri("2026-11-22T06:42:03.844Z stderr P half ").expect("a piece");
        assert_eq!((cri.stream, cri.last, cri.text), (Stream::Stderr, false, "half "));
        assert!(super::cri("2026-11-22T06:42:03.844Z stderr x y").is_none());
        assert_eq!(
            transport_stamp("2026-11-22T06:03:41.799419164Z   settings = 1").map(|(_, rest)| rest),
            Some("  settings = 1")
        );
        assert_eq!(transport_stamp("2026-11-22T06:03:41.799419164Z").map(|(_, rest)| rest), Some(""));
        assert!(transport_stamp("2026-11-22T06:03:41.799419Z INFO x").is_none());
        let (writer, rest) = kubectl("[pod/orders-7d9c5b7c6b-x2x4z/app] [boot] up").expect("a prefix");
        assert_eq!((writer.instance, writer.container, rest), ("orders-7d9c5b7c6b-x2x4z", Some("app"), "[boot] up"));
        assert!(kubectl("[boot] up").is_none());
    }

    #[test]
    fn stern_needs_a_pod() {
        let (writer, rest) = stern("orders-7d9c5b7c6b-x2x4z app   at f (a.js:1:2)").expect("a prefix");
        assert_eq!((writer.container, rest), (Some("app"), "  at f (a.js:1:2)"));
        assert_eq!(stern("shop orders-7d9c5b7c6b-x2x4z app up").map(|(w, _)| w.namespace), Some(Some("shop")));
        assert!(stern("starting web server").is_none());
    }

    #[test]
    fn compose_names_end_with_a_number() {
        assert_eq!(compose("postgres-1   | 2026-11-22 LOG:  x", false), Some(("postgres-1", "2026-11-22 LOG:  x")));
        assert_eq!(compose("app-1        |   indented", false), Some(("app-1", "  indented")));
        assert_eq!(compose("app  | x", false), None);
        assert_eq!(compose("app  | x", true), Some(("app", "x")));
        assert_eq!(compose("2026-11-22 06:00:00.123 | INFO     | x", true), None);
        assert_eq!(compose_service("shop_app_1"), "shop_app");
        assert_eq!(compose_service("app-1"), "app");
        assert_eq!(compose_exit("app-1 exited with code 3"), Some("app-1"));
        assert_eq!(compose_exit("worker exited with code 3"), None);
    }

    #[test]
    fn journal_lines_of_every_output_format() {
        for line in [
            "Nov 22 06:00:00 web-1 orders[737]: text",
            "Nov 22 06:00:00.123456 web-1 orders[737]: text",
            "2026-11-22T06:00:00+0000 web-1 orders[737]: text",
            "Sun 2026-11-22 06:00:00 UTC web-1 orders[737]: text",
            "<30>Nov 22 06:00:00 web-1 orders[737]: text",
        ] {
            let journal = journal(line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!((journal.program, journal.pid, journal.text), ("orders", Some(737), "text"), "{line}");
        }
        assert!(journal("2026-11-22T06:00:00Z INFO app[12]: msg").is_none());
        assert!(journal("2026-11-22T06:00:00Z starting app: msg").is_none());
        assert!(journal("Nov 22 06:00:00 web-1 kernel: oom").is_some());
        let (entry, _) =
            rfc5424("<165>1 2026-11-22T06:00:00.003Z web-1 orders 737 ID47 [x y=\"1\"] text").expect("a line");
        assert_eq!((entry.program, entry.text, entry.severity), ("orders", "text", Some(Severity::Notice)));
    }

    #[test]
    fn cloud_tools() {
        assert!(is_gcloud("2026-11-22 06:00:00 GET 503 https://x.run.app/health"));
        assert!(is_gcloud("2026-11-22 06:00:00 [2026-11-22 06:00:00 +0000] [1] [INFO] Starting gunicorn"));
        assert!(!is_gcloud("2026-11-22 06:00:00 INFO starting"));
        assert_eq!(gcloud_request("GET 503 https://x.run.app/health"), Some((503, "https://x.run.app/health")));
        let (_, platform, dyno, text) =
            heroku("2026-11-22T06:00:00.123000+00:00 heroku[web.1]: Process exited with status 1").expect("a line");
        assert_eq!((platform, dyno, text), (true, "web.1", "Process exited with status 1"));
        let (_, writer, text) = aws("2026-11-22T06:00:00.123000+00:00 app/web/0f1e2d3c4b5a6978 up").expect("a line");
        assert_eq!((writer.instance, writer.container, text), ("0f1e2d3c4b5a6978", Some("web"), "up"));
    }
}
