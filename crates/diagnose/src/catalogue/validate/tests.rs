//! What a mistake is called, and what is advised.

use super::*;
use crate::catalogue::read::read;

const CAUSE: &str = r#"
[[cause]]
key = "acme_down"
title = "the acme service is down"
domain = "dependency"
layer = "tcp"
owner = "vendor"
retry = "helps"
culprit = "acme"
remedy = "wait for acme"
next = "acme status"
"#;

const PATTERN: &str = r#"
[[pattern]]
cause = "acme_down"
id = "acme.refused"
software = "acme"
component = "acme"
literals = ["acme refused"]
regex = 'acme refused (?P<what>\w{1,20})'
culprit = "{what}"
proof = "exact"
samples = ["ERROR acme refused us"]
near_misses = ["acme refused"]
"#;

const MARKER: &str = r#"
[[marker]]
marks = "ready"
id = "acme.ready"
software = "acme"
literals = ["acme is up"]
samples = ["INFO acme is up"]
near_misses = ["acme is starting"]
"#;

fn errors(texts: &[&str], whose: Whose<'_>) -> Vec<String> {
    let (rows, mut errors) = read(&[("acme.toml".to_owned(), texts.concat())]);
    errors.extend(validate(&rows, whose));
    errors.iter().map(ToString::to_string).collect()
}

/// The errors of the base rows, with one piece of text replaced.
fn after(from: &str, to: &str) -> Vec<String> {
    let text = [CAUSE, PATTERN, MARKER].concat();
    assert!(text.contains(from), "{from}");
    errors(&[&text.replacen(from, to, 1)], Whose::Ours)
}

#[test]
fn sound_rows_pass() {
    assert_eq!(errors(&[CAUSE, PATTERN, MARKER], Whose::Ours), [""; 0]);
}

#[test]
fn every_mistake_is_reported_with_its_row_and_what_to_do() {
    let row = |text: &str| format!("acme.toml:13: [[pattern]] acme.refused: {text}");
    for (from, to, expected) in [
        (
            "cause = \"acme_down\"",
            "cause = \"acme_dwn\"",
            "`cause` names the unknown cause `acme_dwn`; did you mean `acme_down`?",
        ),
        (
            "id = \"acme.refused\"",
            "id = \"Refused\"",
            "acme.toml:13: [[pattern]] Refused: the id is not a software and a short name; \
                 write `acme.short-name`: lower case letters, digits, `-` and `_`",
        ),
        (
            "component = \"acme\"",
            "component = \"Acme Inc\"",
            "`component = \"Acme Inc\"` is not a plain word; use lower case letters, digits, `-` and `_`",
        ),
        ("{what}", "{wat}", "`culprit` names `{wat}`, which the regex does not capture; did you mean `what`?"),
        ("\"{what}\"", "\"{what\"", "`{` without `}` in `{what`; write captures as `{name}`"),
        (
            "\"exact\"",
            "\"weak\"",
            "`proof = \"weak\"` without `ambiguous_with`; list the other causes that the same words can mean",
        ),
        (
            "ERROR acme refused us",
            "ERROR acme refused !",
            "the regex does not match the sample \"ERROR acme refused !\"; correct either",
        ),
        (
            "ERROR acme refused us",
            "ERROR Acme refused us",
            "no literal occurs in the sample \"ERROR Acme refused us\"; \
                 correct the sample or add a literal; literals are case sensitive",
        ),
        (
            "[\"acme refused\"]\n\n",
            "[\"acme refused x\"]\n\n",
            "the near miss \"acme refused x\" matches; \
                 narrow the literals or the regex, or correct the near miss",
        ),
        (
            "samples = [\"ERROR",
            "samples = []\nwhen = [] # ",
            "`samples` is empty; add at least one line as the software prints it",
        ),
        ("proof =", "when = [{ fact = 'enw.X', equals = 'y' }]\nproof =", "no fact `enw.X`; did you mean `env`?"),
        (
            "proof =",
            "when = [{ fact = 'env.X', equals = [1] }]\nproof =",
            "`env.X` cannot equal [1]; compare with a text, number or boolean",
        ),
        ("proof =", "when = [{ signal = 'kill' }]\nproof =", "`kill` is not a signal; write its name, as `SIGKILL`"),
        ("proof =", "ambiguous_with = ['acme_down']\nproof =", "`ambiguous_with` names `acme_down` itself; remove it"),
        (
            "proof =",
            "override = true\nproof =",
            "`override` has nothing to replace here; remove it: it is for a user's catalogue",
        ),
    ] {
        let expected = if expected.starts_with("acme.toml") { expected.to_owned() } else { row(expected) };
        assert_eq!(after(from, to), [expected], "after {from} became {to}");
    }
}

#[test]
fn literals_are_long_enough_for_a_gate() {
    let wrong = after("literals = [\"acme refused\"]", "literals = [\"acme refused\", \"ac\"]");
    assert_eq!(wrong.len(), 1);
    assert!(
        wrong[0].ends_with("literal \"ac\" has less than 4 bytes; use a longer, rarer part of the text"),
        "{wrong:?}"
    );
    assert!(after("literals = [\"acme is up\"]", "literals = []")[0].contains("`literals` is empty"));
}

