//! What words mean in every language of logs: denying, taking leave, running out of time, saying
//! nothing. Knowledge of software belongs into `knowledge/`; this is what holds for all of it.

/// What follows a failure within this time was said in the same breath, milliseconds.
pub const BREATH_MS: i64 = 100;

/// Words with which programs of every kind take leave. Unlike words of noise they are few and mean
/// one thing; they only say that an ordinary line is no progress.
const LEAVING: &[&str] = &[
    "shutting down",
    "shutdown",
    "shut down",
    "closing",
    "closed",
    "stopping",
    "stopped",
    "exiting",
    "exited",
    "exit ",
    "cleanup",
    "cleaning up",
    "terminating",
    "terminated",
    "aborting",
    "aborted",
    "bye",
    "giving up",
    "gave up",
    "will exit",
    "disconnecting",
    "disconnected",
    "finished server process",
    "waiting for connections to close",
    "draining",
    "rolling back",
];

/// Words that deny: every language of failure has them, and a line of progress has none.
pub fn denies(message: &str) -> bool {
    let words = cut(message, 400).to_ascii_lowercase();
    words.split(|c: char| !c.is_ascii_alphanumeric() && c != '\'').any(|word| {
        matches!(
            word,
            "not"
                | "no"
                | "cannot"
                | "can't"
                | "couldn't"
                | "doesn't"
                | "isn't"
                | "unable"
                | "failed"
                | "fails"
                | "failure"
                | "error"
                | "invalid"
                | "missing"
                | "denied"
                | "refused"
                | "rejected"
                | "unknown"
                | "unsupported"
                | "unexpected"
                | "required"
                | "must"
                | "expected"
                | "illegal"
                | "wrong"
                | "undefined"
                | "null"
                | "nil"
                | "exceeded"
                | "absent"
                | "empty"
                | "bad"
                | "corrupt"
                | "expired"
                | "unreachable"
                | "unavailable"
                | "conflict"
                | "mismatch"
                | "already"
                | "never"
                | "nowhere"
        )
    })
}

/// A row of a printed object (`  routine: 'InitProcess'`, `}`): the rest of an error that was printed
/// with its properties, no sign of life.
fn is_property(text: &str) -> bool {
    let row = text.trim();
    if matches!(row, "}" | "}," | "]" | "]," | "})" | "{") {
        return true;
    }
    let Some((name, value)) = row.split_once(": ") else { return false };
    let value = value.trim_end_matches(',');
    let plain = matches!(value, "undefined" | "null" | "true" | "false" | "[" | "{") || value.parse::<f64>().is_ok();
    let quoted = value.len() >= 2 && value.starts_with(['\'', '"']) && value.ends_with(['\'', '"']);
    text.starts_with([' ', '\t'])
        && (plain || quoted)
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_[]'\"$".contains(&b))
}

/// A row of a crash dump: native frames, registers, rules. No sign of life.
pub fn is_dump(text: &str) -> bool {
    if is_property(text) {
        return true;
    }
    let text = text.trim();
    let numbered = text.split_once(": 0x").is_some_and(|(n, _)| n.trim().chars().all(|c| c.is_ascii_digit()));
    text.is_empty()
        || numbered
        || text.starts_with("0x")
        || text.starts_with("-----")
        || text.starts_with("<---")
        || text.starts_with("#0")
}

/// Does a line say that the program takes leave?
pub fn speaks_of_stopping(message: &str) -> bool {
    let head = cut(message, 200).to_ascii_lowercase();
    LEAVING.iter().any(|word| head.contains(word)) || head.ends_with("exit")
}

/// "timed out" and its like: that a limit fired, not why nothing came.
pub fn speaks_of_time(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["timeout", "timed out", "deadline exceeded", "not ready after", "incomplete after", "did not respond within"]
        .iter()
        .any(|w| message.contains(w))
        || nothing_came_in(&message)
}

/// "not ready within 6000 ms", "no answer after 30s": a limit, with a word that denies before it.
fn nothing_came_in(message: &str) -> bool {
    let denied = |before: &str| {
        before
            .split(|c: char| !c.is_alphanumeric() && c != '\'')
            .any(|word| matches!(word, "not" | "no" | "never" | "nothing" | "still") || word.ends_with("n't"))
    };
    [" within ", " after ", " in "].iter().any(|limit| {
        message.split_once(limit).is_some_and(|(before, after)| {
            let number = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
            let unit = number.trim_start().split(|c: char| !c.is_alphabetic()).next().unwrap_or("");
            number.len() < after.len()
                && matches!(unit, "ms" | "s" | "sec" | "secs" | "second" | "seconds" | "m" | "min" | "minutes")
                && denied(before)
        })
    })
}

/// The first line with something in it.
pub fn first_line(text: &str) -> &str {
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or("").trim()
}

