//! Refinements about where the program connects to.

use super::Context;
use crate::address::{component_of_setting, host_of, host_ports, is_transport, port_after};
use crate::finding::{Cited, Finding};
use tminus_core::verdict::Supports;
use tminus_core::vocabulary::{Domain, Layer};

/// What the words of a pooler's client may claim at most, log-odds.
const POOLER_ALONE: f64 = 1.0;
/// Keys that say that nothing answered at an address.
const NOBODY_THERE: &[&str] = &[
    "db_connection_refused",
    "redis_connection_refused",
    "broker_down",
    "connect_timeout",
    "sidecar_not_ready",
    "wrong_socket_path",
    "no_route_to_host",
];
/// Keys that say that a name did not resolve.
const NO_SUCH_NAME: &[&str] = &["dns_nxdomain", "dns_temporary_failure", "wrong_host"];

/// A socket of a platform's proxy that accepts and closes: the server behind it was never reached.
pub fn socket_behind_proxy(finding: &mut Option<Finding>, context: &Context) {
    let Some(finding) = finding else { return };
    let Some(path) = finding
        .citations
        .iter()
        .filter_map(|c| match &c.cited {
            Cited::Log(at, _) => Some(at.text.as_str()),
            Cited::Fact { .. } | Cited::Event { .. } => None,
        })
        .chain(std::iter::once(finding.culprit.as_str()))
        .find_map(proxy_socket)
    else {
        return;
    };
    if matches!(finding.key.as_str(), "server_closed_connection" | "connection_reset") {
        finding.becomes(
            "proxy_closed_handshake",
            Some(path),
            "on a proxy's socket the proxy accepts and closes; the server behind it was not reached",
            1.8,
            context.catalogue,
        );
        let has = |name: &str, value: &str| context.settings.iter().any(|(n, v)| n.contains(name) && v.contains(value));
        if has("egress", "all") && has("cloudsql", "") {
            finding.add("the settings seen (all-traffic egress with a Cloud SQL socket) are known to do this", 0.8);
        }
    } else if finding.key.as_str() == "proxy_closed_handshake" {
        finding.culprit = path;
    }
}

/// The directory of a Cloud SQL socket in a text: `/cloudsql/PROJECT:REGION:INSTANCE`.
fn proxy_socket(text: &str) -> Option<String> {
    let from = text.find("/cloudsql/")?;
    let rest = &text[from..];
    let end =
        rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '?' | '&' | ')')).unwrap_or(rest.len());
    let path = rest[..end].split("/.s.PGSQL").next().unwrap_or(rest).trim_end_matches('/');
    (path.len() > "/cloudsql/".len()).then(|| path.to_owned())
}

/// A refusal whose words name no peer: the frames, the port, or the only dependency that is
/// configured tell whose it is.
pub fn peer_of_refusal(finding: &mut Option<Finding>, context: &Context) {
    let Some(finding) = finding else { return };
    if !matches!(finding.key.as_str(), "db_connection_refused" | "redis_connection_refused" | "broker_down") {
        return;
    }
    let port = finding.culprit.rsplit(':').next().and_then(|p| p.parse::<u16>().ok());
    let by_port = port.and_then(|port| context.catalogue.component_of_port(port)).map(str::to_owned);
    let failure = finding.event.and_then(|event| context.reading.matched(event)).and_then(|m| m.failure.as_ref());
    let by_frames = failure.and_then(|f| f.links.iter().find_map(|l| l.component.clone()));
    let own = finding.component.clone().filter(|c| !matches!(c.as_str(), "tcp" | "network"));
    let near = || context.reading.attempt.targets.iter().find_map(|t| t.component.clone());
    let text = evidence_text(finding).to_ascii_lowercase();
    let words = [
        ("database", "postgres"),
        ("postgres", "postgres"),
        ("redis", "redis"),
        ("cache", "redis"),
        ("broker", "rabbitmq"),
        ("amqp", "rabbitmq"),
        ("rabbit", "rabbitmq"),
        ("kafka", "kafka"),
        ("nats", "nats"),
    ];
    let by_words = || words.iter().find(|(word, _)| text.contains(word)).map(|(_, component)| (*component).to_owned());
    let Some(component) = by_port.or(own).or(by_frames).or_else(by_words).or_else(near) else { return };
    let key = match component.as_str() {
        "redis" => "redis_connection_refused",
        "rabbitmq" | "kafka" | "nats" => "broker_down",
        "postgres" | "mysql" | "mongo" | "mssql" | "pgbouncer" => "db_connection_refused",
        _ => return,
    };
    finding.component = Some(component.clone());
    if key != finding.key.as_str() {
        let default = finding.unnamed(context.catalogue);
        let culprit = if default {
            context.catalogue.causes().find(|c| c.key.as_str() == key).map(|c| c.culprit.clone())
        } else {
            None
        };
        finding.becomes(key, culprit, &format!("the peer is {component}"), 0.0, context.catalogue);
    }
}

