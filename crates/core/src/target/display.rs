//! Targets as text that is safe to show: never a password, never a header.

use super::text::encode;
use super::{Host, Place};

/// `name:port`, an IPv6 address in brackets.
pub(super) fn host(host: &Host) -> String {
    match host.name.contains(':') {
        true => format!("[{}]:{}", host.name, host.port),
        false => format!("{}:{}", encode(&host.name, ""), host.port),
    }
}

/// `url?name=value&...`.
pub(super) fn with_parameters(mut url: String, parameters: &[(&str, String)]) -> String {
    for (index, (name, value)) in parameters.iter().enumerate() {
        url.push(if index == 0 { '?' } else { '&' });
        url.push_str(name);
        url.push('=');
        url.push_str(&encode(value, "/:,@"));
    }
    url
}

/// `scheme:path`; a path that begins with two slashes would read as an address with a host.
pub(super) fn path(scheme: &str, path: &str) -> String {
    let empty_host = if path.starts_with("//") { "//" } else { "" };
    let keep = if path.starts_with('/') { "/:@," } else { "/@," };
    format!("{scheme}:{empty_host}{}", encode(path, keep))
}

/// A place on its own: `host:port` or the socket's path.
pub(super) fn place(place: &Place) -> String {
    match place {
        Place::Tcp(named) => host(named),
        Place::Unix(path) => path.clone(),
    }
}
