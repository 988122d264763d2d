//! What a probe finds out: what passed, what failed with which code, and notes beside both.
//!
//! Texts are the server's own words, bounded, on one line and without secrets. They are shown and
//! never decided on: whoever decides looks at the [`Code`].

use std::fmt;
use std::time::Duration;
use tminus_core::code::Code;
use tminus_core::redact::Redactor;
use tminus_core::vocabulary::Layer;

/// Longest text of a failure or a note, in characters.
pub const TEXT_MAX: usize = 400;

/// Most notes of one layer.
const NOTES_MAX: usize = 32;

/// Declares the closed set of what notes can be about.
macro_rules! subjects {
    ($($(#[$doc:meta])* $name:ident = $word:literal),+ $(,)?) => {
        /// What a note is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Subject { $($(#[$doc])* $name),+ }
        impl Subject {
            /// The word in JSON and in texts.
            pub const fn as_str(self) -> &'static str {
                match self { $(Subject::$name => $word),+ }
            }
        }
    };
}

subjects! {
    /// Addresses that a name has, in the order in which they are dialled.
    Addresses = "addresses",
    /// Where the addresses come from: a literal, the hosts file, which resolver.
    ResolvedBy = "resolved_by",
    /// The resolver of the system library answers differently from ours.
    ResolverDiffers = "resolver_differs",
    /// Lowest remaining lifetime of the addresses, in seconds.
    NameTtl = "name_ttl_s",
    /// The address that accepted.
    Peer = "peer",
    /// Version of TLS that was agreed on.
    TlsVersion = "tls_version",
    /// Cipher suite that was agreed on.
    TlsCipher = "tls_cipher",
    /// TLS is not used, and why.
    TlsUnused = "tls_unused",
    /// Last moment of the certificate.
    CertificateUntil = "certificate_until",
    /// Something about the certificate that would stop a stricter client.
    CertificateFinding = "certificate_finding",
    /// How far this machine's clock is from the server's, in seconds; positive: ours is ahead.
    ClockAhead = "clock_ahead_s",
    /// SQLSTATE of the server's error.
    SqlState = "sqlstate",
    /// Version that the server reports.
    ServerVersion = "server_version",
    /// What answers is a pooler or a proxy, as its words show.
    Pooler = "pooler",
    /// How the server wants to know who is asking.
    Authentication = "authentication",
    /// What the server said although it goes on.
    Notice = "notice",
    /// True for a standby.
    InRecovery = "in_recovery",
    /// True when transactions are read-only.
    ReadOnly = "read_only",
    /// Slots that the server has.
    MaxConnections = "max_connections",
    /// Slots that are kept for superusers and for roles with a privilege.
    Reserved = "reserved_connections",
    /// Slots in use by clients.
    Used = "used_connections",
    /// Slots in use, by the name that the clients gave themselves.
    UsedBy = "used_by",
    /// Role of a Redis server.
    Role = "role",
    /// Connected clients of a Redis server.
    Clients = "clients",
    /// HTTP status.
    Status = "status",
    /// Where a redirect leads.
    Location = "location",
    /// Bytes of a file or body.
    Size = "size_bytes",
    /// Revision that stands in the table of migrations.
    Revision = "revision",
    /// What could not be found out, and why.
    NotSeen = "not_seen",
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One thing that was seen beside the outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What it is about.
    pub subject: Subject,
    /// What was seen.
    pub value: String,
}

impl Note {
    /// A note; the value is bounded and brought to one line.
    pub fn new(subject: Subject, value: impl fmt::Display) -> Note {
        Note { subject, value: bounded(&value.to_string()) }
    }
}

/// A layer did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What came out. Its layer may be another one than the one that was asked: some refusals come
    /// early.
    pub code: Code,
    /// The other side's own words, or what was seen; bounded and without secrets.
    pub detail: String,
    /// What else was seen.
    pub notes: Vec<Note>,
    /// The other side's wish (`Retry-After`).
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure with a text of our own or of the other side.
    pub fn new(code: Code, detail: impl fmt::Display) -> Failure {
        Failure { code, detail: bounded(&detail.to_string()), notes: Vec::new(), retry_after: None }
    }

    /// With one note more.
    pub fn with(mut self, subject: Subject, value: impl fmt::Display) -> Failure {
        self.notes.push(Note::new(subject, value));
        self
    }

    /// The layer at which it is to be shown when `asked` was asked: no earlier than that, because
    /// what was passed before stays passed. TLS is the exception: a server may refuse a certificate
    /// (or that there is no TLS) only when the handshake seems to be over.
    pub fn layer(&self, asked: Layer) -> Layer {
        match self.code.layer() {
            Layer::Tls => Layer::Tls,
            own => asked.max(own),
        }
    }

    /// Without secrets.
    pub(crate) fn cleaned(mut self, redactor: &Redactor) -> Failure {
        self.detail = redactor.clean(&self.detail).into_owned();
        clean_notes(&mut self.notes, redactor);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.detail.is_empty() {
            true => f.write_str(self.code.row().meaning),
            false => write!(f, "{}: {}", self.code.row().meaning, self.detail),
        }
    }
}

