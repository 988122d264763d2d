//! Where to look first and what to do, by code and kind of target: a table.
//!
//! Commands are meant to be copied: what comes from addresses is quoted for a shell, and nothing in
//! them is ever a secret (addresses are shown without). A row says what to look at before it says
//! what to change, because a code proves what happened and seldom why.
//! Where to start reading: [`advice`], then `table`.

mod table;

use super::view::{Kind, LaneView, StartView, StepView, place};
use table::{Row, TABLE};
use tminus_core::code::Code;
use tminus_core::plan::Work;
use tminus_core::target::{Place, Target};

/// The two lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Advice {
    pub look: String,
    pub act: String,
}

/// The advice for a code. A lane without a stop, or a step without lanes, has no address to fill in.
pub(crate) fn advice(view: &StartView, step: Option<&StepView>, lane: Option<&LaneView>, code: Code) -> Advice {
    let kind = lane.map_or(Kind::Other, |lane| lane.kind);
    let target = lane.and_then(|lane| lane.target(view.plan));
    let fill = |text: &str| fill(text, view, step, lane, target);
    match row(code, kind) {
        Some(Row(_, _, look, act)) => Advice { look: fill(look), act: fill(act) },
        None => Advice { look: String::new(), act: String::new() },
    }
}

/// The advice for a code of which only the kind of target and its address as text are known.
pub(crate) fn plain(code: Code, kind: Kind, name: &str, target: Option<&Target>) -> Advice {
    let fill = |text: &str| expand(text, &|key| value(key, "SERVICE", name, None, target));
    match row(code, kind) {
        Some(Row(_, _, look, act)) => Advice { look: fill(look), act: fill(act) },
        None => Advice { look: String::new(), act: String::new() },
    }
}

fn row(code: Code, kind: Kind) -> Option<&'static Row> {
    TABLE.iter().find(|Row(codes, kinds, ..)| codes.contains(&code) && (kinds.is_empty() || kinds.contains(&kind)))
}

fn fill(
    text: &str,
    view: &StartView,
    step: Option<&StepView>,
    lane: Option<&LaneView>,
    target: Option<&Target>,
) -> String {
    let command = step.and_then(|step| step.work(view.plan)).and_then(|work| match work {
        Work::Exec(exec) => exec.argv.first().cloned(),
        Work::Spawn => view.program.clone(),
        _ => None,
    });
    let name = lane.map(|lane| &lane.name).or(step.map(|step| &step.name)).map_or("it", String::as_str);
    expand(text, &|key| value(key, &view.service, name, command.as_deref(), target))
}

/// Replaces `{key}`; a key without a value becomes its name in capitals, to be filled in by hand.
fn expand(text: &str, value: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((key, behind)) = after.split_once('}') else { break };
        out.push_str(before);
        out.push_str(&value(key).unwrap_or_else(|| key.to_ascii_uppercase()));
        rest = behind;
    }
    out + rest
}

