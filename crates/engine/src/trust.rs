//! Whom TLS trusts: the machine's issuers or a file of them, read when TLS first needs them.
//!
//! The environment is a map that the caller hands over (`SSL_CERT_FILE`, `SSL_CERT_DIR`, `HOME`).
//! It never trusts anything that is not in a file.

use crate::finding::Failure;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, TrustAnchor};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tminus_core::code::Code;
use tminus_core::target::Environment;

/// Largest file of certificates that is read. Debian's bundle has 0.2 MB.
const FILE_MAX: u64 = 8 << 20;

/// Where distributions keep the bundle of issuers (Debian, Fedora, Alpine, openSUSE, FreeBSD).
const BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
];

/// Where issuers come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The machine's bundle.
    System,
    /// One file.
    File(PathBuf),
}

/// Certificates that are trusted.
#[derive(Debug)]
pub(crate) struct Roots {
    pub anchors: Vec<TrustAnchor<'static>>,
    /// As they stand in the file: a server's own certificate may be trusted directly.
    pub certificates: Vec<CertificateDer<'static>>,
    /// The file, for texts.
    pub from: String,
}

/// The environment, as far as trust depends on it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    bundle: Option<PathBuf>,
    home: Option<PathBuf>,
    passfile: Option<PathBuf>,
}

impl Places {
    pub(crate) fn of(environment: &Environment) -> Places {
        let path = |name: &str| environment.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        Places { bundle: path("SSL_CERT_FILE"), home: path("HOME"), passfile: path("PGPASSFILE") }
    }

    /// libpq's own file of issuers, when there is one.
    pub(crate) fn libpq_root(&self) -> Option<PathBuf> {
        self.home.as_ref().map(|home| home.join(".postgresql/root.crt"))
    }

    /// libpq's file of passwords.
    pub(crate) fn passfile(&self) -> Option<PathBuf> {
        self.passfile.clone().or_else(|| Some(self.home.as_ref()?.join(".pgpass")))
    }

    /// libpq's own client certificate and key, when both are there.
    pub(crate) fn libpq_client(&self) -> Option<(PathBuf, PathBuf)> {
        let home = self.home.as_ref()?.join(".postgresql");
        let pair = (home.join("postgresql.crt"), home.join("postgresql.key"));
        (pair.0.exists() && pair.1.exists()).then_some(pair)
    }

    pub(crate) fn load(&self, source: &Source) -> Result<Arc<Roots>, Failure> {
        let path = match source {
            Source::File(path) => path.clone(),
            Source::System => self.system()?,
        };
        let pem = read(&path)?;
        let mut certificates = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            // One broken certificate in a bundle stops nobody.
            let Ok(certificate) = certificate else { continue };
            certificates.push(certificate);
        }
        let anchor =
            |certificate: &CertificateDer<'_>| Some(webpki::anchor_from_trusted_cert(certificate).ok()?.to_owned());
        let anchors: Vec<TrustAnchor<'static>> = certificates.iter().filter_map(anchor).collect();
        if certificates.is_empty() {
            let detail = format!("{}: holds no certificate in PEM form", path.display());
            return Err(Failure::new(Code::TlsUnknownIssuer, detail));
        }
        Ok(Arc::new(Roots { anchors, certificates, from: path.display().to_string() }))
    }

    fn system(&self) -> Result<PathBuf, Failure> {
        if let Some(bundle) = &self.bundle {
            return Ok(bundle.clone());
        }
        BUNDLES.iter().map(PathBuf::from).find(|path| path.exists()).ok_or_else(|| {
            let detail = "this machine has no bundle of issuers (package ca-certificates)";
            Failure::new(Code::TlsUnknownIssuer, detail)
        })
    }
}

/// A client's certificate chain and key.
pub(crate) fn client(
    certificate: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Failure> {
    let bad = |path: &Path, what: &str| Failure::new(Code::TlsClientCertificate, format!("{}: {what}", path.display()));
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(&read(certificate)?).filter_map(Result::ok).collect();
    if chain.is_empty() {
        return Err(bad(certificate, "holds no certificate in PEM form"));
    }
    match PrivateKeyDer::from_pem_slice(&read(key)?) {
        Ok(key) => Ok((chain, key)),
        Err(_) => Err(bad(key, "holds no private key that can be read without a passphrase")),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| {
        let detail = format!("{}: {}", path.display(), crate::dial::words(&error));
        Failure::new(Code::TlsUnknownIssuer, detail)
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(FILE_MAX).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}
