//! `run --explain`: what a start would do, in order, without doing it.
//!
//! What it is for: whoever has to allow a start (network policies, security reviews) reads here
//! every address that would be dialled and to which layer, every file, variable, port and command.
//! What it must never do: leave out something that would happen, or show a value: addresses are
//! shown without credentials, variables by name, and words of the command are cleaned.
//! Where to start reading: [`explain`].

use crate::Style;
use crate::figures;
use crate::terminal::page::{Line, Page, Paint, Section};
use tminus_core::plan::{Budget, Kind, Plan, Readiness, Step, Work};
use tminus_core::redact::Redactor;
use tminus_core::target::Target;
use tminus_core::vocabulary::Layer;

/// A file and what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileUse {
    /// Its path.
    pub path: String,
    /// What for, a few words.
    pub why: String,
}

/// What the plan does not know, because it belongs to the command line and to the environment.
#[derive(Clone, Debug, Default)]
pub struct ExplainFacts {
    /// Where the plan comes from (a path, `built in`), or why there is none.
    pub origin: String,
    /// The program and its arguments; empty when none is given.
    pub command: Vec<String>,
    /// Files that would be read.
    pub reads: Vec<FileUse>,
    /// Files and sockets that would be written or made.
    pub writes: Vec<FileUse>,
    /// Variables that would be read, by name, and what for.
    pub variables: Vec<(String, String)>,
    /// Dependencies that would be asked only when the program is in trouble, and how.
    pub asks: Vec<(String, String)>,
    /// Ports and sockets that would be listened on, and what for.
    pub listens: Vec<(String, String)>,
    /// Addresses that would be posted to, and what.
    pub posts: Vec<(String, String)>,
    /// Values that are secret, to be removed wherever they stand.
    pub secrets: Vec<String>,
}

/// What would be done, as lines, each ended by a line end; nothing is left out, however long.
pub fn explain(plan: &Plan, facts: &ExplainFacts, style: &Style) -> String {
    let page = Page::new(&Style { full: true, ..*style });
    let clean = Redactor::new(facts.secrets.iter().cloned());
    let mut sections = vec![Section::new(head(&page, plan, facts, &clean), 0)];
    let mut number = 0;
    for (ix, phase) in plan.phases.iter().enumerate() {
        let limit = phase
            .deadline
            .map_or("as long as the budget lasts".to_owned(), |limit| format!("at most {}", figures::limit(limit)));
        let mut lines = vec![page.bare(vec![
            (Paint::Label, page.fit(&format!("phase {}: {}", ix + 1, phase.name), page.width / 2)),
            (Paint::Plain, format!(", {limit}")),
        ])];
        let steps = plan.steps.get(usize::from(phase.steps.start)..usize::from(phase.steps.end)).unwrap_or(&[]);
        for step in steps {
            number += 1;
            lines.extend(of_step(&page, plan, step, number, facts, &clean));
        }
        if steps.is_empty() {
            lines.push(page.one("", "nothing"));
        }
        sections.push(Section::new(lines, 0).apart());
    }
    sections.push(Section::new(besides(&page, plan, facts, &clean), 0).apart());
    page.print(sections)
}

fn head(page: &Page, plan: &Plan, facts: &ExplainFacts, clean: &Redactor) -> Vec<Line> {
    let what = match plan.kind {
        Kind::Service => "a service: it serves until it is stopped",
        Kind::Job => "a job: it ends by itself, 0 is success",
    };
    let mut lines = vec![page.bare(vec![(
        Paint::Label,
        page.fit(&format!("tminus run would start {} ({what})", plan.service), page.width),
    )])];
    if !facts.origin.is_empty() {
        lines.extend(page.hanging("PLAN", &clean.clean(&facts.origin), 0, 1));
    }
    if let Some(environment) = &plan.environment {
        lines.extend(page.hanging("FOR", &format!("{environment} profile"), 0, 1));
    }
    lines.extend(page.hanging("TIME", &budget(&plan.budget), 0, 2));
    lines
}

fn budget(budget: &Budget) -> String {
    let Some(window) = budget.window else { return format!("no limit ({})", budget.platform) };
    let how = if budget.assumed { "assumed" } else { "given" };
    let usable =
        budget.usable().map_or(String::new(), |usable| format!("; {} of it can be used", figures::limit(usable)));
    let grace = budget.grace.map_or(String::new(), |grace| format!(", {} to stop", figures::limit(grace)));
    format!("{} window {}, {how}{grace}{usable}", budget.platform, figures::limit(window))
}