/// People know names, not addresses: a name with the same port that the program or its settings
/// give is named beside the address.
pub fn name_of_address(finding: &mut Option<Finding>, context: &Context) {
    let Some(finding) = finding else { return };
    let Some((host, port)) = finding.culprit.rsplit_once(':') else { return };
    let address = host.parse::<std::net::IpAddr>().is_ok();
    let Ok(port) = port.parse::<u16>() else { return };
    if !address || is_loopback_host(host) {
        return;
    }
    let named = |name: &str| {
        name.rsplit_once(':').is_some_and(|(h, p)| h.parse::<std::net::IpAddr>().is_err() && p == port.to_string())
    };
    let said = context.reading.attempt.targets.iter().map(|t| t.name.clone()).find(|name| named(name));
    let set = || {
        context.facts.env.iter().find_map(|(name, value)| {
            let of = component_of_setting(context.catalogue, name, value)?;
            if finding.component.as_deref().is_some_and(|c| c != of && !is_transport(c)) {
                return None;
            }
            let host = host_of(value).filter(|h| h.parse::<std::net::IpAddr>().is_err() && !is_number(h))?;
            let usual = || context.catalogue.components().find(|c| c.name == of)?.ports.first().copied();
            (port_after(value, &host).or_else(usual)? == port).then(|| format!("{host}:{port}"))
        })
    };
    let beside = || host_beside(&evidence_text(finding)).map(|name| format!("{name}:{port}"));
    if let Some(name) = said.or_else(beside).or_else(set) {
        finding.culprit = format!("{name} ({host})");
    }
}

