//! `tminus.exits/1`: how each attempt ended, told by the platform or a test bench.

use crate::{Timestamp, json};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The rows of an exits file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Exits {
    /// Name of the file, as evidence cites it.
    #[serde(skip)]
    pub source: String,
    /// One row per attempt.
    pub attempts: Vec<Exit>,
}

/// How one attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Exit {
    /// Number of the attempt.
    pub attempt: u32,
    /// Start, when known.
    #[serde(default)]
    pub started: Option<Timestamp>,
    /// End, when known.
    #[serde(default)]
    pub ended: Option<Timestamp>,
    /// Exit code; with `signal` also null: still alive at `ended`.
    #[serde(default)]
    pub exit_code: Option<i32>,
    /// Name of the signal that ended it.
    #[serde(default)]
    pub signal: Option<String>,
    /// Revision.
    #[serde(default)]
    pub revision: Option<String>,
    /// Instance.
    #[serde(default)]
    pub instance: Option<String>,
    /// The platform's word for the end (`OOMKilled`, `Error` ...), from kubectl JSON.
    #[serde(default)]
    pub reason: Option<String>,
}

impl Exit {
    /// True when the row says that the process was still alive at `ended`.
    pub fn alive(&self) -> bool {
        self.exit_code.is_none() && self.signal.is_none()
    }

    /// The signal that ended it: named, or read from an exit code above 128.
    pub fn signal_name(&self) -> Option<&str> {
        self.signal.as_deref().or(match self.exit_code {
            Some(129) => Some("SIGHUP"),
            Some(130) => Some("SIGINT"),
            Some(134) => Some("SIGABRT"),
            Some(135) => Some("SIGBUS"),
            Some(136) => Some("SIGFPE"),
            Some(137) => Some("SIGKILL"),
            Some(139) => Some("SIGSEGV"),
            Some(143) => Some("SIGTERM"),
            _ => None,
        })
    }
}

/// Why a text is no exits file.
#[derive(Debug, thiserror::Error)]
pub enum BadExits {
    /// It is not JSON of the right form.
    #[error(
        "not an exits file at line {line}{place}: {why}; want {{\"attempts\":[{{\"attempt\":1,\"started\":...,\"exit_code\":1}}]}} or the JSON of `kubectl get pod -o json`"
    )]
    Form {
        /// Line of the text, from 1.
        line: usize,
        /// Which row, as ` (row 2)`, where it is one row's fault; else empty.
        place: String,
        /// What the parser met.
        why: String,
    },
    /// Two rows claim one number.
    #[error("attempt {0} is listed twice; number the rows from 1")]
    Twice(u32),
}

impl Exits {
    /// Reads `tminus.exits/1`, or the JSON of `kubectl get pod -o json`; `source` is the name that
    /// evidence cites.
    pub fn read(text: &str, source: &str) -> Result<Exits, BadExits> {
        let bad = |line, place: String, why: &str| BadExits::Form { line, place, why: why.to_owned() };
        let value: Value =
            serde_json::from_str(text).map_err(|e| bad(e.line(), String::new(), &json::without_place(&e)))?;
        let mut exits = if value.get("attempts").is_some() {
            Exits::deserialize(&value).map_err(|e| {
                let (line, why) = json::typed_error::<Exits>(text, &e);
                bad(line, bad_row(&value).map_or_else(String::new, |row| format!(" (row {row})")), &why)
            })?
        } else if value.get("kind").is_some() {
            Exits { source: String::new(), attempts: of_pods(&value) }
        } else {
            return Err(bad(1, String::new(), "neither `attempts` nor a Kubernetes `kind`"));
        };
        exits.source = source.to_owned();
        let mut numbers: Vec<u32> = exits.attempts.iter().map(|a| a.attempt).collect();
        numbers.sort_unstable();
        match numbers.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(BadExits::Twice(pair[0])),
            None => Ok(exits),
        }
    }
}

/// Number, from 1, of the first row that is none.
fn bad_row(value: &Value) -> Option<usize> {
    let rows = value.get("attempts")?.as_array()?;
    rows.iter().position(|row| Exit::deserialize(row).is_err()).map(|index| index + 1)
}

