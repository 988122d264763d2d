//! Refinements about values that the program was given.

use super::Context;
use crate::finding::{Cited, Finding};
use tminus_core::event::EventKind;
use tminus_core::verdict::Supports;
use tminus_core::vocabulary::{Domain, Layer, Role};

/// A value with stray whitespace: what the server repeats back breaks at the line's end, or the fact
/// itself shows it.
pub fn whitespace(finding: &mut Option<Finding>, context: &Context) {
    let Some(finding) = finding else { return };
    let about_values = matches!(
        finding.key.as_str(),
        "database_does_not_exist"
            | "auth_failed"
            | "dns_nxdomain"
            | "wrong_host"
            | "malformed_url"
            | "invalid_env_value"
            | "missing_module"
            | "command_not_found"
            | "missing_mount"
            | "wrong_socket_path"
            | "startup_exception"
            | "whitespace_in_value"
            | "server_closed_connection"
    );
    if !about_values {
        return;
    }
    let stray = |value: &str| {
        value != "***" && !value.is_empty() && (value.trim() != value || value.contains(['\n', '\r', '\t']))
    };
    if let Some((name, _)) = context.facts.env.iter().find(|(_, value)| stray(value)) {
        let name = name.clone();
        finding.becomes(
            "whitespace_in_value",
            Some(name.clone()),
            "the value has stray whitespace",
            1.0,
            context.catalogue,
        );
        let score = finding.score();
        finding.add("facts decide what the words leave open", (2.0 - score).max(0.0));
        if let Some(value) = context.facts.env.get(&name) {
            let text = format!("env.{name} = {value:?}");
            finding.cite(context.fact_text(text), Supports::Cause);
        }
        return;
    }
    let broken = finding.event.and_then(|event| context.reading.matched(event)).and_then(|m| broken_quote(&m.says));
    if let Some(word) = broken {
        let variable = context
            .facts
            .env
            .iter()
            .find(|(name, value)| {
                let of = crate::address::component_of_setting(context.catalogue, name, value);
                of == finding.component.as_deref() && value.contains(&word)
            })
            .or_else(|| context.facts.env.iter().find(|(_, value)| value.trim_end().ends_with(&word)))
            .map(|(name, _)| name.clone());
        finding.becomes(
            "whitespace_in_value",
            Some(variable.unwrap_or(word)),
            "the quoted value breaks at the end of a line: it ends with a newline",
            0.8,
            context.catalogue,
        );
        // The server repeats what it was given: that shows the break, whatever raised about it.
        let score = finding.score();
        finding.add("the break stands in the evidence itself", (2.0 - score).max(0.0));
    }
}

/// A quoted word that is closed only on the next line (`database "app\n" does not exist`).
fn broken_quote(message: &str) -> Option<String> {
    let mut lines = message.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(next) = lines.peek() else { break };
        let opens = line.rfind('"').filter(|_| line.matches('"').count() % 2 == 1);
        if let Some(opens) = opens
            && next.trim_start_matches(['\r', ' ']).starts_with('"')
        {
            let word = line[opens + 1..].trim();
            if !word.is_empty() && word.len() <= 80 && !word.contains(' ') {
                return Some(word.to_owned());
            }
        }
    }
    None
}

