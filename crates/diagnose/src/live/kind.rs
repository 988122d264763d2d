//! What a target is, told from the text that events carry.

use tminus_core::target::{Environment, Place, Target};

/// What kind of thing is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    /// A Postgres server or what stands before it.
    Postgres,
    /// A Redis server.
    Redis,
    /// An HTTP endpoint.
    Http,
    /// A message broker, by its port.
    Broker,
    /// A port or socket of which nothing more is known.
    Port,
    /// A name.
    Name,
    /// A file.
    File,
    /// A command, or nothing that is dialled.
    Command,
}

/// What a target is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Which sort.
    pub sort: Sort,
    /// The dependency, as the catalogue calls it; none for what is no dependency.
    pub component: Option<String>,
    /// `host:port`, the path of a socket or file, or a name.
    pub place: String,
    /// A unix socket.
    pub socket: bool,
    /// On this machine: a loopback address.
    pub loopback: bool,
    /// The user that is sent, if the target names one.
    pub user: Option<String>,
    /// The database that is asked for.
    pub database: Option<String>,
    /// Answers on the link itself, also when nothing gets out: a metadata server.
    pub link_local: bool,
}

impl Kind {
    /// What `text` (a target as events show it) is.
    pub fn of(text: &str, component_of_port: impl Fn(u16) -> Option<String>) -> Kind {
        let parsed = Target::parse(text, &Environment::new()).ok();
        let mut kind = match &parsed {
            Some(target) => Kind::of_target(target),
            None => Kind::plain(Sort::Command, text),
        };
        if parsed.is_none() || kind.sort == Sort::Port {
            kind.guess(text, component_of_port);
        }
        kind.loopback = !kind.socket && is_loopback(&kind.place);
        kind.link_local = kind.place.starts_with("169.254.") || kind.place.starts_with("metadata.google.internal");
        kind
    }

    fn plain(sort: Sort, place: &str) -> Kind {
        Kind {
            sort,
            component: None,
            place: place.to_owned(),
            socket: false,
            loopback: false,
            user: None,
            database: None,
            link_local: false,
        }
    }

    fn of_target(target: &Target) -> Kind {
        let at = |sort, place: &Place| Kind {
            socket: matches!(place, Place::Unix(_)),
            ..Kind::plain(sort, &place.to_string())
        };
        let named = |kind: Kind| Kind { component: Some(target.component().to_owned()), ..kind };
        match target {
            Target::Postgres(postgres) => {
                let kind = match postgres.places.first() {
                    Some(place) => at(Sort::Postgres, place),
                    None => Kind::plain(Sort::Postgres, &target.to_string()),
                };
                named(Kind { user: postgres.user.clone(), database: postgres.database.clone(), ..kind })
            }
            Target::Redis(redis) => named(Kind { user: redis.user.clone(), ..at(Sort::Redis, &redis.place) }),
            Target::Http(http) => at(Sort::Http, &http.place),
            Target::Tcp(host) => at(Sort::Port, &Place::Tcp(host.clone())),
            Target::Unix(path) => at(Sort::Port, &Place::Unix(path.clone())),
            Target::Dns(name) => Kind::plain(Sort::Name, name),
            Target::File(path) => Kind::plain(Sort::File, path),
            Target::Command(_) => Kind::plain(Sort::Command, &target.to_string()),
        }
    }

    /// A bare `host:port` or path: what usually stands there.
    fn guess(&mut self, text: &str, component_of_port: impl Fn(u16) -> Option<String>) {
        if self.sort == Sort::Command && text.starts_with('/') {
            (self.sort, self.socket) = (Sort::Port, true);
        }
        if self.socket && self.place.contains("PGSQL") {
            (self.sort, self.component) = (Sort::Postgres, Some("postgres".to_owned()));
            return;
        }
        let Some((host, port)) = self.place.rsplit_once(':') else { return };
        let (Ok(port), false) = (port.parse::<u16>(), host.is_empty() || host.contains(['/', ' '])) else { return };
        self.component = component_of_port(port);
        self.sort = match self.component.as_deref() {
            Some("postgres" | "pgbouncer" | "cloud-sql-proxy") => Sort::Postgres,
            Some("redis") => Sort::Redis,
            Some("rabbitmq" | "kafka" | "nats") => Sort::Broker,
            _ => Sort::Port,
        };
    }

    /// The host of a `host:port`, or the place itself.
    pub fn host(&self) -> &str {
        match self.place.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host.trim_matches(['[', ']']),
            _ => &self.place,
        }
    }

    /// The directory of a socket of Cloud SQL, the path of any other, or the place itself: what
    /// people know it by.
    pub fn name(&self) -> &str {
        match self.place.find("/cloudsql/") {
            Some(_) if self.socket => self.place.split("/.s.PGSQL").next().unwrap_or(&self.place),
            _ => &self.place,
        }
    }
}

/// Is the host of `host:port` this machine?
fn is_loopback(place: &str) -> bool {
    let host = place.rsplit_once(':').map_or(place, |(host, _)| host).trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified())
}