fn of_step(page: &Page, plan: &Plan, step: &Step, number: usize, facts: &ExplainFacts, clean: &Redactor) -> Vec<Line> {
    let mut text = format!("{number}. {}: {}", step.name, work(plan, step, facts, clean));
    if let Some(limit) = step.deadline {
        text += &format!("; at most {}", figures::limit(limit));
    }
    if !step.critical {
        text += "; optional";
    }
    let needs: Vec<&str> = step.needs.iter().map(|need| plan.step(*need).name.as_str()).collect();
    if !needs.is_empty() {
        text += &format!("; after {}", needs.join(", "));
    }
    let mut lines = page.hanging("", &text, 4, usize::MAX);
    for lane in plan.lanes.get(usize::from(step.lanes.start)..usize::from(step.lanes.end)).unwrap_or(&[]) {
        let goal = lane.layers.last().copied();
        let name = if lane.name == step.name { String::new() } else { format!("{}: ", lane.name) };
        let how = dials(&lane.target, goal, lane.witness);
        let text = format!("- {name}{how} {}", clean.clean(&lane.target.to_string()));
        lines.extend(page.hanging("", &text, 6, usize::MAX));
    }
    if let Some((argv, limit)) = &step.finalizer {
        let text = format!("- on stop, if it passed: {}, at most {}", command(argv, clean), figures::limit(*limit));
        lines.extend(page.hanging("", &text, 6, usize::MAX));
    }
    lines
}

/// `dials, down to query:`; files and commands are not dialled.
fn dials(target: &Target, goal: Option<Layer>, witness: bool) -> String {
    match target {
        Target::File(_) => "looks at".to_owned(),
        Target::Command(_) => "runs".to_owned(),
        Target::Dns(_) => "resolves".to_owned(),
        _ if witness => format!("dials, any answer will do, to {}:", goal.unwrap_or(Layer::Tcp)),
        _ => format!("dials, down to {}:", goal.unwrap_or(Layer::Tcp)),
    }
}

fn work(plan: &Plan, step: &Step, facts: &ExplainFacts, clean: &Redactor) -> String {
    match &step.work {
        Work::Environment(variables) => {
            let names: Vec<&str> = variables.iter().map(|variable| variable.name.as_str()).collect();
            format!("looks whether {} are there and well-formed", names.join(", "))
        }
        Work::Egress => "waits until something outside answers at all".to_owned(),
        Work::Probe => "probes".to_owned(),
        Work::Exec(exec) => {
            let once = exec.once.as_ref().map_or(String::new(), |once| {
                let at = Target::Postgres(once.database.clone()).to_string();
                format!("; one instance at a time, by the lease {} in {}", once.lease, clean.clean(&at))
            });
            format!("runs {}{once}", command(&exec.argv, clean))
        }
        Work::Spawn => match facts.command.is_empty() {
            true => "starts the program".to_owned(),
            false => format!("starts {}", command(&facts.command, clean)),
        },
        Work::Ready(Readiness::Notify) => format!("waits for READY=1 of {} (sd_notify)", plan.service),
        Work::Ready(Readiness::Log(text)) => format!("waits for a line that contains `{}`", clean.clean(text)),
        Work::Ready(Readiness::Lanes) => "waits until it answers".to_owned(),
        Work::Hosted => "code of the embedding program".to_owned(),
    }
}

/// The command as it would be typed, cleaned of what looks like a secret.
fn command(argv: &[String], clean: &Redactor) -> String {
    let words: Vec<String> = argv.iter().map(|word| super::advice::quoted(&clean.clean(word))).collect();
    clean.clean(&words.join(" ")).into_owned()
}

fn besides(page: &Page, plan: &Plan, facts: &ExplainFacts, clean: &Redactor) -> Vec<Line> {
    let uses =
        |files: &[FileUse]| files.iter().map(|file| format!("{}: {}", clean.clean(&file.path), file.why)).collect();
    let pairs =
        |pairs: &[(String, String)]| pairs.iter().map(|(what, why)| format!("{}: {why}", clean.clean(what))).collect();
    let stop = plan
        .stop
        .kill_after
        .map_or("never KILL".to_owned(), |after| format!("KILL to its group after {}", figures::limit(after)));
    let stop = format!("{} to the program; {stop}", tminus_core::run::signal_name(plan.stop.signal));
    let lists: [(&str, Vec<String>, &str); 7] = [
        ("ASKS", pairs(&facts.asks), ""),
        ("READS", uses(&facts.reads), "no file"),
        ("WRITES", uses(&facts.writes), "no file"),
        ("ENV", pairs(&facts.variables), "no variable"),
        ("OPENS", pairs(&facts.listens), "no port"),
        ("POSTS", pairs(&facts.posts), "nothing"),
        ("STOPS", vec![stop], ""),
    ];
    let mut lines = Vec::new();
    for (label, items, none) in lists.into_iter().filter(|(_, items, none)| !(items.is_empty() && none.is_empty())) {
        let items = if items.is_empty() { vec![none.to_owned()] } else { items };
        lines.extend(page.items(label, &items, usize::MAX, usize::MAX));
    }
    let exit = plan.exit;
    lines.extend(page.hanging(
        "EXITS",
        &format!("{} waiting ran out, {} waiting cannot help, else the program's own", exit.expired, exit.hopeless),
        0,
        1,
    ));
    lines
}
