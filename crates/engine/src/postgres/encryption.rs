//! libpq's `sslmode` and `sslnegotiation`: whether and how the connection is encrypted, and the
//! second way that `allow` and `prefer` go when the first is refused.

use super::{session, start};
use crate::connection::{Connection, Io, Session as Protocol};
use crate::finding::{Failure, Passed, Subject};
use crate::probe::{Address, Context};
use crate::tls::{self, Strictness, Terms};
use crate::trust::Source;
use crate::wire::{Broken, tongue};
use std::path::PathBuf;
use tminus_core::code::Code;
use tminus_core::target::{Postgres, SslMode};
use tminus_core::vocabulary::Layer;

/// Asks for TLS (protocol 1234.5679).
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// The TLS layer, as `sslmode` wants it.
pub(super) async fn negotiate(target: &Postgres, context: &Context, conn: &mut Connection) -> Result<Passed, Failure> {
    if matches!(conn.peer, Some(Address::Unix(_))) {
        return Ok(Passed::default().with(Subject::TlsUnused, "never on a unix socket"));
    }
    if target.ssl_mode <= SslMode::Allow {
        return Ok(Passed::default().with(Subject::TlsUnused, format!("sslmode={}", target.ssl_mode)));
    }
    match encrypt(target, context, conn).await {
        Err(failure) if target.ssl_mode == SslMode::Prefer && is_of_tls(failure.code) => {
            // As libpq: a server whose TLS does not work is asked again without.
            redial(conn).await?;
            session(conn).second_way = true;
            let why = format!("it failed ({}: {}), and sslmode=prefer goes on without", failure.code, failure.detail);
            Ok(Passed { notes: failure.notes, slots: None }.with(Subject::TlsUnused, why))
        }
        outcome => outcome,
    }
}

fn is_of_tls(code: Code) -> bool {
    code.layer() == Layer::Tls
}

async fn encrypt(target: &Postgres, context: &Context, conn: &mut Connection) -> Result<Passed, Failure> {
    if !target.ssl_direct {
        match ask(conn).await? {
            true => {}
            false if target.ssl_mode >= SslMode::Require => {
                let detail = format!("sslmode={}, and the server answers that it has none", target.ssl_mode);
                return Err(Failure::new(Code::TlsNotOffered, detail));
            }
            false => return Ok(Passed::default().with(Subject::TlsUnused, "the server does not offer it")),
        }
    }
    let terms = terms(target, context, conn)?;
    let outcome = tls::handshake(conn, &terms, &context.places).await.map_err(|failure| match failure.code {
        // An older server takes the handshake for a broken startup message and hangs up.
        Code::TlsClosed if target.ssl_direct => {
            Failure { detail: format!("{}; sslnegotiation=direct needs Postgres 17", failure.detail), ..failure }
        }
        _ => failure,
    });
    // Drivers differ here, and the program's may be one that does as we do.
    let assumed =
        target.ssl_mode >= SslMode::VerifyCa && target.ssl_root_cert.is_none() && terms.roots == Source::System;
    if !assumed {
        return outcome;
    }
    let words =
        "libpq itself stops here for want of sslrootcert (a file, or `system`); judged by this machine's issuers";
    match outcome {
        Ok(passed) => Ok(passed.with(Subject::CertificateFinding, words)),
        Err(failure) => Err(failure.with(Subject::CertificateFinding, words)),
    }
}

/// SSLRequest: `S` or `N`.
async fn ask(conn: &mut Connection) -> Result<bool, Failure> {
    let broken = |broken: Broken| broken.at(Layer::Tls, false);
    conn.send(&SSL_REQUEST).await.map_err(|error| broken(error.into()))?;
    let got = conn.fill(4096).await.map_err(|error| broken(error.into()))?;
    let first = match got {
        0 => return Err(broken(Broken::Closed)),
        _ => conn.buffer[0],
    };
    match first {
        // More behind the answer would be bytes that somebody else put there (CVE-2021-23222).
        b'S' if conn.buffer.len() == 1 => {
            conn.consume(1);
            Ok(true)
        }
        b'S' => Err(Failure::new(Code::OtherProtocol, "unencrypted bytes behind the agreement on TLS")),
        b'N' => {
            conn.consume(1);
            Ok(false)
        }
        b'E' => match super::wire::first(conn).await {
            Err(failure) => Err(failure),
            Ok(postgres_protocol::message::backend::Message::ErrorResponse(body)) => {
                Err(super::refusal::judge(&super::refusal::Words::of(&body), Layer::Tls))
            }
            Ok(_) => Err(Failure::new(Code::OtherProtocol, "an answer that has no place before TLS")),
        },
        _ => {
            let what = format!("what answers speaks {}, not Postgres", tongue(&conn.buffer));
            Err(Failure::new(Code::OtherProtocol, what))
        }
    }
}

