//! Every mistake that a plan can have, as its reader sees it: code, place, what, hint.

use crate::reading::{listed, read_with};
use std::collections::BTreeSet;
use std::fmt::Write;
use tminus_core::plan::read::{Overrides, PlanCode, PlanError, Setting};

/// A plan with mistakes: what it shows, the codes that it must give, its text.
const CASES: &[(&str, &[PlanCode], &str)] = &[
    (
        "syntax",
        &[PlanCode::NotToml, PlanCode::NotToml],
        "version = 1\nstate_dir = /var/lib\n[service]\nname = \"orders\"\nkind = job\n",
    ),
    ("version missing", &[PlanCode::VersionMissing], "[service]\nname = \"orders\"\n"),
    ("version of another time", &[PlanCode::VersionUnknown], "version = 2\nphases = []\n"),
    ("misspelt key", &[PlanCode::UnknownKey], "version = 1\n[[phase]]\nname = \"database\"\ndedline = \"8s\"\n"),
    ("key that no plan has", &[PlanCode::UnknownKey], "version = 1\n[kubernetes]\nreplicas = 3\n"),
    ("phase without name", &[PlanCode::MissingKey], "version = 1\n[[phase]]\ndeadline = \"8s\"\n"),
    (
        "types",
        &[PlanCode::WrongType, PlanCode::WrongType, PlanCode::WrongType, PlanCode::WrongType, PlanCode::WrongType],
        "version = 1\ndiscover = \"yes\"\nstate_dir = 1979-05-27\nservice = \"orders\"\n\
         [dialling]\nin_flight = 2.5\n[redact]\nnames = \"TOKEN\"\n",
    ),
    ("word outside of its set", &[PlanCode::BadValue], "version = 1\n[budget]\nplatform = \"cloudrun\"\n"),
    ("unknown signal", &[PlanCode::BadValue], "version = 1\n[stop]\nsignal = \"TERN\"\n"),
    (
        "durations",
        &[PlanCode::BadDuration; 6],
        "version = 1\n[dialling]\nstagger = 250\nlife = \"0s\"\nhandshake = \"-1s\"\n\
         [budget]\nwindow = \"30h\"\ngrace = \"ten seconds\"\n[stop]\nkill_after = \"1.0001ms\"\n",
    ),
    (
        "numbers",
        &[PlanCode::OutOfRange; 4],
        "version = 1\n[exit]\nexpired = 2\nhopeless = 126\n[dialling]\nin_flight = 0\n\
         [budget]\nprobe = { period = \"10s\", failure_threshold = -1 }\n",
    ),
    (
        "names",
        &[PlanCode::BadName, PlanCode::BadName],
        "version = 1\n[[phase]]\nname = \"the database\"\n[[phase]]\nname = \"budget\"\n",
    ),
    (
        "two of one name",
        &[PlanCode::DuplicateName, PlanCode::DuplicateName],
        "version = 1\n[[phase]]\nname = \"a\"\n[[phase.step]]\nname = \"x\"\nenv = [\"A\"]\n\
         [[phase]]\nname = \"a\"\n[[phase.step]]\nname = \"x\"\nenv = [\"B\"]\n",
    ),
    (
        "a step that does nothing",
        &[PlanCode::NoWork],
        "version = 1\n[[phase]]\nname = \"a\"\n[[phase.step]]\nname = \"x\"\n",
    ),
    (
        "a step with two kinds of work",
        &[PlanCode::SeveralWorks],
        "version = 1\n[[phase]]\nname = \"a\"\n[[phase.step]]\nname = \"x\"\nprobe = \"tcp://db:1\"\nexec = [\"true\"]\n",
    ),
    (
        "a key of another kind of work",
        &[PlanCode::Conflict],
        "version = 1\n[[phase]]\nname = \"a\"\n[[phase.step]]\nname = \"x\"\nexec = [\"true\"]\ntables = [\"users\"]\n",
    ),
    (
        "tables of what has none",
        &[PlanCode::BadAddress],
        "version = 1\n[[phase]]\nname = \"a\"\n[[phase.step]]\nname = \"x\"\nprobe = \"redis://cache\"\ntables = [\"users\"]\n",
    ),
    (
        "a depth that is not there",
        &[PlanCode::Conflict, PlanCode::Conflict, PlanCode::Conflict],
        "version = 1\n[[phase]]\nname = \"a\"\n\
         [[phase.step]]\nname = \"x\"\nprobe = \"tcp://db:1\"\ndepth = \"query\"\n\
         [[phase.step]]\nname = \"y\"\nprobe = \"postgres://db/x\"\ndepth = \"query\"\n\
         [[phase.step]]\nname = \"z\"\nprobe = \"postgres://u@db/x\"\ndepth = \"schema\"\n",
    ),
    (
        "retried after a start that failed",
        &[PlanCode::Conflict],
        "version = 1\n[[phase]]\nname = \"a\"\n[[phase.step]]\nname = \"x\"\nprobe = \"tcp://db:1\"\nretry_after_ready = true\n",
    ),
    (
        "said twice",
        &[PlanCode::Conflict, PlanCode::Conflict],
        "version = 1\nrestart = \"never\"\n[service]\nrestart = \"on-failure\"\n\
         [budget]\nwindow = \"60s\"\nprobe = { period = \"10s\", failure_threshold = 3 }\n",
    ),
    (
        "a window that stopping uses up",
        &[PlanCode::Conflict],
        "version = 1\n[budget]\nwindow = \"30s\"\ngrace = \"28s\"\n",
    ),
    (
        "keys of the default phases beside phases",
        &[PlanCode::Conflict, PlanCode::Conflict],
        "version = 1\ndiscover = true\n[service]\nready = \"notify\"\n[[phase]]\nname = \"a\"\n[[phase.step]]\nname = \"x\"\nenv = [\"A\"]\n",
    ),
    (
        "needs",
        &[PlanCode::UnknownStep, PlanCode::LaterStep],
        "version = 1\n[[phase]]\nname = \"a\"\n[[phase.step]]\nname = \"x\"\nenv = [\"A\"]\nneeds = [\"databse\", \"database\"]\n\
         [[phase]]\nname = \"b\"\n[[phase.step]]\nname = \"database\"\nprobe = \"tcp://db:1\"\n",
    ),
    (
        "a circle of needs",
        &[PlanCode::NeedsCycle],
        "version = 1\n[[phase]]\nname = \"a\"\n[[phase.step]]\nname = \"x\"\nenv = [\"A\"]\nneeds = [\"z\"]\n\
         [[phase.step]]\nname = \"y\"\nenv = [\"B\"]\nneeds = [\"x\"]\n[[phase.step]]\nname = \"z\"\nenv = [\"C\"]\nneeds = [\"y\"]\n",
    ),
    (
        "two children",
        &[PlanCode::SeveralSpawns],
        "version = 1\n[[phase]]\nname = \"a\"\n[[phase.step]]\nname = \"x\"\nspawn = true\n[[phase.step]]\nname = \"y\"\nspawn = true\n",
    ),
    (
        "asking the child too early",
        &[PlanCode::BeforeSpawn, PlanCode::BeforeSpawn],
        "version = 1\n[[phase]]\nname = \"a\"\n[[phase.step]]\nname = \"early\"\nready = \"notify\"\n[[phase]]\nname = \"b\"\n\
         [[phase.step]]\nname = \"child\"\nspawn = true\n[[phase.step]]\nname = \"beside\"\nrequest = \"http://127.0.0.1:8080/\"\n",
    ),
    (
        "references that are none",
        &[PlanCode::BadReference; 3],
        "version = 1\nstate_dir = \"/var/${NAME}\"\n[[phase]]\nname = \"a\"\n[[phase.step]]\nname = \"x\"\n\
         probe = \"${DATABASE-URL}\"\n[[phase.step]]\nname = \"y\"\nenv = [\"${SECRET_KEY}\"]\n",
    ),
    (
        "a reference in a command",
        &[PlanCode::ReferenceInExec, PlanCode::ReferenceInExec],
        "version = 1\n[[phase]]\nname = \"a\"\n[[phase.step]]\nname = \"x\"\nexec = [\"migrate\", \"--dsn\", \"${DATABASE_URL}\"]\n\
         finalizer = { exec = [\"sh\", \"-c\", \"echo ${X}\"] }\n",
    ),
    (
        "secrets in the plan",
        &[PlanCode::SecretInPlan; 4],
        "version = 1\n[[phase]]\nname = \"a\"\n[[phase.step]]\nname = \"x\"\nprobe = \"postgres://u:hunter2@db/x\"\n\
         [[phase.step]]\nname = \"y\"\nexec = [\"migrate\", \"--password=hunter2\"]\n\
         [[phase.step]]\nname = \"w\"\nprobe = \"host=db user=u password=hunter2\"\n\
         [[phase]]\nname = \"z\"\n[[phase.step]]\nname = \"r\"\nrequest = \"http://127.0.0.1:8080/\"\nheaders = { Authorization = \"hunter2\" }\n",
    ),
    (
        "a setting whose variable is not set",
        &[PlanCode::UnsetVariable],
        "version = 1\n[budget]\nwindow = \"${STARTUP_WINDOW}\"\n",
    ),
    (
        "a setting whose variable is malformed",
        &[PlanCode::BadDuration],
        "version = 1\n[budget]\nwindow = \"${TOKEN}\"\n",
    ),
    (
        "addresses",
        &[PlanCode::BadAddress; 5],
        "version = 1\n[admin]\nlisten = \"localhost:9000\"\n[[phase]]\nname = \"a\"\n[[phase.step]]\nname = \"x\"\nprobe = \"postgers://db/x\"\n\
         [[phase.step]]\nname = \"y\"\nprobe = [\"tcp://db:99999\", \"tcp://db:1\"]\n[[phase]]\nname = \"b\"\n\
         [[phase.step]]\nname = \"r\"\nrequest = \"ws://127.0.0.1:8080/\"\n[[phase.step]]\nname = \"s\"\nready = { tcp = \"redis://127.0.0.1\" }\n",
    ),
    (
        "no environment where profiles are used",
        &[PlanCode::EnvironmentMissing],
        "version = 1\n[service]\nenvironment = \"${ENVIRONMENT}\"\n[profile.staging.database]\ndeadline = \"75s\"\n",
    ),
    (
        "an environment without a profile",
        &[PlanCode::UnknownEnvironment],
        "version = 1\n[service]\nenvironment = \"stagging\"\n[profile.staging.database]\ndeadline = \"75s\"\n",
    ),
    (
        "rows of environments",
        &[PlanCode::BadPattern, PlanCode::UnknownEnvironment],
        "version = 1\nenvironments = [\"preview-*\", \"test-*: stage\"]\n[service]\nenvironment = \"staging\"\n[profile.staging]\n",
    ),
    (
        "profiles of what the plan does not have",
        &[PlanCode::UnknownPhase, PlanCode::UnknownPhase, PlanCode::UnknownKey],
        "version = 1\n[service]\nenvironment = \"staging\"\n[[phase]]\nname = \"database\"\n[[phase.step]]\nname = \"orders-db\"\nprobe = \"tcp://db:1\"\n\
         [profile.staging.databse]\ndeadline = \"75s\"\n[profile.staging.database.orders]\ntries = 3\n[profile.staging.database]\ndedline = \"75s\"\n",
    ),
    (
        "settings of a profile",
        &[
            PlanCode::UnknownKey,
            PlanCode::UnknownKey,
            PlanCode::OutOfRange,
            PlanCode::BadAddress,
            PlanCode::WrongType,
            PlanCode::Conflict,
        ],
        "version = 1\n[service]\nenvironment = \"staging\"\n[[phase]]\nname = \"a\"\n[[phase.step]]\nname = \"x\"\nprobe = \"tcp://db:1\"\n\
         [profile.staging]\nrestrt = \"never\"\n[profile.staging.stop]\nkil_after = \"3s\"\n[profile.staging.exit]\nexpired = 2\n\
         [profile.staging.admin]\nlisten = \"localhost:9000\"\n[profile.staging.dialling]\nin_flight = \"8\"\n[profile.staging.a.x]\npool = { size = 3 }\n",
    ),
    (
        "a phase with the name of a setting",
        &[PlanCode::BadName, PlanCode::BadName],
        "version = 1\n[[phase]]\nname = \"stop\"\n[[phase]]\nname = \"budget\"\n",
    ),
    ("a base that is not there", &[PlanCode::ExtendsUnreadable], "version = 1\nextends = \"shared/nothing.toml\"\n"),
    ("a plan that extends itself", &[PlanCode::ExtendsCycle], "version = 1\nextends = \"shared/round.toml\"\n"),
    ("a base of a base of a base", &[PlanCode::ExtendsCycle], "version = 1\nextends = \"deep/1.toml\"\n"),
    ("a base of another version", &[PlanCode::VersionUnknown], "version = 1\nextends = \"shared/next.toml\"\n"),
    ("a mistake in the base", &[PlanCode::UnknownKey], "version = 1\nextends = \"shared/slip.toml\"\n"),
    (
        "a lease that nobody keeps",
        &[PlanCode::NoDatabase, PlanCode::BadAddress],
        "version = 1\n[[phase]]\nname = \"a\"\n[[phase.step]]\nname = \"m\"\nexec = [\"alembic\", \"upgrade\", \"head\"]\nonce = \"migrations\"\n\
         [[phase.step]]\nname = \"n\"\nexec = [\"true\"]\nonce = { name = \"n\", database = \"redis://cache\" }\n",
    ),
    (
        "a gate without witnesses",
        &[PlanCode::NoWitness, PlanCode::BadValue, PlanCode::BadValue],
        "version = 1\n[[phase]]\nname = \"a\"\n[[phase.step]]\nname = \"g\"\negress = true\n\
         [[phase.step]]\nname = \"h\"\negress = [\"metdata\"]\n[[phase.step]]\nname = \"i\"\negress = false\n",
    ),
    (
        "readiness",
        &[PlanCode::BadValue, PlanCode::Conflict, PlanCode::Conflict],
        "version = 1\n[[phase]]\nname = \"a\"\n[[phase.step]]\nname = \"r\"\nready = \"notfy\"\n\
         [[phase.step]]\nname = \"s\"\nready = { log = \"up\", tcp = \"127.0.0.1:80\" }\n[[phase.step]]\nname = \"t\"\nready = { log = \"up\", status = 200 }\n",
    ),
    (
        "what must come back",
        &[PlanCode::WrongType, PlanCode::WrongType, PlanCode::BadValue],
        "version = 1\n[[phase]]\nname = \"a\"\n[[phase.step]]\nname = \"r\"\nrequest = \"http://127.0.0.1/\"\nexpect = \"ok\"\n\
         [[phase.step]]\nname = \"s\"\nwebsocket = \"ws://127.0.0.1/\"\nexpect = { status = 101 }\n\
         [[phase.step]]\nname = \"t\"\nrequest = \"http://127.0.0.1/\"\nexpect = { json = { status = \"ok\" } }\n",
    ),
    (
        "commands",
        &[PlanCode::BadValue, PlanCode::WrongType, PlanCode::WrongType],
        "version = 1\n[[phase]]\nname = \"a\"\n[[phase.step]]\nname = \"x\"\nexec = []\n[[phase.step]]\nname = \"y\"\ncommand = \"pg_isready\"\n\
         [[phase.step]]\nname = \"z\"\nexec = [\"sleep\", 5]\n",
    ),
];

