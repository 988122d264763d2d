//! What is said of a server's certificate: every finding, not only the first.
//!
//! Chain, dates and name are judged one by one; whether a finding stops the handshake depends on
//! how strict the client is. Names follow libpq: alternative names first, the common name only when
//! there are none.

use super::Strictness;
use super::certificate::{Fields, fields};
use crate::finding::{Note, Subject};
use crate::trust::Roots;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tminus_core::Timestamp;
use tminus_core::code::Code;
use webpki::EndEntityCert;

/// One thing that is wrong with a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub code: Code,
    pub text: String,
}

/// Records what is wrong with a certificate and decides by strictness.
#[derive(Debug)]
pub(super) struct Judge {
    roots: Arc<Roots>,
    strictness: Strictness,
    name: String,
    algorithms: WebPkiSupportedAlgorithms,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    findings: Vec<Finding>,
    until: Option<i64>,
    /// A signature that could not be checked; only tolerated where nothing is checked.
    unchecked: Option<String>,
}

/// Most findings that are kept; there are five kinds.
const FINDINGS_MAX: usize = 8;
/// Most certificates of a chain that are looked at.
const CHAIN_MAX: usize = 8;

impl Judge {
    pub(super) fn new(roots: Arc<Roots>, strictness: Strictness, name: &str) -> Judge {
        let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        Judge { roots, strictness, name: name.to_owned(), algorithms, seen: Mutex::default() }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The finding that stops a client as strict as this one.
    pub(super) fn decisive(&self) -> Option<Finding> {
        let stops = |finding: &&Finding| match finding.code {
            Code::TlsNameMismatch => self.strictness >= Strictness::Name,
            _ => self.strictness >= Strictness::Chain,
        };
        self.seen().findings.iter().find(stops).cloned()
    }

    /// Everything that was found, but `said`.
    pub(super) fn notes(&self, said: Option<Code>, notes: &mut Vec<Note>) {
        let seen = self.seen();
        notes.extend(seen.until.map(|until| Note::new(Subject::CertificateUntil, moment(until))));
        for finding in seen.findings.iter().filter(|finding| Some(finding.code) != said) {
            notes.push(Note::new(Subject::CertificateFinding, format!("{}: {}", finding.code, finding.text)));
        }
        if let Some(unchecked) = &seen.unchecked {
            notes.push(Note::new(Subject::NotSeen, unchecked));
        }
    }

    /// Every finding about a certificate at `now` (Unix time).
    fn judge(&self, leaf: &CertificateDer<'_>, chain: &[CertificateDer<'_>], now: i64) -> Vec<Finding> {
        let own = fields(leaf);
        let mut findings = Vec::new();
        findings.extend(self.dates(&own, chain, now));
        let parsed = EndEntityCert::try_from(leaf);
        match &parsed {
            Ok(certificate) => {
                findings.extend(self.chain(certificate, leaf, chain, &own, now));
                findings.extend(self.named(certificate, &own));
            }
            Err(error) => findings.push(said(error, "the certificate")),
        }
        findings.truncate(FINDINGS_MAX);
        findings
    }

