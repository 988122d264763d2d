//! What every test needs: one pass of a probe, and its rungs in one line.

use std::time::Duration;
use tminus::{Limits, Probe, Walk, walk};
use tminus_core::code::Code;
use tminus_core::event::Passage;
use tminus_core::target::{Environment, Target};
use tminus_core::vocabulary::Layer;

/// Limits under which a server that answers never fails, and a silent one ends soon.
pub fn limits() -> Limits {
    Limits { handshake: Duration::from_secs(20), ..Limits::default() }
}

/// Limits for a way on which nothing will ever be said.
pub fn short() -> Limits {
    Limits {
        resolve: Duration::from_secs(2),
        connect: Duration::from_millis(600),
        dial: Duration::from_millis(600),
        handshake: Duration::from_millis(300),
        ..Limits::default()
    }
}

pub fn target(value: &str) -> Target {
    Target::parse(value, &Environment::new()).unwrap_or_else(|bad| panic!("{value}: {bad}"))
}

/// One pass, as deep as the target is asked by default.
pub async fn ask(value: &str) -> Walk {
    let target = target(value);
    ask_to(&target, target.deepest(), &limits()).await
}

pub async fn ask_short(value: &str) -> Walk {
    let target = target(value);
    ask_to(&target, target.deepest(), &short()).await
}

pub async fn ask_to(target: &Target, deepest: Layer, limits: &Limits) -> Walk {
    let walk = walk(&Probe::new(target, deepest, &Environment::new()), limits).await;
    no_secret(target, &walk);
    walk
}

/// No secret of the target is anywhere in what comes out.
pub fn no_secret(target: &Target, walk: &Walk) {
    let text = format!("{walk:?} {target:?} {target}");
    for secret in target.secrets() {
        assert!(!text.contains(&secret), "a secret is shown: {text}");
    }
}

/// `tcp+ tls+ protocol+ auth. slot!too_many`: passed, not reached, failed.
pub fn rungs(walk: &Walk) -> String {
    let rung = |rung: &tminus_core::ladder::Rung| match rung.outcome {
        Passage::Passed => format!("{}+", rung.layer),
        Passage::Skipped => format!("{}.", rung.layer),
        _ => format!("{}!{}", rung.layer, rung.code.map_or("", |code| code.as_str())),
    };
    walk.ladder.rungs.iter().map(rung).collect::<Vec<_>>().join(" ")
}

#[track_caller]
pub fn failed(walk: &Walk, code: Code) {
    assert_eq!(walk.code(), Some(code), "{walk:#?}");
}

#[track_caller]
pub fn passed(walk: &Walk) {
    assert!(walk.ladder.passed(), "{walk:#?}");
}

/// The words of the rung that failed.
pub fn words(walk: &Walk) -> &str {
    walk.ladder.stop().and_then(|rung| rung.detail.as_deref()).unwrap_or("")
}

/// The address with another database.
pub fn with_database(url: &str, name: &str) -> String {
    format!("{}/{name}", url.strip_suffix("/app").expect("an address that ends with its database"))
}