/// Files that the plans extend.
const FILES: &[(&str, &str)] = &[
    ("shared/round.toml", "extends = \"../tminus.toml\"\n"),
    ("shared/next.toml", "version = 2\n"),
    ("shared/slip.toml", "[servce]\nname = \"orders\"\n"),
    ("deep/1.toml", "extends = \"2.toml\"\n"),
    ("deep/2.toml", "extends = \"3.toml\"\n"),
    ("deep/3.toml", "extends = \"4.toml\"\n"),
    ("deep/4.toml", "extends = \"5.toml\"\n"),
    ("deep/5.toml", "version = 1\n"),
];

/// `file:line:column`, the text that is meant, and the rest.
fn shown(error: &PlanError, text: &str) -> String {
    let text = FILES.iter().find(|(name, _)| *name == error.file).map_or(text, |(_, text)| text);
    let mut out = error.file.clone();
    if let Some(span) = &error.span {
        let before = &text[..span.start];
        let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1);
        let meant = text[span.clone()].lines().next().unwrap_or_default();
        write!(out, ":{}:{} `{meant}`", before.matches('\n').count() + 1, column + 1).expect("a String takes all");
    }
    write!(out, "\n  {}: {}\n", error.code, error.what).expect("a String takes all");
    if let Some(hint) = &error.hint {
        writeln!(out, "  {hint}").expect("a String takes all");
    }
    if let Some((span, why)) = &error.related {
        let line = text[..span.start].matches('\n').count() + 1;
        writeln!(out, "  line {line}: {why}").expect("a String takes all");
    }
    out
}

