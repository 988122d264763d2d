//! Who else answered: what tells "nothing gets out of here" from "that network is silent" and from
//! "this one host is".
//!
//! One unanswered dial has many causes with one symptom; the answers of others at the same time are
//! what separates them. [`reach`] is the table, a pure function. It must never conclude from one
//! silence alone, and never take the platform's own services (metadata, resolver) for a proof that
//! packets leave the instance: both are served next to it.

use super::view::{LaneView, StartView, place};
use std::net::IpAddr;
use tminus_core::code::Code;
use tminus_core::target::{Host, Place, Target};

/// Where something is, as far as its address tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// On this machine: a unix socket, loopback.
    Here,
    /// The platform's own: metadata server, resolver.
    Platform,
    /// A private address or a name that only means something inside.
    Inside,
    /// A public address.
    Outside,
    /// A name that could be either.
    Unknown,
}

/// Another thing that was asked during the same start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Other {
    pub name: String,
    pub scope: Scope,
    /// What it came out with: none for an answer that is good.
    pub code: Option<Code>,
    /// True when anything came back at all.
    pub answered: bool,
}

/// What the answers of others say about a path that does not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The server itself, or its host, answered: the path is not the question.
    Answered,
    /// Nothing else was asked.
    Alone,
    /// Nothing that was asked answers.
    NothingOut,
    /// Only the platform's own services answer, and others of the same network are silent too.
    ThisNetwork,
    /// Only the platform's own services answer, and nothing else of that network was asked.
    NetworkOrHost,
    /// Others answer, on the same network as far as addresses tell: it is this one.
    ThisOne,
}

/// Codes of a path on which nothing comes back.
pub(crate) fn is_silent(code: Code) -> bool {
    matches!(code, Code::NoAnswer | Code::NoRoute | Code::ResolverSilent | Code::ResolverFailed)
}

/// Codes of a path that works up to something in between: it accepts, and nothing comes from behind.
pub(crate) fn is_behind(code: Code) -> bool {
    matches!(code, Code::ClosedBeforeGreeting | Code::AcceptedSilent | Code::ConnectReset | Code::TlsClosed)
}

/// Reads the table.
pub(crate) fn reach(code: Code, subject: Scope, others: &[Other]) -> Reach {
    if !is_silent(code) && !is_behind(code) {
        return Reach::Answered;
    }
    // What is on this machine says nothing about ways that leave it.
    let away: Vec<&Other> = others.iter().filter(|other| other.scope != Scope::Here).collect();
    if away.is_empty() {
        return Reach::Alone;
    }
    if away.iter().all(|other| !other.answered) {
        return Reach::NothingOut;
    }
    // A socket's way out cannot be seen in its address: any dependency is a sibling.
    let sibling = |other: &&&Other| {
        !matches!(
            (subject, other.scope),
            (_, Scope::Platform | Scope::Here) | (Scope::Inside, Scope::Outside) | (Scope::Outside, Scope::Inside)
        )
    };
    let siblings: Vec<&&Other> = away.iter().filter(sibling).collect();
    match siblings.iter().any(|other| other.answered) {
        true => Reach::ThisOne,
        false if siblings.is_empty() => Reach::NetworkOrHost,
        false => Reach::ThisNetwork,
    }
}

impl Reach {
    /// What it means, after the list of who answered; none when it means nothing.
    pub(crate) fn meaning(self, code: Code) -> Option<&'static str> {
        Some(match self {
            Reach::Answered => return None,
            Reach::Alone if is_silent(code) => "nothing else was asked: this host and its whole network look alike",
            Reach::Alone => return None,
            Reach::NothingOut => "nothing gets out of this instance yet",
            Reach::ThisNetwork => "only the platform's own services answer: the way to that network is broken",
            Reach::NetworkOrHost => {
                "only the platform's own services answer; no other dependency on that network was asked"
            }
            Reach::ThisOne => "egress works, one path is broken",
        })
    }
}

/// Everything else that came out during the start, in declared order; the same endpoint, asked by
/// another step or as a witness, is no other. Without what nothing is known about.
pub(crate) fn others(view: &StartView, subject: Option<&LaneView>) -> Vec<Other> {
    let endpoint = |lane: &LaneView| lane.target(view.plan).and_then(endpoint).unwrap_or_else(|| lane.target.clone());
    let mut seen: Vec<String> = subject.iter().map(|lane| endpoint(lane)).collect();
    let mut out: Vec<Other> = Vec::new();
    for lane in view.lanes().map(|(_, lane)| lane).chain(&view.aside) {
        let stop = lane.stop.as_ref().map(|stop| stop.code);
        if !lane.passed && stop.is_none() || lane.kind == super::view::Kind::Own {
            continue;
        }
        let answer = if lane.passed { lane.answer } else { stop };
        let other = Other {
            name: lane.name.clone(),
            scope: lane.target(view.plan).map_or(Scope::Unknown, scope),
            code: if lane.passed { None } else { answer },
            answered: lane.passed || stop.is_some_and(|code| !is_silent(code)),
        };
        let at = endpoint(lane);
        match seen.iter().position(|known| *known == at) {
            None => {
                seen.push(at);
                out.push(other);
            }
            // Asked deeper later on: what came out then is the better answer.
            Some(_) => {
                if let Some(known) = out.iter_mut().find(|known| known.name == other.name) {
                    *known = other;
                }
            }
        }
    }
    out
}

