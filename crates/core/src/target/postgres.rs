//! Postgres as libpq reads it: URIs with several hosts, keyword strings, `PG*` variables. Words of
//! other drivers that mean the same (`ssl=require`, `unix_sock`, `postgresql+asyncpg://`) are taken
//! too; parameters that only concern a driver are left alone.

use super::text::{Part, encode};
use super::url::{self, Url};
use super::{BadTarget, Environment, Host, Place, Postgres, SessionAttrs, SslMode};
use crate::code::Code;
use crate::secret::Secret;
use std::net::IpAddr;

/// Postgres' port.
pub(super) const PORT: u16 = 5432;
/// Where libpq looks for a socket when it is told of no host: Debian's directory, then upstream's.
const SOCKET_DIRECTORIES: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// A text from the value or the environment, with its place when it is from the value.
#[derive(Clone, Debug)]
struct Given {
    text: String,
    span: Option<(usize, usize)>,
    /// `PGHOST` and the like; none: from the value.
    variable: Option<&'static str>,
}

impl Given {
    fn of(text: String, part: Part<'_>) -> Given {
        Given { text, span: Some(part.span()), variable: None }
    }

    fn bad(&self, what: impl std::fmt::Display) -> BadTarget {
        let what = match self.variable {
            Some(variable) => format!("{variable}: {what}"),
            None => what.to_string(),
        };
        BadTarget { code: Code::ValueMalformed, what, span: self.span, hint: None }
    }
}

/// One host as it was given.
#[derive(Clone, Debug)]
struct GivenHost {
    name: String,
    port: Option<u16>,
    span: Option<(usize, usize)>,
}

/// What has been told so far; later sources fill what earlier ones left open.
#[derive(Debug, Default)]
struct Draft {
    hosts: Vec<GivenHost>,
    host: Option<Given>,
    hostaddr: Option<Given>,
    port: Option<Given>,
    user: Option<Given>,
    password: Option<Given>,
    database: Option<Given>,
    mode: Option<Given>,
    root_cert: Option<Given>,
    cert: Option<Given>,
    key: Option<Given>,
    negotiation: Option<Given>,
    session: Option<Given>,
    /// The full path of a socket, as pg8000 takes it.
    socket: Option<Given>,
}

impl Draft {
    /// The place of a parameter, by libpq's name or another driver's name for the same.
    fn slot(&mut self, name: &str) -> Option<&mut Option<Given>> {
        Some(match name {
            "host" => &mut self.host,
            "hostaddr" => &mut self.hostaddr,
            "port" => &mut self.port,
            "user" => &mut self.user,
            "password" => &mut self.password,
            "dbname" | "database" => &mut self.database,
            "sslmode" | "ssl" => &mut self.mode,
            "sslrootcert" => &mut self.root_cert,
            "sslcert" => &mut self.cert,
            "sslkey" => &mut self.key,
            "sslnegotiation" => &mut self.negotiation,
            "target_session_attrs" => &mut self.session,
            "unix_sock" => &mut self.socket,
            _ => return None,
        })
    }

    fn set(&mut self, name: &str, given: Given) -> Result<(), BadTarget> {
        if name == "service" && !given.text.is_empty() {
            return Err(given.bad("the value names a service of pg_service.conf, which is not read"));
        }
        match self.slot(name) {
            Some(slot) if !given.text.is_empty() => *slot = Some(given),
            _ => {}
        }
        Ok(())
    }

