//! Authentication: password in the clear, MD5, SCRAM-SHA-256 with and without channel binding.
//!
//! A kind that we do not speak (GSSAPI, SSPI, OAuth) is "cannot judge". The password goes to the
//! server that asked for it and nowhere else.

use super::{refusal, session, wire};
use crate::connection::Connection;
use crate::finding::{Failure, Passed, Subject};
use crate::probe::Context;
use crate::wire::Broken;
use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::authentication::{md5_hash, sasl};
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;
use tminus_core::code::Code;
use tminus_core::secret::Secret;
use tminus_core::target::Postgres;
use tminus_core::vocabulary::Layer;

/// Most rounds of hashing that a server may ask for. Postgres' default is 4,096; a server that asks
/// for billions would keep the processor busy for hours.
const ITERATIONS_MAX: u32 = 1_000_000;

/// What the server asks for, for people.
pub(super) fn kind(message: &Message) -> Option<&'static str> {
    Some(match message {
        Message::AuthenticationOk => "none",
        Message::AuthenticationCleartextPassword => "password",
        Message::AuthenticationMd5Password(_) => "md5",
        Message::AuthenticationSasl(_) => "sasl",
        Message::AuthenticationGss => "gss",
        Message::AuthenticationSspi => "sspi",
        Message::AuthenticationKerberosV5 => "kerberos",
        Message::AuthenticationScmCredential => "scm",
        _ => return None,
    })
}

/// Answers the server's request and reads on to the message behind AuthenticationOk: a database
/// that is missing, a role or a slot that is refused come there.
pub(super) async fn authenticate(
    target: &Postgres,
    context: &Context,
    conn: &mut Connection,
) -> Result<Passed, Failure> {
    let mut scram: Option<sasl::ScramSha256> = None;
    let mut passed = Passed::default();
    loop {
        let message = match session(conn).pending.take() {
            Some(message) => message,
            None => wire::next(conn, Layer::Auth).await?,
        };
        match message {
            Message::AuthenticationOk => break,
            Message::ErrorResponse(body) => return Err(refusal::judge(&refusal::Words::of(&body), Layer::Auth)),
            Message::NoticeResponse(body) => {
                passed.note(Subject::Notice, refusal::Words::of_notice(&body).message);
            }
            Message::AuthenticationCleartextPassword => {
                let password = password(target, context, conn)?;
                send(conn, |out| frontend::password_message(password.reveal().as_bytes(), out)).await?;
            }
            Message::AuthenticationMd5Password(body) => {
                let user = target.user.as_deref().unwrap_or_default();
                let hash = md5_hash(user.as_bytes(), password(target, context, conn)?.reveal().as_bytes(), body.salt());
                send(conn, |out| frontend::password_message(hash.as_bytes(), out)).await?;
            }
            Message::AuthenticationSasl(body) => {
                let mechanisms: Vec<String> = body.mechanisms().map(|m| Ok(m.to_owned())).collect().unwrap_or_default();
                if !mechanisms.iter().any(|mechanism| mechanism == sasl::SCRAM_SHA_256) {
                    return Err(unjudged(&mechanisms.join(", ")));
                }
                // Channel binding is offered only where it can be kept; `n` says so honestly.
                let binding = sasl::ChannelBinding::unsupported();
                let exchange = sasl::ScramSha256::new(password(target, context, conn)?.reveal().as_bytes(), binding);
                send(conn, |out| frontend::sasl_initial_response(sasl::SCRAM_SHA_256, exchange.message(), out)).await?;
                scram = Some(exchange);
            }
            Message::AuthenticationSaslContinue(body) => {
                let exchange = scram.as_mut().ok_or_else(|| nonsense("a SCRAM answer that nobody asked for"))?;
                bounded_rounds(body.data())?;
                exchange.update(body.data()).map_err(|error| nonsense(&error.to_string()))?;
                let answer = exchange.message().to_vec();
                send(conn, |out| frontend::sasl_response(&answer, out)).await?;
            }
            Message::AuthenticationSaslFinal(body) => {
                let exchange = scram.as_mut().ok_or_else(|| nonsense("a SCRAM answer that nobody asked for"))?;
                exchange.finish(body.data()).map_err(|error| {
                    let detail = format!("the server does not prove that it knows the password: {error}");
                    Failure::new(Code::PasswordRejected, detail)
                })?;
            }
            other => match kind(&other) {
                Some(kind) => return Err(unjudged(kind)),
                None => return Err(nonsense("a message that has no place in authentication")),
            },
        }
    }
    session(conn).authenticated = true;
    behind(conn, &mut passed).await?;
    Ok(passed)
}

/// The message behind AuthenticationOk. One that speaks of slots is left to the layer of slots:
/// authentication has passed.
async fn behind(conn: &mut Connection, passed: &mut Passed) -> Result<(), Failure> {
    loop {
        match wire::next(conn, Layer::Auth).await? {
            Message::ErrorResponse(body) => {
                let failure = refusal::judge(&refusal::Words::of(&body), Layer::Auth);
                if failure.code.layer() <= Layer::Auth {
                    return Err(failure);
                }
                session(conn).ahead = Some(Message::ErrorResponse(body));
                return Ok(());
            }
            Message::NoticeResponse(body) => {
                passed.note(Subject::Notice, refusal::Words::of_notice(&body).message);
            }
            message => {
                session(conn).ahead = Some(message);
                return Ok(());
            }
        }
    }
}

/// The target's password, else the one that libpq's password file has for it.
fn password(target: &Postgres, context: &Context, conn: &Connection) -> Result<Secret, Failure> {
    if let Some(password) = &target.password {
        return Ok(password.clone());
    }
    let path = context.places.passfile();
    let found = path.and_then(|path| super::passfile::look_up(&path, target, conn.peer.as_ref()));
    found.ok_or_else(|| Failure::new(Code::PasswordMissing, ""))
}

fn unjudged(kind: &str) -> Failure {
    Failure::new(Code::AuthUnjudged, format!("the server asks for {kind}"))
}

fn nonsense(what: &str) -> Failure {
    Failure::new(Code::OtherProtocol, what)
}

/// `r=...,s=...,i=4096`: refuses absurd counts before anything is computed.
fn bounded_rounds(data: &[u8]) -> Result<(), Failure> {
    let text = std::str::from_utf8(data).map_err(|_| nonsense("a SCRAM answer that is no text"))?;
    let rounds = text.split(',').find_map(|part| part.strip_prefix("i=")).and_then(|count| count.parse::<u32>().ok());
    match rounds {
        Some(rounds) if (1..=ITERATIONS_MAX).contains(&rounds) => Ok(()),
        _ => Err(nonsense("a SCRAM answer without a sensible number of rounds")),
    }
}

async fn send(conn: &mut Connection, write: impl FnOnce(&mut BytesMut) -> std::io::Result<()>) -> Result<(), Failure> {
    let mut out = BytesMut::new();
    write(&mut out).map_err(|error| nonsense(&error.to_string()))?;
    conn.send(&out).await.map_err(|error| Broken::from(error).at(Layer::Auth, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_numbers_of_rounds_are_refused() {
        assert!(bounded_rounds(b"r=abc,s=def,i=4096").is_ok());
        for odd in [&b"r=abc,s=def,i=4000000000"[..], b"r=abc,s=def,i=0", b"r=abc,s=def", b"i=x", b"\xff"] {
            assert_eq!(bounded_rounds(odd).unwrap_err().code, Code::OtherProtocol);
        }
    }
}