/// `host:port` or the path of the socket.
fn endpoint(target: &Target) -> Option<String> {
    match target {
        Target::Tcp(host) => Some(Place::Tcp(host.clone()).display()),
        Target::Unix(path) => Some(path.clone()),
        other => place(other).map(Place::display),
    }
}

/// Where a target is, as far as its address tells.
pub(crate) fn scope(target: &Target) -> Scope {
    match target {
        Target::Dns(_) => Scope::Platform,
        Target::Unix(_) | Target::File(_) | Target::Command(_) => Scope::Here,
        Target::Tcp(host) => scope_of(host),
        other => match place(other) {
            Some(Place::Tcp(host)) => scope_of(host),
            Some(Place::Unix(_)) => Scope::Here,
            None => Scope::Unknown,
        },
    }
}

fn scope_of(host: &Host) -> Scope {
    let name = host.name.trim_end_matches('.').to_ascii_lowercase();
    if name == "metadata.google.internal" || name == "metadata" {
        return Scope::Platform;
    }
    match name.parse::<IpAddr>() {
        Ok(address) if address.is_loopback() => Scope::Here,
        Ok(IpAddr::V4(v4)) if v4.is_link_local() => Scope::Platform,
        Ok(IpAddr::V6(v6)) if v6.is_unicast_link_local() => Scope::Platform,
        Ok(IpAddr::V4(v4)) if v4.is_private() => Scope::Inside,
        Ok(IpAddr::V4(v4)) if matches!(v4.octets(), [100, 64..=127, ..]) => Scope::Inside,
        Ok(IpAddr::V6(v6)) if v6.is_unique_local() => Scope::Inside,
        Ok(_) => Scope::Outside,
        Err(_) if name == "localhost" => Scope::Here,
        Err(_) if !name.contains('.') => Scope::Inside,
        Err(_) if [".internal", ".local", ".svc", ".lan"].iter().any(|end| name.ends_with(end)) => Scope::Inside,
        Err(_) => Scope::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn other(scope: Scope, code: Option<Code>) -> Other {
        let answered = code.is_none_or(|code| !is_silent(code));
        Other { name: "x".into(), scope, code, answered }
    }

    #[test]
    fn all_witnesses_silent_is_no_way_out() {
        let silent = Some(Code::NoAnswer);
        let others = [other(Scope::Platform, silent), other(Scope::Inside, silent), other(Scope::Outside, silent)];
        assert_eq!(reach(Code::NoAnswer, Scope::Inside, &others), Reach::NothingOut);
    }

    #[test]
    fn platform_answers_and_the_siblings_are_silent_is_the_network() {
        let others = [other(Scope::Platform, None), other(Scope::Inside, Some(Code::NoAnswer))];
        assert_eq!(reach(Code::NoAnswer, Scope::Inside, &others), Reach::ThisNetwork);
        // Somebody outside who answers does not excuse the network inside.
        let others = [other(Scope::Outside, None), other(Scope::Inside, Some(Code::NoAnswer))];
        assert_eq!(reach(Code::NoAnswer, Scope::Inside, &others), Reach::ThisNetwork);
    }

    #[test]
    fn siblings_that_answer_leave_the_one_host() {
        let others = [other(Scope::Platform, None), other(Scope::Inside, Some(Code::Refused))];
        assert_eq!(reach(Code::NoAnswer, Scope::Inside, &others), Reach::ThisOne, "a refusal is an answer");
        let others = [other(Scope::Inside, None), other(Scope::Inside, Some(Code::NoAnswer))];
        assert_eq!(reach(Code::NoAnswer, Scope::Inside, &others), Reach::ThisOne);
    }

    #[test]
    fn silence_alone_concludes_nothing() {
        assert_eq!(reach(Code::NoAnswer, Scope::Inside, &[]), Reach::Alone);
        assert_eq!(reach(Code::NoAnswer, Scope::Inside, &[other(Scope::Here, None)]), Reach::Alone);
        assert_eq!(reach(Code::NoAnswer, Scope::Inside, &[other(Scope::Platform, None)]), Reach::NetworkOrHost);
    }

    #[test]
    fn an_answer_of_the_server_leaves_the_path_out_of_it() {
        assert_eq!(reach(Code::PasswordRejected, Scope::Inside, &[other(Scope::Inside, None)]), Reach::Answered);
        assert_eq!(reach(Code::Refused, Scope::Inside, &[]), Reach::Answered);
    }

    #[test]
    fn addresses_tell_where_something_is() {
        let of = |name: &str| scope_of(&Host { name: name.into(), port: 1 });
        assert_eq!(of("169.254.169.254"), Scope::Platform);
        assert_eq!(of("10.1.2.3"), Scope::Inside);
        assert_eq!(of("db"), Scope::Inside);
        assert_eq!(of("db.prod.internal."), Scope::Inside);
        assert_eq!(of("db.example.com"), Scope::Unknown);
        assert_eq!(of("8.8.8.8"), Scope::Outside);
        assert_eq!(of("::1"), Scope::Here);
        assert_eq!(of("fd00::7"), Scope::Inside);
    }
}
