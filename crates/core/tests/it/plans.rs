//! Plans that are good, and what they come to.

use crate::reading::{good, read_with, step, value};
use tminus_core::code::Code;
use tminus_core::plan::budget::detect;
use tminus_core::plan::read::{Overrides, PlanCode, Setting};
use tminus_core::plan::{Format, Kind, Platform, Readiness, Work};
use tminus_core::target::{Environment, Place, SessionAttrs, Target};
use tminus_core::time::Millis;
use tminus_core::vocabulary::{Layer, Role};

/// Plans that the schema must accept as well.
pub const GOOD: &[&str] = &[
    "version = 1\n",
    "version = 1\ndiscover = true\n[service]\nname = \"orders\"\nkind = \"job\"\nready = { log = \"Uvicorn running\" }\n",
    STEPS,
    "version = 1\n[dialling]\nstagger = \"100ms\"\nlife = \"1s\"\nin_flight = 4\nhandshake = \"5s\"\n[stop]\nsignal = \"SIGINT\"\n\
     kill_after = \"3s\"\n[output]\ncapture = \"tee\"\n[admin]\nlisten = \"unix:/run/tminus.sock\"\n[exit]\nexpired = 75\nhopeless = 78\n\
     [catalogue]\ndir = \"/etc/causes\"\n",
    ALL_PROFILED,
];

/// Every kind of work, in its forms.
const STEPS: &str = r#"
version = 1
[[phase]]
name = "init"
deadline = "${INIT_DEADLINE}"
[[phase.step]]
name = "names"
env = ["A"]
[[phase.step]]
name = "tables"
[[phase.step.env]]
name = "B"
format = "integer"
[[phase.step.env]]
name = "C_PASSWORD"
may_be_empty = true
[[phase.step]]
name = "files"
files = ["/etc/hosts", "${CERT}"]
[[phase.step]]
name = "gate"
egress = ["metadata", "resolver", "https://api.example", "${WITNESS}"]
[[phase]]
name = "database"
tries = 7
[[phase.step]]
name = "pair"
probe = ["${DATABASE_URL}", "postgres://reader@replica.internal/orders"]
depth = "protocol"
[[phase.step]]
name = "main"
probe = "${DATABASE_URL}"
read_write = true
migrations = { table = "schema_migrations", is = "12" }
tries = 9
[[phase.step]]
name = "cache"
probe = "rediss://cache.internal"
read_write = true
[[phase.step]]
name = "command"
command = ["pg_isready", "-h", "db"]
[[phase.step]]
name = "migrate"
needs = ["main"]
exec = ["migrate"]
once = "migrate"
[[phase]]
name = "services"
[[phase.step]]
name = "child"
spawn = true
[[phase.step]]
name = "up"
needs = ["child"]
ready = { tcp = "127.0.0.1:8080" }
[[phase.step]]
name = "said"
needs = ["up"]
ready = { log = "ready" }
[[phase.step]]
name = "status"
needs = ["up"]
request = "http://127.0.0.1:8080/status"
expect = { json = { "/ok" = true, "/parts/0" = { name = "a", weight = 1.5 } } }
"#;

const VARIABLES: &[(&str, &str)] = &[
    ("INIT_DEADLINE", "12s"),
    ("A", "a"),
    ("B", "12"),
    ("C_PASSWORD", ""),
    ("CERT", "/etc/cert.pem"),
    ("WITNESS", "tcp://10.0.0.9:443"),
    ("DATABASE_URL", "postgres://u:p@db.internal:6432/orders"),
];