    fn dates(&self, own: &Fields, chain: &[CertificateDer<'_>], now: i64) -> Option<Finding> {
        let (from, until) = own.valid?;
        let code = match () {
            () if now < from => Code::TlsNotYetValid,
            () if now > until => Code::TlsExpired,
            () => return None,
        };
        let issuers = chain.iter().take(CHAIN_MAX).map(|certificate| fields(certificate));
        let (wrong, all) = outside(issuers.filter(|issuer| !issuer.self_issued), now);
        let (wrong_roots, all_roots) = outside(self.roots.certificates.iter().map(|root| fields(root)), now);
        // Issuers live for years, and a machine's bundle holds a hundred that do not all end together.
        let clock = all > 0 && wrong == all || all_roots > 3 && wrong_roots * 2 > all_roots;
        let dates = format!("valid from {} until {}; it is {} here", moment(from), moment(until), moment(now));
        match clock {
            true => Some(Finding {
                code: Code::ClockSkew,
                text: format!("{dates}; its issuers' dates do not hold by this clock either"),
            }),
            false => Some(Finding { code, text: dates }),
        }
    }

    fn chain(
        &self,
        certificate: &EndEntityCert<'_>,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        own: &Fields,
        now: i64,
    ) -> Option<Finding> {
        if self.roots.certificates.is_empty() {
            return None; // no issuers at hand: nothing is said of the chain
        }
        if self.roots.certificates.iter().any(|root| root.as_ref() == leaf.as_ref()) {
            return None; // the certificate itself is trusted, as libpq allows
        }
        // At a moment when the certificate itself holds, so that its dates do not hide the chain.
        let (from, until) = own.valid.unwrap_or((now, now));
        let moment = u64::try_from(now.clamp(from, until)).unwrap_or(0);
        let outcome = certificate.verify_for_usage(
            self.algorithms.all,
            &self.roots.anchors,
            chain,
            UnixTime::since_unix_epoch(Duration::from_secs(moment)),
            webpki::KeyUsage::server_auth(),
            None,
            None,
        );
        let error = outcome.err()?;
        let issuer = own.issuer.as_deref().unwrap_or("?");
        Some(match error {
            webpki::Error::UnknownIssuer | webpki::Error::CaUsedAsEndEntity if own.self_issued => Finding {
                code: Code::TlsUnknownIssuer,
                text: format!("self-signed by `{issuer}`, which is not in {}", self.roots.from),
            },
            webpki::Error::UnknownIssuer => Finding {
                code: Code::TlsUnknownIssuer,
                text: format!("issued by `{issuer}`; no way from there to an issuer in {}", self.roots.from),
            },
            error => said(&error, "the chain"),
        })
    }

    fn named(&self, certificate: &EndEntityCert<'_>, own: &Fields) -> Option<Finding> {
        if self.name.is_empty() {
            return None;
        }
        let mut presented: Vec<String> = certificate.valid_dns_names().take(20).map(str::to_owned).collect();
        let fits = match ServerName::try_from(self.name.as_str()) {
            Ok(name) => certificate.verify_is_valid_for_subject_name(&name).is_ok(),
            Err(_) => presented.iter().any(|known| known.eq_ignore_ascii_case(&self.name)),
        };
        if fits {
            return None;
        }
        if presented.is_empty()
            && let Some(common) = &own.subject
        {
            if common_name_fits(common, &self.name) {
                return None;
            }
            presented.push(common.clone());
        }
        Some(Finding {
            code: Code::TlsNameMismatch,
            text: format!("asked for `{}`, the certificate is for `{}`", self.name, presented.join("`, `")),
        })
    }
}

/// Unix time for people; certificates without an end have one that is later than the last moment.
fn moment(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(if second < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// How many of `certificates` are outside their dates, and of how many.
fn outside(certificates: impl Iterator<Item = Fields>, now: i64) -> (usize, usize) {
    certificates
        .filter_map(|certificate| certificate.valid)
        .fold((0, 0), |(wrong, all), (from, until)| (wrong + usize::from(now < from || now > until), all + 1))
}

/// libpq's comparison with the common name: a wildcard stands for one leftmost label.
fn common_name_fits(common: &str, name: &str) -> bool {
    if name.parse::<IpAddr>().is_ok() {
        return common == name;
    }
    match common.strip_prefix("*.") {
        Some(rest) => {
            name.split_once('.').is_some_and(|(label, behind)| !label.is_empty() && behind.eq_ignore_ascii_case(rest))
        }
        None => common.eq_ignore_ascii_case(name),
    }
}

/// What an error of the verifier means.
fn said(error: &webpki::Error, what: &str) -> Finding {
    use webpki::Error as E;
    let code = match error {
        E::CertExpired { .. } => Code::TlsExpired,
        E::CertNotValidYet { .. } => Code::TlsNotYetValid,
        E::UnknownIssuer => Code::TlsUnknownIssuer,
        E::CaUsedAsEndEntity | E::UnsupportedCertVersion | E::UnsupportedCriticalExtension => Code::TlsUnjudged,
        E::UnsupportedSignatureAlgorithmContext(_)
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_)
        | E::UnsupportedNameType => Code::TlsUnjudged,
        _ => Code::TlsCertificateInvalid,
    };
    Finding { code, text: format!("{what}: {error}") }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let chain = &chain[..chain.len().min(CHAIN_MAX)];
        let findings = self.judge(leaf, chain, i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        {
            let mut seen = self.seen();
            seen.findings = findings;
            seen.until = fields(leaf).valid.map(|(_, until)| until);
        }
        match self.decisive() {
            // The alert that the server gets and logs is the one that its real clients would send.
            Some(finding) => Err(rustls::Error::InvalidCertificate(match finding.code {
                Code::TlsExpired | Code::ClockSkew => rustls::CertificateError::Expired,
                Code::TlsNotYetValid => rustls::CertificateError::NotValidYet,
                Code::TlsUnknownIssuer => rustls::CertificateError::UnknownIssuer,
                Code::TlsNameMismatch => rustls::CertificateError::NotValidForName,
                _ => rustls::CertificateError::BadEncoding,
            })),
            None => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signed(rustls::crypto::verify_tls12_signature(message, leaf, signature, &self.algorithms))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signed(rustls::crypto::verify_tls13_signature(message, leaf, signature, &self.algorithms))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl Judge {
    /// A client that asks nothing of a certificate is not stopped by a key that we cannot check.
    fn signed(
        &self,
        outcome: Result<HandshakeSignatureValid, rustls::Error>,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match outcome {
            Err(error) if self.strictness == Strictness::Nothing => {
                self.seen().unchecked = Some(format!("the server's signature could not be checked: {error}"));
                Ok(HandshakeSignatureValid::assertion())
            }
            outcome => outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::pem::PemObject;
    use tminus_rehearse::lab::{Certs, Identity};

    const YEAR: i64 = 31_556_952;
    /// 2001-09-09, before any certificate of the lab begins.
    const EARLY: i64 = 1_000_000_000;

    fn roots(count: usize) -> Arc<Roots> {
        let ca = CertificateDer::from_pem_slice(Certs::get().unwrap().ca.pem().as_bytes()).unwrap();
        let anchor = webpki::anchor_from_trusted_cert(&ca).unwrap().to_owned();
        Arc::new(Roots { anchors: vec![anchor], certificates: vec![ca; count], from: "a test".to_owned() })
    }

    fn codes(identity: &Identity, roots: Arc<Roots>, now: i64) -> Vec<Code> {
        let leaf = CertificateDer::from_pem_slice(identity.chain_pem().as_bytes()).unwrap();
        let judge = Judge::new(roots, Strictness::Name, "db.lab.test");
        judge.judge(&leaf, &[], now).iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn every_finding_is_named_and_dates_do_not_hide_the_chain() {
        let certs = Certs::get().unwrap();
        let now = Timestamp::now().as_second();
        assert_eq!(codes(&certs.good, roots(1), now), []);
        assert_eq!(codes(&certs.expired, roots(1), now), [Code::TlsExpired]);
        assert_eq!(codes(&certs.not_yet_valid, roots(1), now), [Code::TlsNotYetValid]);
        assert_eq!(codes(&certs.wrong_name, roots(1), now), [Code::TlsNameMismatch]);
        assert_eq!(codes(&certs.unknown_issuer, roots(1), now), [Code::TlsUnknownIssuer]);
        assert_eq!(codes(&certs.unknown_issuer, roots(1), EARLY), [Code::TlsNotYetValid, Code::TlsUnknownIssuer]);
    }

    #[test]
    fn a_clock_by_which_nobody_s_dates_hold_is_the_clock_s_fault() {
        let certs = Certs::get().unwrap();
        assert_eq!(codes(&certs.good, roots(10), EARLY), [Code::ClockSkew]);
        // One private issuer with the same dates proves nothing.
        assert_eq!(codes(&certs.good, roots(1), EARLY), [Code::TlsNotYetValid]);
        // The issuers hold, this certificate does not: it is the certificate.
        let now = Timestamp::now().as_second();
        assert_eq!(codes(&certs.expired, roots(10), now), [Code::TlsExpired]);
        assert_eq!(codes(&certs.good, roots(10), now + 5000 * YEAR), [Code::ClockSkew]);
    }

    #[test]
    fn a_common_name_fits_as_in_libpq() {
        assert!(common_name_fits("db.example.org", "DB.example.org"));
        assert!(common_name_fits("*.example.org", "db.example.org"));
        assert!(!common_name_fits("*.example.org", "a.db.example.org"));
        assert!(!common_name_fits("*", "db"));
        assert!(common_name_fits("10.0.0.1", "10.0.0.1"));
        assert!(!common_name_fits("*.0.0.1", "10.0.0.1"));
    }
}