/// A value is at fault, and the words repeat it: names the variable that carries it. Where they do not
/// even repeat it, the only setting that looks like a broken number is meant.
pub fn variable_of_value(finding: &mut Option<Finding>, context: &Context) {
    let Some(finding) = finding else { return };
    if !matches!(
        finding.key.as_str(),
        "invalid_env_value" | "malformed_url" | "whitespace_in_value" | "wrong_socket_path"
    ) {
        return;
    }
    let said = finding.event.and_then(|event| context.reading.matched(event)).map(|m| m.says.as_str()).unwrap_or("");
    if let Some(name) = variable_in_source(said).filter(|name| !finding.culprit.contains(name)) {
        finding.culprit = name.to_owned();
        return;
    }
    let names = |name: &String| finding.culprit.contains(name.as_str());
    if context.facts.env.is_empty() || context.facts.env.keys().any(names) {
        return;
    }
    let says = finding.event.and_then(|event| context.reading.matched(event)).map(|m| m.says.as_str()).unwrap_or("");
    let repeated = |value: &str| {
        value.len() >= 2
            && value != "***"
            && (finding.culprit == *value
                || says.contains(&format!("{value}\""))
                || says.contains(&format!("{value}'"))
                || (value.len() >= 8 && says.contains(value)))
    };
    let host = |value: &str| {
        crate::address::host_of(value).filter(|_| value.contains("://")).is_some_and(|h| says.contains(&h))
    };
    let broken = |value: &str| {
        value.starts_with(|c: char| c.is_ascii_digit()) && value.parse::<f64>().is_err() && !value.contains("://")
    };
    let parses = [
        "invalid digit",
        "ParseInt",
        "ParseFloat",
        "invalid float",
        "could not convert",
        "invalid literal",
        "NumberFormat",
        "parsing",
    ]
    .iter()
    .any(|w| says.contains(w));
    let by_value = context
        .facts
        .env
        .iter()
        .find(|(_, v)| repeated(v))
        .or_else(|| context.facts.env.iter().find(|(_, v)| finding.key.as_str() == "malformed_url" && host(v)));
    let by_look = || {
        let mut looks = context.facts.env.iter().filter(|(_, v)| parses && broken(v));
        looks.next().filter(|_| looks.next().is_none())
    };
    let Some((name, _)) = by_value.or_else(by_look) else { return };
    let name = name.clone();
    finding.culprit = name.clone();
    if let Some(cited) = context.fact(&format!("env.{name}")) {
        finding.cite(cited, Supports::Cause);
    }
}

/// The only variable that the source lines of a traceback read.
fn variable_in_source(text: &str) -> Option<&str> {
    let reads =
        ["environ[", "environ.get(", "getenv(", "process.env.", "process.env[", "ENV[", "ENV.fetch(", "env::var("];
    let named = |at: usize| {
        let rest = text[at..].trim_start_matches(['"', '\'']);
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))?;
        (end >= 2 && rest.starts_with(|c: char| c.is_ascii_uppercase())).then(|| &rest[..end])
    };
    let mut found =
        reads.iter().flat_map(|read| text.match_indices(read)).filter_map(|(at, read)| named(at + read.len()));
    let first = found.next()?;
    found.all(|other| other == first).then_some(first)
}

/// Nothing names the place: the deepest frame of the program's own code does.
pub fn named_place(finding: &mut Option<Finding>, context: &Context) {
    let Some(finding) = finding else { return };
    let default = finding.unnamed(context.catalogue);
    let own = matches!(finding.domain, Domain::Application | Domain::Configuration);
    let connects = (Layer::Dns..=Layer::Query).contains(&finding.layer);
    let order = finding.key.as_str() == "init_order";
    if !(default || order) || !own || connects {
        return;
    }
    let failure = finding.event.and_then(|event| context.reading.matched(event)).and_then(|m| m.failure.as_ref());
    let source = || finding.event.and_then(|event| context.reading.matched(event)).and_then(|m| python_file(&m.says));
    let frame =
        failure.and_then(crate::weigh::informative_link).and_then(|(_, link)| link.in_app.clone()).or_else(source);
    if let Some(frame) = frame {
        finding.culprit = frame;
    }
}

/// `File "/srv/app/x.py", line 2` at the end of a traceback, as `x.py:2`: where source does not parse.
fn python_file(says: &str) -> Option<String> {
    let rest = &says[says.rfind("File \"")? + "File \"".len()..];
    let (path, rest) = rest.split_once('"')?;
    let line: String = rest.strip_prefix(", line ")?.chars().take_while(char::is_ascii_digit).collect();
    Some(format!("{}:{line}", path.rsplit('/').next()?))
}

