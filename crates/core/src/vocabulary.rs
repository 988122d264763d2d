//! The closed sets of the vocabulary (DESIGN section 3): domains, layers, stages, roles, outcomes.
//!
//! Every enum here is written in JSON and TOML exactly as its `as_str` says. Sets are closed: a new
//! member is added here, and the compiler shows every place that has to know it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Declares a closed set of words: the enum, its wire names, `ALL`, `Display`, `FromStr`.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every member, in declared order.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];
            /// The word as it stands in JSON, TOML and on the command line.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.pad(self.as_str()) }
        }
        impl std::str::FromStr for $name {
            type Err = $crate::vocabulary::UnknownWord;
            fn from_str(word: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|w| w.as_str() == word).ok_or_else(|| $crate::vocabulary::UnknownWord {
                    word: word.to_owned(),
                    set: stringify!($name),
                    known: Self::ALL.iter().map(|w| w.as_str()).collect::<Vec<_>>().join(", "),
                })
            }
        }
    };
}
pub(crate) use words;

/// A word that is not a member of the closed set it was read for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not a {set}; known: {known}")]
pub struct UnknownWord {
    /// What was read.
    pub word: String,
    /// The set that does not have it.
    pub set: &'static str,
    /// The members of that set.
    pub known: String,
}

words! {
    /// Whose kind of fault it is.
    Domain {
        /// The program or its image.
        Application = "application",
        /// Values that the program or a server was given.
        Configuration = "configuration",
        /// Something that the program needs is down, busy or in the wrong state.
        Dependency = "dependency",
        /// A limit was reached: slots, memory, disk, descriptors.
        Capacity = "capacity",
        /// The way to a dependency: names, routes, handshakes.
        Network = "network",
        /// What runs the program: scheduler, mounts, probes, clock.
        Platform = "platform",
    }
}

words! {
    /// Where in a start or in a connection something passed or failed. The first ten are what a
    /// probe walks through, in order; the rest belong to the process itself.
    Layer {
        /// Values are present and well-formed.
        Config = "config",
        /// Names resolve.
        Dns = "dns",
        /// A unix socket exists, is one, and may be used; or a port can be bound.
        Socket = "socket",
        /// A TCP connection is made.
        Tcp = "tcp",
        /// TLS is agreed on and the peer's certificate is accepted.
        Tls = "tls",
        /// The server greets in its own protocol and is willing.
        Protocol = "protocol",
        /// The server accepts who is asking.
        Auth = "auth",
        /// A connection slot is granted.
        Slot = "slot",
        /// A statement is answered.
        Query = "query",
        /// The tables and extensions that the program needs are there.
        Schema = "schema",
        /// The process can be executed at all.
        Process = "process",
        /// The program's code is loaded.
        Import = "import",
        /// The program's own start-up code runs.
        Startup = "startup",
        /// The schema is brought up to date.
        Migration = "migration",
        /// The platform asks whether the program is up.
        Probe = "probe",
        /// Memory, disk, files, descriptors.
        Resource = "resource",
    }
}

words! {
    /// How far an imported attempt provably came.
    Stage {
        /// The platform decided to start an instance.
        Scheduled = "scheduled",
        /// The image is there.
        Image = "image",
        /// The process exists.
        Process = "process",
        /// The program's code is being loaded.
        Import = "import",
        /// The program reads its settings.
        Config = "config",
        /// The program talks to what it depends on.
        Dependencies = "dependencies",
        /// The program listens, after loading.
        Listening = "listening",
        /// The program says that start-up is complete.
        Ready = "ready",
        /// The program answered a request.
        Serving = "serving",
    }
}

words! {
    /// Who owns the next move. Mapped to real teams by configuration.
    Role {
        /// Who writes the program.
        Application = "application",
        /// Who builds its image.
        Build = "build",
        /// Who runs the platform.
        Platform = "platform",
        /// Who runs the network.
        Network = "network",
        /// Who runs the database.
        Database = "database",
        /// Somebody outside the organisation.
        Vendor = "vendor",
        /// Nobody: wait.
        Nobody = "nobody",
    }
}

words! {
    /// How an attempt came out.
    AttemptOutcome {
        /// Its end, or the failure that ended it, was seen.
        Failed = "failed",
        /// It became ready.
        Ready = "ready",
        /// It became ready and ended in failure; counts as failed, at its end.
        ReadyThenFailed = "ready_then_failed",
        /// The input begins or ends inside it and shows neither.
        CutOff = "cut_off",
        /// A hung process whose end nobody saw.
        Unknown = "unknown",
    }
}

words! {
    /// How the whole came out.
    Outcome {
        /// The target does not start, and a cause is known at least as possible.
        Failed = "failed",
        /// A ready attempt of the target started after its last failed one had ended.
        Ready = "ready",
        /// The evidence cannot decide.
        Undetermined = "undetermined",
    }
}

words! {
    /// The word for a confidence.
    Certainty {
        /// At least 0.95.
        Proved = "proved",
        /// At least 0.8.
        Likely = "likely",
        /// At least 0.5. Below that a cause is not named.
        Possible = "possible",
    }
}

impl Certainty {
    /// The word for `confidence`, or `None` below the bar under which a cause is not named.
    pub fn of(confidence: f64) -> Option<Certainty> {
        match confidence {
            c if c >= 0.95 => Some(Certainty::Proved),
            c if c >= 0.8 => Some(Certainty::Likely),
            c if c >= 0.5 => Some(Certainty::Possible),
            _ => None,
        }
    }
}