/// Codes of warnings, and of what no small text shows.
const ELSEWHERE: [PlanCode; 5] = [
    PlanCode::TooLarge,
    PlanCode::DeadlinesExceedWindow,
    PlanCode::TimerNeverFires,
    PlanCode::WindowUnknown,
    PlanCode::EmptyPhase,
];

#[test]
fn every_mistake_says_what_where_and_what_next() {
    let variables = [("TOKEN", "hunter2-is-secret")];
    let (mut out, mut seen) = (String::new(), BTreeSet::from(ELSEWHERE));
    for (title, codes, text) in CASES {
        let errors = match read_with(text, &variables, FILES, Overrides::default()) {
            Err(errors) => errors,
            Ok(_) => panic!("{title}: no mistake was found"),
        };
        let got: Vec<PlanCode> = errors.iter().map(|error| error.code).collect();
        let (mut got_sorted, mut want) = (got.clone(), codes.to_vec());
        got_sorted.sort();
        want.sort();
        assert_eq!(got_sorted, want, "{title}\n{}", listed(&errors));
        seen.extend(got);
        writeln!(out, "## {title}").expect("a String takes all");
        for error in &errors {
            out.push_str(&shown(error, text));
            let told = format!("{} {:?}", error.what, error.hint);
            assert!(!told.contains("hunter2"), "{title}: {told}");
            assert!(error.hint.is_some(), "{title}: {} says nothing of what to do", error.what);
            assert!(
                !error.what.ends_with('.') && !error.what.starts_with(char::is_uppercase)
                    || error.code == PlanCode::NotToml,
                "{title}: {}",
                error.what
            );
        }
        out.push('\n');
    }
    assert_eq!(seen, PlanCode::ALL.iter().copied().collect(), "a code without a case");
    // Secrets may stand in the excerpts of the plan itself: those are the test's own.
    insta::assert_snapshot!("mistakes", out.replace("hunter2", "******"));
}

