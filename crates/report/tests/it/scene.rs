//! Small builders of plans and of what happened in a start; the events are the narrator's own.

use std::ops::Range;
use tminus_core::code::Code;
use tminus_core::event::{AttemptId, Event, EventKind, Origin, Passage};
use tminus_core::plan::{
    Budget, Lane, LaneIx, Phase, PhaseIx, Plan, Platform, Readiness, Step, StepIx, Variable, Work,
};
use tminus_core::run::{Fact, Narrator, Subject, When};
use tminus_core::target::Target;
use tminus_core::time::Millis;
use tminus_core::vocabulary::Layer;

pub const CLOUD_SQL: &str = "postgresql://app:s3cret-pw@/orders?host=/cloudsql/lumen:europe-west1:orders";

/// A plan that is put together phase by phase.
pub struct Plans(pub Plan);

impl Plans {
    pub fn new(service: &str) -> Plans {
        let mut plan = Plan::observing(service);
        (plan.phases, plan.steps, plan.lanes) = (Vec::new(), Vec::new(), Vec::new());
        plan.implied = false;
        Plans(plan)
    }

    pub fn window(mut self, platform: Platform, window: u32, assumed: bool) -> Plans {
        self.0.budget = Budget { platform, window: Some(Millis::secs(window)), assumed, grace: Some(Millis::secs(10)) };
        self
    }

    pub fn environment(mut self, name: &str) -> Plans {
        self.0.environment = Some(name.into());
        self
    }

    pub fn phase(mut self, name: &str, deadline: Option<u32>) -> Plans {
        let at = self.0.steps.len() as u16;
        let deadline = deadline.map(Millis::secs);
        self.0.phases.push(Phase { name: name.into(), steps: at..at, deadline, p95: None });
        self
    }

    pub fn step(mut self, name: &str, work: Work) -> Plans {
        let phase = PhaseIx(self.0.phases.len() as u16 - 1);
        let lanes = self.0.lanes.len() as u16;
        self.0.steps.push(Step {
            name: name.into(),
            phase,
            needs: Vec::new(),
            critical: true,
            deadline: None,
            work,
            tries: 0,
            propagation: Millis::ZERO,
            retry_after_ready: false,
            finalizer: None,
            lanes: lanes..lanes,
        });
        let end = self.0.steps.len() as u16;
        self.0.phases.last_mut().expect("a phase").steps.end = end;
        self
    }

    /// Changes the last step.
    pub fn with(mut self, change: impl FnOnce(&mut Step)) -> Plans {
        change(self.0.steps.last_mut().expect("a step"));
        self
    }

    /// Adds a way to the last step.
    pub fn lane(mut self, name: &str, target: &str, witness: bool) -> Plans {
        let target = Target::parse(target, &Default::default()).expect("a target");
        let step = StepIx(self.0.steps.len() as u16 - 1);
        let layers = target.layers(if witness { Layer::Tcp } else { target.deepest() });
        self.0.lanes.push(Lane { step, name: name.into(), target, layers, witness });
        self.0.steps.last_mut().expect("a step").lanes.end = self.0.lanes.len() as u16;
        self
    }

    pub fn probe(self, name: &str, target: &str) -> Plans {
        self.step(name, Work::Probe).lane(name, target, false)
    }
}

pub fn variables(names: &[&str]) -> Work {
    let format = tminus_core::plan::Format::Text;
    let variable = |name: &&str| Variable { name: (*name).into(), format, secret: true, may_be_empty: false };
    Work::Environment(names.iter().map(variable).collect())
}

