//! One attempt as events: what the items of one lifetime say, folded from here on like a live start.

mod log;

use self::log::EventLog;
use crate::catalogue::{Catalogue, Hit, Mark};
use crate::chain::{self, Chain, Frame, Language, Link, Relation};
use crate::collect::Fnv;
use crate::item::Item;
use crate::lane::LaneKey;
use crate::order::Row;
use crate::wording::{cut, denies, is_dump, speaks_of_stopping};
use tminus_core::Timestamp;
use tminus_core::event::{AttemptId, Event, EventKind, Failure, FailureLink, LineRole, LogRef, Match, Notice, RuleHit};
use tminus_core::exits::Exit;
use tminus_core::record::Stream;
use tminus_core::redact::Redactor;
use tminus_core::vocabulary::{Severity, Stage};

/// Longest message kept in an event, bytes: its head, and a quarter of its tail.
const SAYS_MAX: usize = 4_096;
/// Longest line kept as a reference, bytes.
const LINE_MAX: usize = 800;
/// Most addresses kept of one attempt.
const TARGETS_MAX: usize = 32;
/// Most lines of one cited passage.
const PASSAGE_LINES: usize = 4;
/// Most links of one chain that are kept.
const LINKS_MAX: usize = 16;

/// One attempt.
#[derive(Debug)]
pub struct Attempt {
    /// Its number, given once all are known.
    pub n: u32,
    /// Whose.
    pub key: LaneKey,
    /// Its row in the exits file.
    pub exit: Option<Exit>,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// First row's moment.
    pub first: Option<Timestamp>,
    /// Last row's moment.
    pub last: Option<Timestamp>,
    /// Index of its first row among all rows; none for exits rows without records.
    pub first_row: Option<usize>,
    /// Records that belong to it.
    pub records: u64,
    /// Does the input show its beginning?
    pub begins: bool,
    /// Addresses that its lines name.
    pub targets: Vec<Target>,
    /// What tminus itself did and measured, when it made this start.
    pub live: Option<std::sync::Arc<crate::live::Start>>,
    /// Was it stopped in good order and started again at once, as a failing probe has it?
    pub recycled: bool,
}

/// An address that a line names (`host:port`), with the dependency that its port belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `host:port`.
    pub name: String,
    /// Dependency.
    pub component: Option<String>,
}

/// Turns items into events.
pub struct Reader<'a> {
    /// All rows.
    pub rows: &'a [Row],
    /// The catalogue in force.
    pub catalogue: &'a Catalogue,
    /// Removes secrets.
    pub redactor: &'a Redactor,
}