#[test]
fn every_kind_of_work_becomes_what_it_says() {
    let loaded = good(STEPS, VARIABLES);
    let plan = &loaded.plan;
    assert_eq!(loaded.unresolved, []);
    assert_eq!(plan.phases[0].deadline, Some(Millis::secs(12)));
    let Work::Environment(variables) = &step(plan, "tables").work else { panic!("variables") };
    assert_eq!((variables[0].format, variables[0].secret), (Format::Integer, false));
    assert_eq!((variables[1].secret, variables[1].may_be_empty), (true, true));
    let lanes = |name: &str| &plan.lanes[step(plan, name).lanes.start as usize..step(plan, name).lanes.end as usize];
    assert_eq!(
        lanes("files").iter().map(|lane| lane.target.display()).collect::<Vec<_>>(),
        ["file:/etc/hosts", "file:/etc/cert.pem"]
    );
    let gate: Vec<String> = lanes("gate").iter().map(|lane| lane.target.display()).collect();
    assert_eq!(gate, ["tcp://169.254.169.254:80", "dns:db.internal", "tcp://api.example:443", "tcp://10.0.0.9:443"]);
    assert!(lanes("gate").iter().all(|lane| lane.witness && lane.layers.last() <= Some(&Layer::Tcp)));
    assert_eq!(lanes("pair").len(), 2);
    assert_eq!(
        (lanes("pair")[0].name.as_str(), lanes("pair")[0].layers.last()),
        ("DATABASE_URL", Some(&Layer::Protocol))
    );
    let Target::Postgres(main) = &lanes("main")[0].target else { panic!("Postgres") };
    assert_eq!(main.session, SessionAttrs::ReadWrite);
    assert_eq!(main.revision.as_ref().map(|revision| revision.column.as_str()), Some("version"));
    assert_eq!(lanes("main")[0].layers.last(), Some(&Layer::Schema));
    assert!(matches!(&lanes("cache")[0].target, Target::Redis(redis) if redis.writes && redis.tls));
    assert!(matches!(&lanes("command")[0].target, Target::Command(words) if words.len() == 3));
    let Work::Exec(exec) = &step(plan, "migrate").work else { panic!("exec") };
    let once = exec.once.as_ref().expect("a lease");
    assert!(matches!(&once.database.places[0], Place::Tcp(host) if host.port == 6432));
    assert_eq!((once.ttl, once.wait, once.database.revision.is_none()), (Millis::secs(30), None, true));
    assert_eq!(step(plan, "up").work, Work::Ready(Readiness::Lanes));
    assert_eq!(step(plan, "said").work, Work::Ready(Readiness::Log("ready".to_owned())));
    assert!(matches!(&lanes("status")[0].target, Target::Http(http) if http.expect.json.len() == 2));
    let tries: Vec<u16> = ["main", "cache", "migrate", "names"].map(|name| step(plan, name).tries).to_vec();
    assert_eq!(tries, [9, 7, 7, 0]);
    assert_eq!(value(&loaded, "step.cache.tries"), ("7".to_owned(), "phase at tminus.toml:25".to_owned()));
}

#[test]
fn values_that_the_environment_lacks_fail_their_step_and_not_the_plan() {
    let variables: Vec<(&str, &str)> =
        VARIABLES.iter().copied().filter(|(name, _)| !["DATABASE_URL", "CERT"].contains(name)).collect();
    let loaded = good(STEPS, &[variables, vec![("DATABASE_URL", "postgres://u:hunter2@db:port/x")]].concat());
    let plan = &loaded.plan;
    for (name, variable) in
        [("files", "CERT"), ("pair", "DATABASE_URL"), ("main", "DATABASE_URL"), ("migrate", "DATABASE_URL")]
    {
        let step = step(plan, name);
        assert!(step.lanes.is_empty(), "{name}");
        let Work::Environment(variables) = &step.work else { panic!("{name}: {:?}", step.work) };
        assert_eq!(variables.iter().map(|variable| variable.name.as_str()).collect::<Vec<_>>(), [variable]);
        let one = loaded.unresolved.iter().find(|one| one.step == name).expect("an unresolved value");
        let code = if variable == "CERT" { Code::ValueMissing } else { Code::ValueMalformed };
        assert_eq!((one.variable.name.as_str(), one.code), (variable, code));
        assert!(one.what.contains(variable) && !one.what.contains("hunter2"), "{}", one.what);
        // What the step checks when its turn comes fails for the same reason.
        let environment: Environment =
            [("DATABASE_URL".to_owned(), "postgres://u:hunter2@db:port/x".to_owned())].into();
        assert_eq!(variables[0].check(&environment).map_err(|bad| bad.code), Err(code));
    }
    assert!(!format!("{loaded:?}").contains("hunter2"));
}

