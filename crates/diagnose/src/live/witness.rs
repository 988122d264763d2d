//! Who else answered: "nothing gets out", "this network is unreachable" and "this one host is down"
//! look alike from one dependency, and differ in whether the others answer.

use super::{Start, Way};

/// What the other ways of a start say about a way on which nothing answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Others {
    /// Nobody else was asked: cannot be told apart.
    None,
    /// Nobody answered at all.
    Silent,
    /// The link's own services answer (metadata server, resolver); no other dependency does.
    LinkOnly,
    /// Nobody else was asked but the link's own services, and they answer.
    LinkAlone,
    /// Another dependency answers: this one alone does not.
    Answering,
}

/// The other ways, sorted by what they say.
#[derive(Clone, Debug)]
pub(crate) struct Witnesses<'a> {
    /// What follows.
    pub(crate) others: Others,
    /// Ways on which something came back.
    pub(crate) answering: Vec<&'a Way>,
    /// Ways on which nothing did.
    pub(crate) silent: Vec<&'a Way>,
}

/// Asks all ways of `start` but `way` itself (and other ways to the same place). Sockets and
/// loopback addresses are no witnesses of a way out.
pub(crate) fn witnesses<'a>(start: &'a Start, way: &Way) -> Witnesses<'a> {
    let asked = |other: &&Way| {
        other.kind.place != way.kind.place
            && !other.kind.socket
            && !other.kind.loopback
            && other.kind.place.contains([':', '.'])
            && other.tries() + other.passed.len() as u32 > 0
    };
    let (answering, silent): (Vec<&Way>, Vec<&Way>) =
        start.ways.iter().filter(asked).partition(|other| came_back(other));
    let is_link = |other: &&&Way| is_link(other);
    let link = answering.iter().any(|other| is_link(&other));
    let dependency = answering.iter().any(|other| !is_link(&other));
    let silent_dependency = silent.iter().any(|other| !is_link(&other));
    let others = match (answering.is_empty() && silent.is_empty(), dependency, link, silent_dependency) {
        (true, ..) => Others::None,
        (_, true, ..) => Others::Answering,
        (_, false, true, true) => Others::LinkOnly,
        (_, false, true, false) => Others::LinkAlone,
        (_, false, false, _) => Others::Silent,
    };
    Witnesses { others, answering, silent }
}

/// A metadata server or a name that only has to resolve: served next to the instance itself.
fn is_link(way: &Way) -> bool {
    way.kind.link_local || way.kind.sort == super::kind::Sort::Name
}

/// Did anything come back? For a name, that it resolved, or that somebody said that it does not.
fn came_back(way: &Way) -> bool {
    let resolver = || !way.passed.is_empty() || way.failures.iter().any(|failing| !super::is_silence(failing.code));
    way.answered() || way.kind.sort == super::kind::Sort::Name && resolver()
}

/// `redis 10.0.0.4:6379, metadata`: ways for people, at most four.
pub(crate) fn named(ways: &[&Way]) -> String {
    let mut names: Vec<String> = ways.iter().take(4).map(|way| name(way)).collect();
    if ways.len() > 4 {
        names.push(format!("{} more", ways.len() - 4));
    }
    names.join(", ")
}

/// A way by its step and place.
pub(crate) fn name(way: &Way) -> String {
    match way.step.is_empty() || way.kind.name().contains(way.step.as_str()) {
        true => way.kind.name().to_owned(),
        false => format!("{} {}", way.step, way.kind.name()),
    }
}
