//! What people read, as snapshots: help pages, and the report of three recorded starts. To accept a
//! change: `INSTA_UPDATE=always cargo nextest run -p tminus-cli pages`, then read the difference.

use crate::room::{Room, repository};

fn page(args: &[&str]) -> String {
    let answer = Room::new().tminus(args);
    assert_eq!((answer.code, answer.err.as_str()), (0, ""), "{args:?}");
    assert!(
        answer.out.lines().all(|line| line.chars().count() <= 100),
        "{args:?} is wider than 100 columns:\n{}",
        answer.out
    );
    answer.out
}

#[test]
fn help_pages() {
    insta::assert_snapshot!("help-alone", page(&[]));
    insta::assert_snapshot!("help", page(&["--help"]));
    insta::assert_snapshot!("help-why", page(&["why", "--help"]));
    insta::assert_snapshot!("help-why-short", page(&["why", "-h"]));
    for command in ["run", "check", "probe"] {
        insta::assert_snapshot!(format!("help-{command}"), page(&[command, "--help"]));
        insta::assert_snapshot!(format!("help-{command}-short"), page(&[command, "-h"]));
        assert_eq!(page(&["help", command]), page(&[command, "--help"]));
    }
    insta::assert_snapshot!("help-completions", page(&["completions", "--help"]));
    insta::assert_snapshot!("help-man", page(&["man", "--help"]));
    assert_eq!(page(&["help", "why"]), page(&["why", "--help"]));
}

/// The slim program is `tminus` with fewer commands: the pages of those are the same but for its name.
#[test]
fn help_pages_of_the_slim_program() {
    let slim = |args: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_tminus-run")).args(args).env_clear().output();
        let output = output.expect("the binary runs");
        assert!(output.status.success() && output.stderr.is_empty(), "{args:?}");
        let text = String::from_utf8(output.stdout).expect("help is UTF-8");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{args:?} is wider than 100 columns:\n{text}");
        text
    };
    insta::assert_snapshot!("help-slim", slim(&["--help"]));
    for command in ["run", "check", "probe"] {
        for form in ["-h", "--help"] {
            let own = slim(&[command, form]).replace("Usage: tminus-run ", "Usage: tminus ");
            assert_eq!(own, page(&[command, form]), "{command} {form}");
        }
    }
}

/// Man pages and completions speak of every flag of the help page.
#[test]
fn man_pages_and_completions_know_every_flag() {
    let room = Room::new();
    std::fs::create_dir(room.path().join("man")).expect("a directory");
    assert_eq!(room.tminus(&["man", "man"]).code, 0);
    let manual =
        std::fs::read_to_string(room.path().join("man/tminus-why.1")).expect("a page for why").replace("\\-", "-");
    let help = page(&["why", "--help"]);
    // A line that describes a flag begins with it; examples show flags of other programs, too.
    let described = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let flags: Vec<&str> =
        described.filter_map(|line| line.split([' ', ',']).find(|word| word.starts_with("--"))).collect();
    assert!(flags.len() > 8, "{help}");
    for shell in ["bash", "zsh", "fish"] {
        let script = room.tminus(&["completions", shell]).out;
        for flag in &flags {
            let name = if shell == "fish" { flag.trim_start_matches('-') } else { flag };
            assert!(script.contains(name), "{shell} does not complete {flag}");
            assert!(manual.contains(flag), "the manual does not speak of {flag}");
        }
    }
}

#[test]
fn reports_of_recorded_starts() {
    for (case, file, facts) in [
        ("mixed-capacity-then-module", "logs.ndjson", false),
        ("billing-trailing-newline", "logs.log", true),
        ("undetermined-swallowed", "logs.ndjson", false),
    ] {
        let (room, folder) = (Room::new(), repository().join("corpus/dev").join(case));
        let mut names = vec![file, "exit.json"];
        names.extend(facts.then_some("facts.json"));
        for name in &names {
            room.put(name, std::fs::read(folder.join(name)).expect("a recorded file"));
        }
        let mut args = vec!["why", "--exits", "exit.json"];
        args.extend(facts.then_some(["--facts", "facts.json"]).into_iter().flatten());
        args.push(file);
        let mut settings = insta::Settings::clone_current();
        // The digest names the rules in force; the report's words do not depend on it.
        settings.add_filter(r"sha256:[0-9a-f]+", "sha256:[catalogue]");
        settings.bind(|| {
            insta::assert_snapshot!(format!("{case}-terminal"), room.tminus(&args).out);
            insta::assert_snapshot!(
                format!("{case}-markdown"),
                room.tminus(&[&args[..], &["--format", "markdown"]].concat()).out
            );
        });
    }
}
