//! What it means when a connection breaks or answers in a foreign tongue.

use crate::finding::Failure;
use std::io;
use tminus_core::code::Code;
use tminus_core::vocabulary::Layer;

/// How the other side left.
#[derive(Debug)]
pub(crate) enum Broken {
    /// It closed.
    Closed,
    /// An error of the socket or of TLS.
    Io(io::Error),
    /// More, or something else, than its protocol allows.
    Nonsense(String),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Broken {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Broken::Closed,
            io::ErrorKind::InvalidData if error.get_ref().is_none_or(|inner| !inner.is::<rustls::Error>()) => {
                Broken::Nonsense(error.to_string())
            }
            _ => Broken::Io(error),
        }
    }
}

impl Broken {
    /// The failure when it happened at `layer`; `greeted`: the other side had said a word.
    pub(crate) fn at(self, layer: Layer, greeted: bool) -> Failure {
        let code = match layer {
            Layer::Query | Layer::Schema => Code::QueryFailed,
            _ if greeted => Code::ClosedAfterGreeting,
            _ => Code::ClosedBeforeGreeting,
        };
        match self {
            Broken::Closed => Failure::new(code, "the other side closed the connection"),
            Broken::Io(error) => match crate::tls::late(&error) {
                Some(failure) => failure,
                None => Failure::new(code, crate::dial::words(&error)),
            },
            Broken::Nonsense(what) => Failure::new(Code::OtherProtocol, what),
        }
    }
}

/// What the first bytes of an answer look like, when they are not what was asked for.
pub(crate) fn tongue(bytes: &[u8]) -> &'static str {
    match bytes {
        [b'H', b'T', b'T', b'P', b'/', ..] => "HTTP",
        [b'S', b'S', b'H', b'-', ..] => "SSH",
        [0x15 | 0x16, 3, 0..=4, ..] => "TLS",
        [b'-' | b'+', rest @ ..] if rest.first().is_some_and(u8::is_ascii_alphabetic) => "Redis",
        [_, _, 0, 0, 10, ..] | [_, _, 0, 0, 0xff, ..] => "MySQL",
        [b'I', b'N', b'F', b'O', b' ', ..] => "NATS",
        [b'A', b'M', b'Q', b'P', ..] => "AMQP",
        [b'2', b'2', b'0', b' ' | b'-', ..] => "SMTP or FTP",
        _ => "something unknown",
    }
}
