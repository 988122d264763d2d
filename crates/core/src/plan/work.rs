//! What one step does: its kind of work, with the targets that it asks.
//!
//! A kind of work is told by its key. An address that the environment does not have, or has
//! malformed, is kept as [`Unresolved`]: that fails the step, and never the plan. What contradicts
//! itself is a mistake of the plan.
//! Where to start reading: [`work`].

use super::document::Place;
use super::draft::{LaneDraft, Pending, SEEN, StepDraft, Unresolved};
use super::error::{PlanCode, list};
use super::raw::RawStep;
use super::scope::Scope;
use super::settings::Origin;
use super::shape::{Located, shown};
use super::words::{Address, Answers, Argv, EnvItem, Headers, ReadyKey};
use super::{Exec, Format, Readiness, Variable, Work};
use crate::secret::Secret;
use crate::target::{BadTarget, Echo, Environment, Expect, Http, Revision, SessionAttrs, Target};
use crate::vocabulary::Layer;

/// The kinds of work.
const KINDS: [&str; 10] =
    ["env", "files", "probe", "command", "egress", "exec", "spawn", "ready", "request", "websocket"];

/// Keys that belong to some kinds alone.
const PARTS: [(&str, &[&str]); 9] = [
    ("depth", &["probe"]),
    ("tables", &["probe"]),
    ("migrations", &["probe"]),
    ("read_write", &["probe"]),
    ("pool", &["probe"]),
    ("once", &["exec"]),
    ("send", &["websocket"]),
    ("expect", &["request", "websocket"]),
    ("headers", &["request", "websocket"]),
];

/// The one kind of work that a step has; anything else is a mistake.
pub(super) fn kind(step: &Located<RawStep>, given: &[&str], scope: &mut Scope<'_, '_>) -> Option<&'static str> {
    let kinds: Vec<&'static str> = KINDS.into_iter().filter(|kind| given.contains(kind)).collect();
    let name = step.value.name.as_ref().map_or("", |name| &name.value.0);
    let [kind] = kinds[..] else {
        let (code, what) = match kinds[..] {
            [] => (PlanCode::NoWork, format!("step `{name}` does nothing")),
            _ => (PlanCode::SeveralWorks, format!("step `{name}` has {} kinds of work: {}", kinds.len(), list(kinds))),
        };
        scope.error(code, Some(&step.at), what, format!("give it exactly one of {}", list(KINDS)));
        return None;
    };
    for (part, of) in PARTS.iter().filter(|(part, of)| given.contains(part) && !of.contains(&kind)) {
        let what = format!("`{part}` belongs to {} and says nothing about `{kind}`", list(of.iter().copied()));
        scope.error(PlanCode::Conflict, Some(&step.at), what, format!("remove `{part}` from step `{name}`"));
    }
    Some(kind)
}

/// Gives a step its work. Egress gates and leases need the whole plan and come later.
pub(super) fn work(raw: &RawStep, draft: &mut StepDraft, scope: &mut Scope<'_, '_>) {
    let probes = raw.probe.iter().flat_map(|probe| &probe.value.0).map(|address| ("probe", address));
    let asked = raw.request.iter().map(|address| ("request", address));
    let upgraded = raw.websocket.iter().map(|address| ("websocket", address));
    for (key, address) in probes.chain(asked).chain(upgraded) {
        let origin = Origin::Step(scope.line(&address.at));
        // A literal with a secret in it is a mistake: the plan is refused, and this with it.
        scope.note(format!("step.{}.{key}", draft.name), address.value.written(), origin);
    }
    let mut stage = Stage { draft, scope };
    if let Some(items) = &raw.env {
        stage.environment(&items.value);
    } else if let Some(files) = &raw.files {
        stage.files(&files.value);
    } else if let Some(probe) = &raw.probe {
        stage.probe(raw, &probe.value.0);
    } else if let Some(command) = &raw.command {
        stage.command(&command.value);
    } else if let Some(exec) = &raw.exec {
        stage.draft.work = Work::Exec(Exec { argv: exec.value.0.clone(), once: None });
        stage.draft.pending = raw.once.clone().map(Pending::Once);
    } else if let Some(egress) = &raw.egress {
        stage.draft.work = Work::Egress;
        stage.draft.pending = Some(Pending::Egress(egress.clone()));
    } else if let Some(spawn) = &raw.spawn {
        stage.draft.work = Work::Spawn;
        if !spawn.value {
            let what = "`spawn = false` does nothing";
            stage.scope.error(PlanCode::BadValue, Some(&spawn.at), what, "remove the step, or write `spawn = true`");
        }
    } else if let Some(ready) = &raw.ready {
        stage.ready(&ready.value);
    } else if let Some(request) = &raw.request {
        stage.request(raw, request);
    } else if let Some(websocket) = &raw.websocket {
        stage.websocket(raw, websocket);
    }
}