impl std::error::Error for Failure {}

/// A layer passed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// What was seen.
    pub notes: Vec<Note>,
    /// The slots of a database, when it showed them.
    pub slots: Option<Slots>,
}

impl Passed {
    /// One note more; a server that never stops talking fills no memory.
    pub(crate) fn note(&mut self, subject: Subject, value: impl fmt::Display) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(Note::new(subject, value));
        }
    }

    pub(crate) fn with(mut self, subject: Subject, value: impl fmt::Display) -> Passed {
        self.note(subject, value);
        self
    }

    pub(crate) fn cleaned(mut self, redactor: &Redactor) -> Passed {
        clean_notes(&mut self.notes, redactor);
        for (application, _) in self.slots.iter_mut().flat_map(|slots| &mut slots.by_application) {
            *application = redactor.clean(application).into_owned();
        }
        self
    }
}

/// Connection slots of a Postgres server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slots {
    /// `max_connections`.
    pub max: u32,
    /// Kept for superusers and for roles with `pg_use_reserved_connections`.
    pub reserved: u32,
    /// In use by clients; none when the server did not show it.
    pub used: Option<u32>,
    /// In use, by `application_name`, most first; the name may be empty.
    pub by_application: Vec<(String, u32)>,
}

fn clean_notes(notes: &mut [Note], redactor: &Redactor) {
    for note in notes {
        note.value = redactor.clean(&note.value).into_owned();
    }
}

/// One line of at most [`TEXT_MAX`] characters; control characters become blanks.
pub(crate) fn bounded(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(TEXT_MAX));
    for (index, c) in text.trim().chars().enumerate() {
        if index == TEXT_MAX {
            out.push('…');
            break;
        }
        out.push(if c.is_control() { ' ' } else { c });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_one_bounded_line() {
        let failure = Failure::new(Code::Refused, format!("a\nb\u{1b}[31m{}", "x".repeat(9000)));
        assert!(failure.detail.starts_with("a b [31mxxx"));
        assert_eq!(failure.detail.chars().count(), TEXT_MAX + 1);
    }

    #[test]
    fn a_refusal_that_comes_early_is_shown_at_its_own_layer_and_a_late_one_where_it_came() {
        assert_eq!(Failure::new(Code::SlotsFull, "").layer(Layer::Protocol), Layer::Slot);
        assert_eq!(Failure::new(Code::StartingUp, "").layer(Layer::Query), Layer::Query);
        assert_eq!(Failure::new(Code::TlsClientCertificate, "").layer(Layer::Protocol), Layer::Tls);
    }

    #[test]
    fn secrets_are_taken_out_of_texts_and_notes() {
        let redactor = Redactor::new(["hunter2x".to_owned()]);
        let failure = Failure::new(Code::PasswordRejected, "no: hunter2x").with(Subject::Notice, "hunter2x!");
        let failure = failure.cleaned(&redactor);
        assert_eq!((failure.detail.as_str(), failure.notes[0].value.as_str()), ("no: ***", "***!"));
    }
}
