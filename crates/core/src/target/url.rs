//! A URL taken apart as libpq does it: user info ends at the first `@` before a `/`, and there may
//! be several hosts. What other parsers would read differently is a mistake here, so that a value
//! means the same to everybody.

use super::text::Part;
use super::{BadTarget, Host, Place};

/// A value of the form `scheme://[user[:password]@]hosts[/path][?query][#fragment]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Url<'v> {
    pub scheme: Part<'v>,
    pub user: Option<Part<'v>>,
    pub password: Option<Part<'v>>,
    /// Everything between user info and path; may be empty.
    pub hosts: Part<'v>,
    /// Behind the first `/`, without it.
    pub path: Option<Part<'v>>,
    /// The path with its `/`.
    rooted: Option<Part<'v>>,
    pub query: Option<Part<'v>>,
}

impl<'v> Url<'v> {
    /// Takes `value` apart; `None` when it has no `://`.
    pub(super) fn split(value: &'v str) -> Option<Result<Url<'v>, BadTarget>> {
        let end = value.find("://")?;
        let scheme = Part::new(&value[..end], 0);
        let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | ':');
        if scheme.text.is_empty() || !scheme.text.chars().all(named) {
            return None;
        }
        Some(Url::rest(scheme, Part::new(&value[end + 3..], end + 3)))
    }

    fn rest(scheme: Part<'v>, rest: Part<'v>) -> Result<Url<'v>, BadTarget> {
        let slash = rest.text.find('/').unwrap_or(rest.text.len());
        let (info, behind) = match rest.text[..slash].find('@') {
            Some(at) => (Some(rest.slice(0, at)), rest.slice(at + 1, rest.text.len())),
            None => (None, rest),
        };
        let end = behind.text.find(['/', '?', '#']).unwrap_or(behind.text.len());
        let hosts = behind.slice(0, end);
        unescaped(info, hosts, behind.slice(end, behind.text.len()))?;
        let tail = behind.slice(end, behind.text.find('#').unwrap_or(behind.text.len()));
        let (path, query) = match tail.split('?') {
            Some((path, query)) => (path, Some(query)),
            None => (tail, None),
        };
        let rooted = (!path.text.is_empty()).then_some(path);
        let path = (!path.text.is_empty()).then(|| path.slice(1, path.text.len()));
        let (user, password) = match info {
            Some(info) => match info.split(':') {
                Some((user, password)) => (Some(user), Some(password)),
                None => (Some(info), None),
            },
            None => (None, None),
        };
        Ok(Url { scheme, user, password, hosts, path, rooted, query })
    }

    /// The path with its leading slash; what stands for the host when there is no path.
    pub(super) fn rooted(&self) -> Part<'v> {
        self.rooted.unwrap_or(self.hosts)
    }

    /// Decoded user, when it is not empty.
    pub(super) fn user(&self) -> Result<Option<String>, BadTarget> {
        decoded(self.user)
    }

    /// Decoded password, when it is not empty.
    pub(super) fn password(&self) -> Result<Option<String>, BadTarget> {
        decoded(self.password)
    }

    /// Decoded name and value of each parameter, with the place of the value.
    pub(super) fn parameters(&self) -> Result<Vec<(String, String, Part<'v>)>, BadTarget> {
        let Some(query) = self.query else { return Ok(Vec::new()) };
        let mut parameters = Vec::new();
        for piece in query.pieces('&').into_iter().filter(|piece| !piece.text.is_empty()) {
            let (name, value) = match piece.split('=') {
                Some(pair) => pair,
                None => (piece, piece.slice(piece.text.len(), piece.text.len())),
            };
            parameters.push((name.decode()?, value.decode()?, value));
        }
        Ok(parameters)
    }
}

fn decoded(part: Option<Part<'_>>) -> Result<Option<String>, BadTarget> {
    Ok(part.map(|part| part.decode()).transpose()?.filter(|text| !text.is_empty()))
}

/// Marks inside a password that end it for one parser or another.
fn unescaped(info: Option<Part<'_>>, hosts: Part<'_>, behind: Part<'_>) -> Result<(), BadTarget> {
    let bad = |part: Part<'_>, mark: char, code: &str| BadTarget {
        hint: Some(format!("write it as {code} inside a password")),
        ..part.bad(format!("an unescaped `{mark}` in the user or password: programs cut the value there"))
    };
    if let Some(info) = info {
        for (mark, code) in [('#', "%23"), ('?', "%3F")] {
            if let Some(at) = info.text.find(mark) {
                return Err(bad(info.slice(at, at + 1), mark, code));
            }
        }
    }
    if hosts.text.contains('@') {
        return Err(bad(Part::new("@", hosts.at - 1), '@', "%40"));
    }
    // `user:pa/ss@host`: the `/` ended the authority, and what stands before it is no port.
    let cut = behind.text.chars().next();
    let port = hosts.text.rsplit_once(':').map(|(_, port)| port);
    let no_port = port.is_some_and(|port| !port.is_empty() && !port.bytes().all(|b| b.is_ascii_digit()));
    if let (None, Some(mark), true) = (info, cut, no_port && !hosts.text.ends_with(']'))
        && behind.text.contains('@')
    {
        let code = match mark {
            '/' => "%2F",
            '?' => "%3F",
            _ => "%23",
        };
        return Err(bad(behind.slice(0, 1), mark, code));
    }
    Ok(())
}

