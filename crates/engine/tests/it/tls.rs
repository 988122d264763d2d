//! libpq's modes against servers with good and bad certificates.

use crate::support::{ask, failed, passed, rungs, words};
use tminus::{Subject, Walk};
use tminus_core::code::Code;
use tminus_rehearse::lab::path::{AcceptThen, End, Script};
use tminus_rehearse::lab::{Certs, Http, Identity, Postgres, Redis};

struct Trust {
    _directory: tempfile::TempDir,
    ca: String,
    certificate: String,
    key: String,
}

/// Files as a client would be given them.
fn trust() -> Trust {
    let certs = Certs::get().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let ca = write("ca.pem", &certs.ca.pem());
    let certificate = write("client.crt", certs.client.chain_pem());
    let key = write("client.key", certs.client.key_pem());
    Trust { _directory: directory, ca, certificate, key }
}

fn server(identity: &Identity) -> Postgres {
    Postgres::options().tls(identity).start().unwrap()
}

fn finding(seen: &Walk) -> &str {
    seen.note(Subject::CertificateFinding).unwrap_or("")
}

#[tokio::test]
async fn every_mode_takes_a_good_certificate() {
    let (certs, trust) = (Certs::get().unwrap(), trust());
    let server = server(&certs.good);
    for mode in ["prefer", "require", "verify-ca", "verify-full"] {
        let seen = ask(&format!("{}?sslmode={mode}&sslrootcert={}", server.url(), trust.ca)).await;
        assert_eq!(rungs(&seen), "tcp+ tls+ protocol+ auth+ slot+ query+", "{mode}: {seen:#?}");
        assert!(seen.note(Subject::TlsVersion).is_some() && seen.note(Subject::CertificateUntil).is_some());
        assert_eq!(finding(&seen), "", "{mode}");
    }
    let seen = ask(&format!("{}?sslmode=disable", server.url())).await;
    assert_eq!(rungs(&seen), "tcp+ protocol+ auth+ slot+ query+");
}

#[tokio::test]
async fn each_bad_certificate_has_a_code_and_is_a_note_for_whoever_does_not_check() {
    let (certs, trust) = (Certs::get().unwrap(), trust());
    for (identity, mode, code) in [
        (&certs.expired, "verify-ca", Code::TlsExpired),
        (&certs.not_yet_valid, "verify-ca", Code::TlsNotYetValid),
        (&certs.wrong_name, "verify-full", Code::TlsNameMismatch),
        (&certs.unknown_issuer, "verify-ca", Code::TlsUnknownIssuer),
        (&certs.self_signed, "verify-ca", Code::TlsUnknownIssuer),
    ] {
        let server = server(identity);
        let seen = ask(&format!("{}?sslmode={mode}&sslrootcert={}", server.url(), trust.ca)).await;
        assert_eq!(rungs(&seen), format!("tcp+ tls!{code} protocol. auth. slot. query."), "{seen:#?}");
        assert!(!words(&seen).is_empty());
        // Nobody was told of issuers: `require` checks nothing and says what a stricter client would find.
        let seen = ask(&format!("{}?sslmode=require", server.url())).await;
        passed(&seen);
        if code != Code::TlsUnknownIssuer {
            let notes = format!("{:?}", seen.ladder);
            assert!(notes.contains(code.as_str()), "{code}: {notes}");
        }
    }
}

#[tokio::test]
async fn require_checks_the_chain_when_a_file_of_issuers_is_given() {
    let (certs, trust) = (Certs::get().unwrap(), trust());
    let unknown = server(&certs.unknown_issuer);
    let seen = ask(&format!("{}?sslmode=verify-full", unknown.url())).await;
    failed(&seen, Code::TlsUnknownIssuer);
    assert!(format!("{:?}", seen.ladder).contains("libpq itself stops here"), "{seen:?}");
    let url = format!("{}?sslmode=require&sslrootcert={}", unknown.url(), trust.ca);
    failed(&ask(&url).await, Code::TlsUnknownIssuer);
    let other = server(&certs.wrong_name);
    let seen = ask(&format!("{}?sslmode=require&sslrootcert={}", other.url(), trust.ca)).await;
    passed(&seen);
    assert!(finding(&seen).starts_with("tls_name_mismatch"), "{seen:?}");
    let seen = ask(&format!("{}?sslmode=verify-ca&sslrootcert=/nowhere/ca.pem", other.url())).await;
    failed(&seen, Code::TlsUnknownIssuer);
    assert!(words(&seen).starts_with("/nowhere/ca.pem"), "{seen:?}");
}