#[test]
fn a_plan_that_starts_no_child_starts_it_before_anybody_asks_it() {
    let phases = |text: &str| {
        let plan = good(text, &[]).plan;
        plan.phases
            .iter()
            .map(|phase| {
                format!(
                    "{}:{}",
                    phase.name,
                    phase.steps.clone().map(|ix| plan.steps[ix as usize].name.clone()).collect::<Vec<_>>().join(",")
                )
            })
            .collect::<Vec<_>>()
            .join(" ")
    };
    let probe = "version = 1\n[[phase]]\nname = \"database\"\n[[phase.step]]\nname = \"db\"\nprobe = \"tcp://db:1\"\n";
    assert_eq!(phases(probe), "database:db services:child");
    let asked =
        format!("{probe}[[phase]]\nname = \"finalize\"\n[[phase.step]]\nname = \"ready\"\nready = \"notify\"\n");
    assert_eq!(phases(&asked), "database:db services:child finalize:ready");
    let services =
        format!("{probe}[[phase]]\nname = \"services\"\n[[phase.step]]\nname = \"ready\"\nready = \"notify\"\n");
    assert_eq!(phases(&services), "database:db services:ready,child");
    let plan = good(&services, &[]).plan;
    assert_eq!(step(&plan, "ready").needs.len(), 1);
}

#[test]
fn without_phases_there_are_the_seven_default_ones() {
    let plan = good("version = 1\n[service]\nready = \"notify\"\n", &[("DATABASE_URL", "postgres://u:p@db/x")]).plan;
    let names: Vec<&str> = plan.phases.iter().map(|phase| phase.name.as_str()).collect();
    assert_eq!(names, tminus_core::plan::DEFAULT_PHASES);
    assert_eq!(plan.steps.iter().map(|step| step.name.as_str()).collect::<Vec<_>>(), ["child", "ready"]);
    assert!(plan.lanes.is_empty() && !plan.implied);
}

#[test]
fn discovered_dependencies_are_gates_only_where_the_plan_says_so() {
    let variables = [
        ("DATABASE_URL", "postgres://u:p@db.internal/orders"),
        ("REDIS_URL", "redis://cache.internal"),
        ("PAYMENTS_URL", "https://payments.example"),
        ("ENVIRONMENT", "staging"),
    ];
    let text = "version = 1\ndiscover = true\n[service]\nenvironment = \"${ENVIRONMENT}\"\n[profile.staging.database]\ndeadline = \"75s\"\n";
    let plan = good(text, &variables).plan;
    let lane = |name: &str| plan.lanes.iter().find(|lane| lane.name == name && !lane.witness).expect(name);
    assert_eq!(lane("database").layers.last(), Some(&Layer::Query));
    assert_eq!(lane("database-path").layers, [Layer::Dns, Layer::Tcp]);
    assert_eq!(lane("payments").layers.last(), Some(&Layer::Protocol));
    assert_eq!(plan.phase(step(&plan, "redis").phase).name, "cache");
    assert_eq!(plan.phase(step(&plan, "egress").phase).name, "init");
    assert!(matches!(&step(&plan, "environment").work, Work::Environment(names) if names.len() == 3));
    assert_eq!(plan.phases[2].deadline, Some(Millis::secs(75)));
    let broken = [("DATABASE_URL", "postgres://u:p@db.internal:x/orders"), ("ENVIRONMENT", "staging")];
    let loaded = good(text, &broken);
    assert_eq!(loaded.unresolved.len(), 1);
    assert!(matches!(&step(&loaded.plan, "database").work, Work::Environment(_)));
}

#[test]
fn platforms_show_themselves_and_only_documented_numbers_are_assumed() {
    for (variables, platform, window, grace) in [
        (&[("K_SERVICE", "orders"), ("PORT", "8080")][..], Platform::CloudRun, Some(240), Some(10)),
        (&[("CLOUD_RUN_JOB", "nightly")], Platform::CloudRun, Some(240), Some(10)),
        (&[("KUBERNETES_SERVICE_HOST", "10.0.0.1")], Platform::Kubernetes, None, Some(30)),
        (
            &[("K_SERVICE", "orders"), ("PORT", "8080"), ("KUBERNETES_SERVICE_HOST", "10.0.0.1")],
            Platform::Kubernetes,
            None,
            Some(30),
        ),
        (&[("ECS_CONTAINER_METADATA_URI_V4", "http://169.254.170.2/v4/x")], Platform::Ecs, None, Some(30)),
        (&[("INVOCATION_ID", "0")], Platform::Systemd, Some(90), None),
        (&[], Platform::Plain, None, None),
    ] {
        let loaded = good("version = 1\n", variables);
        let budget = loaded.plan.budget;
        assert_eq!(budget.platform, platform);
        assert_eq!((budget.window, budget.grace), (window.map(Millis::secs), grace.map(Millis::secs)), "{platform}");
        assert!(budget.assumed);
        assert_ne!(budget.usable(), Some(Millis::ZERO), "{platform}");
        let unknown = window.is_none() && platform != Platform::Plain;
        assert_eq!(
            loaded.warnings.iter().any(|warning| warning.code == PlanCode::WindowUnknown),
            unknown,
            "{platform}"
        );
        let (_, origin) = value(&loaded, "budget.platform");
        assert_eq!(origin.starts_with("environment ("), platform != Platform::Plain, "{origin}");
    }
    assert_eq!(detect(&Environment::new()), None);
}