/// `host=db.internal` in a text: drivers repeat what they were given.
fn host_beside(text: &str) -> Option<String> {
    let name = text.split("host=").nth(1)?.split([' ', '`', ';', '&', ',', ')', '\n']).next()?;
    (name.len() >= 2 && !name.starts_with('/') && name.parse::<std::net::IpAddr>().is_err()).then(|| name.to_owned())
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

/// A pooler waits for a database that its own output says it cannot reach.
pub fn behind_pooler(finding: &mut Option<Finding>, context: &Context) {
    let Some(finding) = finding else { return };
    if !matches!(
        finding.key.as_str(),
        "query_wait_timeout" | "pool_exhausted" | "server_closed_connection" | "startup_exception"
    ) {
        return;
    }
    let told = context.companions.iter().find(|c| {
        c.keys.iter().any(|k| k.as_str() == "db_down_behind_pooler")
            || (c.says.contains("connect failed") && c.says.contains("closing because"))
    });
    let Some(companion) = told else { return };
    let target = host_ports(&companion.says).into_iter().last().map(|(host, port)| format!("{host}:{port}"));
    finding.becomes(
        "db_down_behind_pooler",
        target,
        "the pooler's own output says that it cannot reach the database",
        1.5,
        context.catalogue,
    );
    finding.cite(Cited::Log(companion.at.clone(), None), Supports::Cause);
}

/// A pooler says the same to its clients when it is used up and when its database is gone: without
/// its own words only the first suspicion remains.
pub fn pooler_alone(finding: &mut Option<Finding>, context: &Context) {
    let Some(finding) = finding else { return };
    let pooler_speaks = context.companions.iter().any(|c| c.name.contains("bouncer") || c.says.contains("pooler"));
    if finding.key.as_str() == "query_wait_timeout" && !pooler_speaks {
        let score = finding.score();
        finding.add("a pooler says the same when its database is gone", (POOLER_ALONE - score).min(0.0));
    }
}

/// Nothing listens where a sidecar should.
pub fn sidecar_target(finding: &mut Option<Finding>, context: &Context) {
    let Some(finding) = finding else { return };
    if !NOBODY_THERE.contains(&finding.key.as_str()) {
        return;
    }
    let text = evidence_text(finding);
    let listed = context.facts.sidecars.as_array().cloned().unwrap_or_default();
    for sidecar in &listed {
        let name = sidecar.get("name").and_then(|n| n.as_str()).unwrap_or("sidecar");
        let Some(listens) = sidecar.get("listens").and_then(|l| l.as_str()) else { continue };
        if names_target(&text, listens) || configured_target(context, listens) {
            finding.becomes(
                "sidecar_not_ready",
                Some(format!("{name} sidecar on {listens}")),
                "the address is that of the sidecar, which does not listen yet",
                0.8,
                context.catalogue,
            );
            finding.cite(context.fact_text(format!("sidecars.{name}.listens = {listens}")), Supports::Cause);
            return;
        }
    }
    // Without the fact: another container of the instance that says itself that it is not ready.
    if is_loopback(&text)
        && let Some(companion) = context.companions.iter().find(|c| !c.ready && is_proxy_name(&c.name))
    {
        finding.becomes(
            "sidecar_not_ready",
            Some(format!("{} sidecar", companion.name)),
            "the address is inside the instance, and the sidecar says that it is not ready",
            0.5,
            context.catalogue,
        );
        finding.cite(Cited::Log(companion.at.clone(), None), Supports::Cause);
    }
}

fn is_proxy_name(name: &str) -> bool {
    ["proxy", "sidecar", "envoy", "istio", "linkerd", "pgbouncer", "agent"].iter().any(|part| name.contains(part))
}

/// Nothing answers, and the server's own container of the same input says why: that is the cause.
pub fn server_beside_it(finding: &mut Option<Finding>, context: &Context) {
    let Some(finding) = finding else { return };
    if !NOBODY_THERE.contains(&finding.key.as_str()) {
        return;
    }
    let told = context.companions.iter().filter(|c| !c.ready).find_map(|companion| {
        let key = companion.keys.iter().find(|key| stops_a_server(key.as_str()))?;
        Some((companion, key.clone()))
    });
    let Some((companion, key)) = told else { return };
    let culprit =
        format!("{} container ({})", companion.name, crate::wording::cut(&key.as_str().replace('_', " "), 60));
    finding.becomes(
        key.as_str(),
        Some(culprit),
        "the server's own output says why it is not there",
        0.3,
        context.catalogue,
    );
    finding.cite(Cited::Log(companion.at.clone(), None), Supports::Cause);
}

/// Causes that keep a server of the input from starting.
fn stops_a_server(key: &str) -> bool {
    matches!(
        key,
        "db_data_corrupt"
            | "data_directory_permissions"
            | "data_directory_version"
            | "invalid_config_parameter"
            | "port_in_use"
            | "disk_full"
            | "out_of_memory"
            | "permission_denied"
            | "read_only_filesystem"
            | "missing_password"
    )
}

/// A configured value is at fault: names the variable that carries it.
pub fn configuring_variable(finding: &mut Option<Finding>, context: &Context) {
    let Some(finding) = finding else { return };
    let connects = (Layer::Dns..=Layer::Query).contains(&finding.layer);
    if finding.domain != Domain::Configuration || !connects || finding.key.as_str() == "wrong_host" {
        return;
    }
    let transport = finding.component.as_deref().is_none_or(is_transport);
    let failure = finding.event.and_then(|event| context.reading.matched(event)).and_then(|m| m.failure.as_ref());
    let by_frames = failure.and_then(|f| f.links.iter().find_map(|l| l.component.as_deref())).filter(|_| transport);
    let near = || context.reading.attempt.targets.iter().find_map(|t| t.component.as_deref()).filter(|_| transport);
    let Some(component) = by_frames.or_else(near).or(finding.component.as_deref()) else { return };
    let host = host_ports(&finding.culprit).first().map(|(host, _)| (*host).to_owned());
    let set =
        |(name, value): &(&String, &String)| component_of_setting(context.catalogue, name, value) == Some(component);
    let names_host = |(_, value): &(&String, &String)| host.as_deref().is_some_and(|host| value.contains(host));
    let env = &context.facts.env;
    let variable = env.iter().find(names_host).or_else(|| env.iter().find(set)).map(|(name, _)| name);
    if let Some(variable) = variable {
        finding.culprit = format!("{variable}: {}", finding.culprit);
        if let Some(cited) = context.fact(&format!("env.{variable}")) {
            finding.cite(cited, Supports::Contributing);
        }
    }
}

/// The configured host is the instance itself, while the dependency is known to live elsewhere.
pub fn wrong_address(finding: &mut Option<Finding>, context: &Context) {
    let Some(finding) = finding else { return };
    if !matches!(
        finding.key.as_str(),
        "db_connection_refused" | "redis_connection_refused" | "broker_down" | "connect_timeout"
    ) {
        return;
    }
    let Some((variable, host)) = configured_host(finding, context) else { return };
    let services = context.facts.services.as_array().cloned().unwrap_or_default();
    let elsewhere = services.iter().find_map(|service| {
        let other = service.get("host").and_then(|h| h.as_str())?;
        (other != host && about(finding, service)).then(|| other.to_owned())
    });
    let (true, Some(elsewhere)) = (is_loopback_host(&host), elsewhere) else { return };
    finding.becomes(
        "wrong_host",
        Some(format!("{variable} host {host}")),
        &format!("the program is told {host}, the dependency lives at {elsewhere}"),
        1.0,
        context.catalogue,
    );
    if let Some(cited) = context.fact(&format!("env.{variable}")) {
        finding.cite(cited, Supports::Cause);
    }
}

/// Is a listed service the one that the finding is about?
fn about(finding: &Finding, service: &serde_json::Value) -> bool {
    let name = service.get("name").and_then(|n| n.as_str()).unwrap_or("").to_ascii_lowercase();
    match finding.component.as_deref() {
        Some("postgres" | "mysql" | "mongo" | "mssql") | None => {
            ["database", "db", "postgres", "pg", "mysql", "sql"].iter().any(|word| name.contains(word))
        }
        Some("redis") => name.contains("redis") || name.contains("cache"),
        Some(component) => name.contains(component) || name.contains("broker") || name.contains("queue"),
    }
}

/// A name that does not resolve, while a very similar one exists.
pub fn misspelt_name(finding: &mut Option<Finding>, context: &Context) {
    let Some(finding) = finding else { return };
    if !NO_SUCH_NAME.contains(&finding.key.as_str()) {
        return;
    }
    let name = finding.culprit.split([':', ' ']).next().unwrap_or("").trim_matches(['"', '\'']).to_owned();
    let removed =
        context.facts.changes.iter().find(|change| change.what.contains("dns") || change.what.contains(&name));
    if let Some(change) = removed {
        let text = format!(
            "changes: {} from {} to {}",
            change.what,
            change.from.as_deref().unwrap_or("?"),
            change.to.as_deref().unwrap_or("?")
        );
        finding.cite(context.fact_text(text), Supports::Contributing);
        finding.add("a change of the name is known", 0.5);
        return;
    }
    let services = context.facts.services.as_array().cloned().unwrap_or_default();
    let known = || services.iter().flat_map(|s| [s.get("host"), s.get("name")]).flatten().filter_map(|v| v.as_str());
    if name.is_empty() || known().any(|known| known == name) {
        return;
    }
    let Some(similar) = known().find(|known| near(known, &name)) else { return };
    finding.becomes(
        "wrong_host",
        Some(name.clone()),
        &format!("no service is called {name}; there is one called {similar}"),
        1.0,
        context.catalogue,
    );
    finding.cite(context.fact_text(format!("services.name = {similar}")), Supports::Cause);
}

/// At most two edits apart, and not wholly different.
fn near(a: &str, b: &str) -> bool {
    a != b && a.len().abs_diff(b.len()) <= 2 && a.len().min(b.len()) >= 4 && edits(a.as_bytes(), b.as_bytes()) <= 2
}

/// Levenshtein distance of two short names.
fn edits(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(x != y)).min(above + 1).min(row[j] + 1);
            diagonal = above;
        }
    }
    row[b.len()]
}