words! {
    /// What has become of a cause.
    CauseStatus {
        /// It stops starts now.
        Present = "present",
        /// A later attempt passed its stage.
        Resolved = "resolved",
        /// No later attempt got that far: nothing is known about it now.
        Masked = "masked",
    }
}

words! {
    /// Would trying again help?
    Retry {
        /// Waiting can mend it.
        Helps = "helps",
        /// No number of tries changes it.
        Pointless = "pointless",
        /// The evidence does not tell.
        Unknown = "unknown",
    }
}

words! {
    /// What kind of change a row shows.
    ChangeKind {
        /// A new revision or image was rolled out.
        Deploy = "deploy",
        /// A setting, seen; that it was changed is only said when both values are known.
        Setting = "setting",
        /// Another image.
        Image = "image",
    }
}

words! {
    /// Severity of one row, from its envelope or from a parsed level column, never from its text.
    Severity {
        /// Trace and debug.
        Debug = "DEBUG",
        /// Informational.
        Info = "INFO",
        /// Notice: normal but significant.
        Notice = "NOTICE",
        /// Warning.
        Warning = "WARNING",
        /// Error.
        Error = "ERROR",
        /// Critical, alert, emergency, fatal, panic.
        Critical = "CRITICAL",
    }
}

impl Severity {
    /// Reads the level words of the common loggers and envelopes, in any case, and the numeric
    /// levels of pino/bunyan (10 to 60). `DEFAULT` and unknown words are no severity.
    pub fn read(word: &str) -> Option<Severity> {
        let word = word.trim();
        let is = |names: &[&str]| names.iter().any(|n| word.eq_ignore_ascii_case(n));
        Some(if is(&["trace", "debug", "dbg", "trc", "fine", "finer", "finest", "10", "20", "debug1", "debug2"]) {
            Severity::Debug
        } else if is(&["info", "inf", "information", "informational", "log", "30", "config"]) {
            Severity::Info
        } else if is(&["notice", "note", "hint", "detail"]) {
            Severity::Notice
        } else if is(&["warn", "warning", "wrn", "40"]) {
            Severity::Warning
        } else if is(&["error", "err", "eror", "severe", "fail", "50"]) {
            Severity::Error
        } else if is(&["critical", "crit", "fatal", "ftl", "panic", "dpanic", "alert", "emerg", "emergency", "60"]) {
            Severity::Critical
        } else {
            return None;
        })
    }
}

/// The name of a cause: lower case words joined by `_`, a key of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct CauseKey(Box<str>);

impl CauseKey {
    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CauseKey {
    type Error = BadCauseKey;
    fn try_from(key: String) -> Result<Self, BadCauseKey> {
        let fits = !key.is_empty()
            && key.len() <= 64
            && key.starts_with(|c: char| c.is_ascii_lowercase())
            && key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if fits { Ok(CauseKey(key.into())) } else { Err(BadCauseKey(key)) }
    }
}

impl std::str::FromStr for CauseKey {
    type Err = BadCauseKey;
    fn from_str(key: &str) -> Result<Self, BadCauseKey> {
        CauseKey::try_from(key.to_owned())
    }
}

impl From<CauseKey> for String {
    fn from(key: CauseKey) -> String {
        key.0.into()
    }
}

impl fmt::Display for CauseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A text that cannot name a cause.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot name a cause: want lower case letters, digits and `_`, a letter first, at most 64")]
pub struct BadCauseKey(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back_what_they_write() {
        for domain in Domain::ALL {
            assert_eq!(domain.as_str().parse::<Domain>(), Ok(*domain));
            assert_eq!(serde_json::to_string(domain).unwrap(), format!("\"{domain}\""));
        }
        let error = "nonsense".parse::<Layer>().unwrap_err().to_string();
        assert!(error.contains("`nonsense` is not a Layer; known: config, dns"), "{error}");
    }

    #[test]
    fn layers_and_stages_are_ordered_as_a_start_walks_through_them() {
        assert!(Layer::Dns < Layer::Tcp && Layer::Tcp < Layer::Auth && Layer::Auth < Layer::Query);
        assert!(Stage::Import < Stage::Dependencies && Stage::Dependencies < Stage::Serving);
    }

    #[test]
    fn certainty_words_follow_the_bars() {
        assert_eq!(Certainty::of(0.95), Some(Certainty::Proved));
        assert_eq!(Certainty::of(0.8), Some(Certainty::Likely));
        assert_eq!(Certainty::of(0.5), Some(Certainty::Possible));
        assert_eq!(Certainty::of(0.49), None);
    }

    #[test]
    fn severity_reads_words_of_many_loggers() {
        assert_eq!(Severity::read("warn"), Some(Severity::Warning));
        assert_eq!(Severity::read("SEVERE"), Some(Severity::Error));
        assert_eq!(Severity::read("60"), Some(Severity::Critical));
        assert_eq!(Severity::read("DEFAULT"), None);
    }

    #[test]
    fn cause_keys_are_validated() {
        assert!("missing_module".parse::<CauseKey>().is_ok());
        assert!("Missing module".parse::<CauseKey>().is_err());
        assert!("".parse::<CauseKey>().is_err());
    }
}