#[test]
fn a_window_is_computed_from_the_probe_that_the_platform_has() {
    let window = |budget: &str| {
        let budget = good(&format!("version = 1\n[budget]\n{budget}\n"), &[]).plan.budget;
        (budget.window, budget.assumed)
    };
    let probe = "platform = \"kubernetes\"\nprobe = { period = \"10s\", failure_threshold = 30 }";
    assert_eq!(window(probe), (Some(Millis::secs(300)), false));
    let delayed =
        "platform = \"kubernetes\"\nprobe = { period = \"10s\", failure_threshold = 30, initial_delay = \"5s\" }";
    assert_eq!(window(delayed), (Some(Millis::secs(305)), false));
    assert_eq!(window("platform = \"cloud-run\"\ninitial_delay = \"60s\""), (Some(Millis::secs(300)), true));
    assert_eq!(window("platform = \"cloud-run\"\nwindow = \"60s\""), (Some(Millis::secs(60)), false));
}

#[test]
fn flags_go_before_variables_before_profiles_before_the_plan() {
    let text = "version = 1\n[service]\nenvironment = \"staging\"\n[budget]\nplatform = \"plain\"\nwindow = \"100s\"\n[profile.staging.budget]\nwindow = \"200s\"\n";
    let window = |flags: Overrides| value(&read_with(text, &[], &[], flags).expect("a plan"), "budget.window");
    assert_eq!(window(Overrides::default()), ("200 s".to_owned(), "profile staging at tminus.toml:8".to_owned()));
    let variables: Environment = [("TMINUS_WINDOW".to_owned(), "300s".to_owned())].into();
    let mut flags = Overrides::from_environment(&variables);
    assert_eq!(window(flags.clone()), ("300 s".to_owned(), "TMINUS_WINDOW".to_owned()));
    flags.flag(Setting::Window, "--window", "400s");
    assert_eq!(window(flags), ("400 s".to_owned(), "--window".to_owned()));
    let plain = good(&text.replace("[profile.staging.budget]\nwindow = \"200s\"\n", "[profile.staging]\n"), &[]);
    assert_eq!(value(&plain, "budget.window"), ("100 s".to_owned(), "plan at tminus.toml:6".to_owned()));
}

/// Every setting of the plan that a profile takes, with the plan's own value and the profile's.
const PROFILED: &[(&str, &str, &str)] = &[
    ("dialling.stagger", "300 ms", "100 ms"),
    ("dialling.life", "3.0 s", "1.0 s"),
    ("dialling.in_flight", "6", "2"),
    ("dialling.handshake", "9.0 s", "4.0 s"),
    ("stop.signal", "INT", "QUIT"),
    ("stop.kill_after", "8.0 s", "5.0 s"),
    ("output.capture", "tee", "inherit"),
    ("admin.listen", "127.0.0.1:9000", "127.0.0.1:9001"),
    ("exit.expired", "75", "76"),
    ("exit.hopeless", "78", "79"),
    ("restart", "on-failure", "never"),
    ("state_dir", "/var/lib/a", "/var/lib/b"),
    ("step.db.pool.size", "5", "50"),
    ("step.db.pool.overflow", "10", "0"),
    ("step.db.pool.workers", "2", "8"),
];

const ALL_PROFILED: &str = "version = 1\nrestart = \"on-failure\"\nstate_dir = \"/var/lib/a\"\n\
    [service]\nenvironment = \"${ENVIRONMENT}\"\n\
    [dialling]\nstagger = \"300ms\"\nlife = \"3s\"\nin_flight = 6\nhandshake = \"9s\"\n\
    [stop]\nsignal = \"INT\"\nkill_after = \"8s\"\n[output]\ncapture = \"tee\"\n\
    [admin]\nlisten = \"127.0.0.1:9000\"\n[exit]\nexpired = 75\nhopeless = 78\n\
    [owners]\nplatform = \"on-call\"\ndatabase = \"dba\"\n\
    [[phase]]\nname = \"database\"\n[[phase.step]]\nname = \"db\"\nprobe = \"tcp://db:1\"\n\
    pool = { size = 5, overflow = 10, workers = 2 }\n\
    [profile.staging]\n[profile.load]\nrestart = \"never\"\nstate_dir = \"/var/lib/b\"\n\
    dialling = { stagger = \"100ms\", life = \"1s\", in_flight = 2, handshake = \"4s\" }\n\
    stop = { signal = \"QUIT\", kill_after = \"5s\" }\noutput.capture = \"inherit\"\n\
    admin.listen = \"127.0.0.1:9001\"\nexit = { expired = 76, hopeless = 79 }\nowners.platform = \"load-team\"\n\
    [profile.load.database.db]\npool = { size = 50, overflow = 0, workers = 8 }\n";