/// The variable that configures the finding's dependency, and the host in its value.
fn configured_host(finding: &Finding, context: &Context) -> Option<(String, String)> {
    let component = finding.component.as_deref();
    context.facts.env.iter().find_map(|(name, value)| {
        let of = component_of_setting(context.catalogue, name, value);
        let fits = match (of, component) {
            (Some(of), Some(component)) => of == component,
            (Some(_), None) => true,
            (None, _) => value.contains("://") && component.is_some_and(|c| value.starts_with(c)),
        };
        let host = host_of(value)?;
        fits.then(|| (name.clone(), host))
    })
}

fn configured_target(context: &Context, target: &str) -> bool {
    context.facts.env.values().any(|value| names_target(value, target))
}

/// Does a text name `host:port`, in one of the ways in which clients print it?
fn names_target(text: &str, target: &str) -> bool {
    let Some((host, port)) = target.rsplit_once(':') else { return text.contains(target) };
    text.contains(target) || (text.contains(host) && text.contains(&format!("port {port}")))
}

fn is_loopback(text: &str) -> bool {
    ["127.0.0.1", "localhost", "::1"].iter().any(|host| text.contains(host))
}

fn is_loopback_host(host: &str) -> bool {
    host == "localhost" || host == "127.0.0.1" || host == "::1"
}