/// One host of a list: `name`, `name:port`, `[v6]:port`, or a percent-encoded socket directory.
pub(super) fn host(part: Part<'_>, port: u16) -> Result<(String, u16), BadTarget> {
    let (name, port_part) = if let Some(rest) = part.text.strip_prefix('[') {
        let Some(end) = rest.find(']') else { return Err(part.bad("an IPv6 address without its closing bracket")) };
        let name = part.slice(1, end + 1);
        if name.text.split('%').next().is_none_or(|ip| ip.parse::<std::net::Ipv6Addr>().is_err()) {
            return Err(name.bad("what stands in the brackets is not an IPv6 address"));
        }
        let behind = part.slice(end + 2, part.text.len());
        match behind.text.strip_prefix(':') {
            Some(_) => (name.text.to_owned(), Some(behind.slice(1, behind.text.len()))),
            None if behind.text.is_empty() => (name.text.to_owned(), None),
            None => return Err(behind.bad("something stands between the address and its port")),
        }
    } else if part.text.matches(':').count() > 1 {
        let socket = part.text.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("%2F"));
        let hint = match socket {
            true => "write a `:` in the path of a socket as %3A",
            false => "write an IPv6 address as [address]:port",
        };
        return Err(BadTarget { hint: Some(hint.to_owned()), ..part.bad("the host holds more than one `:`") });
    } else {
        match part.split(':') {
            Some((name, port)) => (checked_name(name)?, Some(port)),
            None => (checked_name(part)?, None),
        }
    };
    let port = match port_part {
        None => port,
        Some(text) if text.text.is_empty() => {
            return Err(BadTarget {
                hint: Some("write the port, or leave the `:` out".to_owned()),
                ..part.bad("the port is empty")
            });
        }
        Some(text) => parse_port(text)?,
    };
    Ok((name, port))
}

/// A decoded host name without characters that no host has.
fn checked_name(part: Part<'_>) -> Result<String, BadTarget> {
    let name = part.decode()?;
    match name_mistake(&name) {
        Some(what) => Err(part.bad(what)),
        None => Ok(name),
    }
}

/// What keeps `name` from being a host; paths of sockets are none of its business.
pub(super) fn name_mistake(name: &str) -> Option<&'static str> {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    match () {
        () if name.starts_with(['/', '@']) => None,
        () if !name.chars().all(fits) => Some("the host holds a character that no host name has"),
        () if name.len() > 253 => Some("the host is longer than 253 bytes"),
        () if name.split('.').any(|label| label.len() > 63) => Some("a label of the host is longer than 63 bytes"),
        () => None,
    }
}

/// A port.
pub(super) fn parse_port(part: Part<'_>) -> Result<u16, BadTarget> {
    let digits = !part.text.is_empty() && part.text.bytes().all(|b| b.is_ascii_digit());
    match part.text.parse::<u16>() {
        Ok(port) if digits && port > 0 => Ok(port),
        _ if digits => Err(part.bad("the port is not between 1 and 65535")),
        _ => Err(part.bad("the port is not a number")),
    }
}

/// The socket's path, when the kernel takes it.
pub(super) fn socket(path: String, span: Option<(usize, usize)>) -> Result<Place, BadTarget> {
    match path.len() {
        len if len > super::SOCKET_PATH_MAX => Err(BadTarget {
            code: crate::code::Code::SocketPathTooLong,
            what: format!("the socket's path has {len} bytes; the kernel takes {}", super::SOCKET_PATH_MAX),
            span,
            hint: Some("mount the directory of the socket at a shorter path".to_owned()),
        }),
        _ => Ok(Place::Unix(path)),
    }
}

/// A host of the network: neither empty nor the path of a socket.
pub(super) fn network_host(part: Part<'_>, port: u16) -> Result<Host, BadTarget> {
    match host(part, port)? {
        (name, _) if name.is_empty() => Err(super::no_host(part.at)),
        (name, _) if name.starts_with(['/', '@']) => Err(part.bad("the host is a path")),
        (name, port) => Ok(Host { name, port }),
    }
}

/// The only host of a URL that may have but one.
pub(super) fn single(url: &Url<'_>, port: u16) -> Result<Host, BadTarget> {
    if url.hosts.text.is_empty() {
        return Err(super::no_host(url.hosts.at));
    }
    if url.hosts.text.contains(',') {
        return Err(url.hosts.bad("one host is asked for here, not a list"));
    }
    network_host(url.hosts, port)
}