/// A port is taken by the program itself: an earlier line of the same attempt says so.
pub fn own_port(finding: &mut Option<Finding>, context: &Context) {
    let Some(finding) = finding else { return };
    if finding.key.as_str() != "port_in_use" {
        return;
    }
    let port: String =
        finding.culprit.chars().rev().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    let port: String = port.chars().rev().collect();
    if port.is_empty() {
        return;
    }
    let until = finding.event.unwrap_or(usize::MAX);
    let listens = |text: &str| {
        text.contains("listening") && (text.contains(&port) || !text.contains(|c: char| c.is_ascii_digit()))
    };
    let said = context.reading.attempt.events.iter().take(until).find_map(|event| match &event.kind {
        EventKind::ChildNotified { at: Some(at), .. } if listens(&at.text) => Some((at.clone(), event.at)),
        EventKind::ChildOutput { at: Some(at), last: Some(last), .. } => {
            [at, last].into_iter().find(|at| listens(&at.text)).map(|at| (at.clone(), event.at))
        }
        _ => None,
    });
    let Some((at, time)) = said else { return };
    finding.domain = Domain::Application;
    finding.owner = Role::Application;
    finding.culprit = format!("port {port} (own: {})", crate::wording::cut(at.text.trim(), 60));
    finding.add("the same start says earlier that it listens there itself", 0.5);
    finding.cite(Cited::Log(at, time), Supports::Cause);
}

/// A missing variable: the facts say whether it is absent, and whether a similar one is set.
pub fn named_variable(finding: &mut Option<Finding>, context: &Context) {
    let Some(finding) = finding else { return };
    if finding.key.as_str() != "missing_env" || context.facts.env.is_empty() {
        return;
    }
    let name = finding.culprit.to_ascii_uppercase();
    match context.facts.env.iter().find(|(key, _)| key.to_ascii_uppercase() == name) {
        Some((_, value)) if !value.is_empty() => finding.add("the facts say that the variable is set", -1.0),
        Some(_) => finding.add("the facts say that the variable is empty", 0.5),
        None => {
            finding.add("the variable is not among the facts' environment", 0.5);
            let names: Vec<&str> = context.facts.env.keys().map(String::as_str).collect();
            finding.cite(
                context.fact_text(format!("env = {} (no {})", names.join(", "), finding.culprit)),
                Supports::Cause,
            );
        }
    }
}

/// A statement that was refused or cancelled: the object that it is about.
pub fn object_of_statement(finding: &mut Option<Finding>, context: &Context) {
    let Some(finding) = finding else { return };
    let about = ["lock_timeout", "statement_timeout", "read_only_replica", "read_only_database", "deadlock"];
    if !about.contains(&finding.key.as_str()) || !finding.unnamed(context.catalogue) {
        return;
    }
    let matched = finding.event.and_then(|event| context.reading.matched(event));
    if let Some(object) = matched.and_then(|m| statement_object(&m.says)) {
        finding.culprit = object;
    }
}

/// `table x` of the first SQL statement in a text that changes or locks one.
fn statement_object(text: &str) -> Option<String> {
    let verbs = [
        "alter table ",
        "create table ",
        "drop table ",
        "lock table ",
        "insert into ",
        "update ",
        "delete from ",
        "truncate table ",
        "create index ",
    ];
    let lower = text.to_ascii_lowercase();
    let prose = |rest: &str| ["in ", "on ", "a ", "the "].iter().any(|word| rest.starts_with(word));
    let places = verbs.iter().flat_map(|verb| lower.match_indices(verb).map(move |(at, _)| at + verb.len()));
    let rest = text.get(places.filter(|at| !prose(&lower[*at..])).min()?..)?;
    let words = rest.split(|c: char| c.is_whitespace() || matches!(c, '(' | ';' | ',' | ']'));
    let name = words.map(|word| word.trim_matches(['"', '`', '\'', '\\'])).find(|word| {
        !matches!(word.to_ascii_lowercase().as_str(), "" | "if" | "not" | "exists" | "only" | "concurrently")
    })?;
    (name.len() <= 80 && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '"' | '$')))
        .then(|| format!("table {name}"))
}

