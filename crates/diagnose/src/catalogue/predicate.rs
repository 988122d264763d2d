//! Whether what is known besides the words satisfies a rule's `when`.

use super::schema::Predicate;
use serde_json::Value;
use std::collections::BTreeMap;
use tminus_core::{facts::Facts, vocabulary::Layer};

impl Predicate {
    /// Does it hold, given the facts, how the process ended, and the layers known to be passed?
    /// What is not known does not hold.
    pub fn holds(&self, facts: &Facts, exit: Option<i32>, signal: Option<&str>, passed: &[Layer]) -> bool {
        match self {
            Predicate::FactContains(path, text) => any_fact(facts, path, &|leaf| leaf.text().contains(text.as_str())),
            Predicate::FactEquals(path, wanted) => any_fact(facts, path, &|leaf| leaf.equals(wanted)),
            Predicate::FactLessThan(path, bound) => {
                any_fact(facts, path, &|leaf| leaf.number().is_some_and(|number| number < *bound))
            }
            Predicate::Exit(code) => exit == Some(*code),
            Predicate::Signal(name) => signal.is_some_and(|signal| bare(signal) == bare(name)),
            Predicate::LayerPassed(layer) => passed.contains(layer),
        }
    }
}

/// A signal's name without its prefix: reports write `SIGKILL` and `KILL`.
fn bare(signal: &str) -> &str {
    signal.strip_prefix("SIG").unwrap_or(signal)
}

/// One value at the end of a path.
enum Leaf<'f> {
    Text(&'f str),
    Value(&'f Value),
}

impl Leaf<'_> {
    fn text(&self) -> String {
        match self {
            Leaf::Text(text) => (*text).to_owned(),
            Leaf::Value(Value::String(text)) => text.clone(),
            Leaf::Value(value) => value.to_string(),
        }
    }

    /// A number, also when it is written as text, as in an environment.
    fn number(&self) -> Option<f64> {
        match self {
            Leaf::Value(Value::Number(number)) => number.as_f64(),
            Leaf::Text(text) => text.trim().parse().ok(),
            Leaf::Value(Value::String(text)) => text.trim().parse().ok(),
            Leaf::Value(_) => None,
        }
    }

    fn equals(&self, wanted: &Value) -> bool {
        match (self.number(), Leaf::Value(wanted).number()) {
            (Some(here), Some(wanted)) => here == wanted,
            _ => self.text() == Leaf::Value(wanted).text(),
        }
    }
}

