//! Names to addresses, by queries of our own: a limit can end them, which getaddrinfo() does not
//! allow, and what each resolver answered is known.
//!
//! Order as in resolv.conf(5) and hosts(5): literal, hosts file, then DNS with search list and
//! `ndots`. Files are read again for every try: a platform writes them late. Answers are kept
//! nowhere. It never decides how long to wait for all of it; the caller does.
//! Where to start reading: [`Resolver::addresses`], then `resolve/query.rs`.

mod files;
mod message;
mod query;

use crate::finding::{Failure, Note, Subject};
use files::Config;
use message::{A, AAAA, Answer};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use tminus_core::code::Code;
use tminus_core::target::Environment;

/// How long an answer in one family waits for the other (RFC 8305, 3).
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);
/// Most addresses of a name that are used.
const ADDRESSES_MAX: usize = 16;

/// Resolves names.
#[derive(Clone, Debug)]
pub(crate) struct Resolver {
    hosts: PathBuf,
    conf: PathBuf,
    /// `LOCALDOMAIN` and `RES_OPTIONS` of the caller's environment.
    search: Option<String>,
    options: Option<String>,
    /// Resolvers to ask instead of those of the machine.
    servers: Vec<SocketAddr>,
}

/// What one spelling of a name came to.
enum Found {
    Addresses(Vec<IpAddr>, Option<u32>, SocketAddr),
    Nothing(Failure),
}

impl Resolver {
    pub(crate) fn new(environment: &Environment) -> Resolver {
        Resolver {
            hosts: "/etc/hosts".into(),
            conf: "/etc/resolv.conf".into(),
            search: environment.get("LOCALDOMAIN").cloned(),
            options: environment.get("RES_OPTIONS").cloned(),
            servers: Vec::new(),
        }
    }

    /// Asks these resolvers, without a search list, instead of those of the machine.
    pub(crate) fn ask_only(&mut self, servers: Vec<SocketAddr>) {
        self.servers = servers;
    }

    fn config(&self) -> Config {
        let mut config = Config::read(&self.conf, self.search.as_deref(), self.options.as_deref());
        if !self.servers.is_empty() {
            config.servers.clone_from(&self.servers);
            config.search.clear();
        }
        config
    }

    /// The addresses of `name`, both families interleaved.
    pub(crate) async fn addresses(&self, name: &str, notes: &mut Vec<Note>) -> Result<Vec<IpAddr>, Failure> {
        if let Ok(ip) = name.parse::<IpAddr>() {
            notes.push(Note::new(Subject::ResolvedBy, "literal address"));
            return Ok(vec![ip]);
        }
        let listed = files::listed(&self.hosts, name);
        if !listed.is_empty() {
            notes.push(Note::new(Subject::ResolvedBy, self.hosts.display()));
            return Ok(interleaved(listed));
        }
        let bare = name.trim_end_matches('.').to_ascii_lowercase();
        if bare == "localhost" || bare.ends_with(".localhost") {
            notes.push(Note::new(Subject::ResolvedBy, "localhost, by definition (RFC 6761)"));
            return Ok(interleaved(vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()]));
        }
        let config = self.config();
        let mut last = None;
        for candidate in config.candidates(name) {
            match self.one(&config, &candidate).await {
                Found::Addresses(addresses, ttl, server) => {
                    notes.push(Note::new(Subject::ResolvedBy, format!("{candidate} by {server}")));
                    notes.extend(ttl.map(|ttl| Note::new(Subject::NameTtl, ttl)));
                    return Ok(interleaved(addresses));
                }
                Found::Nothing(failure) => {
                    let silent = failure.code == Code::ResolverSilent;
                    last = Some(worse(last, failure));
                    // A resolver that says nothing about one spelling says nothing about the next.
                    if silent {
                        break;
                    }
                }
            }
        }
        Err(last.unwrap_or_else(|| Failure::new(Code::NameNotFound, format!("{name}: no name that DNS can hold"))))
    }

    async fn one(&self, config: &Config, name: &str) -> Found {
        let query = |kind| query::ask(config, name, kind);
        let (four, six) = both(query(A), query(AAAA)).await;
        let mut addresses = Vec::new();
        let mut ttl = None;
        let mut server = None;
        let mut failure = None;
        for outcome in [six, four].into_iter().flatten() {
            match outcome {
                Ok((Answer { addresses: found, ttl: lowest, code }, from)) => {
                    if found.is_empty() {
                        failure = Some(worse(failure, nothing(name, code, from)));
                    } else {
                        ttl = Some(ttl.map_or(lowest, |ttl: u32| ttl.min(lowest)));
                        server = Some(from);
                        addresses.extend(found);
                    }
                }
                Err(silent) => failure = Some(worse(failure, silent)),
            }
        }
        match (server, failure) {
            (Some(server), _) => Found::Addresses(addresses, ttl, server),
            (None, Some(failure)) => Found::Nothing(failure),
            (None, None) => Found::Nothing(Failure::new(Code::ResolverSilent, name)),
        }
    }

    /// What the system library answers, when it differs from `ours`: nsswitch, mDNS, a cache
    /// daemon. It blocks a thread of its own for as long as the library wants.
    pub(crate) async fn compare(&self, name: &str, ours: &[IpAddr]) -> Option<Note> {
        if !self.servers.is_empty() {
            return None; // it asks others than we were told to
        }
        let owned = name.to_owned();
        let (done, theirs) = tokio::sync::oneshot::channel();
        // Not the runtime's own blocking threads: a runtime that ends would wait for the library.
        std::thread::Builder::new()
            .name("getaddrinfo".to_owned())
            .spawn(move || {
                use std::net::ToSocketAddrs;
                let found = (owned.as_str(), 0).to_socket_addrs();
                // Nobody may be listening any more.
                let _ = done.send(found.map(|found| found.map(|socket| socket.ip()).collect::<Vec<_>>()));
            })
            .ok()?;
        let text = match theirs.await.ok()? {
            Ok(mut theirs) => {
                let mut ours = ours.to_vec();
                theirs.sort_unstable();
                theirs.dedup();
                ours.sort_unstable();
                ours.dedup();
                if theirs == ours {
                    return None;
                }
                let list = theirs.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ");
                format!("the system library says {list}")
            }
            Err(_) if ours.is_empty() => return None,
            Err(error) => format!("the system library says: {}", crate::dial::words(&error)),
        };
        Some(Note::new(Subject::ResolverDiffers, text))
    }
}