/// Readiness of a plan without phases of its own.
pub(super) fn ready(key: &ReadyKey, draft: &mut StepDraft, scope: &mut Scope<'_, '_>) {
    Stage { draft, scope }.ready(key);
}

/// What is missing for an address.
pub(super) enum Trouble {
    /// The environment does not have it, or has it malformed.
    Later(Variable, BadTarget),
    /// Reported: the plan itself is wrong.
    Reported,
}

/// The target that an address names.
pub(super) fn target(address: &Located<Address>, scope: &mut Scope<'_, '_>) -> Result<Target, Trouble> {
    match &address.value {
        Address::Variable(name) => {
            let variable = Variable::new(name, Format::Url);
            match variable
                .check(scope.reader.env)
                .and_then(|()| Target::parse(&scope.reader.env[name], scope.reader.env))
            {
                Ok(target) => Ok(target),
                Err(bad) => Err(Trouble::Later(variable, bad)),
            }
        }
        Address::Literal(text) => match Target::parse(text, scope.reader.env) {
            Ok(target) => {
                // Read alone: what libpq's variables add is not in the plan.
                let alone = Target::parse(text, &Environment::new());
                if alone.is_ok_and(|target| !target.secrets().is_empty()) {
                    let hint = "put the value into a variable and write `${NAME}`";
                    scope.error(PlanCode::SecretInPlan, Some(&address.at), "a secret stands in the plan itself", hint);
                    return Err(Trouble::Reported);
                }
                Ok(target)
            }
            Err(bad) => {
                let at = narrowed(&address.at, text, &bad, scope);
                let what = format!("{} is no address: {}", shown(text), bad.what);
                let hint =
                    bad.hint.unwrap_or_else(|| "write `${NAME}`, or an address such as tcp://host:port".to_owned());
                scope.error(PlanCode::BadAddress, Some(&at), what, hint);
                Err(Trouble::Reported)
            }
        },
    }
}

/// The place of a mistake inside a literal, when the plan writes it without escapes.
fn narrowed(at: &Place, text: &str, bad: &BadTarget, scope: &Scope<'_, '_>) -> Place {
    let written = scope.reader.sources[at.file].text.get(at.span.clone());
    let inner = written.and_then(|written| written.get(1..written.len().saturating_sub(1)));
    match bad.span {
        Some((from, to)) if inner == Some(text) && from <= to && to <= text.len() => {
            let start = at.span.start + 1;
            // A mistake between two characters still needs one to point at.
            Place { file: at.file, span: start + from..start + to.max(from + 1) }
        }
        _ => at.clone(),
    }
}

struct Stage<'s, 'r, 'a> {
    draft: &'s mut StepDraft,
    scope: &'s mut Scope<'r, 'a>,
}