/// Does any value at `path` pass? A path can meet several values where a list lies on its way.
fn any_fact(facts: &Facts, path: &str, test: &dyn Fn(Leaf<'_>) -> bool) -> bool {
    let (section, rest) = path.split_once('.').unwrap_or((path, ""));
    let texts = |list: &[String]| list.iter().any(|text| test(Leaf::Text(text)));
    match section {
        "env" => facts.env.get(rest).is_some_and(|text| test(Leaf::Text(text))),
        "platforms" => facts.platforms.get(rest).is_some_and(|text| test(Leaf::Text(text))),
        "limits" => any_entry(&facts.limits, rest, test),
        "probes" => any_entry(&facts.probes, rest, test),
        "latency" => any_entry(&facts.latency, rest, test),
        "security" => any_entry(&facts.security, rest, test),
        "volumes" => match rest {
            "expected" => texts(&facts.volumes.expected),
            "mounted" => texts(&facts.volumes.mounted),
            _ => false,
        },
        "sockets" => rest.is_empty() && texts(&facts.sockets),
        "sidecars" => any_value(&facts.sidecars, rest, test),
        "services" => any_value(&facts.services, rest, test),
        "notes" => any_value(&facts.notes, rest, test),
        "events" => facts.events.iter().any(|event| any_value(event, rest, test)),
        "changes" => facts.changes.iter().any(|change| {
            let text = match rest {
                "what" => Some(change.what.as_str()),
                "from" => change.from.as_deref(),
                "to" => change.to.as_deref(),
                _ => None,
            };
            text.is_some_and(|text| test(Leaf::Text(text)))
        }),
        _ => false,
    }
}

/// Below a map whose keys may hold dots themselves (`latency` is by target): every way to cut the
/// path into a key and a rest is tried.
fn any_entry(map: &BTreeMap<String, Value>, path: &str, test: &dyn Fn(Leaf<'_>) -> bool) -> bool {
    cuts(path).any(|(key, rest)| map.get(key).is_some_and(|value| any_value(value, rest, test)))
}

fn any_value(value: &Value, path: &str, test: &dyn Fn(Leaf<'_>) -> bool) -> bool {
    match value {
        Value::Array(list) => list.iter().any(|value| any_value(value, path, test)),
        Value::Object(map) if !path.is_empty() => {
            cuts(path).any(|(key, rest)| map.get(key).is_some_and(|value| any_value(value, rest, test)))
        }
        // `null` is a fact that nobody gave.
        Value::Null => false,
        value => path.is_empty() && test(Leaf::Value(value)),
    }
}

/// The ways to split a dotted path into a first key and what remains, the whole path first.
fn cuts(path: &str) -> impl Iterator<Item = (&str, &str)> {
    let dots = path.match_indices('.').map(|(at, _)| (&path[..at], &path[at + 1..]));
    std::iter::once((path, "")).chain(dots)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        serde_json::from_str(
            r#"{"env":{"DATABASE_URL":"postgres://localhost/app","TIMEOUT":" 8 ","SITE.NAME":"x"},
                "platforms":{"image":"linux/arm64"},
                "limits":{"memory_mb":512},
                "probes":{"startup":{"failureThreshold":3,"tcpSocket":{"port":8080}}},
                "volumes":{"expected":["/data"],"mounted":[]},
                "services":[{"name":"db","port":5433},{"name":"cache","port":6379}],
                "latency":{"db.internal:5432":"43 s","queue":{"p99":2.5}},
                "sockets":["/cloudsql/p:r:i/.s.PGSQL.5432"],
                "events":["Back-off restarting failed container"],
                "changes":[{"what":"vpc-access-egress","to":"all-traffic"}],
                "security":{"readOnlyRootFilesystem":true},
                "notes":null}"#,
        )
        .unwrap()
    }

    fn holds(predicate: &str) -> bool {
        let predicate: Predicate = toml::from_str(predicate).unwrap();
        predicate.holds(&facts(), Some(127), Some("SIGKILL"), &[Layer::Dns, Layer::Tcp])
    }

    #[test]
    fn facts_are_found_by_their_path() {
        for predicate in [
            "fact = 'env.DATABASE_URL'\ncontains = 'localhost'",
            "fact = 'env.SITE.NAME'\nequals = 'x'",
            "fact = 'platforms.image'\nequals = 'linux/arm64'",
            "fact = 'probes.startup.tcpSocket.port'\nequals = 8080",
            "fact = 'volumes.expected'\ncontains = '/data'",
            "fact = 'services.name'\nequals = 'cache'",
            "fact = 'latency.db.internal:5432'\ncontains = '43'",
            "fact = 'latency.queue.p99'\nless_than = 3",
            "fact = 'sockets'\ncontains = '/cloudsql/'",
            "fact = 'events'\ncontains = 'Back-off'",
            "fact = 'changes.to'\nequals = 'all-traffic'",
            "fact = 'security.readOnlyRootFilesystem'\nequals = true",
        ] {
            assert!(holds(predicate), "{predicate}");
        }
    }

    #[test]
    fn what_is_not_known_does_not_hold() {
        for predicate in [
            "fact = 'env.REDIS_URL'\ncontains = ''",
            "fact = 'limits'\nless_than = 9999",
            "fact = 'volumes.mounted'\ncontains = '/'",
            "fact = 'probes.liveness.failureThreshold'\nequals = 3",
            "fact = 'changes.from'\nequals = ''",
            "fact = 'notes'\ncontains = 'null'",
            "fact = 'weather'\nequals = 'rain'",
        ] {
            assert!(!holds(predicate), "{predicate}");
        }
    }

    #[test]
    fn numbers_compare_as_numbers_however_they_are_written() {
        assert!(holds("fact = 'limits.memory_mb'\nequals = '512.0'"));
        assert!(holds("fact = 'env.TIMEOUT'\nequals = 8"));
        assert!(holds("fact = 'env.TIMEOUT'\nless_than = 10"), "as text, 8 would not be below 10");
        assert!(!holds("fact = 'limits.memory_mb'\nless_than = 512"));
        assert!(!holds("fact = 'platforms.image'\nless_than = 512"), "not a number at all");
    }

    #[test]
    fn endings_and_layers() {
        assert!(holds("exit = 127") && !holds("exit = 126"));
        assert!(holds("signal = 'SIGKILL'") && holds("signal = 'KILL'") && !holds("signal = 'SIGTERM'"));
        assert!(holds("layer_passed = 'tcp'") && !holds("layer_passed = 'auth'"));
        let exit: Predicate = toml::from_str("exit = 0").unwrap();
        assert!(!exit.holds(&facts(), None, None, &[]), "an end that nobody saw");
    }

    #[test]
    fn a_predicate_is_one_condition() {
        for (text, wrong) in [
            ("exit = 1\nsignal = 'SIGKILL'", "a predicate is `fact` with one of"),
            ("fact = 'env.X'", "a predicate is `fact` with one of"),
            ("fact = 'env.X'\nmatches = 'y'", "unknown field `matches`"),
            ("layer_passed = 'wire'", "unknown variant `wire`, expected one of `config`, `dns`"),
        ] {
            let error = toml::from_str::<Predicate>(text).unwrap_err().to_string();
            assert!(error.contains(wrong), "{text}: {error}");
        }
    }

    #[test]
    fn predicates_survive_the_embedding() {
        for text in ["fact = 'env.X'\ncontains = 'y'", "fact = 'a.b'\nless_than = 5", "signal = 'SIGKILL'"] {
            let predicate: Predicate = toml::from_str(text).unwrap();
            let json = serde_json::to_string(&predicate).unwrap();
            assert_eq!(serde_json::from_str::<Predicate>(&json).unwrap(), predicate, "{json}");
        }
    }
}
