//! Certificates, good and bad in one way each.
//!
//! Keys are made once per process: they are the slow part, and no test depends on them being fresh.
//! Nothing made here is ever valid for anything real.
//!
//! Start reading at [`Certs::get`].

use std::sync::OnceLock;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};

use super::error::{Error, Result};

/// The name that good server certificates are for, beside `localhost`, 127.0.0.1 and ::1.
pub const SERVER_NAME: &str = "db.lab.test";
/// The name that [`Certs::wrong_name`] is for.
pub const OTHER_NAME: &str = "elsewhere.lab.test";

/// A certificate authority.
pub struct Ca {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl std::fmt::Debug for Ca {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ca")
    }
}

/// A certificate with its key, as PEM. `Debug` shows neither.
#[derive(Clone)]
pub struct Identity {
    chain: String,
    key: String,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity")
    }
}

impl Identity {
    /// The certificate.
    pub fn chain_pem(&self) -> &str {
        &self.chain
    }

    /// The private key, in PKCS #8.
    pub fn key_pem(&self) -> &str {
        &self.key
    }
}

/// The time in which a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Validity {
    Now,
    Past,
    Future,
}

/// The certificates of a process.
#[derive(Debug)]
pub struct Certs {
    /// The authority that clients are told to trust.
    pub ca: Ca,
    /// Signed by it, for the right names, valid now.
    pub good: Identity,
    /// As `good`, but it ended in 2021.
    pub expired: Identity,
    /// As `good`, but it begins in 2090.
    pub not_yet_valid: Identity,
    /// As `good`, but for another name.
    pub wrong_name: Identity,
    /// As `good`, but signed by an authority that nobody was told of.
    pub unknown_issuer: Identity,
    /// Signed by its own key.
    pub self_signed: Identity,
    /// For a client, with the common name `app`.
    pub client: Identity,
    /// For a client, signed by an authority that nobody was told of.
    pub unknown_client: Identity,
}

static CERTS: OnceLock<Certs> = OnceLock::new();

impl Certs {
    /// The certificates of this process, made on first use.
    ///
    /// # Errors
    ///
    /// When the cryptography fails, for want of randomness for example.
    pub fn get() -> Result<&'static Certs> {
        if let Some(certs) = CERTS.get() {
            return Ok(certs);
        }
        let made = Certs::make().map_err(|error| Error::Cannot {
            what: "make certificates",
            why: error.to_string(),
            next: "check that /dev/urandom can be read",
        })?;
        Ok(CERTS.get_or_init(|| made))
    }

    fn make() -> std::result::Result<Certs, rcgen::Error> {
        let (ca, stranger) = (Ca::new("lab authority")?, Ca::new("unknown authority")?);
        let names = [SERVER_NAME, "localhost"];
        let own = KeyPair::generate()?;
        let self_signed = server(&names, Validity::Now)?.self_signed(&own)?;
        Ok(Certs {
            good: ca.sign(server(&names, Validity::Now)?)?,
            expired: ca.sign(server(&names, Validity::Past)?)?,
            not_yet_valid: ca.sign(server(&names, Validity::Future)?)?,
            wrong_name: ca.sign(server(&[OTHER_NAME], Validity::Now)?)?,
            unknown_issuer: stranger.sign(server(&names, Validity::Now)?)?,
            self_signed: Identity { chain: self_signed.pem(), key: own.serialize_pem() },
            client: ca.sign(client()?)?,
            unknown_client: stranger.sign(client()?)?,
            ca,
        })
    }
}

impl Ca {
    fn new(name: &str) -> std::result::Result<Ca, rcgen::Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        valid(&mut params, Validity::Now);
        Ok(Ca { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate()?)? })
    }

    /// The certificate of the authority, as PEM.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    fn sign(&self, params: CertificateParams) -> std::result::Result<Identity, rcgen::Error> {
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Identity { chain: certificate.pem(), key: key.serialize_pem() })
    }
}

fn server(names: &[&str], validity: Validity) -> std::result::Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())?;
    if names.contains(&SERVER_NAME) {
        for address in [[127, 0, 0, 1].into(), std::net::Ipv6Addr::LOCALHOST.into()] {
            params.subject_alt_names.push(SanType::IpAddress(address));
        }
    }
    params.distinguished_name.push(DnType::CommonName, names[0]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    valid(&mut params, validity);
    Ok(params)
}

fn client() -> std::result::Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, super::postgres::USER);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    valid(&mut params, Validity::Now);
    Ok(params)
}

fn valid(params: &mut CertificateParams, validity: Validity) {
    let (from, to) = match validity {
        Validity::Now => (2020, 2100),
        Validity::Past => (2020, 2021),
        Validity::Future => (2090, 2100),
    };
    (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
}
