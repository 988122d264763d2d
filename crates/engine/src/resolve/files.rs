//! hosts(5) and resolv.conf(5).

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

/// Largest file that is read; block lists in hosts files have some megabytes.
const FILE_MAX: u64 = 16 << 20;
/// Where resolvers listen.
const PORT: u16 = 53;
/// As glibc: three resolvers.
const SERVERS_MAX: usize = 3;
/// glibc has had no limit since 2.26; nobody needs more.
const SEARCH_MAX: usize = 16;

fn read(path: &Path) -> String {
    let mut bytes = Vec::new();
    if let Ok(file) = std::fs::File::open(path) {
        // What could be read of a file that breaks is still the best there is.
        let _ = file.take(FILE_MAX).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The addresses that the hosts file has for `name`.
pub(super) fn listed(path: &Path, name: &str) -> Vec<IpAddr> {
    let name = name.trim_end_matches('.');
    let mut found = Vec::new();
    for line in read(path).lines() {
        let line = line.split('#').next().unwrap_or("");
        let mut words = line.split_ascii_whitespace();
        let Some(Ok(ip)) = words.next().map(str::parse::<IpAddr>) else { continue };
        if words.any(|word| word.trim_end_matches('.').eq_ignore_ascii_case(name)) && !found.contains(&ip) {
            found.push(ip);
        }
    }
    found
}

/// resolv.conf, as far as it concerns queries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Config {
    pub servers: Vec<SocketAddr>,
    pub search: Vec<String>,
    pub ndots: usize,
    /// How long one query waits for an answer.
    pub timeout: Duration,
    /// How often the resolvers are asked.
    pub attempts: u32,
    pub tcp: bool,
}

impl Config {
    pub(super) fn read(path: &Path, local_domain: Option<&str>, options: Option<&str>) -> Config {
        Config::parse(&read(path), local_domain, options)
    }

    fn parse(text: &str, local_domain: Option<&str>, options: Option<&str>) -> Config {
        let mut config = Config {
            servers: Vec::new(),
            search: Vec::new(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
            tcp: false,
        };
        for line in text.lines() {
            let line = line.split(['#', ';']).next().unwrap_or("");
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("nameserver") => {
                    // A scope (`fe80::1%eth0`) is left to the kernel's default.
                    let ip: Option<IpAddr> = words.next().and_then(|word| word.split('%').next()?.parse().ok());
                    config.servers.extend(ip.map(|ip| SocketAddr::new(ip, PORT)));
                }
                Some("search" | "domain") => config.search = words.map(str::to_owned).take(SEARCH_MAX).collect(),
                Some("options") => config.options(words),
                _ => {}
            }
        }
        config.servers.truncate(SERVERS_MAX);
        if config.servers.is_empty() {
            config.servers.push((Ipv4Addr::LOCALHOST, PORT).into());
        }
        if let Some(domains) = local_domain {
            config.search = domains.split_ascii_whitespace().map(str::to_owned).take(SEARCH_MAX).collect();
        }
        if let Some(options) = options {
            config.options(options.split_ascii_whitespace());
        }
        config
    }

    fn options<'w>(&mut self, words: impl Iterator<Item = &'w str>) {
        for word in words {
            let number = |text: &str, most: u32| text.parse::<u32>().ok().map(|number| number.min(most));
            match word.split_once(':') {
                Some(("ndots", count)) => self.ndots = number(count, 15).map_or(self.ndots, |count| count as usize),
                Some(("timeout", seconds)) => {
                    let seconds = number(seconds, 30).map(|seconds| Duration::from_secs(u64::from(seconds.max(1))));
                    self.timeout = seconds.unwrap_or(self.timeout);
                }
                Some(("attempts", count)) => {
                    self.attempts = number(count, 5).map_or(self.attempts, |count| count.max(1));
                }
                None if word == "use-vc" => self.tcp = true,
                _ => {}
            }
        }
    }

    /// The spellings to ask for, in order.
    pub(super) fn candidates(&self, name: &str) -> Vec<String> {
        if !super::message::fits(name) {
            return Vec::new();
        }
        if let Some(absolute) = name.strip_suffix('.') {
            return vec![absolute.to_owned()];
        }
        let joined = self.search.iter().map(|domain| match domain.trim_end_matches('.') {
            "" => name.to_owned(),
            domain => format!("{name}.{domain}"),
        });
        let mut candidates: Vec<String> = joined.filter(|name| super::message::fits(name)).collect();
        match name.matches('.').count() >= self.ndots {
            true => candidates.insert(0, name.to_owned()),
            false => candidates.push(name.to_owned()),
        }
        candidates
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_s_resolv_conf_is_read() {
        let text = "# written by kubelet\nnameserver 10.96.0.10\nnameserver fe80::1%eth0\n\
                    search a.svc.cluster.local svc.cluster.local\noptions ndots:5 timeout:1 attempts:9 use-vc odd:x\n";
        let config = Config::parse(text, None, None);
        assert_eq!(config.servers, ["10.96.0.10:53".parse::<SocketAddr>().unwrap(), "[fe80::1]:53".parse().unwrap()]);
        assert_eq!((config.ndots, config.timeout.as_secs(), config.attempts, config.tcp), (5, 1, 5, true));
        assert_eq!(
            config.candidates("db.prod"),
            ["db.prod.a.svc.cluster.local", "db.prod.svc.cluster.local", "db.prod"]
        );
        assert_eq!(config.candidates("db."), ["db"]);
    }

    #[test]
    fn the_environment_wins_and_an_empty_file_means_this_machine() {
        let config = Config::parse("", Some("b.example"), Some("ndots:2"));
        assert_eq!(config.servers, ["127.0.0.1:53".parse::<SocketAddr>().unwrap()]);
        assert_eq!(config.candidates("db.x"), ["db.x.b.example", "db.x"]);
        assert_eq!(Config::parse("", None, None).candidates("db.x"), ["db.x"]);
    }

    #[test]
    fn hosts_may_have_several_addresses_and_comments() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hosts");
        std::fs::write(&path, "127.0.0.1 localhost # db\n10.0.0.1\tdb.internal DB\n::1 db\nnonsense db\n").unwrap();
        let found: Vec<String> = listed(&path, "db").iter().map(IpAddr::to_string).collect();
        assert_eq!(found, ["10.0.0.1", "::1"]);
        assert!(listed(Path::new("/nowhere"), "db").is_empty());
    }
}