/// Runs both queries; when one has answered with addresses, the other gets a moment more.
async fn both<F>(four: F, six: F) -> (Option<F::Output>, Option<F::Output>)
where
    F: Future<Output = Result<(Answer, SocketAddr), Failure>>,
{
    tokio::pin!(four, six);
    let useful = |outcome: &F::Output| matches!(outcome, Ok((answer, _)) if !answer.addresses.is_empty());
    let wait = |outcome: &F::Output| if useful(outcome) { RESOLUTION_DELAY } else { Duration::from_secs(3600) };
    tokio::select! {
        first = &mut four => {
            let second = tokio::time::timeout(wait(&first), six).await.ok();
            (Some(first), second)
        }
        first = &mut six => {
            let second = tokio::time::timeout(wait(&first), four).await.ok();
            (second, Some(first))
        }
    }
}

/// An answer without addresses.
fn nothing(name: &str, code: message::Rcode, from: SocketAddr) -> Failure {
    match code {
        message::Rcode::NoError => {
            Failure::new(Code::NameWithoutAddress, format!("{name}: {from} knows the name and no address of it"))
        }
        message::Rcode::NameError => Failure::new(Code::NameNotFound, format!("{name}: {from} says NXDOMAIN")),
        message::Rcode::Other(number) => {
            Failure::new(Code::ResolverFailed, format!("{name}: {from} says {}", message::rcode_word(number)))
        }
    }
}

/// The failure that says more about what can be done: a resolver that failed may know the name, and
/// a name without addresses exists.
fn worse(one: Option<Failure>, other: Failure) -> Failure {
    let rank = |code: Code| match code {
        Code::NameNotFound => 0,
        Code::NameWithoutAddress => 1,
        Code::ResolverFailed => 2,
        _ => 3,
    };
    match one {
        Some(one) if rank(one.code) >= rank(other.code) => one,
        _ => other,
    }
}

/// Both families in turn (RFC 8305, 4), the one first that this machine has a route for.
fn interleaved(addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    let mut seen = Vec::new();
    for ip in addresses {
        if !seen.contains(&ip) {
            seen.push(ip);
        }
    }
    let (six, four): (Vec<IpAddr>, Vec<IpAddr>) = seen.into_iter().partition(IpAddr::is_ipv6);
    let (first, second) = match six.first() {
        Some(ip) if has_route(*ip) => (six, four),
        _ => (four, six),
    };
    let mut mixed = Vec::with_capacity(first.len() + second.len());
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    loop {
        match (first.next(), second.next()) {
            (None, None) => break,
            (one, other) => mixed.extend(one.into_iter().chain(other)),
        }
    }
    mixed.truncate(ADDRESSES_MAX);
    mixed
}

/// connect() on UDP sends nothing and fails when there is no route.
fn has_route(ip: IpAddr) -> bool {
    let any: IpAddr = if ip.is_ipv6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    std::net::UdpSocket::bind((any, 0)).and_then(|socket| socket.connect((ip, 9))).is_ok()
}

#[cfg(test)]
mod tests;