    /// libpq's variables for what the value leaves open.
    fn fill(&mut self, environment: &Environment) -> Result<(), BadTarget> {
        const VARIABLES: [(&str, &str); 12] = [
            ("PGHOST", "host"),
            ("PGHOSTADDR", "hostaddr"),
            ("PGPORT", "port"),
            ("PGUSER", "user"),
            ("PGPASSWORD", "password"),
            ("PGDATABASE", "dbname"),
            ("PGSSLMODE", "sslmode"),
            ("PGSSLROOTCERT", "sslrootcert"),
            ("PGSSLCERT", "sslcert"),
            ("PGSSLKEY", "sslkey"),
            ("PGSSLNEGOTIATION", "sslnegotiation"),
            ("PGTARGETSESSIONATTRS", "target_session_attrs"),
        ];
        let has_host =
            !self.hosts.is_empty() || self.host.is_some() || self.hostaddr.is_some() || self.socket.is_some();
        for (variable, name) in VARIABLES {
            let Some(value) = environment.get(variable).filter(|value| !value.is_empty()) else { continue };
            // A host of the value and an address of the environment would be two servers.
            if has_host && matches!(name, "host" | "hostaddr") {
                continue;
            }
            let Some(slot @ None) = self.slot(name) else { continue };
            let given = Given { text: value.clone(), span: None, variable: Some(variable) };
            if name != "password" && value.trim() != value {
                return Err(BadTarget {
                    code: Code::WhitespaceInValue,
                    hint: Some(format!("remove it where {variable} is made")),
                    ..given.bad("the value begins or ends with a blank or a line break")
                });
            }
            *slot = Some(given);
        }
        Ok(())
    }

    fn finish(self) -> Result<Postgres, BadTarget> {
        let (places, addresses) = self.places()?;
        let root_cert = self.root_cert.as_ref().map(|given| given.text.clone());
        let ssl_direct = match &self.negotiation {
            None => false,
            Some(given) => match given.text.as_str() {
                "postgres" => false,
                "direct" => true,
                _ => {
                    return Err(hint(given.bad("`sslnegotiation` has no such value"), "postgres or direct".to_owned()));
                }
            },
        };
        let ssl_mode = self.ssl_mode(root_cert.as_deref(), ssl_direct)?;
        let session = match &self.session {
            None => SessionAttrs::Any,
            Some(given) => given.text.parse().map_err(|_| {
                let known = SessionAttrs::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>().join(", ");
                hint(given.bad("`target_session_attrs` has no such value"), format!("one of {known}"))
            })?,
        };
        let ssl_client = match (self.cert, self.key) {
            (Some(cert), Some(key)) => Some((cert.text, key.text)),
            (Some(given), None) => return Err(given.bad("`sslcert` is given without `sslkey`")),
            (None, Some(given)) => return Err(given.bad("`sslkey` is given without `sslcert`")),
            (None, None) => None,
        };
        Ok(Postgres {
            places,
            addresses,
            user: self.user.map(|given| given.text),
            password: self.password.map(|given| Secret::new(given.text)),
            database: self.database.map(|given| given.text),
            ssl_mode,
            ssl_root_cert: root_cert,
            ssl_client,
            ssl_direct,
            session,
            tables: Vec::new(),
            revision: None,
        })
    }

    /// `sslmode`, with libpq's rules for weak modes.
    fn ssl_mode(&self, root_cert: Option<&str>, direct: bool) -> Result<SslMode, BadTarget> {
        let system = root_cert == Some("system");
        let Some(given) = &self.mode else {
            if direct {
                let given = self.negotiation.as_ref().expect("direct was given");
                return Err(hint(
                    given.bad("`sslnegotiation=direct` is not allowed with a weak `sslmode`"),
                    "add sslmode=require, verify-ca or verify-full".to_owned(),
                ));
            }
            return Ok(if system { SslMode::VerifyFull } else { SslMode::Prefer });
        };
        let mode = match given.text.as_str() {
            "true" | "1" => SslMode::Require,
            "false" | "0" => SslMode::Disable,
            // Node's and Prisma's word for TLS without checks.
            "no-verify" => SslMode::Require,
            word => word.parse().map_err(|_| {
                let known = SslMode::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>().join(", ");
                hint(given.bad("`sslmode` has no such value"), format!("one of {known}"))
            })?,
        };
        if system && mode != SslMode::VerifyFull {
            let bad = given.bad("a weak `sslmode` is not allowed with `sslrootcert=system`");
            return Err(hint(bad, "use verify-full".to_owned()));
        }
        if direct && mode < SslMode::Require {
            let bad = given.bad("a weak `sslmode` is not allowed with `sslnegotiation=direct`");
            return Err(hint(bad, "use require, verify-ca or verify-full".to_owned()));
        }
        Ok(mode)
    }