/// Attempts that `kubectl get pod -o json` shows: per container the last one and the running one,
/// numbered restartCount and restartCount + 1. Numbers of further pods follow.
fn of_pods(value: &Value) -> Vec<Exit> {
    let items = value.get("items").and_then(Value::as_array).cloned().unwrap_or_else(|| vec![value.clone()]);
    let mut out: Vec<Exit> = Vec::new();
    for pod in &items {
        let base = out.iter().map(|e| e.attempt).max().unwrap_or(0);
        let name = pod.pointer("/metadata/name").and_then(Value::as_str).map(str::to_owned);
        let revision = pod.pointer("/metadata/labels/pod-template-hash").and_then(Value::as_str).map(str::to_owned);
        let statuses = pod.pointer("/status/containerStatuses").and_then(Value::as_array).cloned().unwrap_or_default();
        // One program of a pod is judged: the one that restarted most.
        let restarts = |s: &Value| s.get("restartCount").and_then(Value::as_u64).unwrap_or(0);
        let Some(status) = statuses.iter().max_by_key(|s| restarts(s)) else { continue };
        let count = u32::try_from(restarts(status)).unwrap_or(u32::MAX - 1);
        for (state, number) in [("/lastState", count), ("/state", count + 1)] {
            if let Some(mut exit) = status.pointer(state).and_then(of_state) {
                exit.attempt = base + number;
                (exit.instance, exit.revision) = (name.clone(), revision.clone());
                out.push(exit);
            }
        }
    }
    out
}

fn of_state(state: &Value) -> Option<Exit> {
    let time = |v: &Value, key: &str| v.get(key).and_then(Value::as_str).and_then(|t| t.parse().ok());
    if let Some(ended) = state.get("terminated") {
        let signal = ended.get("signal").and_then(Value::as_i64).filter(|s| *s > 0);
        return Some(Exit {
            attempt: 0,
            started: time(ended, "startedAt"),
            ended: time(ended, "finishedAt"),
            exit_code: ended.get("exitCode").and_then(Value::as_i64).and_then(|c| i32::try_from(c).ok()),
            signal: signal.map(|s| if s == 9 { "SIGKILL".to_owned() } else { format!("signal {s}") }),
            revision: None,
            instance: None,
            reason: ended.get("reason").and_then(Value::as_str).map(str::to_owned),
        });
    }
    let running = state.get("running")?;
    Some(Exit {
        attempt: 0,
        started: time(running, "startedAt"),
        ended: None,
        exit_code: None,
        signal: None,
        revision: None,
        instance: None,
        reason: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_form_is_read_and_checked() {
        let exits = Exits::read(
            r#"{"attempts":[{"attempt":1,"started":"2026-11-22T06:00:00Z","exit_code":137}]}"#,
            "exits.json",
        )
        .unwrap();
        assert_eq!(exits.attempts[0].signal_name(), Some("SIGKILL"));
        let twice = Exits::read(r#"{"attempts":[{"attempt":1},{"attempt":1}]}"#, "x").unwrap_err();
        assert_eq!(twice.to_string(), "attempt 1 is listed twice; number the rows from 1");
        assert!(Exits::read("[1]", "x").unwrap_err().to_string().contains("neither `attempts` nor"));
    }

    #[test]
    fn a_value_of_the_wrong_type_is_named_with_line_and_row() {
        for (text, start) in [
            (
                "{\"attempts\":[\n{\"attempt\":1},\n{\"attempt\":2,\"exit_code\":\"three\"}]}",
                "not an exits file at line 3 (row 2): invalid type: string \"three\", expected i32; want",
            ),
            (
                "{\"attempts\":[{\"attempt\":1},{}]}",
                "not an exits file at line 1 (row 2): missing field `attempt`; want",
            ),
            ("{\n\"attempts\":7}", "not an exits file at line 2: invalid type: integer `7`, expected a sequence; want"),
            ("{\n\"attempts\":[}", "not an exits file at line 2: expected value; want"),
        ] {
            let error = Exits::read(text, "x").unwrap_err().to_string();
            assert!(error.starts_with(start), "{error}");
        }
    }

    #[test]
    fn pods_give_the_last_and_the_running_attempt() {
        let pod = r#"{"kind":"Pod","metadata":{"name":"web-1"},"status":{"containerStatuses":[{"restartCount":4,
            "lastState":{"terminated":{"exitCode":137,"reason":"OOMKilled","startedAt":"2026-11-22T06:00:00Z","finishedAt":"2026-11-22T06:00:09Z"}},
            "state":{"waiting":{"reason":"CrashLoopBackOff"}}}]}}"#;
        let exits = Exits::read(pod, "pod.json").unwrap();
        assert_eq!(exits.attempts.len(), 1);
        assert_eq!((exits.attempts[0].attempt, exits.attempts[0].reason.as_deref()), (4, Some("OOMKilled")));
    }
}