impl Stage<'_, '_, '_> {
    /// Keeps what the environment does not have.
    fn later(&mut self, variable: Variable, bad: BadTarget) {
        let step = self.draft.name.clone();
        self.draft.unresolved.push(Unresolved { step, variable, code: bad.code, what: bad.what, hint: bad.hint });
    }

    /// The target of an address, unless something is missing for it, which is kept.
    fn target(&mut self, address: &Located<Address>) -> Option<Target> {
        match target(address, self.scope) {
            Ok(target) => Some(target),
            Err(Trouble::Later(variable, bad)) => {
                self.later(variable, bad);
                None
            }
            Err(Trouble::Reported) => None,
        }
    }

    /// A plain value: a literal, or what the variable holds.
    fn value(&mut self, address: &Address, format: Format) -> Option<String> {
        match address {
            Address::Literal(text) => Some(text.clone()),
            Address::Variable(name) => {
                let variable = Variable::new(name, format);
                match variable.check(self.scope.reader.env) {
                    Ok(()) => self.scope.reader.env.get(name).cloned(),
                    Err(bad) => {
                        self.later(variable, bad);
                        None
                    }
                }
            }
        }
    }

    fn lane(&mut self, name: String, target: Target, deepest: Layer) {
        let layers = target.layers(deepest);
        self.draft.lanes.push(LaneDraft { name, target, layers, witness: false });
    }

    /// A mistake of the plan at a place: an address of a kind that the key cannot use.
    fn unfit(&mut self, at: &Place, what: String, hint: &str) {
        self.scope.error(PlanCode::BadAddress, Some(at), what, hint);
    }

    fn environment(&mut self, items: &[Located<EnvItem>]) {
        let redact = &self.scope.redact;
        let mut variables: Vec<Variable> = Vec::new();
        let mut twice = None;
        for item in items {
            let raw = &item.value.0;
            let Some(name) = &raw.name else { continue };
            let format = raw.format.as_ref().map_or(Format::Text, |format| format.value);
            let mut variable = Variable::new(&name.value.0, format);
            variable.secret |= redact.contains(&variable.name);
            variable.secret = raw.secret.as_ref().map_or(variable.secret, |secret| secret.value);
            variable.may_be_empty = raw.may_be_empty.as_ref().is_some_and(|value| value.value);
            if variables.iter().any(|known| known.name == variable.name) {
                twice = Some((variable.name.clone(), item.at.clone()));
            }
            variables.push(variable);
        }
        if let Some((name, at)) = twice {
            let what = format!("variable `{name}` is listed twice");
            self.scope.error(PlanCode::DuplicateName, Some(&at), what, "remove one of them");
        }
        for variable in &variables {
            if let Err(bad) = variable.check(self.scope.reader.env) {
                self.later(variable.clone(), bad);
            }
        }
        self.draft.work = Work::Environment(variables);
    }

    fn files(&mut self, files: &[Located<Address>]) {
        self.draft.work = Work::Probe;
        for file in files {
            if let Some(path) = self.value(&file.value, Format::File) {
                let name = if files.len() == 1 { self.draft.name.clone() } else { file.value.written() };
                self.lane(name, Target::File(path), Layer::Resource);
            }
        }
    }

    fn command(&mut self, command: &Argv) {
        self.draft.work = Work::Probe;
        self.lane(self.draft.name.clone(), Target::Command(command.0.clone()), Layer::Process);
    }

    fn probe(&mut self, raw: &RawStep, addresses: &[Located<Address>]) {
        self.draft.work = Work::Probe;
        for address in addresses {
            let Some(target) = self.target(address) else { continue };
            let Some(target) = self.asked(raw, target, &address.at) else { continue };
            let Some(deepest) = self.depth(raw, &target, &address.at) else { continue };
            let name = match addresses.len() {
                1 => self.draft.name.clone(),
                _ => address.value.written().trim_matches(['$', '{', '}']).to_owned(),
            };
            self.lane(name, target, deepest);
        }
    }

    /// The target with what the step asks of it.
    fn asked(&mut self, raw: &RawStep, mut target: Target, at: &Place) -> Option<Target> {
        let tables = raw.tables.as_ref().map(|tables| &tables.value);
        let migrations = raw.migrations.as_ref().map(|migrations| &migrations.value);
        let read_write = raw.read_write.as_ref().is_some_and(|value| value.value);
        match &mut target {
            Target::Postgres(postgres) => {
                postgres.tables.extend(tables.into_iter().flatten().map(|table| table.value.clone()));
                if let Some((table, is)) = migrations.and_then(|m| Some((m.table.as_ref()?, m.is.as_ref()?))) {
                    // Alembic's own name; Rails, golang-migrate and others say `version`.
                    let usual = if table.value == "alembic_version" { "version_num" } else { "version" };
                    let column = migrations.and_then(|m| m.column.as_ref());
                    postgres.revision = Some(Revision {
                        table: table.value.clone(),
                        column: column.map_or_else(|| usual.to_owned(), |column| column.value.clone()),
                        is: is.value.clone(),
                    });
                }
                if read_write {
                    postgres.session = SessionAttrs::ReadWrite;
                }
            }
            Target::Redis(redis) if tables.is_none() && migrations.is_none() => redis.writes |= read_write,
            _ => {
                let keys = [
                    ("tables", tables.is_some()),
                    ("migrations", migrations.is_some()),
                    ("read_write", read_write && !matches!(target, Target::Redis(_))),
                ];
                if let Some((key, _)) = keys.iter().find(|(_, given)| *given) {
                    let of = if *key == "read_write" { "Postgres and Redis" } else { "Postgres" };
                    let what = format!("`{key}` is for {of}; this is {}", target.component());
                    self.unfit(at, what, "remove the key, or probe the other dependency in a step of its own");
                    return None;
                }
            }
        }
        Some(target)
    }

    /// How deep a target is asked.
    fn depth(&mut self, raw: &RawStep, target: &Target, at: &Place) -> Option<Layer> {
        let own = target.deepest();
        let Some(depth) = &raw.depth else { return Some(own) };
        let possible = target.layers(Layer::Schema.max(own));
        let without_user = own == Layer::Protocol && depth.value > own;
        if possible.contains(&depth.value) && !without_user {
            return Some(depth.value);
        }
        let what = match () {
            () if without_user => format!("`depth = \"{}\"` needs a user, and the address has none", depth.value),
            () if depth.value == Layer::Schema && matches!(target, Target::Postgres(_)) => {
                "`depth = \"schema\"` needs `tables` or `migrations`".to_owned()
            }
            () => {
                let layers = list(possible.iter().map(|layer| layer.as_str()));
                format!("{} has no layer `{}`; it has {layers}", target.component(), depth.value)
            }
        };
        let hint = "correct `depth`, or leave it out: then it is asked as deep as the program would go";
        self.scope.error(PlanCode::Conflict, Some(if without_user { at } else { &depth.at }), what, hint);
        None
    }

    fn ready(&mut self, key: &ReadyKey) {
        self.draft.work = match key {
            ReadyKey::Notify => Work::Ready(Readiness::Notify),
            ReadyKey::Seen(seen) => match &seen.log {
                Some(log) => Work::Ready(Readiness::Log(log.value.clone())),
                None => SEEN,
            },
        };
        let ReadyKey::Seen(seen) = key else { return };
        if let Some(address) = &seen.http {
            let expect = Expect {
                status: seen.status.as_ref().map(|status| status.value.0.clone()).unwrap_or_default(),
                json: seen.json.as_ref().map(|json| json.value.0.clone()).unwrap_or_default(),
                websocket: None,
            };
            self.http(address, expect, None, false);
        } else if let Some(address) = &seen.tcp {
            match self.target(address) {
                Some(target @ (Target::Tcp(_) | Target::Unix(_))) => {
                    let deepest = target.deepest();
                    self.lane(self.draft.name.clone(), target, deepest);
                }
                Some(other) => {
                    let what = format!("`tcp` takes a port or a socket; this is {}", other.component());
                    self.unfit(&address.at, what, "write it like \"127.0.0.1:8080\"");
                }
                None => {}
            }
        }
    }

    fn request(&mut self, raw: &RawStep, address: &Located<Address>) {
        self.draft.work = Work::Probe;
        let mut expect = Expect::default();
        match raw.expect.as_ref().map(|expect| (&expect.value, &expect.at)) {
            Some((Answers::Http(answer), _)) => {
                expect.status = answer.status.as_ref().map(|status| status.value.0.clone()).unwrap_or_default();
                expect.json = answer.json.as_ref().map(|json| json.value.0.clone()).unwrap_or_default();
            }
            Some((Answers::Text(_), at)) => {
                let what = "`expect` of a request is a table";
                self.scope.error(PlanCode::WrongType, Some(at), what, "write it like `{ status = 200 }`");
            }
            None => {}
        }
        self.http(address, expect, raw.headers.as_ref().map(|headers| &headers.value), false);
    }

    fn websocket(&mut self, raw: &RawStep, address: &Located<Address>) {
        self.draft.work = Work::Probe;
        let mut echo = Echo { send: raw.send.as_ref().map(|send| send.value.clone()), expect: None };
        match raw.expect.as_ref().map(|expect| (&expect.value, &expect.at)) {
            Some((Answers::Text(text), _)) => echo.expect = Some(text.clone()),
            Some((Answers::Http(_), at)) => {
                let what = "`expect` of a WebSocket is a text";
                self.scope.error(PlanCode::WrongType, Some(at), what, "write it like `\"pong\"`");
            }
            None => {}
        }
        let expect = Expect { websocket: Some(echo), ..Expect::default() };
        self.http(address, expect, raw.headers.as_ref().map(|headers| &headers.value), true);
    }

    /// A lane of HTTP with what it must answer.
    fn http(&mut self, address: &Located<Address>, expect: Expect, headers: Option<&Headers>, websocket: bool) {
        let headers = self.headers(headers);
        let want = if websocket { "ws://127.0.0.1:8080/path" } else { "http://127.0.0.1:8080/path" };
        match self.target(address) {
            Some(Target::Http(http)) if http.expect.websocket.is_some() == websocket => {
                let headers = http.headers.into_iter().chain(headers).collect();
                let http = Http { expect, headers, ..http };
                self.lane(self.draft.name.clone(), Target::Http(http), Layer::Query);
            }
            Some(other) => {
                let found = match &other {
                    Target::Http(_) if websocket => "an HTTP address",
                    Target::Http(_) => "a WebSocket address",
                    other => other.component(),
                };
                self.unfit(
                    &address.at,
                    format!("an address of another kind is needed; this is {found}"),
                    &format!("write it like \"{want}\""),
                );
            }
            None => {}
        }
    }

    fn headers(&mut self, headers: Option<&Headers>) -> Vec<(String, Secret)> {
        let Some(Headers(all)) = headers else { return Vec::new() };
        let read = |(name, (_, value)): (&String, &(Place, Address))| {
            self.value(value, Format::Text).map(|value| (name.clone(), Secret::new(value)))
        };
        all.iter().filter_map(read).collect()
    }
}
