//! The TLS layer: one handshake, with everything that can be said about it.
//!
//! A client's strictness decides what fails; whatever else is wrong with a certificate becomes a
//! note. What our TLS cannot speak is "cannot judge", never the dependency's failure.
//! Where to start reading: [`handshake`], then `tls/judge.rs` for what is said of certificates.

mod certificate;
mod judge;

use crate::connection::{Connection, Io};
use crate::finding::{Failure, Passed, Subject};
use crate::trust::{Places, Roots, Source};
use judge::{Finding, Judge};
use rustls::client::{ResolvesClientCert, danger::ServerCertVerifier};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, ClientConfig, PeerIncompatible, SignatureScheme};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tminus_core::code::Code;

/// What of a certificate must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Strictness {
    /// Nothing: `require`.
    Nothing,
    /// Chain and dates: `verify-ca`.
    Chain,
    /// The name too: `verify-full`, HTTPS.
    Name,
}

/// How TLS is to be done for a target.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub strictness: Strictness,
    pub roots: Source,
    pub client: Option<(PathBuf, PathBuf)>,
    /// Name or address that the certificate must be for.
    pub name: String,
    /// ALPN, when the protocol has a name of its own.
    pub alpn: Option<&'static [u8]>,
}

/// Takes a plain connection through TLS.
///
/// # Errors
/// What failed, with every other finding about the certificate as a note. The connection is gone.
pub(crate) async fn handshake(conn: &mut Connection, terms: &Terms, places: &Places) -> Result<Passed, Failure> {
    let roots = match places.load(&terms.roots) {
        Ok(roots) => roots,
        // Who does not check needs no issuers; findings then only lack what needs them.
        Err(_) if terms.strictness == Strictness::Nothing => {
            Arc::new(Roots { anchors: Vec::new(), certificates: Vec::new(), from: String::new() })
        }
        Err(failure) => return Err(failure),
    };
    let judge = Arc::new(Judge::new(roots, terms.strictness, &terms.name));
    let client = Arc::new(Client::new(terms)?);
    let config = config(judge.clone(), client.clone(), terms)?;
    let name = server_name(&terms.name);
    let Io::Plain(raw) = std::mem::replace(&mut conn.io, Io::None) else {
        return Err(Failure::new(Code::Internal, "TLS was asked for on a connection that is not plain"));
    };
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    match connector.connect(name, raw).await {
        Ok(stream) => {
            let mut passed = Passed::default();
            {
                let (_, session) = stream.get_ref();
                if let Some(version) = session.protocol_version() {
                    passed.note(Subject::TlsVersion, version_word(version));
                }
                if let Some(suite) = session.negotiated_cipher_suite() {
                    passed.note(Subject::TlsCipher, suite.suite().as_str().unwrap_or("unknown"));
                }
            }
            judge.notes(None, &mut passed.notes);
            conn.io = Io::Tls(Box::new(stream));
            Ok(passed)
        }
        Err(error) => {
            let decisive = judge.decisive();
            let mut failure = match decisive {
                Some(Finding { code, text }) => Failure::new(code, text),
                None => failed(&error, client.wanted.load(Ordering::Relaxed), client.key.is_some()),
            };
            judge.notes(Some(failure.code), &mut failure.notes);
            Err(failure)
        }
    }
}

fn config(judge: Arc<Judge>, client: Arc<Client>, terms: &Terms) -> Result<ClientConfig, Failure> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = judge;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::new(Code::Internal, error))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(client);
    config.alpn_protocols = terms.alpn.iter().map(|name| name.to_vec()).collect();
    config.enable_sni = terms.name.parse::<std::net::IpAddr>().is_err() && !terms.name.is_empty();
    // A probe is one handshake; a resumed session would hide the server's certificate.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

/// A name that TLS can carry; one that it cannot becomes an address that no certificate has, and
/// the name is judged by ourselves.
fn server_name(name: &str) -> ServerName<'static> {
    ServerName::try_from(name.to_owned())
        .unwrap_or_else(|_| ServerName::IpAddress(std::net::Ipv4Addr::UNSPECIFIED.into()))
}

fn version_word(version: rustls::ProtocolVersion) -> &'static str {
    match version {
        rustls::ProtocolVersion::TLSv1_3 => "TLS 1.3",
        rustls::ProtocolVersion::TLSv1_2 => "TLS 1.2",
        _ => "unknown",
    }
}

/// The client's certificate, and whether the server asked for one.
#[derive(Debug)]
struct Client {
    key: Option<Arc<CertifiedKey>>,
    wanted: AtomicBool,
}