#[test]
fn all_mistakes_of_a_plan_come_at_once_and_in_order() {
    let text = "version = 1\n[service]\nkind = \"daemon\"\n[budget]\nwindow = 8\n[[phase]]\nname = \"a\"\n\
                [[phase.step]]\nname = \"x\"\nprobe = \"nonsense\"\nneeds = [\"y\"]\n[output]\ncapture = \"all\"\n";
    let errors = read_with(text, &[], &[], Overrides::default()).unwrap_err();
    let codes: Vec<PlanCode> = errors.iter().map(|error| error.code).collect();
    let want =
        [PlanCode::BadValue, PlanCode::BadDuration, PlanCode::BadAddress, PlanCode::UnknownStep, PlanCode::BadValue];
    assert_eq!(codes, want, "{}", listed(&errors));
    let starts: Vec<usize> = errors.iter().filter_map(|error| error.span.as_ref()).map(|span| span.start).collect();
    assert!(starts.is_sorted() && starts.len() == errors.len());
}

#[test]
fn what_flags_and_variables_say_wrongly_is_named_after_them() {
    let env = [("TMINUS_PLATFORM".to_owned(), "cloudrun".to_owned())].into();
    let mut flags = Overrides::from_environment(&env);
    flags.flag(Setting::Window, "--window", "0s");
    flags.flag(Setting::Restart, "--restart", "always");
    let errors = read_with("version = 1\n", &[], &[], flags).unwrap_err();
    insta::assert_snapshot!("overrides", listed(&errors));
}