#[test]
fn regexes_are_bounded() {
    for (regex, expected) in [
        (r"(\w{1,300}){1,300}", "the regex compiles to more than 192 KiB; shorten its repeats: `\\S+` is far smaller"),
        ("acme(", "the regex is wrong: unclosed group; correct it; classes are ASCII, there is no look-around"),
        (&"a".repeat(1001), "the regex has 1001 bytes, more than 1000"),
        ("(?:acme)?", "the regex matches an empty text; let it contain one of the literals"),
    ] {
        let wrong = after(r"acme refused (?P<what>\w{1,20})", regex);
        assert!(wrong.iter().any(|error| error.contains(expected)), "{regex}: {wrong:?}");
    }
    let nested = format!("{}acme refused{}", "(?:".repeat(21), ")".repeat(21));
    let wrong = after(r"acme refused (?P<what>\w{1,20})", &nested);
    assert!(wrong[0].contains("exceed the maximum number of nested"), "{wrong:?}");
}

#[test]
fn texts_for_people_are_short_and_plain() {
    let wrong = after("the acme service is down", &"long ".repeat(20));
    assert!(wrong[0].contains("`title` has 100 characters, more than 70; shorten it"), "{wrong:?}");
    let wrong = after("wait for acme", "wait for acme.");
    assert!(wrong[0].contains("[[cause]] acme_down: `remedy` ends with a full stop; remove it"), "{wrong:?}");
    let wrong = after("next = \"acme status\"", "next = \"\"\ndo_not = ['a', 'b', 'c', 'd']");
    assert!(wrong[0].contains("`next` is empty; say it in a few words"), "{wrong:?}");
    assert!(wrong[1].contains("`do_not` has 4 entries, more than 3"), "{wrong:?}");
}

#[test]
fn references_between_causes_resolve() {
    let wrong = after("next = ", "explains = ['acme_dwn', 'acme_down']\nconfused_with = ['nothing_like_it']\nnext = ");
    assert_eq!(wrong.len(), 3, "{wrong:?}");
    assert!(wrong[0].contains("`explains` names the unknown cause `acme_dwn`; did you mean `acme_down`?"));
    assert!(wrong[1].contains("`explains` names `acme_down` itself; remove it"));
    assert!(wrong[2].contains("unknown cause `nothing_like_it`; add a [[cause]] of that key, or correct it"));
}

#[test]
fn names_are_unique_in_their_table() {
    let wrong = errors(&[CAUSE, PATTERN, MARKER, MARKER], Whose::Ours);
    assert_eq!(
        wrong,
        ["acme.toml:33: [[marker]] acme.ready: `acme.ready` stands at acme.toml:25 already; \
          give each row a name of its own"]
    );
    let wrong = errors(&[CAUSE, CAUSE], Whose::Ours);
    assert!(wrong[0].contains("`acme_down` stands at acme.toml:2 already"), "{wrong:?}");
    assert_eq!(
        after("acme.ready", "acme.refused"),
        [""; 0],
        "a pattern and a marker can share their words and their id"
    );
}

#[test]
fn a_phase_marker_captures_the_phase() {
    let wrong = after("marks = \"ready\"", "marks = \"phase_failed\"");
    assert!(wrong[0].ends_with("`phase_failed` without the phase; add `(?P<phase>...)` to the regex"), "{wrong:?}");
}

#[test]
fn a_users_catalogue_replaces_what_is_built_in_only_on_purpose() {
    let (rows, _) = read(&[("x".to_owned(), [CAUSE, PATTERN].concat())]);
    let knowledge = Knowledge {
        causes: rows.causes.into_iter().map(|row| row.entry).collect(),
        patterns: rows.patterns.into_iter().map(|row| row.entry).collect(),
        ..Knowledge::default()
    };
    let user = Whose::User(&knowledge);
    let shadow = errors(&[CAUSE], user);
    assert_eq!(
        shadow,
        ["acme.toml:2: [[cause]] acme_down: `acme_down` is built in; \
              choose another name, or add `override = true` to replace it"]
    );
    assert_eq!(errors(&[CAUSE, "override = true\n"], user), [""; 0]);
    assert!(errors(&[PATTERN], user)[0].contains("`acme.refused` is built in"));
    assert!(errors(&[MARKER, "override = true\n"], user)[0].contains("no built-in `acme.ready` to override"));
    let component = errors(&["[[component]]\nname = 'acme'\nports = [1]\n"], user);
    assert!(component[0].ends_with("components are built in; remove the row; use `component` in a pattern"));
}

#[test]
fn a_users_catalogue_is_bounded() {
    let markers: String = (0..=USER_ROWS).map(|n| MARKER.replace("acme.ready", &format!("acme.ready-{n}"))).collect();
    let knowledge = Knowledge::default();
    assert_eq!(
        errors(&[&markers], Whose::User(&knowledge)),
        ["501 rules, more than 500; keep the rules that this service needs"]
    );
    assert_eq!(errors(&[&markers], Whose::Ours), [""; 0]);
}
