//! The resolver against a server of its own.

use super::*;

fn failure(code: Code) -> Failure {
    Failure::new(code, "")
}

#[test]
fn the_failure_that_leaves_most_open_stands() {
    let both = |one, other| worse(Some(failure(one)), failure(other)).code;
    assert_eq!(both(Code::NameNotFound, Code::ResolverSilent), Code::ResolverSilent);
    assert_eq!(both(Code::ResolverFailed, Code::NameNotFound), Code::ResolverFailed);
    assert_eq!(both(Code::NameNotFound, Code::NameWithoutAddress), Code::NameWithoutAddress);
}

#[test]
fn families_take_turns() {
    let addresses = ["10.0.0.1", "10.0.0.2", "::1", "10.0.0.1"].map(|text| text.parse::<IpAddr>().unwrap());
    let mixed = interleaved(addresses.to_vec());
    assert_eq!(mixed.len(), 3, "each once");
    let four: Vec<bool> = mixed.iter().map(IpAddr::is_ipv4).collect();
    assert!(four == [true, false, true] || four == [false, true, true], "{mixed:?}");
}

#[tokio::test]
async fn literals_and_localhost_need_no_resolver() {
    let nowhere = Resolver { hosts: "/nowhere".into(), conf: "/nowhere".into(), ..Resolver::new(&Environment::new()) };
    let mut notes = Vec::new();
    assert_eq!(nowhere.addresses("10.0.0.1", &mut notes).await.unwrap().len(), 1);
    assert_eq!(nowhere.addresses("::1", &mut notes).await.unwrap().len(), 1);
    assert_eq!(nowhere.addresses("db.localhost", &mut notes).await.unwrap().len(), 2);
    assert_eq!(nowhere.addresses("größe", &mut notes).await.unwrap_err().code, Code::NameNotFound);
}