/// Words that name no address: the program's other lines and the facts may.
pub fn named_target(finding: &mut Option<Finding>, context: &Context) {
    let Some(finding) = finding else { return };
    let default = finding.unnamed(context.catalogue);
    let connects = (Layer::Dns..=Layer::Schema).contains(&finding.layer);
    let full = finding.key.as_str() == "disk_full";
    if !default || !(connects || full) || finding.key.as_str() == "pool_exhausted" {
        return;
    }
    let component = finding.component.as_deref();
    let transport = component.is_none_or(is_transport);
    let targets = &context.reading.attempt.targets;
    let text = evidence_text(finding);
    let known = |(host, port): &(&str, u16)| host.contains('.') || context.catalogue.component_of_port(*port).is_some();
    let own = || host_ports(&text).into_iter().find(known).map(|(host, port)| format!("{host}:{port}"));
    let of_component =
        || targets.iter().find(|t| !transport && t.component.as_deref() == component).map(|t| t.name.clone());
    // A handshake names nobody: the only dependency that the program spoke of is meant.
    let only = || {
        let known = || targets.iter().filter_map(|t| t.component.as_deref());
        let first = targets.iter().find(|t| t.component.is_some())?;
        (transport && known().all(|c| Some(c) == first.component.as_deref())).then(|| first.name.clone())
    };
    let said = own().or_else(|| host_beside(&text)).or_else(of_component).or_else(only);
    let configured = || {
        let (variable, host) = configured_host(finding, context)?;
        let value = context.facts.env.get(&variable)?;
        let port = port_after(value, &host).map(|port| format!(":{port}")).unwrap_or_default();
        Some(format!("{host}{port}"))
    };
    if let Some(target) = said.or_else(configured) {
        finding.culprit = if full { format!("disk of {target}") } else { target };
    }
}

fn evidence_text(finding: &Finding) -> String {
    let mut text = finding.culprit.clone();
    for citation in &finding.citations {
        if let Cited::Log(at, _) = &citation.cited {
            text.push('\n');
            text.push_str(&at.text);
        }
    }
    text
}

/// The whole address that could not be bound, where the words give more than its port.
pub fn bound_address(finding: &mut Option<Finding>, _: &Context) {
    let Some(finding) = finding else { return };
    if !matches!(finding.key.as_str(), "port_in_use" | "permission_denied") {
        return;
    }
    let digits = finding.culprit.trim_start_matches("port ").trim_start_matches(':');
    let Ok(port) = digits.parse::<u16>() else { return };
    let text = evidence_text(finding);
    // `('0.0.0.0', 8090)` as Python prints an address.
    let tuple = || {
        let before = text.split(&format!("', {port})")).next().filter(|before| before.len() < text.len())?;
        Some(before.rsplit('\'').next()?.to_owned())
    };
    let said = host_ports(&text).into_iter().find(|(_, p)| *p == port).map(|(host, _)| host.to_owned());
    if let Some(host) = said.or_else(tuple).filter(|host| !host.is_empty()) {
        finding.culprit = format!("{host}:{port}");
    } else if text.contains(&format!(" :{port}")) {
        finding.culprit = format!(":{port}");
    }
}