#[test]
fn a_profile_goes_before_every_setting_of_the_plan() {
    let staging = good(ALL_PROFILED, &[("ENVIRONMENT", "staging")]);
    let load = good(ALL_PROFILED, &[("ENVIRONMENT", "load")]);
    for (key, own, profiled) in PROFILED {
        let (text, origin) = value(&staging, key);
        assert_eq!(text, *own, "{key}");
        assert!(origin.starts_with("plan at ") || origin.starts_with("step at "), "{key}: {origin}");
        let (text, origin) = value(&load, key);
        assert_eq!(text, *profiled, "{key}");
        assert!(origin.starts_with("profile load at tminus.toml:"), "{key}: {origin}");
    }
    let (plan, pool) = (&load.plan, &load.pools[0]);
    assert_eq!((plan.dialling.in_flight, plan.dialling.life), (2, Millis::secs(1)));
    assert_eq!((plan.stop.signal, plan.stop.kill_after), (3, Some(Millis::secs(5))));
    assert_eq!((plan.exit.expired, plan.exit.hopeless), (76, 79));
    assert_eq!(plan.admin.as_deref(), Some("127.0.0.1:9001"));
    assert_eq!(plan.state_dir.as_deref(), Some("/var/lib/b"));
    assert_eq!((pool.size, pool.overflow, pool.workers), (50, 0, 8));
    let team = |role| plan.owners.get(&role).map(String::as_str);
    assert_eq!((team(Role::Platform), team(Role::Database)), (Some("load-team"), Some("dba")));
}