impl Reader<'_> {
    /// The attempt that `items` tell.
    pub fn attempt(&self, key: &LaneKey, exit: Option<&Exit>, items: &[Item]) -> Attempt {
        let first = items.iter().filter_map(|item| item.at).min();
        let last = items.iter().filter_map(|item| item.until).max();
        let mut attempt = Attempt {
            n: 0,
            key: key.clone(),
            exit: exit.cloned(),
            events: Vec::new(),
            first,
            last,
            first_row: items.first().map(Item::first_row),
            records: items.len() as u64,
            begins: exit.is_some_and(|exit| exit.started.is_some()),
            targets: Vec::new(),
            live: None,
            recycled: false,
        };
        let mut log = EventLog::new(attempt_id(key, first, items), exit.and_then(|e| e.started).or(first));
        log.exits = exit.is_some();
        log.push(
            first,
            EventKind::AttemptStarted {
                service: key.service.as_deref().map(str::to_owned),
                environment: None,
                revision: key.revision.as_deref().map(str::to_owned),
                instance: key.instance.as_deref().map(str::to_owned),
                platform: None,
                plan: None,
                seed: None,
            },
        );
        for (index, item) in items.iter().enumerate() {
            let begins = item.is(Mark::PlatformStarting) || (item.is(Mark::Start) && index < 30);
            attempt.begins |= begins;
            if attempt.targets.len() < TARGETS_MAX {
                self.targets(item, &mut attempt.targets);
            }
            self.read(item, &mut log);
        }
        if attempt.exit.as_ref().is_none_or(|exit| exit.exit_code.is_some_and(|code| code != 0 && code < 128)) {
            self.last_words(items, &mut log);
        }
        attempt.events = log.events;
        attempt
    }

    /// The last line before a process ends itself with an error is a statement about it, also where
    /// it carries no level and no rule knows it, as long as it denies something.
    fn last_words(&self, items: &[Item], log: &mut EventLog) {
        let program = |item: &&Item| {
            !matches!(item.stream, Stream::Platform | Stream::Request) && !self.speaks_for_platform(item)
        };
        let Some(item) = items.iter().rev().find(program) else { return };
        let ended =
            log.events.iter().any(|e| matches!(&e.kind, EventKind::ChildExited { code: Some(code), .. } if *code != 0));
        let ordinary = log
            .events
            .iter()
            .rev()
            .find(|e| !matches!(e.kind, EventKind::ChildExited { .. } | EventKind::PlatformNotice { .. }));
        let Some(EventKind::ChildOutput { .. } | EventKind::ChildStopping { .. }) = ordinary.map(|e| &e.kind) else {
            return;
        };
        let known = items.len() > 1 && (ended || log.exits);
        if known && item.severity < Some(Severity::Error) && denies(chain::message_of(&item.text)) {
            log.push(item.at, EventKind::LogMatched(Box::new(self.matched(item, LineRole::Candidate, Vec::new()))));
        }
    }

    fn read(&self, item: &Item, log: &mut EventLog) {
        if matches!(item.stream, Stream::Platform | Stream::Request) || self.speaks_for_platform(item) {
            return self.read_platform(item, log);
        }
        // What stands inside an access log was said by a client: it never proves.
        if item.is(Mark::Served) {
            return log.push(item.at, self.notified(item, Stage::Serving));
        }
        if item.is(Mark::AccessLog) {
            return log.push(item.at, self.output(item));
        }
        if item.is(Mark::WorkerStart) {
            log.push(item.at, EventKind::ChildSpawned { pid: None, at: Some(self.at(item, 0)) });
        }
        let rules = self.rules(item);
        if let Some(stage) = reached(item) {
            log.push(item.at, self.notified(item, stage));
            // "connecting to x" also stands in errors about x: only those go on.
            if item.chain.is_none() && (rules.is_empty() || !speaks_of_failure(item)) {
                return;
            }
        }
        if let Some(phase) = self.failed_phase(item) {
            let outcome = tminus_core::event::Passage::Failed;
            log.push(item.at, EventKind::PhaseFinished { phase, outcome, code: None, elapsed_ns: None });
        }
        let said = match said(item, &rules, log) {
            Said::Matched(role) => EventKind::LogMatched(Box::new(self.matched(item, role, rules))),
            Said::Leaving => EventKind::ChildStopping { signal: None, at: Some(self.at(item, 0)) },
            Said::Output => return log.output(item.at, self.output(item)),
        };
        log.push(item.at, said);
    }

    fn notified(&self, item: &Item, stage: Stage) -> EventKind {
        EventKind::ChildNotified { stage, status: self.first_line(item), at: Some(self.at(item, 0)) }
    }

    /// Lines of a supervisor or of the kernel that came through the program's own stream.
    fn speaks_for_platform(&self, item: &Item) -> bool {
        let reports_end = self.marked(item, Mark::Exited).and_then(Hit::marker).is_some_and(|marker| {
            matches!(
                self.catalogue.marker(marker).software.as_str(),
                "cloud-run"
                    | "kubernetes"
                    | "systemd"
                    | "docker"
                    | "docker-compose"
                    | "ecs"
                    | "nomad"
                    | "heroku"
                    | "fly"
                    | "render"
            )
        });
        item.chain.is_none() && reports_end
            || item.chain.is_none()
                && item.marks.iter().any(|mark| {
                    matches!(
                        mark,
                        Mark::PlatformStarting
                            | Mark::ImagePullFailed
                            | Mark::StartupProbePassed
                            | Mark::StartupProbeFailed
                            | Mark::LivenessFailed
                            | Mark::RestartScheduled
                            | Mark::RevisionReady
                            | Mark::RevisionFailed
                            | Mark::RequestFailed
                    )
                })
    }

    fn read_platform(&self, item: &Item, log: &mut EventLog) {
        let at = Some(self.at(item, 0));
        if let Some(hit) = self.marked(item, Mark::Exited) {
            let number = |name| hit.captured(name, &item.text).and_then(|text| text.parse::<i32>().ok());
            let signal = hit.captured("signal", &item.text).map(signal_name);
            log.push(item.at, EventKind::ChildExited { code: number("code"), signal, reason: None, at: at.clone() });
        }
        let request = self.rows[item.first_row()].record.detail.request.as_ref();
        let notice = match request {
            Some(request) if request.status < 500 => {
                let status = format!("{} {}", request.status, request.url);
                return log.push(item.at, EventKind::ChildNotified { stage: Stage::Serving, status, at });
            }
            Some(_) => Notice::RequestFailed,
            None => notice(item),
        };
        // What a probe met at the program's own port says nothing about a dependency.
        let probed = item.text.contains("robe failed") || item.text.contains("robe errored");
        let rules = if probed { Vec::new() } else { self.rules(item) };
        if !rules.is_empty() {
            let role = LineRole::PlatformVerdict;
            log.push(item.at, EventKind::LogMatched(Box::new(self.matched(item, role, rules))));
        }
        if !item.is(Mark::Exited) {
            log.push(item.at, EventKind::PlatformNotice { notice, at });
        }
    }

    fn marked<'i>(&self, item: &'i Item, mark: Mark) -> Option<&'i Hit> {
        item.hits.iter().find(|hit| hit.marker().is_some_and(|marker| self.catalogue.marker(marker).marks == mark))
    }

    fn failed_phase(&self, item: &Item) -> Option<String> {
        let hit = self.marked(item, Mark::PhaseFailed)?;
        Some(hit.captured("phase", &item.text)?.trim().to_owned())
    }

    fn output(&self, item: &Item) -> EventKind {
        let at = Some(self.at(item, 0));
        EventKind::ChildOutput { lines: 1, bytes: item.text.len() as u64, last: at.clone(), at }
    }

    fn rules(&self, item: &Item) -> Vec<RuleHit> {
        let links = item.chain.as_ref().map(|chain| link_spans(item, chain)).unwrap_or_default();
        item.hits
            .iter()
            .filter_map(|hit| {
                let pattern = self.catalogue.pattern(hit.pattern()?);
                let link = links.iter().position(|(from, to)| hit.start >= *from && hit.start < *to);
                Some(RuleHit {
                    cause: pattern.cause.clone(),
                    pattern: pattern.id.clone(),
                    culprit: self.catalogue.culprit(hit, &item.text).map(|c| self.redactor.clean(&c).into_owned()),
                    link: link.map(|link| link as u32),
                    at: self.passage(item, hit.start, link.map_or(item.text.len(), |link| links[link].1)),
                })
            })
            .collect()
    }

    fn matched(&self, item: &Item, role: LineRole, rules: Vec<RuleHit>) -> Match {
        Match {
            role,
            rules,
            failure: item.chain.as_ref().map(|chain| self.failure(item, chain)),
            severity: item.severity,
            logger: self.rows[item.first_row()].record.detail.logger.as_deref().map(str::to_owned),
            says: self.redactor.clean(&bounded(chain::message_of(&item.text))).into_owned(),
            at: self.at(item, 0),
            rows: item.pieces.len() as u32,
        }
    }

    fn failure(&self, item: &Item, chain: &Chain) -> Failure {
        let links = chain
            .links
            .iter()
            .take(LINKS_MAX)
            .map(|link| {
                let component = self.component(link);
                let (offset, _) = item.line(link.lines.start);
                FailureLink {
                    type_name: link.type_name.clone(),
                    message: self.redactor.clean(&bounded(&link.whole)).into_owned(),
                    mechanism: link.mechanism,
                    aside: is_aside(link, chain),
                    component: component.map(str::to_owned),
                    in_app: link.application.as_ref().map(place_of),
                    waited_in: link
                        .third_party
                        .as_ref()
                        .or(link.deepest.as_ref())
                        .map(|f| format!("{} {}", f.function, f.file)),
                    at: self.at(item, offset),
                }
            })
            .collect();
        Failure { language: language_name(chain.language).to_owned(), links, truncated: chain.truncated }
    }

    /// Addresses that an item names.
    fn targets(&self, item: &Item, out: &mut Vec<Target>) {
        for (host, port) in crate::address::host_ports(cut(&item.text, SAYS_MAX)) {
            let component = self.catalogue.component_of_port(port).map(str::to_owned);
            let name = format!("{host}:{port}");
            if component.is_some() && out.iter().all(|t| t.name != name) && out.len() < TARGETS_MAX {
                out.push(Target { name, component });
            }
        }
    }

    /// The dependency that the innermost calls of a link belong to.
    fn component(&self, link: &Link) -> Option<&str> {
        let of = |text: &str| self.catalogue.component_of_frame(text);
        let frame = |frame: &Frame| of(&frame.file).or_else(|| of(&frame.function));
        [&link.deepest, &link.third_party].into_iter().flatten().find_map(frame).or_else(|| of(&link.type_name))
    }

    /// The place of byte `offset` of an item.
    fn at(&self, item: &Item, offset: usize) -> LogRef {
        let (start, row) = item.piece_at(offset);
        let record = &self.rows[row].record;
        let nth =
            item.text.as_bytes()[start..offset.clamp(start, item.text.len())].iter().filter(|b| **b == b'\n').count();
        let line = item.line_at(offset).trim();
        LogRef {
            source: record.source,
            line: record.physical_line(nth),
            text: self.redactor.clean(cut(line, LINE_MAX)).into_owned(),
        }
    }

    /// The place of byte `offset` of an item, with the lines that follow it in the same message: a
    /// message of several lines says what it says only as a whole.
    fn passage(&self, item: &Item, offset: usize, end: usize) -> LogRef {
        let mut place = self.at(item, offset);
        let start = item.text[..offset].rfind('\n').map_or(0, |at| at + 1);
        let rest = &item.text[start..end.max(start)];
        let more =
            rest.lines().skip(1).map(str::trim_end).take_while(|line| !line.trim().is_empty()).take(PASSAGE_LINES - 1);
        for line in more {
            place.text.push('\n');
            place.text.push_str(&self.redactor.clean(cut(line, LINE_MAX / 4)));
        }
        place
    }

    fn first_line(&self, item: &Item) -> String {
        self.redactor.clean(cut(item.text.lines().next().unwrap_or("").trim(), LINE_MAX)).into_owned()
    }
}