/// The seven phases of the founding incident's service.
pub fn lumen() -> Plan {
    Plans::new("lumen-backend-staging")
        .window(Platform::CloudRun, 240, true)
        .environment("staging")
        .phase("init", None)
        .step("environment", variables(&["DATABASE_URL", "REDIS_URL"]))
        .step("egress", Work::Egress)
        .lane("metadata", "tcp://169.254.169.254:80", true)
        .lane("resolver", "dns:metadata.google.internal", true)
        .lane("redis", "tcp://10.20.0.7:6379", true)
        .phase("dependencies", None)
        .phase("database", Some(75))
        .probe("orders-db", CLOUD_SQL)
        .phase("cache", Some(20))
        .probe("redis", "redis://10.20.0.7:6379/0")
        .phase("services", None)
        .step("child", Work::Spawn)
        .phase("websocket", None)
        .step("events", Work::Ready(Readiness::Lanes))
        .lane("events", "ws://127.0.0.1:8080/events", false)
        .phase("finalize", None)
        .step("ready", Work::Ready(Readiness::Notify))
        .0
}

/// Tells what happened, in time.
pub struct Story<'a> {
    pub plan: &'a Plan,
    narrator: Narrator,
    now: i64,
    pub events: Vec<Event>,
}

impl<'a> Story<'a> {
    pub fn new(plan: &'a Plan) -> Story<'a> {
        let subject = Subject {
            attempt: AttemptId("0199-a".into()),
            src: Origin::Live,
            revision: Some(format!("{}-00709", plan.service)),
            instance: Some("i-7".into()),
            seed: 1,
        };
        let narrator = Narrator::new(plan, subject);
        Story { plan, narrator, now: 0, events: Vec::new() }.fact(Fact::AttemptStarted)
    }

    fn when(&self) -> When {
        let began = 1_758_000_000_000_000_000_i128;
        let at = tminus_core::Timestamp::from_nanosecond(began + i128::from(self.now)).expect("in range");
        When { at, t: self.now }
    }

    /// Goes to this time, seconds since the attempt began.
    pub fn at(mut self, seconds: f64) -> Self {
        self.now = (seconds * 1e9).round() as i64;
        self
    }

    pub fn fact(mut self, fact: Fact) -> Self {
        let event = self.narrator.tell(self.plan, self.when(), fact);
        self.events.push(event);
        self
    }

    pub fn note(mut self, kind: EventKind) -> Self {
        let event = self.narrator.note(self.when(), kind);
        self.events.push(event);
        self
    }

    pub fn phase(&self, name: &str) -> PhaseIx {
        PhaseIx(self.plan.phases.iter().position(|phase| phase.name == name).expect("a phase") as u16)
    }

    /// By name; `cache/redis` where the name alone is not unique.
    pub fn step(&self, name: &str) -> StepIx {
        StepIx(self.plan.steps.iter().position(|step| step.name == name).expect("a step") as u16)
    }

    fn lanes(&self, step: &str) -> Range<u16> {
        self.plan.step(self.step(step)).lanes.clone()
    }

    pub fn lane(&self, step: &str, name: &str) -> LaneIx {
        let of = |ix: &u16| self.plan.lane(LaneIx(*ix)).name == name;
        LaneIx(self.lanes(step).find(of).expect("a lane"))
    }

    pub fn begin_phase(self, name: &str) -> Self {
        let ix = self.phase(name);
        self.fact(Fact::PhaseStarted(ix))
    }

    pub fn end_phase(self, name: &str, how: Passage, code: Option<Code>) -> Self {
        let ix = self.phase(name);
        self.fact(Fact::PhaseFinished(ix, how, code))
    }

    pub fn begin(self, step: &str) -> Self {
        let ix = self.step(step);
        self.fact(Fact::StepStarted(ix))
    }

    pub fn end(self, step: &str, how: Passage, code: Option<Code>) -> Self {
        let ix = self.step(step);
        self.fact(Fact::StepFinished(ix, how, code))
    }

    /// A phase without steps, or whose steps all pass, from `from` to `to`.
    pub fn pass_phase(mut self, name: &str, from: f64, to: f64) -> Self {
        self = self.at(from).begin_phase(name);
        let steps = self.plan.phase(self.phase(name)).steps.clone();
        for ix in steps.clone() {
            self = self.fact(Fact::StepStarted(StepIx(ix)));
        }
        self = self.at(to);
        for ix in steps {
            for lane in self.plan.step(StepIx(ix)).lanes.clone() {
                self = self.pass_lane(LaneIx(lane), 0.0);
            }
            self = self.fact(Fact::StepFinished(StepIx(ix), Passage::Passed, None));
        }
        self.end_phase(name, Passage::Passed, None)
    }

    /// A way that passes every layer, each taking `each` seconds.
    pub fn pass_lane(mut self, lane: LaneIx, each: f64) -> Self {
        let (step, layers) = (self.plan.lane(lane).step, self.plan.lane(lane).layers.clone());
        self = self.fact(Fact::TryStarted(step, Some(lane), 1));
        for layer in layers {
            self = self.fact(Fact::LayerStarted(lane, layer));
            self.now += (each * 1e9) as i64;
            self = self.fact(Fact::LayerFinished(lane, layer, Passage::Passed, None, 0));
        }
        self.fact(Fact::TryFinished(step, Some(lane), 1, Passage::Passed, None))
    }

    /// One try of a way that passes the layers before the code's and ends there, each layer taking
    /// `each` seconds.
    pub fn fail_lane(mut self, lane: LaneIx, number: u16, code: Code, detail: Option<&str>, each: f64) -> Self {
        let (step, layers) = (self.plan.lane(lane).step, self.plan.lane(lane).layers.clone());
        self = self.fact(Fact::TryStarted(step, Some(lane), number));
        for layer in layers {
            self = self.fact(Fact::LayerStarted(lane, layer));
            self.now += (each * 1e9) as i64;
            let here = layer == code.layer();
            let (how, why) = if here { (Passage::Failed, Some(code)) } else { (Passage::Passed, None) };
            if let Some(detail) = detail.filter(|_| here) {
                self.narrator.with_detail(lane, detail);
            }
            let dials = if code == Code::NoAnswer { 20 } else { 0 };
            self = self.fact(Fact::LayerFinished(lane, layer, how, why, dials));
            if here {
                break;
            }
        }
        self.fact(Fact::TryFinished(step, Some(lane), number, Passage::Failed, Some(code)))
    }

    /// `count` tries alike, spread from `from` to `to` seconds.
    pub fn fail_often(
        mut self,
        lane: LaneIx,
        count: u16,
        from: f64,
        to: f64,
        code: Code,
        detail: Option<&str>,
    ) -> Self {
        for n in 0..count {
            self = self.at(from + (to - from) * f64::from(n) / f64::from(count));
            self = self.fail_lane(lane, n + 1, code, detail, 0.0004);
        }
        self
    }
}

/// The founding incident: environment and witnesses are good, the socket accepts and closes before a
/// word, 61 of 61 tries in 75 s.
pub fn closed_socket(plan: &Plan) -> Story<'_> {
    let mut story = path_is_good(Story::new(plan));
    let lane = story.lane("orders-db", "orders-db");
    story = story.at(0.1).begin_phase("database").begin("orders-db");
    story = story.fail_often(lane, 61, 0.1, 75.0, Code::ClosedBeforeGreeting, None);
    story.at(75.1).end("orders-db", Passage::Expired, Some(Code::ClosedBeforeGreeting)).end_phase(
        "database",
        Passage::Expired,
        Some(Code::ClosedBeforeGreeting),
    )
}

/// Environment and witnesses are good, nothing else is needed before the database.
pub fn path_is_good(story: Story<'_>) -> Story<'_> {
    let mut story = story.at(0.01).begin_phase("init").begin("environment").begin("egress");
    story = story.at(0.02).end("environment", Passage::Passed, None);
    for name in ["metadata", "resolver", "redis"] {
        let lane = story.lane("egress", name);
        story = story.pass_lane(lane, 0.002);
    }
    story.at(0.05).end("egress", Passage::Passed, None).end_phase("init", Passage::Passed, None).pass_phase(
        "dependencies",
        0.05,
        0.1,
    )
}
