//! What a start came to, in the words of the block: one function per line.
//!
//! Each says what the codes of the start prove and no more. Where a line has nothing to say it is
//! not there.
//! Where to start reading: [`Case::new`], then [`Case::title`].

use super::advice::{self, Advice};
use super::others::{self, Other, Reach};
use super::view::{Decided, Ending, Kind, LaneView, PhaseView, StartView, StepView, spoken};
use crate::Words;
use crate::figures::{self, counted, took};
use tminus_core::code::{Class, Code};
use tminus_core::event::Passage;
use tminus_core::plan::Work;
use tminus_core::time::Millis;
use tminus_core::vocabulary::{Domain, Layer, Role};

/// A timer counts as the one that fired when what elapsed is beyond it by no more than this, ns.
const TICK: i64 = 250_000_000;
/// Waiting that changed nothing is worth a word from here on, ns.
const IDLE: i64 = 2_000_000_000;
/// Most others that one line names.
const OTHERS_MAX: usize = 6;

/// Most notes about what decided, the last ones.
const NOTES_MAX: usize = 3;

/// A start and what decided it.
pub(crate) struct Case<'a> {
    pub view: &'a StartView<'a>,
    pub words: &'a Words<'a>,
    pub ending: Ending,
    pub decided: Option<Decided>,
    pub others: Vec<Other>,
    pub reach: Reach,
}

/// A time limit and what came of it.
struct Timer {
    /// Whose it is, when it is not the phase's own.
    of: String,
    elapsed: i64,
    limit: Millis,
}