/// By its level, or without one by the way it begins or by a word that denies.
fn speaks_of_failure(item: &Item) -> bool {
    let message = chain::message_of(&item.text);
    item.severity
        .map_or_else(|| chain::error_name(message).is_some() || denies(message), |level| level >= Severity::Warning)
}

/// What an item of the program's own streams is.
enum Said {
    /// Words that count, and as what.
    Matched(LineRole),
    /// The program takes leave.
    Leaving,
    /// An ordinary line.
    Output,
}

fn said(item: &Item, rules: &[RuleHit], log: &EventLog) -> Said {
    let message = chain::message_of(&item.text);
    let plain = item.chain.is_none();
    let failing = !plain
        || !rules.is_empty()
        || item.severity >= Some(Severity::Error)
        || (item.severity.is_none() && chain::error_name(message).is_some());
    match () {
        () if item.is(Mark::Wrapper) && plain && rules.is_empty() => Said::Matched(LineRole::Wrapper),
        () if (item.is(Mark::Consequence) || item.is(Mark::Exited)) && plain => Said::Matched(LineRole::Consequence),
        () if item.is(Mark::Continued) && plain => Said::Matched(LineRole::Retry),
        () if item.is(Mark::Stopping) && plain && rules.is_empty() => Said::Leaving,
        () if item.chain.as_ref().is_some_and(is_headless) && log.failed_within_a_breath(item.at) => {
            Said::Matched(LineRole::Consequence)
        }
        () if failing => Said::Matched(LineRole::Candidate),
        () if speaks_of_stopping(message) => Said::Leaving,
        () if is_dump(&item.text) => Said::Matched(LineRole::Consequence),
        // Words without a level right behind an error with one are the rest of its message.
        () if item.severity.is_none() && log.error_goes_on(item.at) => Said::Matched(LineRole::Consequence),
        () => Said::Output,
    }
}