#[tokio::test]
async fn a_self_signed_certificate_may_be_trusted_itself() {
    let certs = Certs::get().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server.pem");
    std::fs::write(&path, certs.self_signed.chain_pem()).unwrap();
    let server = server(&certs.self_signed);
    let seen = ask(&format!("{}?sslmode=verify-ca&sslrootcert={}", server.url(), path.display())).await;
    passed(&seen);
}

#[tokio::test]
async fn a_server_that_takes_only_tls_is_told_from_one_that_has_none() {
    let certs = Certs::get().unwrap();
    let only = Postgres::options().tls(&certs.good).tls_required().start().unwrap();
    let seen = ask(&format!("{}?sslmode=disable", only.url())).await;
    failed(&seen, Code::TlsRequired);
    assert!(words(&seen).contains("pg_hba"), "the server's own words: {seen:?}");
    for mode in ["allow", "prefer", "require"] {
        passed(&ask(&format!("{}?sslmode={mode}", only.url())).await);
    }
    let none = Postgres::options().start().unwrap();
    let seen = ask(&format!("{}?sslmode=require", none.url())).await;
    assert_eq!(rungs(&seen), "tcp+ tls!tls_not_offered protocol. auth. slot. query.");
}

#[tokio::test]
async fn a_client_certificate_is_asked_for_and_given() {
    let (certs, trust) = (Certs::get().unwrap(), trust());
    let server = Postgres::options().tls(&certs.good).tls_required().client_ca(&certs.ca.pem()).start().unwrap();
    let url = format!("{}?sslmode=require", server.url());
    let seen = ask(&url).await;
    failed(&seen, Code::TlsClientCertificate);
    let given = format!("{url}&sslcert={}&sslkey={}", trust.certificate, trust.key);
    passed(&ask(&given).await);
}

#[tokio::test]
async fn a_handshake_that_is_cut_is_no_certificate_problem() {
    for end in [End::Close, End::Reset] {
        let way = AcceptThen::tcp(Script::postgres_mid_tls(end)).unwrap();
        let address = way.address().unwrap();
        let seen = ask(&format!("postgres://u:secret-word@{address}/app?sslmode=require")).await;
        assert_eq!(rungs(&seen), "tcp+ tls!tls_closed protocol. auth. slot. query.");
    }
    let nonsense = AcceptThen::tcp(Script::after(8, End::Close).say(*b"S").read(5).say(*b"nonsense, not TLS")).unwrap();
    let url = format!("postgres://u:secret-word@{}/app?sslmode=require", nonsense.address().unwrap());
    failed(&ask(&url).await, Code::TlsNotTls);
}

#[tokio::test]
async fn direct_tls_needs_a_server_that_knows_it() {
    let certs = Certs::get().unwrap();
    let server = server(&certs.good);
    let seen = ask(&format!("{}?sslmode=require&sslnegotiation=direct", server.url())).await;
    let new = server.sql("show server_version_num").unwrap()[0][0].as_deref().is_some_and(|number| number >= "170000");
    match new {
        true => passed(&seen),
        false => {
            failed(&seen, Code::TlsClosed);
            assert!(words(&seen).contains("needs Postgres 17"), "{seen:?}");
        }
    }
}

#[tokio::test]
async fn bytes_behind_the_agreement_on_tls_are_refused() {
    let way = AcceptThen::tcp(Script::after(8, End::Close).say(*b"Sinjected")).unwrap();
    let url = format!("postgres://u:secret-word@{}/app?sslmode=require", way.address().unwrap());
    failed(&ask(&url).await, Code::OtherProtocol);
}

#[tokio::test]
async fn https_and_rediss_check_names() {
    let (certs, trust) = (Certs::get().unwrap(), trust());
    let redis = Redis::options().tls(&certs.good).start().unwrap();
    passed(&ask(&format!("{}?ssl_ca_certs={}", redis.url(), trust.ca)).await);
    failed(&ask(&redis.url()).await, Code::TlsUnknownIssuer);
    passed(&ask(&format!("{}?ssl_cert_reqs=none", redis.url())).await);

    let http = Http::tls(&certs.wrong_name).unwrap();
    failed(&ask(&http.url("/")).await, Code::TlsUnknownIssuer);
    let expired = Redis::options().tls(&certs.expired).start().unwrap();
    failed(&ask(&format!("{}?ssl_ca_certs={}", expired.url(), trust.ca)).await, Code::TlsExpired);
}
