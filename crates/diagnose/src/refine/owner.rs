//! Refinements of whose move it is: one cause can lie with different people.

use super::Context;
use crate::finding::Finding;
use tminus_core::vocabulary::Role;

/// Settings of a server that holds data belong to those who run it, whoever starts it.
pub fn of_setting(finding: &mut Option<Finding>, _: &Context) {
    let Some(finding) = finding else { return };
    let data = ["postgres", "mysql", "mongo", "mssql", "cassandra", "elasticsearch", "clickhouse"];
    let of_data = finding.component.as_deref().is_some_and(|component| data.contains(&component));
    if finding.key.as_str() != "invalid_config_parameter" {
        return;
    }
    if of_data {
        finding.owner = Role::Database;
    } else if finding.component.as_deref() == Some("pgbouncer") {
        finding.owner = Role::Platform;
    }
}

/// A program that may not be executed was built or packed without its mode bits.
pub fn of_executable(finding: &mut Option<Finding>, context: &Context) {
    let Some(finding) = finding else { return };
    if finding.key.as_str() == "permission_denied" && context.reading.end.code == Some(126) {
        finding.owner = Role::Build;
    }
}

/// An upstream inside the own network is run by the platform's people; only a public one is a vendor's.
pub fn of_upstream(finding: &mut Option<Finding>, _: &Context) {
    let Some(finding) = finding else { return };
    if finding.owner != Role::Vendor || !finding.key.as_str().starts_with("upstream") {
        return;
    }
    let address = finding.culprit.split("://").last().unwrap_or(&finding.culprit);
    let host = address.split(['/', ':', ' ']).next().unwrap_or("");
    let inside = [".internal", ".local", ".lan", ".svc", ".consul", ".intranet", ".corp", ".home.arpa"];
    let private = match host.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(ip)) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        Ok(std::net::IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local(),
        Err(_) => !host.contains('.') || inside.iter().any(|end| host.ends_with(end)) || host.contains(".svc."),
    };
    if private && !host.is_empty() {
        finding.owner = Role::Platform;
    }
}