fn terms(target: &Postgres, context: &Context, conn: &Connection) -> Result<Terms, Failure> {
    let own = context.places.libpq_root().filter(|path| path.exists());
    let roots = match (target.ssl_root_cert.as_deref(), own) {
        (Some("system"), _) => Source::System,
        (Some(file), _) => Source::File(PathBuf::from(file)),
        (None, Some(file)) => Source::File(file),
        (None, None) => Source::System,
    };
    let file = matches!(&roots, Source::File(path) if path.exists());
    let strictness = match target.ssl_mode {
        SslMode::VerifyFull => Strictness::Name,
        SslMode::VerifyCa => Strictness::Chain,
        // As libpq: with a file of issuers at hand, `require` checks the chain.
        SslMode::Require if file => Strictness::Chain,
        _ => Strictness::Nothing,
    };
    let client = match &target.ssl_client {
        Some((certificate, key)) => Some((PathBuf::from(certificate), PathBuf::from(key))),
        None => context.places.libpq_client(),
    };
    let alpn = target.ssl_direct.then_some(&b"postgresql"[..]);
    Ok(Terms { strictness, roots, client, name: context.name_of(conn), alpn })
}

/// A fresh connection to the same address: a server that refused one way closes it.
async fn redial(conn: &mut Connection) -> Result<(), Failure> {
    let Some(peer) = conn.peer.clone() else {
        return Err(Failure::new(Code::Internal, "a connection without an address"));
    };
    conn.io = Io::None;
    *conn = crate::dial::dial(&peer).await?;
    conn.session = Protocol::Fresh;
    Ok(())
}

/// What libpq does after a refusal that another way could mend: `allow` tries TLS, `prefer` tries
/// without. `None`: there is no other way, the refusal stands.
pub(super) async fn second_way(
    target: &Postgres,
    context: &Context,
    conn: &mut Connection,
    failure: &Failure,
) -> Option<Result<(), Failure>> {
    let by_rules = matches!(failure.code, Code::HostNotPermitted | Code::TlsRequired);
    let plain_only = matches!(conn.peer, Some(Address::Unix(_))) || session(conn).second_way;
    if !by_rules || plain_only {
        return None;
    }
    let encrypted = conn.is_tls();
    match (target.ssl_mode, encrypted) {
        (SslMode::Prefer, true) => Some(again(target, context, conn, false, failure).await),
        (SslMode::Allow, false) => Some(again(target, context, conn, true, failure).await),
        // Not tried by libpq, but only trying proves that TLS is what is missing.
        (SslMode::Disable | SslMode::Prefer, false) => Some(Err(proof(target, context, conn, failure).await)),
        _ => None,
    }
}

/// Starts again on the other way; when that fails too, the first refusal stands.
async fn again(
    target: &Postgres,
    context: &Context,
    conn: &mut Connection,
    tls: bool,
    failure: &Failure,
) -> Result<(), Failure> {
    redial(conn).await?;
    session(conn).second_way = true;
    if tls {
        let wanted = Postgres { ssl_mode: SslMode::Require, ..target.clone() };
        if encrypt(&wanted, context, conn).await.is_err() {
            return Err(failure.clone());
        }
    }
    match start(target, conn).await {
        Err(second) if second.code == Code::HostNotPermitted => Err(failure.clone()),
        outcome => outcome,
    }
}

/// The refusal, as "takes only TLS" when the same startup inside TLS is not refused.
async fn proof(target: &Postgres, context: &Context, conn: &mut Connection, failure: &Failure) -> Failure {
    if failure.code == Code::TlsRequired {
        return failure.clone();
    }
    match again(target, context, conn, true, failure).await {
        Ok(()) => Failure { code: Code::TlsRequired, ..failure.clone() },
        // Inside TLS it got past the access rules and failed of something else.
        Err(other) if other.code != Code::HostNotPermitted && conn.is_tls() => {
            Failure { code: Code::TlsRequired, ..failure.clone() }
        }
        Err(_) => failure.clone(),
    }
}