/// The command was found and does not know one of its options: a setting, not the entry point.
pub fn unknown_option(finding: &mut Option<Finding>, context: &Context) {
    let Some(finding) = finding else { return };
    if finding.key.as_str() == "wrong_entrypoint" && finding.culprit.starts_with('-') {
        finding.becomes(
            "invalid_config_parameter",
            None,
            "an option that the command does not know",
            0.0,
            context.catalogue,
        );
    }
}

/// A pool that is used up: the setting of its size, where one is known.
pub fn pool_setting(finding: &mut Option<Finding>, context: &Context) {
    let Some(finding) = finding else { return };
    if finding.key.as_str() != "pool_exhausted" || !finding.unnamed(context.catalogue) {
        return;
    }
    let sizes = ["POOL_MAX", "POOL_SIZE", "MAX_POOL", "MAX_CONN", "MAX_OPEN", "POOL"];
    let of = |size: &str| context.facts.env.iter().find(|(name, _)| name.to_ascii_uppercase().contains(size));
    if let Some((name, value)) = sizes.iter().find_map(|size| of(size)) {
        let text = format!("env.{name} = {value}");
        finding.culprit = format!("the client's pool ({name}={value})");
        finding.cite(context.fact_text(text), Supports::Contributing);
    }
}

/// A deadline of the program's own that is shorter than what the dependency is known to need.
pub fn known_latency(finding: &mut Option<Finding>, context: &Context) {
    let Some((target, least)) = context.facts.latency.iter().find_map(|(target, text)| {
        Some((target.clone(), first_seconds(text.as_str().map_or_else(|| text.to_string(), str::to_owned).as_str())?))
    }) else {
        return;
    };
    let limits = ["DEADLINE", "TIMEOUT", "WAIT", "LIMIT", "BUDGET"];
    let limit = context
        .facts
        .env
        .iter()
        .filter(|(name, _)| limits.iter().any(|word| name.to_ascii_uppercase().contains(word)))
        .filter_map(|(name, value)| Some((name.clone(), value.clone(), seconds_of(name, value)?)))
        .find(|(_, _, seconds)| *seconds < least);
    let Some((name, value, _)) = limit else { return };
    let waited = finding.as_ref().is_none_or(|f| {
        matches!(
            f.key.as_str(),
            "connect_timeout"
                | "startup_exception"
                | "pool_exhausted"
                | "startup_hang"
                | "server_closed_connection"
                | "dns_timeout"
                | "deadline_too_short"
        )
    });
    let timed_out = context.candidates.iter().any(|c| c.mechanism || c.at.text.to_ascii_lowercase().contains("time"))
        || finding.is_none();
    if !waited || !timed_out || !context.reading.failed() {
        return;
    }
    let because = format!("{target} is known to need {least} s, the program allows {value}");
    match finding {
        Some(finding) => {
            finding.becomes("deadline_too_short", Some(format!("{name}={value}")), &because, 2.0, context.catalogue)
        }
        None => {
            let mut new = Finding::new("deadline_too_short", Some(format!("{name}={value}")), context.catalogue);
            if let Some(new) = &mut new {
                new.add(because, 1.8);
            }
            *finding = new;
        }
    }
    if let Some(finding) = finding {
        // The sum is capped: however vague the words were, the facts decide.
        let score = finding.score();
        finding.add("facts decide what the words leave open", (2.0 - score).max(0.0));
        let latency = context.facts.latency.get(&target).map(ToString::to_string).unwrap_or_default();
        finding.cite(context.fact_text(format!("latency.{target} = {}", latency.trim_matches('"'))), Supports::Cause);
        finding.cite(context.fact_text(format!("env.{name} = {value}")), Supports::Cause);
    }
}

/// The first number of a text as seconds (`4.1-4.6 s`, `800 ms`).
fn first_seconds(text: &str) -> Option<f64> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let rest = &text[start..];
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
    let number: f64 = rest[..end].trim_end_matches('.').parse().ok()?;
    let unit: String =
        rest[end..].chars().skip_while(|c| !c.is_ascii_alphabetic()).take_while(char::is_ascii_alphabetic).collect();
    Some(match unit.as_str() {
        "ms" | "millis" | "milliseconds" => number / 1000.0,
        "min" | "m" | "minutes" => number * 60.0,
        _ => number,
    })
}