#[test]
fn flags_and_variables_go_before_the_settings_of_a_profile() {
    let variables: Environment = [
        ("TMINUS_ENVIRONMENT", "load"),
        ("TMINUS_KILL_AFTER", "2s"),
        ("TMINUS_CAPTURE", "auto"),
        ("TMINUS_ADMIN", "127.0.0.1:9002"),
        ("TMINUS_RESTART", "on-failure"),
        ("TMINUS_STATE_DIR", "/var/lib/c"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let flags = Overrides::from_environment(&variables);
    let loaded = read_with(ALL_PROFILED, &[], &[], flags).expect("a plan");
    for (key, text, origin) in [
        ("stop.kill_after", "2.0 s", "TMINUS_KILL_AFTER"),
        ("output.capture", "auto", "TMINUS_CAPTURE"),
        ("admin.listen", "127.0.0.1:9002", "TMINUS_ADMIN"),
        ("restart", "on-failure", "TMINUS_RESTART"),
        ("state_dir", "/var/lib/c", "TMINUS_STATE_DIR"),
        ("stop.signal", "QUIT", "profile load at tminus.toml:35"),
    ] {
        assert_eq!(value(&loaded, key), (text.to_owned(), origin.to_owned()));
    }
}

#[test]
fn default_phases_take_what_a_profile_has_for_them() {
    let text = "version = 1\ndiscover = true\n[service]\nenvironment = \"staging\"\n\
                [profile.staging.cache]\ncritical = false\ntries = 3\nretry_after_ready = true\ncredentials_grace = \"2s\"\n";
    let loaded = good(text, &[("REDIS_URL", "redis://cache.internal")]);
    let redis = step(&loaded.plan, "redis");
    assert_eq!((redis.critical, redis.retry_after_ready, redis.tries), (false, true, 3));
    assert_eq!(redis.deadline, Some(Millis::secs(30)), "an optional step is bounded");
    assert_eq!(value(&loaded, "step.redis.tries").1, "profile staging at tminus.toml:7");
    assert_eq!(value(&loaded, "step.redis.credentials_grace").0, "2.0 s");
}

#[test]
fn a_plan_builds_on_another_by_names() {
    let base = "version = 1\n[service]\nname = \"base\"\nkind = \"job\"\n[[phase]]\nname = \"database\"\ndeadline = \"10s\"\n[[phase.step]]\n\
                name = \"db\"\nprobe = \"tcp://db:1\"\ntries = 2\n[[phase]]\nname = \"cache\"\n[[phase.step]]\nname = \"redis\"\nprobe = \"tcp://cache:1\"\n";
    let text = "version = 1\nextends = \"./shared/base.toml\"\n[service]\nname = \"orders\"\n[[phase]]\nname = \"cache\"\ndeadline = \"5s\"\n\
                [[phase]]\nname = \"late\"\n[[phase.step]]\nname = \"x\"\nenv = [\"A\"]\n[[phase]]\nname = \"database\"\n[[phase.step]]\nname = \"db\"\ntries = 9\n";
    let files = [
        ("shared/base.toml", "extends = \"../root.toml\"\n".to_owned() + base),
        ("root.toml", "[stop]\nsignal = \"INT\"\n".to_owned()),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let loaded = read_with(text, &[], &files, Overrides::default()).expect("a plan");
    let plan = &loaded.plan;
    assert_eq!((plan.service.as_str(), plan.kind, plan.stop.signal), ("orders", Kind::Job, 2));
    let names: Vec<&str> = plan.phases.iter().map(|phase| phase.name.as_str()).collect();
    assert_eq!(names, ["database", "cache", "late", "services"]);
    assert_eq!((plan.phases[0].deadline, plan.phases[1].deadline), (Some(Millis::secs(10)), Some(Millis::secs(5))));
    assert_eq!(step(plan, "db").tries, 9);
    assert_eq!(value(&loaded, "service.kind").1, "plan at shared/base.toml:5");
    let sources: Vec<&str> = loaded.sources.iter().map(|source| source.name.as_str()).collect();
    assert_eq!(sources, ["tminus.toml", "shared/base.toml", "root.toml"]);
}

#[test]
fn the_stop_ladder_ends_before_the_platform_does() {
    let kill_after = |budget: &str| good(&format!("version = 1\n[budget]\n{budget}\n"), &[]).plan.stop.kill_after;
    assert_eq!(kill_after("platform = \"cloud-run\""), Some(Millis::secs(9)));
    assert_eq!(kill_after("platform = \"systemd\""), Some(Millis::secs(89)));
    assert_eq!(kill_after("platform = \"plain\""), Some(Millis::secs(10)));
    assert_eq!(kill_after("grace = \"500ms\""), Some(Millis(500)));
    let late = good("version = 1\n[budget]\nplatform = \"cloud-run\"\n[stop]\nkill_after = \"30s\"\n", &[]);
    assert_eq!(late.warnings[0].code, PlanCode::TimerNeverFires);
}

#[test]
fn a_phase_without_steps_is_worth_a_warning() {
    let warnings = good("version = 1\n[[phase]]\nname = \"services\"\n[[phase]]\nname = \"empty\"\n", &[]).warnings;
    assert_eq!(warnings.iter().map(|warning| warning.code).collect::<Vec<_>>(), [PlanCode::EmptyPhase]);
}

#[test]
fn settings_come_from_references_and_never_show_what_they_hold() {
    let text = "version = 1\nstate_dir = \"${STATE}\"\n[stop]\nkill_after = \"${STOP}\"\n[exit]\nexpired = \"${CODE}\"\n[redact]\nnames = [\"PARTNER\"]\n\
                [[phase]]\nname = \"a\"\n[[phase.step]]\nname = \"x\"\nenv = [\"PARTNER\"]\nspawn_ = 1\n";
    let variables = [("STATE", "/var/lib/tminus"), ("STOP", "4s"), ("CODE", "75"), ("PARTNER", "p")];
    let loaded = good(&text.replace("spawn_ = 1\n", ""), &variables);
    assert_eq!(loaded.plan.state_dir.as_deref(), Some("/var/lib/tminus"));
    assert_eq!(loaded.plan.stop.kill_after, Some(Millis::secs(4)));
    assert_eq!(loaded.plan.exit.expired, 75);
    assert!(matches!(&step(&loaded.plan, "x").work, Work::Environment(names) if names[0].secret));
    let errors = crate::reading::bad(text, &[("STATE", "x"), ("STOP", "hunter2"), ("CODE", "2000"), ("PARTNER", "p")]);
    let told = crate::reading::listed(&errors);
    assert!(!told.contains("hunter2") && errors.len() == 3, "{told}");
}