/// Does a message only say that something failed?
pub fn is_vague(message: &str) -> bool {
    let head = first_line(message).to_ascii_lowercase();
    let told = head
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.len() > 3)
        .filter(|word| {
            !matches!(
                *word,
                "failed"
                    | "failure"
                    | "error"
                    | "fatal"
                    | "startup"
                    | "start"
                    | "started"
                    | "starting"
                    | "exiting"
                    | "exit"
                    | "application"
                    | "service"
                    | "server"
                    | "boot"
                    | "could"
                    | "cannot"
                    | "with"
                    | "code"
                    | "status"
                    | "initialization"
                    | "initialize"
                    | "process"
                    | "main"
                    | "aborting"
                    | "unable"
                    | "during"
                    | "critical"
                    | "panic"
                    | "unexpected"
                    | "occurred"
                    | "while"
            )
        })
        .count();
    told < 2
}

/// Exceptions of the languages themselves: the program's own code is wrong, or what it was given.
pub fn language_error(type_name: &str) -> bool {
    let last = type_name.rsplit(['.', ':']).next().unwrap_or(type_name);
    matches!(
        last,
        "KeyError"
            | "IndexError"
            | "TypeError"
            | "AttributeError"
            | "NameError"
            | "ValueError"
            | "ZeroDivisionError"
            | "AssertionError"
            | "UnboundLocalError"
            | "NotImplementedError"
            | "RecursionError"
            | "RangeError"
            | "ReferenceError"
            | "NullPointerException"
            | "IllegalArgumentException"
            | "IllegalStateException"
            | "IndexOutOfBoundsException"
            | "ArrayIndexOutOfBoundsException"
            | "ClassCastException"
            | "NumberFormatException"
            | "ArithmeticException"
            | "UnsupportedOperationException"
            | "NoMethodError"
            | "ArgumentError"
            | "ArgumentException"
            | "NullReferenceException"
            | "InvalidOperationException"
            | "panic"
    )
}

/// Names of files, hosts and objects in a text: words of five and more bytes that begin with a letter
/// or a slash and hold one of `/ . _ -`, without the position behind a file's name.
pub fn names(text: &str) -> std::collections::BTreeSet<String> {
    let limits = |c: char| {
        c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '(' | ')' | '[' | ']' | ',' | ';' | '=' | '<' | '>')
    };
    cut(text, 2_000)
        .split(limits)
        .map(|word| {
            let word = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '/');
            match word.rsplit_once(':') {
                Some((file, number)) if number.bytes().all(|b| b.is_ascii_digit()) => file,
                _ => word,
            }
        })
        .filter(|word| {
            word.len() >= 5
                && word.contains(['/', '.', '_', '-'])
                && word.starts_with(|c: char| c.is_alphabetic() || c == '/')
        })
        .map(str::to_owned)
        .collect()
}

/// Exceptions of libraries that stop retrying: what was retried stands before them.
pub fn gives_up(type_name: &str) -> bool {
    let last = type_name.rsplit(['.', ':']).next().unwrap_or(type_name);
    last.starts_with("RestartFreq")
        || [
            "RetryError",
            "RetriesExceeded",
            "RetryLimitExceeded",
            "TooManyRetries",
            "RetryExhausted",
            "ExhaustedRetry",
            "MaxRetriesPerRequest",
        ]
        .iter()
        .any(|name| last.contains(name))
}

/// Does a line say that a connection stands, not that one is being made?
pub fn says_connected(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    [
        "connected",
        "established",
        "reachable",
        "start completed",
        "added connection",
        "pool ready",
        "pool is ready",
        "connection ok",
        "database is up",
    ]
    .iter()
    .any(|word| text.contains(word))
        && !["disconnected", "not connected", "unreachable"].iter().any(|word| text.contains(word))
}

/// Does a line without a level of its own call itself a warning?
pub fn speaks_of_warning(text: &str) -> bool {
    let head = cut(text, 80).to_ascii_lowercase();
    ["warn", "notice", "deprecat", "skipping", "ignor"].iter().any(|word| head.contains(word))
        || ["w |", "w/", "[w]", "w:"].iter().any(|level| head.starts_with(level))
}

/// Does a line say of a failure that the program can do without what failed?
pub fn tolerates(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    [
        "optional",
        "not required",
        "non-fatal",
        "nonfatal",
        "not fatal",
        "disabled",
        " is off",
        " are off",
        "switched off",
        "turned off",
        "skipped",
        "skipping",
        "ignored",
        "ignoring",
        "without it",
        "going on",
        "continuing",
        "carrying on",
        "falling back",
        "fallback",
        "will be retried",
        "using default",
        "using the default",
        "best effort",
        "dropped",
        "not critical",
        "degraded",
        "proceeding",
    ]
    .iter()
    .any(|word| text.contains(word))
}

/// At most `max` bytes of `text`, cut at a character.
pub fn cut(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let mut end = max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
