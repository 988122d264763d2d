//! HTTP and WebSocket addresses.

use super::text::{Part, encode};
use super::url::{self, Url};
use super::{BadTarget, Echo, Expect, Host, Http, Place};
use crate::redact::{MASK, is_secret_name};
use crate::secret::Secret;

/// `http://`, `https://`, `ws://`, `wss://`.
pub(super) fn uri(url: &Url<'_>, tls: bool, websocket: bool) -> Result<Http, BadTarget> {
    let port = if tls { 443 } else { 80 };
    let Host { name, port: given } = url::single(url, port)?;
    let shown = if name.contains(':') { format!("[{name}]") } else { name.clone() };
    let host = if given == port { shown } else { format!("{shown}:{given}") };
    start(url, Place::Tcp(Host { name, port: given }), tls, host, websocket, url.path)
}

/// `http+unix://%2Frun%2Fapp.sock/path`.
pub(super) fn socket(url: &Url<'_>) -> Result<Http, BadTarget> {
    let path = url.hosts.decode()?;
    if !path.starts_with('/') {
        let hint = Some("write it percent-encoded: http+unix://%2Frun%2Fapp.sock/health".to_owned());
        return Err(BadTarget { hint, ..url.hosts.bad("the path of the socket is missing") });
    }
    let place = url::socket(path, Some(url.hosts.span()))?;
    start(url, place, false, "localhost".to_owned(), false, url.path)
}

fn start(
    url: &Url<'_>,
    place: Place,
    tls: bool,
    host: String,
    websocket: bool,
    path: Option<Part<'_>>,
) -> Result<Http, BadTarget> {
    let mut headers = Vec::new();
    if let Some(user) = url.user()? {
        let password = url.password()?.unwrap_or_default();
        let value = format!("Basic {}", base64(format!("{user}:{password}").as_bytes()));
        headers.push(("Authorization".to_owned(), Secret::new(value)));
    }
    let mut target = format!("/{}", path.map_or("", |path| path.text));
    if let Some(query) = url.query {
        target.push('?');
        target.push_str(query.text);
    }
    // What a request line cannot hold as it is.
    let path = target.bytes().fold(String::with_capacity(target.len()), |mut out, byte| {
        match byte.is_ascii_graphic() {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
        out
    });
    let expect = Expect { websocket: websocket.then(Echo::default), ..Expect::default() };
    Ok(Http { tls, place, host, path, headers, root_cert: None, expect })
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for index in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * index)) as usize & 63];
            out.push(if index <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

/// The address without credentials; values of parameters with a secret's name are masked.
pub(super) fn display(http: &Http) -> String {
    let scheme = match (http.expect.websocket.is_some(), http.tls) {
        (false, false) => "http",
        (false, true) => "https",
        (true, false) => "ws",
        (true, true) => "wss",
    };
    let (path, query) = match http.path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (http.path.as_str(), None),
    };
    let query = query.map(|query| format!("?{}", query.split('&').map(masked).collect::<Vec<_>>().join("&")));
    let query = query.unwrap_or_default();
    match &http.place {
        Place::Tcp(host) => format!("{scheme}://{}{path}{query}", super::display::host(host)),
        Place::Unix(socket) => format!("{scheme}+unix://{}{path}{query}", encode(socket, "")),
    }
}

fn masked(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, value)) if !value.is_empty() && is_secret_parameter(name) => format!("{name}={MASK}"),
        _ => pair.to_owned(),
    }
}

/// Short names that only mean a secret as a parameter of an address.
fn is_secret_parameter(name: &str) -> bool {
    is_secret_name(name)
        || ["key", "sig", "signature", "auth", "code", "pass"].iter().any(|short| name.eq_ignore_ascii_case(short))
}

#[cfg(test)]
mod tests {
    #[test]
    fn base64_is_that_of_the_standard() {
        for (plain, coded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(super::base64(plain.as_bytes()), coded);
        }
    }
}