impl Client {
    fn new(terms: &Terms) -> Result<Client, Failure> {
        let Some((certificate, key)) = &terms.client else {
            return Ok(Client { key: None, wanted: AtomicBool::new(false) });
        };
        let (chain, der) = crate::trust::client(certificate, key)?;
        let signing = rustls::crypto::ring::sign::any_supported_type(&der).map_err(|_| {
            let detail = format!("{}: a kind of key that our TLS does not speak", key.display());
            Failure::new(Code::TlsUnjudged, detail)
        })?;
        Ok(Client { key: Some(Arc::new(CertifiedKey::new(chain, signing))), wanted: AtomicBool::new(false) })
    }
}

impl ResolvesClientCert for Client {
    fn resolve(&self, _issuers: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.wanted.store(true, Ordering::Relaxed);
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// What an error in the middle of TLS means.
fn failed(error: &io::Error, certificate_wanted: bool, certificate_given: bool) -> Failure {
    match of_rustls(error) {
        Some(error) => spoken(error, certificate_wanted, certificate_given),
        None => match error.kind() {
            io::ErrorKind::UnexpectedEof => Failure::new(Code::TlsClosed, "closed by the other side"),
            _ => Failure::new(Code::TlsClosed, crate::dial::words(error)),
        },
    }
}

/// An error of TLS that only shows on a later read: TLS 1.3 servers refuse a missing client
/// certificate when the client already believes that the handshake is done.
pub(crate) fn late(error: &io::Error) -> Option<Failure> {
    of_rustls(error).map(|error| spoken(error, true, false))
}

fn of_rustls(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref::<rustls::Error>()
}

fn spoken(error: &rustls::Error, certificate_wanted: bool, certificate_given: bool) -> Failure {
    use AlertDescription as Alert;
    let code = match error {
        rustls::Error::AlertReceived(alert) => match alert {
            Alert::CertificateRequired => Code::TlsClientCertificate,
            Alert::HandshakeFailure | Alert::BadCertificate | Alert::CertificateUnknown | Alert::NoCertificate
                if certificate_wanted && !certificate_given =>
            {
                Code::TlsClientCertificate
            }
            Alert::BadCertificate
            | Alert::UnknownCA
            | Alert::CertificateExpired
            | Alert::CertificateRevoked
            | Alert::CertificateUnknown
            | Alert::UnsupportedCertificate
            | Alert::AccessDenied
                if certificate_wanted =>
            {
                Code::TlsClientCertificate
            }
            Alert::ProtocolVersion => Code::TlsVersionMismatch,
            Alert::UnrecognisedName => Code::TlsNameMismatch,
            _ => Code::TlsUnjudged,
        },
        rustls::Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13 | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => Code::TlsVersionMismatch,
        rustls::Error::InvalidMessage(_) => Code::TlsNotTls,
        _ => Code::TlsUnjudged,
    };
    Failure::new(code, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::Error as E;

    #[test]
    fn what_our_tls_cannot_speak_is_never_the_server_s_failure() {
        let code = |error: &E, wanted, given| spoken(error, wanted, given).code;
        for (error, expected) in [
            (E::AlertReceived(AlertDescription::HandshakeFailure), Code::TlsUnjudged),
            (E::AlertReceived(AlertDescription::InsufficientSecurity), Code::TlsUnjudged),
            (E::AlertReceived(AlertDescription::InternalError), Code::TlsUnjudged),
            (E::AlertReceived(AlertDescription::ProtocolVersion), Code::TlsVersionMismatch),
            (E::AlertReceived(AlertDescription::UnrecognisedName), Code::TlsNameMismatch),
            (E::AlertReceived(AlertDescription::CertificateRequired), Code::TlsClientCertificate),
            (E::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13), Code::TlsVersionMismatch),
            (E::PeerIncompatible(PeerIncompatible::NoKxGroupsInCommon), Code::TlsUnjudged),
            (E::InvalidMessage(rustls::InvalidMessage::InvalidContentType), Code::TlsNotTls),
            (E::DecryptError, Code::TlsUnjudged),
        ] {
            assert_eq!(code(&error, false, false), expected, "{error:?}");
        }
        // The same alert means something else when a certificate was asked for.
        let failure = E::AlertReceived(AlertDescription::HandshakeFailure);
        assert_eq!(code(&failure, true, false), Code::TlsClientCertificate);
        assert_eq!(code(&failure, true, true), Code::TlsUnjudged);
        assert_eq!(code(&E::AlertReceived(AlertDescription::UnknownCA), true, true), Code::TlsClientCertificate);
    }
}