fn value(key: &str, service: &str, name: &str, command: Option<&str>, target: Option<&Target>) -> Option<String> {
    let place = target.and_then(place);
    let socket = match (place, target) {
        (Some(Place::Unix(path)), _) => Some(path.as_str()),
        (_, Some(Target::Unix(path) | Target::File(path))) => Some(path.as_str()),
        _ => None,
    };
    let host = match (place, target) {
        (Some(Place::Tcp(host)), _) => Some((host.name.as_str(), Some(host.port))),
        (_, Some(Target::Tcp(host))) => Some((host.name.as_str(), Some(host.port))),
        (_, Some(Target::Dns(name))) => Some((name.as_str(), None)),
        _ => None,
    };
    let directory =
        || socket.map(|path| path.rsplit_once('/').map_or(".", |(dir, _)| if dir.is_empty() { "/" } else { dir }));
    let text = match key {
        "service" => Some(service.to_owned()),
        "name" => return Some(name.to_owned()),
        "command" => command.map(str::to_owned),
        // libpq takes the directory of a socket as its host.
        "host" => host.map(|(name, _)| name.to_owned()).or_else(|| directory().map(str::to_owned)),
        "port" => host.and_then(|(_, port)| port).map(|port| port.to_string()).or_else(|| socket_port(socket?)),
        "place" => {
            host.and_then(|(name, port)| Some(format!("{name}:{}", port?))).or_else(|| socket.map(str::to_owned))
        }
        "path" => socket.map(str::to_owned),
        "directory" => directory().map(str::to_owned),
        "instance" => instance(socket?).map(str::to_owned),
        // Cloud SQL's own tools take the last part of `project:region:name`.
        "sql" => instance(socket?).and_then(|all| all.rsplit(':').next()).map(str::to_owned),
        "user" => match target {
            Some(Target::Postgres(postgres)) => postgres.user.clone(),
            Some(Target::Redis(redis)) => Some(redis.user.clone().unwrap_or_else(|| "default".to_owned())),
            _ => None,
        },
        "database" => match target {
            Some(Target::Postgres(postgres)) => postgres.database.clone(),
            _ => None,
        },
        "url" => match target {
            Some(Target::Http(_)) => target.map(Target::display),
            _ => None,
        },
        _ => None,
    };
    text.map(|text| quoted(&text))
}

/// The instance that a Cloud SQL socket leads to: `project:region:name`.
fn instance(path: &str) -> Option<&str> {
    path.strip_prefix("/cloudsql/").and_then(|rest| rest.split('/').next())
}

/// The port that the name of a Postgres socket holds.
fn socket_port(path: &str) -> Option<String> {
    path.rsplit_once(".s.PGSQL.").map(|(_, port)| port.to_owned())
}

/// Quoted for a shell where a shell would read anything into it.
pub(crate) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:@%+=,[]".contains(c);
    if !text.is_empty() && text.chars().all(plain) && !text.starts_with('-') {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Kind as K;

    #[test]
    fn every_code_has_advice_for_every_kind_of_target() {
        let kinds = [K::CloudSql, K::Postgres, K::Redis, K::Http, K::Tcp, K::Unix, K::Dns, K::File, K::Own, K::Other];
        for code in Code::ALL {
            for kind in &kinds {
                let advice = plain(*code, *kind, "orders-db", None);
                assert!(!advice.look.is_empty() && !advice.act.is_empty(), "{code} {kind:?}");
                assert!(!advice.look.contains(['{', '}']) && !advice.act.contains(['{', '}']), "{code} {kind:?}");
            }
        }
    }

    #[test]
    fn what_a_shell_would_read_is_quoted() {
        assert_eq!(quoted("db.internal"), "db.internal");
        assert_eq!(quoted("$(reboot)"), "'$(reboot)'");
        assert_eq!(quoted("a'b"), "'a'\\''b'");
        assert_eq!(quoted("-rf"), "'-rf'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn commands_are_filled_from_the_address_and_never_with_its_password() {
        let env = Default::default();
        let target = Target::parse("postgres://app:hunter2@db.internal:5433/orders", &env).unwrap();
        let advice = plain(Code::PasswordRejected, Kind::Postgres, "orders-db", Some(&target));
        assert!(advice.look.starts_with("psql -h db.internal -p 5433 -U app orders,"), "{}", advice.look);
        assert!(!format!("{advice:?}").contains("hunter2"));
    }

    #[test]
    fn rows_are_all_reachable() {
        let kinds = [
            K::CloudSql,
            K::Postgres,
            K::Redis,
            K::Http,
            K::Tcp,
            K::Unix,
            K::Dns,
            K::File,
            K::Command,
            K::Own,
            K::Other,
        ];
        for (index, Row(codes, of, ..)) in TABLE.iter().enumerate() {
            let first = |code: &Code, kind: &Kind| {
                let row = TABLE
                    .iter()
                    .position(|Row(codes, of, ..)| codes.contains(code) && (of.is_empty() || of.contains(kind)));
                row == Some(index)
            };
            for code in *codes {
                assert!(kinds.iter().any(|kind| (of.is_empty() || of.contains(kind)) && first(code, kind)), "{code}");
            }
        }
    }
}
