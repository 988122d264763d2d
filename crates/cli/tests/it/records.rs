//! Takes the files of recorded cases apart, record by record, and puts them together again.

use crate::corpus::{Case, Input};
use serde_json::Value;
use tminus_core::Timestamp;

/// One record of a file whose records carry a time.
#[derive(Clone, Debug)]
pub struct Timed {
    /// When, by its envelope (by its own stamp in a program's JSON lines).
    pub at: Timestamp,
    /// As it stands in the file.
    pub raw: String,
}

/// The records of a case's only file, in its order; none where records carry no time.
pub fn timed(case: &Case) -> Option<Vec<Timed>> {
    let [input] = case.inputs.as_slice() else { return None };
    let text = std::str::from_utf8(&input.bytes).ok()?;
    let raws: Vec<String> = if is_array(case) {
        let entries: Vec<Value> = serde_json::from_str(text).ok()?;
        entries.iter().map(Value::to_string).collect()
    } else {
        text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    };
    raws.into_iter().map(|raw| Some(Timed { at: moment(case.format(), &raw)?, raw })).collect()
}

/// True when the file is one JSON array.
pub fn is_array(case: &Case) -> bool {
    case.format().ends_with("-array")
}

/// A file of these records.
pub fn file(case: &Case, name: &str, records: &[Timed]) -> Input {
    let raws: Vec<&str> = records.iter().map(|record| record.raw.as_str()).collect();
    let text = if is_array(case) { format!("[{}]\n", raws.join(",\n")) } else { raws.join("\n") + "\n" };
    Input { name: name.to_owned(), bytes: text.into_bytes() }
}

fn moment(format: &str, raw: &str) -> Option<Timestamp> {
    let json = || serde_json::from_str::<Value>(raw).ok();
    let stamp = |key: &str| json()?.get(key)?.as_str()?.parse().ok();
    match format {
        "kubectl-ts" | "cri" => raw.split(' ').next()?.parse().ok(),
        "kubectl-prefix-ts" => raw.split(' ').nth(1)?.parse().ok(),
        "docker" => stamp("time"),
        "journald" => {
            let micros = json()?.get("__REALTIME_TIMESTAMP")?.as_str()?.parse().ok()?;
            Timestamp::from_microsecond(micros).ok()
        }
        "applog-json" => stamp("time").or_else(|| stamp("timestamp")),
        _ if format.starts_with("gcl-") => stamp("timestamp"),
        _ => None,
    }
}