impl<'a> Case<'a> {
    pub(crate) fn new(view: &'a StartView<'a>, words: &'a Words<'a>) -> Case<'a> {
        let (ending, decided) = (view.ending(), view.decided());
        let mut case = Case { view, words, ending, decided, others: Vec::new(), reach: Reach::Answered };
        let lane = case.lane();
        case.others = others::others(view, lane);
        let scope = lane.and_then(|lane| lane.target(view.plan)).map_or(others::Scope::Unknown, others::scope);
        // A socket is on this machine and its way leads away from it.
        let scope = if scope == others::Scope::Here { others::Scope::Unknown } else { scope };
        case.reach = case.code().map_or(Reach::Answered, |code| others::reach(code, scope, &case.others));
        case
    }

    pub(crate) fn phase(&self) -> Option<&'a PhaseView> {
        self.decided.and_then(|decided| self.view.phases.get(decided.phase))
    }

    pub(crate) fn step(&self) -> Option<&'a StepView> {
        self.decided.and_then(|decided| self.phase()?.steps.get(decided.step?))
    }

    pub(crate) fn lane(&self) -> Option<&'a LaneView> {
        self.step().and_then(StepView::stopped_lane)
    }

    /// The code that decided, as far as it says something about the world.
    pub(crate) fn code(&self) -> Option<Code> {
        let decided = self.decided.map(|decided| decided.code).filter(|code| *code != Code::Stopped);
        match (&self.ending, self.view.child_ended()) {
            (Ending::ChildEnded | Ending::EndedAfterReady, Some((Some(0), _))) => Some(Code::ZeroBeforeReady),
            (Ending::ChildEnded | Ending::EndedAfterReady, _) => Some(Code::ExitedBeforeReady),
            _ => decided,
        }
    }

    /// What the deciding thing is called: the way, else the step, else the phase.
    fn name(&self) -> &'a str {
        self.lane()
            .map(|lane| lane.name.as_str())
            .or(self.step().map(|step| step.name.as_str()))
            .or(self.phase().map(|phase| phase.name.as_str()))
            .unwrap_or("the start")
    }

    /// Who owns a role, by the plan's own names.
    pub(crate) fn team(&self, role: Role) -> String {
        self.view.plan.owners.get(&role).cloned().unwrap_or_else(|| self.words.team(role))
    }

    // ---- what

    /// `in database (orders-db)`, the step only where it says more than the phase.
    fn place(&self) -> String {
        match (self.phase(), self.step()) {
            (Some(phase), Some(step))
                if step.name != phase.name && (phase.steps.len() > 1 || phase.deadline.is_none()) =>
            {
                format!("in {} ({})", phase.name, step.name)
            }
            (Some(phase), _) => format!("in {}", phase.name),
            (None, _) => "before its first phase".to_owned(),
        }
    }

    /// `staging profile; platform window 240 s, assumed`.
    pub(crate) fn context(&self) -> String {
        let mut parts = Vec::new();
        if let Some(environment) = &self.view.environment {
            parts.push(format!("{environment} profile"));
        }
        let budget = self.view.plan.budget;
        if let Some(window) = budget.window {
            let assumed = if budget.assumed { ", assumed" } else { "" };
            parts.push(format!("platform window {}{assumed}", figures::limit(window)));
        }
        parts.join("; ")
    }

    /// The first line.
    pub(crate) fn title(&self) -> String {
        let now = self.view.end;
        match &self.ending {
            Ending::ChildEnded | Ending::EndedAfterReady => self.ended_title(),
            Ending::Stopped(signal) => self.stopped_title(signal.as_deref(), now),
            Ending::Ready => format!("{} ready in {}", self.view.service, took(self.view.ready_at().unwrap_or(now))),
            Ending::Running => format!("not ready after {}; so far: {}", took(now), self.so_far()),
            Ending::NotStarted => format!("NOT STARTED {}", self.not_started()),
        }
    }

    fn not_started(&self) -> String {
        let place = self.place();
        let elapsed = self.step().or(None).and_then(|step| step.elapsed(self.view.end));
        let elapsed = elapsed.or_else(|| self.phase().and_then(|phase| phase.elapsed(self.view.end)));
        match self.decided {
            Some(Decided { code: Code::NoTimeLeft, .. }) => self.no_time_left(),
            Some(Decided { expired: true, .. }) => match self.timer() {
                Some(timer) => self.timed_out(&place, &timer),
                None => format!("{place}, after {}", took(elapsed.unwrap_or(self.view.end))),
            },
            Some(decided) => {
                let how = if decided.code.class() == Class::Definite { ": waiting cannot help" } else { "" };
                format!("{place}, after {}{how}", took(elapsed.unwrap_or(self.view.end)))
            }
            None => place,
        }
    }

    /// `in database, 75.0 of 75 s`: what really elapsed, and the limit that it was measured by.
    fn timed_out(&self, place: &str, timer: &Timer) -> String {
        let over = timer.elapsed - ns(timer.limit);
        let extended = if over > TICK { ", extended by progress" } else { "" };
        let elapsed = took(timer.elapsed);
        let elapsed = elapsed.strip_suffix(" s").filter(|_| timer.of.is_empty()).unwrap_or(&elapsed);
        format!("{place}, {elapsed} of {}{}{extended}", timer.of, figures::limit(timer.limit))
    }

    fn no_time_left(&self) -> String {
        let phase = self.phase();
        let usable = self.view.plan.budget.usable().map_or(0, ns);
        let left = took(usable - phase.and_then(|phase| phase.began).unwrap_or(self.view.end));
        match phase.and_then(|phase| phase.p95) {
            Some(p95) => {
                format!("{}: {left} left of the window, 19 of 20 starts took up to {p95} for it", self.place())
            }
            None => format!("{}: {left} left of the window", self.place()),
        }
    }

    /// The timer that fired: of those that had come, the one that was passed by least.
    fn timer(&self) -> Option<Timer> {
        let (now, plan) = (self.view.end, self.view.plan);
        let (phase, step) = (self.phase()?, self.step());
        let step_elapsed = step.and_then(|step| step.elapsed(now));
        let mut timers = Vec::new();
        if let (Some(elapsed), Some(limit)) = (phase.elapsed(now), phase.deadline) {
            timers.push(Timer { of: String::new(), elapsed, limit });
        }
        if let (Some(elapsed), Some(limit), Some(step)) = (step_elapsed, step.and_then(|step| step.deadline), step) {
            timers.push(Timer { of: format!("{}'s ", step.name), elapsed, limit });
        }
        if let Some(Work::Exec(exec)) = step.and_then(|step| step.work(plan))
            && let (Some(limit), Some(elapsed)) = (exec.once.as_ref().and_then(|once| once.wait), step_elapsed)
        {
            timers.push(Timer { of: "the wait for the lease, ".to_owned(), elapsed, limit });
        }
        if let Some(limit) = plan.budget.usable() {
            let elapsed = phase.ended.or(step.and_then(|step| step.ended)).unwrap_or(now);
            timers.push(Timer { of: "the window's usable ".to_owned(), elapsed, limit });
        }
        timers
            .into_iter()
            .filter(|timer| timer.elapsed + TICK >= ns(timer.limit))
            .min_by_key(|timer| (timer.elapsed - ns(timer.limit)).abs())
    }

    fn stopped_title(&self, signal: Option<&str>, now: i64) -> String {
        let by = signal.map_or(String::new(), |signal| format!(" by {signal}"));
        let at = self.phase().and_then(|phase| phase.ended).unwrap_or(now);
        match self.view.ready_at() {
            Some(ready) => format!("told to stop{by}; was ready after {}", took(ready)),
            None => format!("told to stop{by} after {}, not ready; so far: {}", took(at), self.so_far()),
        }
    }

    /// `database (orders-db): closed before greeting`.
    pub(crate) fn so_far(&self) -> String {
        let place = self.place();
        let place = place.strip_prefix("in ").unwrap_or(&place);
        match self.code() {
            Some(code) => format!("{place}: {}", spaced(code)),
            None => format!("{place}, nothing failed yet"),
        }
    }

    fn ended_title(&self) -> String {
        let how = match self.view.child_ended() {
            Some((Some(code), _)) => format!("ended with {code}"),
            Some((None, Some(signal))) => format!("was ended by {signal}"),
            _ => "ended".to_owned(),
        };
        let exit = self.view.child.exited.as_ref().map_or(self.view.end, |exit| exit.at);
        let lived = self.view.child.spawned.map_or(exit, |spawned| exit - spawned);
        if self.ending == Ending::EndedAfterReady {
            let ready = self.view.ready_at().unwrap_or(0);
            return format!(
                "{} was ready after {}; the program {how} {} later",
                self.view.service,
                took(ready),
                took(exit - ready)
            );
        }
        let place = self.decided.map_or(String::new(), |_| format!(" {}", self.place()));
        if self.view.plan.implied {
            return format!("the program {how} after {}", took(lived));
        }
        format!("NOT STARTED{place}: the program {how} after {}", took(lived))
    }

    // ---- whose move

    /// Whose move it is, and over what.
    pub(crate) fn whose(&self) -> String {
        let Some(code) = self.code() else {
            return "not known: nothing had failed when it ended".to_owned();
        };
        let name = self.name();
        let own = self.lane().is_some_and(|lane| lane.kind == Kind::Own);
        if own && code.layer() <= Layer::Schema {
            return format!("{}: the program's own endpoint {name}", self.team(Role::Application));
        }
        let (owner, what) = match self.reach {
            Reach::NothingOut => (Role::Platform, "the way out of this instance: nothing answers".to_owned()),
            Reach::ThisNetwork => {
                (Role::Network, format!("the way to the network of {name} (route, connector, firewall)"))
            }
            Reach::NetworkOrHost | Reach::Alone if others::is_silent(code) => {
                (code.row().owner, format!("the way to {name}, or its host; not told apart yet"))
            }
            Reach::ThisOne if others::is_silent(code) => {
                (code.row().owner, format!("{name}'s host, its firewall or its route"))
            }
            _ => (code.row().owner, self.over(code, name)),
        };
        if owner == Role::Database && !self.is_database() {
            let what = what.strip_prefix(name).and_then(|what| what.strip_prefix(": ")).unwrap_or(&what);
            return format!("whoever runs {name}: {what}");
        }
        format!("{}: {what}", self.team(owner))
    }

    fn is_database(&self) -> bool {
        self.lane().is_none_or(|lane| matches!(lane.kind, Kind::Postgres | Kind::CloudSql | Kind::Redis))
    }

    fn over(&self, code: Code, name: &str) -> String {
        if others::is_behind(code) {
            return format!("the way to {name}; {name} itself was not reached");
        }
        match (code.layer(), code.row().domain) {
            (Layer::Startup, _) => match code {
                Code::Expired | Code::NoTimeLeft | Code::NeedFailed => "the time that the plan gives".to_owned(),
                Code::StepFailed | Code::StepHopeless | Code::StepNotYet => format!("its own step {name}"),
                Code::NotReady => "the program: it runs, and is not ready".to_owned(),
                _ => "the program, as far as its end alone can tell".to_owned(),
            },
            (Layer::Migration, _) => format!("who holds what {name} waits for"),
            (Layer::Process, _) => match self.program() {
                Some(program) => format!("{program}, the command of {name}"),
                None => format!("the command of {name}"),
            },
            (Layer::Config, _) => match self.about().as_slice() {
                [what] => what.clone(),
                _ => format!("the values that {name} is given"),
            },
            (Layer::Auth, Domain::Configuration) => format!("the user and password that {name} is asked with"),
            (_, Domain::Configuration) => format!("what {name} is asked with"),
            (_, Domain::Capacity) if spoken(code) => format!("the room at {name}: it answers and has none left"),
            (Layer::Socket, Domain::Capacity) => format!("who listens for {name}: it does not keep up"),
            (_, Domain::Capacity) => "the limits of this instance".to_owned(),
            (Layer::Dns, _) if !others::is_silent(code) => {
                format!("the name that {name} has, or where it is published")
            }
            (Layer::Dns | Layer::Socket | Layer::Tcp | Layer::Tls, Domain::Network | Domain::Platform) => {
                format!("the way to {name}")
            }
            _ if code.row().owner == Role::Nobody => format!("{name} is coming up"),
            _ if spoken(code) => format!("{name} itself: it answers, and is not willing"),
            _ => format!("{name}: {}", code.row().meaning),
        }
    }

    /// The command of the step that decided.
    fn program(&self) -> Option<&'a str> {
        match self.step()?.work(self.view.plan)? {
            Work::Exec(exec) => exec.argv.first().map(String::as_str),
            Work::Spawn => self.view.program.as_deref(),
            _ => None,
        }
    }

    // ---- what to do

    pub(crate) fn advice(&self) -> Option<Advice> {
        let code = self.code()?;
        Some(advice::advice(self.view, self.step(), self.lane(), code))
    }

    // ---- what it is not

    /// What the ladder excludes, each with why.
    pub(crate) fn not(&self) -> Vec<String> {
        let mut not = Vec::new();
        if let Some(lane) = self.lane().filter(|lane| lane.kind != Kind::Own) {
            self.not_of_lane(lane, &mut not);
        }
        if self.ending == Ending::ChildEnded
            && let Some((Some(code), _)) = self.view.child_ended()
        {
            not.push(format!("a cause: exit code {code} says that it ended, not why"));
        }
        if self.view.spawns() && self.view.child.spawned.is_none() {
            not.push("app code (not started)".to_owned());
        }
        not
    }

    fn not_of_lane(&self, lane: &LaneView, not: &mut Vec<String>) {
        let goal = |layer| lane.layers.contains(&layer);
        let spoke = lane.server_spoke();
        let at = lane.stop.as_ref().map(|stop| stop.layer);
        let answered =
            lane.stop.as_ref().is_some_and(|stop| !others::is_silent(stop.code) && !others::is_behind(stop.code));
        if spoke && at >= Some(Layer::Protocol) {
            not.push("the way there (the server answered)".to_owned());
        } else if answered
            && at == Some(Layer::Tcp)
            && lane.stop.as_ref().is_some_and(|stop| stop.code == Code::Refused)
        {
            not.push("the way there (the host answered)".to_owned());
        }
        if goal(Layer::Slot) && !spoke {
            not.push("slots (server never spoke)".to_owned());
        } else if lane.has_passed(Layer::Slot) {
            not.push("slots (one was granted)".to_owned());
        }
        if goal(Layer::Auth) && !lane.reached.contains(&Layer::Auth) {
            not.push("password (never asked)".to_owned());
        } else if lane.has_passed(Layer::Auth) {
            not.push("password (accepted)".to_owned());
        }
    }

    /// What more waiting would have done, when a deadline is what people will want to raise.
    pub(crate) fn waiting(&self) -> Option<String> {
        if self.ending == Ending::ChildEnded {
            return None;
        }
        let code = self.code()?;
        if self.decided.is_some_and(|decided| !decided.expired) && self.ending == Ending::NotStarted {
            let definite = code.class() == Class::Definite && code.row().domain != Domain::Application;
            return definite.then(|| "a longer deadline (no waiting mends this)".to_owned());
        }
        let lane = self.lane()?;
        let idle = self.step()?.ended.unwrap_or(self.view.end) - self.last_progress(lane)?;
        let changed = lane.tries.codes.len() > 1;
        (idle >= IDLE && !changed && code.row().domain != Domain::Dependency && code.row().domain != Domain::Capacity)
            .then(|| format!("a longer deadline ({} of waiting changed nothing)", took(idle)))
    }

    /// When the lane got deeper for the last time: never is the beginning of its step.
    fn last_progress(&self, lane: &LaneView) -> Option<i64> {
        let began = self.step()?.began?;
        Some(lane.rungs.iter().map(|rung| rung.at).max().unwrap_or(began))
    }

    // ---- the ladder

    /// `config ok > socket ok 0.4 ms > protocol CLOSED before greeting, 61 of 61 tries`.
    pub(crate) fn ladder(&self) -> Option<String> {
        let lane = self.lane()?;
        let stop = lane.stop.as_ref()?;
        let mut parts = Vec::new();
        if stop.layer != Layer::Config {
            parts.push("config ok".to_owned());
        }
        let passed = lane.rungs.iter().filter(|rung| rung.layer < stop.layer);
        parts.extend(passed.map(|rung| {
            let took = rung.elapsed.map_or(String::new(), |ns| format!(" {}", took(clamp(ns))));
            format!("{} ok{took}", rung.layer)
        }));
        parts.push(format!("{} {}{}", stop.layer, shouted(stop.code), self.tries_of(stop.code)));
        Some(parts.join(" > "))
    }

    /// The lines under the ladder: what the code means, what the server said, and since when.
    pub(crate) fn ladder_notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let lane = self.lane();
        // Without a plan the title has said it.
        if let Some(code) = self.code().filter(|_| !(self.view.plan.implied && self.ending == Ending::ChildEnded)) {
            notes.push(format!("{}: {}", self.name(), code.row().meaning));
        }
        if let Some(stop) = lane.and_then(|lane| lane.stop.as_ref())
            && let Some(detail) = &stop.detail
        {
            notes.push(format!("it says: {detail}"));
        }
        if let Some(lane) = lane {
            notes.extend(self.since(lane));
        }
        let about = self.about();
        // What stands behind MOVE is not said twice.
        let said = self.code().is_some_and(|code| code.layer() == Layer::Config) && about.len() == 1;
        notes.extend(about.into_iter().filter(|_| !said));
        notes
    }

    /// What was noted about what decided, the last few.
    fn about(&self) -> Vec<String> {
        let (lane, step) = (self.lane(), self.step());
        let about = [
            step.map(|step| step.name.as_str()),
            lane.map(|lane| lane.target.as_str()),
            step.and_then(|step| step.work(self.view.plan)).and_then(|work| match work {
                Work::Spawn => Some("spawn"),
                Work::Environment(_) => Some("environment"),
                _ => None,
            }),
        ];
        let noted = self.view.notes.iter().filter(|(source, _)| about.contains(&Some(source.as_str())));
        let noted: Vec<&String> = noted.map(|(_, text)| text).collect();
        noted[noted.len().saturating_sub(NOTES_MAX)..].iter().map(|text| (*text).clone()).collect()
    }

    /// When which layer was reached; what separates a path that warms up from one that is not there.
    fn since(&self, lane: &LaneView) -> Option<String> {
        let began = self.step()?.began?;
        let end = self.step()?.ended.unwrap_or(self.view.end);
        let last = self.last_progress(lane)?;
        let late = lane.rungs.iter().filter(|rung| rung.at - began >= IDLE);
        let late: Vec<String> = late.map(|rung| format!("{} from t+{}", rung.layer, took(rung.at - began))).collect();
        if !late.is_empty() {
            return Some(late.join(", "));
        }
        (end - last >= IDLE && !lane.rungs.is_empty()).then(|| format!("no deeper layer after {}", took(last - began)))
    }

    /// `, 61 of 61 tries`; dials instead of tries where a try is a round of them.
    pub(crate) fn tries_of(&self, code: Code) -> String {
        let tries = match (self.lane(), self.step()) {
            (Some(lane), _) => &lane.tries,
            (None, Some(step)) => &step.tries,
            (None, None) => return String::new(),
        };
        // One try of a lane is a round of dials, as long as each comes out with the same.
        if matches!(code.layer(), Layer::Tcp | Layer::Socket)
            && let Some(lane) = self.lane().filter(|lane| lane.dials > tries.done.into())
        {
            return format!(", {}", counted(usize::try_from(lane.dials).unwrap_or(usize::MAX), "dial"));
        }
        match (tries.count(code), tries.done) {
            (0, _) => String::new(),
            (n, done) => {
                format!(", {} of {}", figures::count(n.into()), counted(done as usize, "try").replace("trys", "tries"))
            }
        }
    }

    // ---- the others

    /// `metadata ok, resolver ok, redis ok: egress works, one path is broken`.
    pub(crate) fn others_line(&self) -> Option<String> {
        let say = |other: &Other| format!("{} {}", other.name, other.code.map_or("ok".to_owned(), spaced));
        let mut names: Vec<String> = self.others.iter().take(OTHERS_MAX).map(say).collect();
        if self.others.len() > OTHERS_MAX {
            names.push(format!("and {} more", self.others.len() - OTHERS_MAX));
        }
        let meaning = self.code().and_then(|code| self.reach.meaning(code));
        match (names.is_empty(), meaning) {
            (true, None) => None,
            (true, Some(meaning)) => Some(meaning.to_owned()),
            (false, None) => Some(names.join(", ")),
            (false, Some(meaning)) => Some(format!("{}: {meaning}", names.join(", "))),
        }
    }

    /// What was never reached: phases, and steps of the phase that ended.
    pub(crate) fn unseen(&self) -> Option<String> {
        let mut names: Vec<String> = Vec::new();
        if let Some(phase) = self.phase() {
            let open = |step: &&StepView| step.began.is_none() || step.outcome == Some(Passage::Skipped);
            let deciding = self.step().map(|step| step.name.as_str());
            let steps = phase.steps.iter().filter(open).filter(|step| Some(step.name.as_str()) != deciding);
            names.extend(steps.map(|step| step.name.clone()));
        }
        names.extend(self.view.unseen_phases().map(|phase| phase.name.clone()));
        if names.is_empty() {
            return None;
        }
        let them = if names.len() == 1 { "it" } else { "them" };
        Some(format!("{}: no statement about {them}", names.join(", ")))
    }
}

/// A code as words: `closed before greeting`.
pub(crate) fn spaced(code: Code) -> String {
    code.as_str().replace('_', " ")
}

/// The same, its first word in capitals: marks what failed without colour.
pub(crate) fn shouted(code: Code) -> String {
    let words = spaced(code);
    match words.split_once(' ') {
        Some((first, rest)) => format!("{} {rest}", first.to_uppercase()),
        None => words.to_uppercase(),
    }
}

fn ns(limit: Millis) -> i64 {
    i64::from(limit.0) * 1_000_000
}

pub(crate) fn clamp(ns: u64) -> i64 {
    i64::try_from(ns).unwrap_or(i64::MAX)
}
