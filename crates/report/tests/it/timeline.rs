//! Timelines: the same picture as text and as SVG.

use crate::scene::{Plans, Story, closed_socket, lumen};
use tminus_core::code::Code;
use tminus_core::event::Passage;
use tminus_core::plan::{Plan, StepIx, Work};
use tminus_core::run::Fact;
use tminus_report::timeline::{svg, text};
use tminus_report::{LINES_MAX, StartView, Style};

macro_rules! snapshot {
    ($name:literal, $text:expr) => {
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!($name, $text);
        });
    };
}

fn good(plan: &Plan) -> Story<'_> {
    let mut from = 0.0;
    let mut story = Story::new(plan);
    for (ix, to) in [0.1, 0.2, 1.5, 1.6, 17.6, 19.0, 19.5].into_iter().enumerate() {
        story = story.pass_phase(&plan.phases[ix].name.clone(), from, to);
        from = to;
    }
    story
}

/// A phase of concurrent steps with needs, one of them optional and failed, one cancelled.
fn needs() -> Plan {
    let needing = |step: u16| move |s: &mut tminus_core::plan::Step| s.needs = vec![StepIx(step)];
    Plans::new("orders")
        .environment("production")
        .phase("services", Some(60))
        .step("secrets", Work::Hosted)
        .step("migrations", Work::Hosted)
        .with(needing(0))
        .step("warm-up", Work::Hosted)
        .with(needing(1))
        .step("analytics", Work::Hosted)
        .with(|step| (step.critical, step.deadline) = (false, Some(tminus_core::time::Millis::secs(8))))
        .step("search", Work::Hosted)
        .phase("finalize", None)
        .0
}

fn needs_story(plan: &Plan) -> Story<'_> {
    let story = Story::new(plan).at(0.0).begin_phase("services").begin("secrets").begin("analytics").begin("search");
    let story = story.at(0.4).end("secrets", Passage::Passed, None).begin("migrations");
    let story = story.at(8.0).end("analytics", Passage::Expired, Some(Code::NotReady));
    let story = story.at(31.0).end("migrations", Passage::Passed, None).begin("warm-up");
    let story = story.at(33.5).end("warm-up", Passage::Failed, Some(Code::CommandFailed));
    story.end("search", Passage::Skipped, Some(Code::Stopped)).end_phase(
        "services",
        Passage::Failed,
        Some(Code::CommandFailed),
    )
}

/// Many steps, most of them of no length, one far longer than the rest.
fn many() -> Plan {
    let mut plans = Plans::new("monolith");
    for phase in ["init", "load", "warm"] {
        plans = plans.phase(phase, None);
        for n in 0..14 {
            plans = plans.step(&format!("{phase}-{n:02}"), Work::Hosted);
        }
    }
    plans.0
}

fn many_story(plan: &Plan) -> Story<'_> {
    let story = Story::new(plan).pass_phase("init", 0.0, 0.0).pass_phase("load", 0.0, 0.002);
    let mut story = story.at(0.002).begin_phase("warm");
    for ix in plan.phase(story.phase("warm")).steps.clone() {
        story = story.fact(Fact::StepStarted(StepIx(ix)));
    }
    story.at(3.0 * 3600.0).end("warm-07", Passage::Failed, Some(Code::CommandKilled)).end_phase(
        "warm",
        Passage::Failed,
        Some(Code::CommandKilled),
    )
}

fn stories(plans: &[Plan; 5]) -> [(&'static str, Story<'_>); 5] {
    [
        ("closed-socket", closed_socket(&plans[0])),
        ("good", good(&plans[1])),
        ("needs", needs_story(&plans[2])),
        ("many", many_story(&plans[3])),
        ("nothing", Story::new(&plans[4])),
    ]
}

fn plans() -> [Plan; 5] {
    [lumen(), lumen(), needs(), many(), Plans::new("empty").0]
}

#[test]
fn as_text() {
    let plans = plans();
    let mut all = String::new();
    for (name, story) in stories(&plans) {
        let shown = text(&StartView::new(story.plan, &story.events, None), &Style::default());
        assert!(shown.lines().count() <= LINES_MAX, "{name}:\n{shown}");
        all += &format!("--- {name}\n{shown}\n");
    }
    snapshot!("timeline-text", all);
}

#[test]
fn as_ascii_on_a_narrow_terminal() {
    let plan = needs();
    let story = needs_story(&plan);
    let style = Style { width: 80, ascii: true, ..Style::default() };
    let shown = text(&StartView::new(&plan, &story.events, None), &style);
    assert!(shown.is_ascii());
    snapshot!("timeline-ascii", shown);
}

#[test]
fn everything_in_full() {
    let plan = many();
    let story = many_story(&plan);
    let style = Style { full: true, ..Style::default() };
    let shown = text(&StartView::new(&plan, &story.events, None), &style);
    for step in &plan.steps {
        assert!(shown.contains(&step.name), "{}", step.name);
    }
}

#[test]
fn as_svg() {
    let plans = plans();
    for (name, story) in stories(&plans) {
        let drawn = svg(&StartView::new(story.plan, &story.events, None));
        assert!(drawn.starts_with("<svg ") && drawn.ends_with("</svg>\n"), "{name}");
        assert!(!drawn.contains("<script") && !drawn.contains("href"), "{name}");
        if name == "needs" {
            snapshot!("timeline-needs-svg", drawn);
        }
    }
}