    /// Where to connect, in order, and the address to dial instead of each name.
    fn places(&self) -> Result<(Vec<Place>, Vec<Option<IpAddr>>), BadTarget> {
        if let Some(given) = &self.socket {
            return Ok((vec![url::socket(given.text.clone(), given.span)?], Vec::new()));
        }
        let ports = self.ports()?;
        let addresses = self.addresses()?;
        let mut hosts = match &self.host {
            Some(given) => given
                .text
                .split(',')
                .map(|name| GivenHost { name: name.to_owned(), port: None, span: given.span })
                .collect(),
            None => self.hosts.clone(),
        };
        if hosts.is_empty() {
            let named = |ip: &Option<IpAddr>| ip.map(|ip| ip.to_string()).unwrap_or_default();
            hosts = addresses.iter().map(|ip| GivenHost { name: named(ip), port: None, span: None }).collect();
        }
        if hosts.is_empty() {
            hosts = SOCKET_DIRECTORIES.map(|name| GivenHost { name: name.to_owned(), port: None, span: None }).into();
        } else if !addresses.is_empty() && addresses.len() != hosts.len() {
            let given = self.hostaddr.as_ref().expect("addresses were given");
            return Err(given.bad("`hostaddr` and `host` do not list equally many"));
        }
        let count = hosts.len();
        let port = |index: usize| match ports.as_slice() {
            [] => Ok(PORT),
            [port] => Ok(*port),
            many if many.len() == count => Ok(many[index]),
            _ => Err(self.port.as_ref().expect("ports were given").bad("`port` and `host` do not list equally many")),
        };
        let mut places = Vec::with_capacity(count);
        for (index, given) in hosts.into_iter().enumerate() {
            let port = given.port.map_or_else(|| port(index), Ok)?;
            places.push(place(given, port)?);
        }
        Ok((places, addresses))
    }

    fn ports(&self) -> Result<Vec<u16>, BadTarget> {
        let Some(given) = &self.port else { return Ok(Vec::new()) };
        let read = |text: &str| match text {
            "" => Ok(PORT),
            text => url::parse_port(Part::new(text, 0)).map_err(|bad| given.bad(bad.what)),
        };
        given.text.split(',').map(read).collect()
    }

    fn addresses(&self) -> Result<Vec<Option<IpAddr>>, BadTarget> {
        let Some(given) = &self.hostaddr else { return Ok(Vec::new()) };
        let read = |text: &str| match text {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| given.bad("`hostaddr` is not an IP address")),
        };
        given.text.split(',').map(read).collect()
    }
}

fn hint(bad: BadTarget, hint: String) -> BadTarget {
    BadTarget { hint: Some(hint), ..bad }
}

fn place(given: GivenHost, port: u16) -> Result<Place, BadTarget> {
    let GivenHost { name, span, .. } = given;
    if name.is_empty() {
        return Err(BadTarget { span, ..super::no_host(0) });
    }
    if name.starts_with(['/', '@']) {
        // A socket's own path is given now and then; libpq wants its directory.
        let own = name.rsplit('/').next().is_some_and(|file| file.starts_with(".s.PGSQL."));
        let path = if own { name } else { format!("{}/.s.PGSQL.{port}", name.trim_end_matches('/')) };
        return url::socket(path, span);
    }
    let literal = name.parse::<IpAddr>().is_ok();
    if let Some(what) = url::name_mistake(&name).filter(|_| !literal) {
        return Err(BadTarget { code: Code::ValueMalformed, what: what.to_owned(), span, hint: None });
    }
    Ok(Place::Tcp(Host { name, port }))
}

