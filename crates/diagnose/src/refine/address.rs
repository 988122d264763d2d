//! Refinements about where the program connects to.

use super::Context;
use crate::finding::{Cited, Finding};
use tminus_core::verdict::Supports;

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
            Cited::Fact { .. } => None,
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
            0.3,
            context.catalogue,
        );
    } else if finding.key.as_str() == "proxy_closed_handshake" {
        finding.culprit = path;
    }
}

/// The directory of a Cloud SQL socket in a text: `/cloudsql/PROJECT:REGION:INSTANCE`.
fn proxy_socket(text: &str) -> Option<String> {
    let from = text.find("/cloudsql/")?;
    let rest = &text[from..];
    let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '?' | '&' | ')')).unwrap_or(rest.len());
    let path = rest[..end].split("/.s.PGSQL").next().unwrap_or(rest).trim_end_matches('/');
    (path.len() > "/cloudsql/".len()).then(|| path.to_owned())
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

/// The configured host is the instance itself, while the dependency is known to live elsewhere.
pub fn wrong_address(finding: &mut Option<Finding>, context: &Context) {
    let Some(finding) = finding else { return };
    if !matches!(finding.key.as_str(), "db_connection_refused" | "redis_connection_refused" | "broker_down" | "connect_timeout") {
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
    let removed = context.facts.changes.iter().find(|change| change.what.contains("dns") || change.what.contains(&name));
    if let Some(change) = removed {
        let text = format!("changes: {} from {} to {}", change.what, change.from.as_deref().unwrap_or("?"), change.to.as_deref().unwrap_or("?"));
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
        let of = context.catalogue.component_of_env(name);
        let fits = match (of, component) {
            (Some(of), Some(component)) => of == component,
            (Some(_), None) => true,
            (None, _) => value.contains("://") && component.is_some_and(|c| value.starts_with(c)),
        };
        let host = host_of(value)?;
        fits.then(|| (name.clone(), host))
    })
}

/// The host in a URL, a `host=` pair, or a bare host value.
fn host_of(value: &str) -> Option<String> {
    if let Some((_, rest)) = value.split_once("://") {
        let authority = rest.split(['/', '?']).next()?;
        let host_port = authority.rsplit('@').next()?;
        let host = if let Some(v6) = host_port.strip_prefix('[') { v6.split(']').next()? } else { host_port.split(':').next()? };
        return (!host.is_empty()).then(|| host.to_owned());
    }
    if let Some((_, rest)) = value.split_once("host=") {
        return rest.split([' ', ';', '&']).next().map(str::to_owned);
    }
    let bare = value.split(':').next()?;
    (!bare.is_empty() && bare.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))).then(|| bare.to_owned())
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