/// Byte spans of the links in the item's text: from a link's own line to the next link's line.
fn link_spans(item: &Item, chain: &Chain) -> Vec<(usize, usize)> {
    let mut starts: Vec<(usize, usize)> =
        chain.links.iter().enumerate().map(|(index, link)| (item.line(link.lines.start).0, index)).collect();
    starts.sort_unstable();
    let mut spans = vec![(0, 0); chain.links.len()];
    for (i, (from, index)) in starts.iter().enumerate() {
        let to = starts.get(i + 1).map_or(item.text.len(), |next| next.0);
        spans[*index] = (*from, to.max(from + 1));
    }
    spans
}

/// Calls without the error that they belong to: it stands in the row before, or nowhere.
fn is_headless(chain: &Chain) -> bool {
    let root = chain.root();
    let go = |text: &str| text.ends_with(')') && !text.split('(').next().unwrap_or("").contains(' ');
    let call =
        |text: &str| go(text) || text.starts_with("created by ") || text.contains(":in `") || text.contains(":in '");
    root.type_name.is_empty() && (root.whole.is_empty() || call(&root.message))
}

/// Never a cause: suppressed, or a lookup that failed on the way to the error that tells of it.
fn is_aside(link: &Link, chain: &Chain) -> bool {
    let outer = link.outer.and_then(|outer| chain.links.get(outer));
    let lookup = matches!(link.short_type(), "KeyError" | "StopIteration" | "IndexError");
    let told = outer
        .is_some_and(|outer| matches!(outer.short_type(), "AttributeError" | "ImproperlyConfigured" | "LookupError"));
    link.incidental
        || link.relation == Some(Relation::Suppressed)
        || (lookup && told && link.relation == Some(Relation::Context))
}