/// `postgres://...`, as libpq's `conninfo_uri_parse` reads it.
pub(super) fn uri(url: &Url<'_>, port: u16, environment: &Environment) -> Result<Postgres, BadTarget> {
    let mut draft = Draft::default();
    if let (Some(user), Some(part)) = (url.user()?, url.user) {
        draft.user = Some(Given::of(user, part));
    }
    if let (Some(password), Some(part)) = (url.password()?, url.password) {
        draft.password = Some(Given::of(password, part));
    }
    if let Some(path) = url.path.filter(|path| !path.text.is_empty()) {
        if url.hosts.text.is_empty() && path.text.starts_with("cloudsql/") {
            let bad = path.bad("the path of a Cloud SQL socket stands where the database's name belongs");
            return Err(hint(bad, "write it as ?host=/cloudsql/PROJECT:REGION:INSTANCE".to_owned()));
        }
        draft.database = Some(Given::of(path.decode()?, path));
    }
    for (name, value, part) in url.parameters()? {
        draft.set(&name, Given::of(value, part))?;
    }
    if !url.hosts.text.is_empty() {
        for part in url.hosts.pieces(',') {
            let (name, port) = url::host(part, port)?;
            // As libpq: an empty name in a list, or before a port, would be the default socket.
            let empty = name.is_empty() && draft.host.is_none() && draft.hostaddr.is_none() && draft.socket.is_none();
            if empty && !environment.contains_key("PGHOST") {
                return Err(super::no_host(part.at));
            }
            let stated = part.text.rsplit_once(']').map_or(part.text, |(_, behind)| behind).contains(':');
            if name.is_empty() || draft.host.is_some() {
                let behind = Part::new(&part.text[part.text.len()..], part.at + part.text.len());
                if stated && draft.port.is_none() {
                    draft.port = Some(Given::of(port.to_string(), behind));
                }
            } else {
                // PGPORT fills a port that the value leaves open.
                let port = (stated || port != PORT).then_some(port);
                draft.hosts.push(GivenHost { name, port, span: Some(part.span()) });
            }
        }
    }
    let told = draft.host.is_some() || draft.hostaddr.is_some() || draft.socket.is_some() || !draft.hosts.is_empty();
    if !told && url.user.is_some() && !environment.contains_key("PGHOST") {
        return Err(super::no_host(url.hosts.at));
    }
    draft.fill(environment)?;
    draft.finish()
}

/// `host=... port=...`, as libpq's `conninfo_parse` reads it.
pub(super) fn keywords(value: &str, environment: &Environment) -> Result<Postgres, BadTarget> {
    let mut draft = Draft::default();
    let bytes = value.as_bytes();
    let skip = |mut at: usize| {
        while at < bytes.len() && bytes[at].is_ascii_whitespace() {
            at += 1;
        }
        at
    };
    let mut at = skip(0);
    while at < bytes.len() {
        let start = at;
        while at < bytes.len() && bytes[at] != b'=' && !bytes[at].is_ascii_whitespace() {
            at += 1;
        }
        let name = &value[start..at];
        let equals = skip(at);
        if equals >= bytes.len() || bytes[equals] != b'=' {
            let bad = Part::new(name, start).bad("a keyword without `=` and a value");
            return Err(hint(bad, "put a value with blanks into single quotes".to_owned()));
        }
        let from = skip(equals + 1);
        let (text, end) = keyword_value(value, from)?;
        at = skip(end);
        draft.set(name, Given::of(text, Part::new(&value[from..end], from)))?;
    }
    draft.fill(environment)?;
    draft.finish()
}