#[test]
fn too_much_is_refused_before_it_costs_anything() {
    let refused = |text: &str| {
        let errors = read_with(text, &[], &[], Overrides::default()).unwrap_err();
        errors.iter().map(|error| error.code).collect::<BTreeSet<_>>()
    };
    let too_large = BTreeSet::from([PlanCode::TooLarge]);
    assert_eq!(refused(&format!("version = 1\n{}", "# \n".repeat(400_000))), too_large);
    let phase = |index: usize| format!("[[phase]]\nname = \"p{index}\"\n");
    let step = |index: usize| format!("[[phase.step]]\nname = \"s{index}\"\nenv = [\"A\"]\n");
    let many: String = (0..1001).map(phase).collect();
    assert_eq!(refused(&format!("version = 1\n{many}")), too_large);
    let many: String = (0..600).map(step).collect();
    let more: String = (600..1200).map(step).collect();
    assert_eq!(refused(&format!("version = 1\n{}{many}{}{more}", phase(0), phase(1))), too_large);
    // Nesting is the parser's to refuse; it must not fall over.
    assert_eq!(refused(&format!("a = {}", "[".repeat(100_000))), BTreeSet::from([PlanCode::NotToml]));
    assert_eq!(refused(&format!("{} = 1", vec!["a"; 100_000].join("."))), BTreeSet::from([PlanCode::NotToml]));
}