fn language_name(language: Language) -> &'static str {
    match language {
        Language::Python => "python",
        Language::Jvm => "jvm",
        Language::Node => "node",
        Language::Go => "go",
        Language::Rust => "rust",
        Language::Ruby => "ruby",
        Language::Php => "php",
        Language::DotNet => "dotnet",
        Language::Postgres => "postgres",
    }
}

/// `file:line` of a call in the program's own code, with its directory where that tells something.
fn place_of(frame: &Frame) -> String {
    let mut parts = frame.file.rsplit(['/', '\\']);
    let name = parts.next().filter(|name| !name.is_empty()).unwrap_or(frame.function.as_str());
    let common = ["app", "src", "srv", "code", "dist", "build", "lib", "root", "opt", "workspace", ".", ""];
    let directory = parts.next().filter(|directory| !common.contains(directory));
    let place = directory.map_or_else(|| name.to_owned(), |directory| format!("{directory}/{name}"));
    match frame.number {
        Some(number) => format!("{place}:{number}"),
        None => place,
    }
}

fn attempt_id(key: &LaneKey, first: Option<Timestamp>, items: &[Item]) -> AttemptId {
    let mut hash = Fnv::default();
    for part in [&key.service, &key.revision, &key.instance, &key.container] {
        hash.add(part.as_deref().unwrap_or("").as_bytes());
    }
    match first {
        Some(first) => hash.add(&first.as_nanosecond().to_le_bytes()),
        None => hash.add(&items.first().map_or(0, Item::first_row).to_le_bytes()),
    }
    AttemptId(format!("{:016x}", hash.0))
}

/// The stage that an item says the program reached.
fn reached(item: &Item) -> Option<Stage> {
    let stage = |mark: &Mark| match mark {
        Mark::Ready => Some(Stage::Ready),
        Mark::Listening => Some(Stage::Listening),
        Mark::Dependencies => Some(Stage::Dependencies),
        Mark::Configured => Some(Stage::Config),
        Mark::Importing => Some(Stage::Import),
        Mark::Start | Mark::WorkerStart | Mark::PreforkListening => Some(Stage::Process),
        _ => None,
    };
    item.marks.iter().filter_map(stage).max()
}

fn notice(item: &Item) -> Notice {
    let of = |mark: &Mark| match mark {
        Mark::OomKilled => Some(Notice::OutOfMemory),
        Mark::StartupProbeFailed => Some(Notice::StartupProbeFailed),
        Mark::LivenessFailed => Some(Notice::LivenessProbeFailed),
        Mark::ImagePullFailed => Some(Notice::ImagePullFailed),
        Mark::StartupProbePassed => Some(Notice::StartupProbePassed),
        Mark::RestartScheduled => Some(Notice::RestartScheduled),
        Mark::RevisionFailed => Some(Notice::RevisionFailed),
        Mark::RevisionReady => Some(Notice::RevisionReady),
        Mark::RequestFailed => Some(Notice::RequestFailed),
        Mark::PlatformStarting => Some(Notice::Starting),
        _ => None,
    };
    item.marks.iter().find_map(of).unwrap_or(Notice::Other)
}

/// `9`, `KILL` and `SIGKILL` are one signal.
fn signal_name(text: &str) -> String {
    let text = text.trim();
    let by_number = match text {
        "1" => "HUP",
        "2" => "INT",
        "3" => "QUIT",
        "4" => "ILL",
        "6" => "ABRT",
        "7" => "BUS",
        "8" => "FPE",
        "9" => "KILL",
        "11" => "SEGV",
        "13" => "PIPE",
        "15" => "TERM",
        other => other,
    };
    if by_number.starts_with("SIG") { by_number.to_owned() } else { format!("SIG{by_number}") }
}

/// Head and tail of a long message.
fn bounded(text: &str) -> String {
    if text.len() <= SAYS_MAX {
        return text.to_owned();
    }
    let head = cut(text, SAYS_MAX * 3 / 4);
    let mut tail = text.len() - SAYS_MAX / 4;
    while !text.is_char_boundary(tail) {
        tail += 1;
    }
    format!("{head}\n...\n{}", &text[tail..])
}