/// The value at `from`, without its quotes and backslashes, and where it ends.
fn keyword_value(value: &str, from: usize) -> Result<(String, usize), BadTarget> {
    let quoted = value[from..].starts_with('\'');
    let mut text = String::new();
    let mut characters = value[from..].char_indices().skip(usize::from(quoted));
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => text.extend(characters.next().map(|(_, c)| c)),
            '\'' if quoted => return Ok((text, from + at + 1)),
            c if c.is_ascii_whitespace() && !quoted => return Ok((text, from + at)),
            c => text.push(c),
        }
    }
    match quoted {
        true => Err(Part::new(&value[from..from + 1], from).bad("a quoted value without its closing quote")),
        false => Ok((text, value.len())),
    }
}

/// `value` begins with a keyword and `=`.
pub(super) fn is_keywords(value: &str) -> bool {
    let word = value.trim_start();
    let end = word.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(word.len());
    end > 0 && word[end..].trim_start().starts_with('=')
}

/// The target without secrets, in a form that parses to the same.
pub(super) fn display(target: &Postgres) -> String {
    let mut out = String::from("postgres://");
    if let Some(user) = &target.user {
        out.push_str(&encode(user, ""));
        out.push('@');
    }
    let tcp = |place: &Place| match place {
        Place::Tcp(host) => Some(host.clone()),
        Place::Unix(_) => None,
    };
    let hosts: Option<Vec<Host>> = target.places.iter().map(tcp).collect();
    let mut parameters: Vec<(&str, String)> = Vec::new();
    match &hosts {
        Some(hosts) => {
            out.push_str(&hosts.iter().map(super::display::host).collect::<Vec<_>>().join(","));
        }
        None => sockets(&target.places, &mut parameters),
    }
    if target.database.is_some() || hosts.is_none() {
        out.push('/');
        out.push_str(&encode(target.database.as_deref().unwrap_or(""), ""));
    }
    if target.addresses.iter().any(Option::is_some) {
        let text = |ip: &Option<IpAddr>| ip.map(|ip| ip.to_string()).unwrap_or_default();
        parameters.push(("hostaddr", target.addresses.iter().map(text).collect::<Vec<_>>().join(",")));
    }
    let system = target.ssl_root_cert.as_deref() == Some("system");
    if target.ssl_mode != SslMode::Prefer && !system {
        parameters.push(("sslmode", target.ssl_mode.to_string()));
    }
    if let Some(root) = &target.ssl_root_cert {
        parameters.push(("sslrootcert", root.clone()));
    }
    if let Some((cert, key)) = &target.ssl_client {
        parameters.push(("sslcert", cert.clone()));
        parameters.push(("sslkey", key.clone()));
    }
    if target.ssl_direct {
        parameters.push(("sslnegotiation", "direct".to_owned()));
    }
    if target.session != SessionAttrs::Any {
        parameters.push(("target_session_attrs", target.session.to_string()));
    }
    super::display::with_parameters(out, &parameters)
}

/// `host` and `port` for places of which at least one is a socket.
fn sockets(places: &[Place], parameters: &mut Vec<(&'static str, String)>) {
    let part = |place: &Place| match place {
        Place::Tcp(host) => Some((host.name.clone(), host.port)),
        Place::Unix(path) => {
            let (directory, file) = path.rsplit_once('/')?;
            let directory = if directory.is_empty() { "/" } else { directory };
            Some((directory.to_owned(), file.strip_prefix(".s.PGSQL.")?.parse().ok()?))
        }
    };
    let parts: Option<Vec<(String, u16)>> = places.iter().map(part).collect();
    match (parts, places) {
        (Some(parts), _) => {
            let names: Vec<&str> = parts.iter().map(|(name, _)| name.as_str()).collect();
            parameters.push(("host", names.join(",")));
            if parts.iter().any(|(_, port)| *port != PORT) {
                let ports: Vec<String> = parts.iter().map(|(_, port)| port.to_string()).collect();
                parameters.push(("port", ports.join(",")));
            }
        }
        (None, [Place::Unix(path), ..]) => parameters.push(("unix_sock", path.clone())),
        (None, _) => {}
    }
}