/// A setting as seconds; its name or its size tells milliseconds.
fn seconds_of(name: &str, value: &str) -> Option<f64> {
    let number = first_seconds(value)?;
    let name = name.to_ascii_uppercase();
    let bare = value.trim().chars().all(|c| c.is_ascii_digit());
    Some(if bare && (name.ends_with("_MS") || name.contains("MILLIS") || number >= 500.0) {
        number / 1000.0
    } else {
        number
    })
}

/// Image and node of different architectures.
pub fn other_architecture(finding: &mut Option<Finding>, context: &Context) {
    let (Some(image), Some(node)) = (context.facts.platforms.get("image"), context.facts.platforms.get("node")) else {
        return;
    };
    if image == node {
        return;
    }
    let unable = finding.as_ref().is_none_or(|f| {
        matches!(
            f.key.as_str(),
            "exec_format_error" | "syntax_error" | "command_not_found" | "permission_denied" | "startup_exception"
        )
    });
    if !unable || !context.reading.failed() {
        return;
    }
    let because = format!("the image is for {image}, the node is {node}");
    if finding.is_none() {
        *finding = Finding::new("exec_format_error", None, context.catalogue);
    }
    let Some(finding) = finding else { return };
    let culprit = if finding.key.as_str() == "exec_format_error" {
        finding.culprit.clone()
    } else {
        format!("image {image} on {node}")
    };
    finding.becomes("exec_format_error", Some(culprit), &because, 2.0, context.catalogue);
    for path in ["platforms.image", "platforms.node"] {
        if let Some(cited) = context.fact(path) {
            finding.cite(cited, Supports::Cause);
        }
    }
}

/// A file that is missing because its volume is.
pub fn expected_mount(finding: &mut Option<Finding>, context: &Context) {
    let Some(finding) = finding else { return };
    if !matches!(
        finding.key.as_str(),
        "missing_mount" | "startup_exception" | "missing_env" | "wrong_socket_path" | "permission_denied"
    ) {
        return;
    }
    let words = finding.citations.iter().find_map(|c| match &c.cited {
        Cited::Log(at, _) => Some(at.text.clone()),
        Cited::Fact { .. } | Cited::Event { .. } => None,
    });
    let Some(words) = words else { return };
    let volumes = &context.facts.volumes;
    for expected in &volumes.expected {
        let path = expected.rsplit("->").next().unwrap_or(expected).trim();
        let mounted = volumes.mounted.iter().any(|m| m.rsplit("->").next().unwrap_or(m).trim() == path);
        if mounted || path.is_empty() || !words.contains(path) {
            continue;
        }
        finding.becomes(
            "missing_mount",
            Some(path.to_owned()),
            "the volume is expected and not mounted",
            1.5,
            context.catalogue,
        );
        finding.cite(context.fact_text(format!("volumes.expected = {expected}")), Supports::Cause);
        return;
    }
}

/// A certificate that a wrong clock makes invalid.
pub fn skewed_clock(finding: &mut Option<Finding>, context: &Context) {
    let Some(finding) = finding else { return };
    let about_dates =
        matches!(finding.key.as_str(), "tls_verify_failed" | "tls_not_yet_valid" | "tls_expired" | "tls_unknown_ca");
    let (true, Some((seconds, at))) = (about_dates, &context.skew) else { return };
    let days = seconds / 86_400;
    if days == 0 {
        return;
    }
    let way = if days < 0 { "behind" } else { "ahead" };
    finding.becomes(
        "clock_skew",
        Some(format!("clock of the host, {} days {way}", days.abs())),
        "the program's stamps and the platform's are days apart",
        1.2,
        context.catalogue,
    );
    finding.cite(Cited::Log(at.clone(), None), Supports::Cause);
}
