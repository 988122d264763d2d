//! The catalogue as a whole: what is built in, a user's additions, and what scanning promises.

use super::schema::Knowledge;
use super::*;
use proptest::prelude::*;
use std::path::Path;

/// The sources of what is built in, as (name, text), by name.
#[expect(
    clippy::disallowed_methods,
    reason = "the library is pure; this test compares it with the files it was built from"
)]
fn sources() -> Vec<(String, String)> {
    fn collect(root: &Path, directory: &str, files: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(root.join(directory)).into_iter().flatten() {
            let entry = entry.unwrap();
            let name = format!("{directory}/{}", entry.file_name().to_string_lossy());
            match entry.file_type().unwrap().is_dir() {
                true => collect(root, &name, files),
                false if name.ends_with(".toml") => files.push((name, std::fs::read_to_string(entry.path()).unwrap())),
                false => {}
            }
        }
    }
    let mut files = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), "knowledge", &mut files);
    // All but the facts of platforms, which are `check`'s: a file that the build does not read would
    // be missing from what is built in.
    files.retain(|(name, _)| name != "knowledge/platforms.toml");
    files.sort();
    files
}

/// What is built in, with its samples.
fn knowledge() -> &'static Knowledge {
    static KNOWLEDGE: LazyLock<Knowledge> = LazyLock::new(|| told_by(&sources()));
    &KNOWLEDGE
}

/// The rows of sound files.
fn told_by(files: &[(String, String)]) -> Knowledge {
    let (rows, errors) = read::read(files);
    assert_eq!(errors, []);
    Knowledge {
        digest: String::new(),
        causes: rows.causes.into_iter().map(|row| row.entry).collect(),
        patterns: rows.patterns.into_iter().map(|row| row.entry).collect(),
        markers: rows.markers.into_iter().map(|row| row.entry).collect(),
        components: rows.components.into_iter().map(|row| row.entry).collect(),
    }
}

/// Authors of `knowledge/` run this: it prints every mistake with its file and row.
#[test]
fn the_built_in_knowledge_is_sound() {
    let files = sources();
    let (rows, mut errors) = read::read(&files);
    errors.extend(validate::validate(&rows, validate::Whose::Ours));
    errors.sort();
    for error in &errors {
        eprintln!("{error}");
    }
    assert!(errors.is_empty(), "{} mistakes", errors.len());
}

#[test]
fn what_is_embedded_is_what_the_sources_say() {
    let builtin = Catalogue::builtin();
    let mut expected = knowledge().clone();
    for pattern in &mut expected.patterns {
        (pattern.samples, pattern.near_misses) = Default::default();
    }
    for marker in &mut expected.markers {
        (marker.samples, marker.near_misses) = Default::default();
    }
    // Row by row: all of it at once would be a failure that nobody can read.
    fn same<'c, T: PartialEq + std::fmt::Debug>(embedded: impl ExactSizeIterator<Item = &'c T>, written: &'c [T]) {
        assert_eq!(embedded.len(), written.len());
        embedded.zip(written).for_each(|(embedded, written)| assert_eq!(embedded, written));
    }
    same(builtin.causes(), &expected.causes);
    same(builtin.patterns(), &expected.patterns);
    same(builtin.markers(), &expected.markers);
    same(builtin.components(), &expected.components);
    assert!(builtin.digest().starts_with("sha256:") && builtin.digest().len() == 71);
}

#[test]
fn samples_hit_their_rule_and_near_misses_do_not() {
    let knowledge = knowledge();
    let catalogue = Catalogue::builtin();
    let hits = |id: &str, text: &str| catalogue.scan(text).iter().any(|hit| full_id(catalogue, hit) == id);
    let patterns = knowledge.patterns.iter().map(|p| (format!("pattern {}", p.id), &p.samples, &p.near_misses));
    let markers = knowledge.markers.iter().map(|m| (format!("marker {}", m.id), &m.samples, &m.near_misses));
    let mut wrong = Vec::new();
    for (id, samples, near_misses) in patterns.chain(markers) {
        wrong.extend(samples.iter().filter(|text| !hits(&id, text)).map(|text| format!("{id} misses {text:?}")));
        wrong.extend(near_misses.iter().filter(|text| hits(&id, text)).map(|text| format!("{id} takes {text:?}")));
        wrong.extend(samples.iter().filter(|text| !catalogue.gate(text)).map(|text| format!("no gate for {text:?}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What the build says that a regex requires must not keep a match away.
#[test]
fn what_the_built_in_regexes_require_stands_in_their_samples() {
    let knowledge = knowledge();
    let patterns = knowledge.patterns.iter().map(|p| (&p.id, &p.regex, &p.samples));
    let markers = knowledge.markers.iter().map(|m| (&m.id, &m.regex, &m.samples));
    for (id, regex, samples) in patterns.chain(markers) {
        let Some(regex) = regex else { continue };
        let required = required::of(&rule::parse(regex).unwrap());
        assert!(samples.iter().all(|sample| required::Haystack::new(sample).meets(&required)), "{id}: {required:?}");
    }
}

#[test]
fn rows_are_found_by_their_names() {
    for catalogue in [Catalogue::builtin(), &small()] {
        assert!(catalogue.patterns().all(|pattern| catalogue.pattern_by_id(&pattern.id) == Some(pattern)));
        assert!(catalogue.causes().all(|cause| catalogue.cause(&cause.key) == Some(cause)));
        assert_eq!(catalogue.pattern_by_id("zz-acme.nothing"), None);
    }
}

/// A small catalogue of its own, so that these tests say what they mean whatever is built in.
fn small() -> Catalogue {
    let text = r#"
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

        [[pattern]]
        cause = "acme_down"
        id = "acme.refused"
        software = "acme"
        literals = ["acme refused", "acme denied"]
        regex = 'acme (?:refused|denied) (?P<host>[^:\s]{1,80})(?::(?P<port>\d{1,5}))?'
        culprit = "{host}:{port}"
        proof = "exact"
        samples = ["acme refused db:1"]
        near_misses = ["acme refused"]

        [[marker]]
        marks = "ready"
        id = "acme.up"
        software = "acme"
        literals = ["acme is up", "is up and running"]
        samples = ["acme is up"]
        near_misses = ["acme is down"]

        [[component]]
        name = "http"
        frames = ["/http/"]
        ports = [80]

        [[component]]
        name = "postgres"
        frames = ["/asyncpg/", "/http/asyncpg/"]
        ports = [5432, 80]
        env = ["PGHOST"]
    "#;
    let files = [("small.toml".to_owned(), text.to_owned())];
    assert_eq!(validate::validate(&read::read(&files).0, validate::Whose::Ours), []);
    Catalogue::new(told_by(&files))
}

/// A rule's table and id: a pattern and a marker can share an id.
fn full_id(catalogue: &Catalogue, hit: &Hit) -> String {
    let table = if hit.marker().is_some() { "marker" } else { "pattern" };
    format!("{table} {}", catalogue.rule_id(hit.rule))
}

/// Hits as (id, what matched).
fn told<'t>(catalogue: &Catalogue, text: &'t str) -> Vec<(String, &'t str)> {
    catalogue.scan(text).iter().map(|hit| (catalogue.rule_id(hit.rule).to_owned(), &text[hit.start..hit.end])).collect()
}

#[test]
fn hits_are_ordered_and_only_the_outermost_of_a_rule_are_kept() {
    let text = "acme is up; acme refused a:1; acme denied b; acme refused c:3; acme is up and running";
    let expected = [
        ("acme.up", "acme is up"),
        ("acme.refused", "acme refused a:1"),
        ("acme.refused", "acme refused c:3"),
        ("acme.up", "is up and running"),
    ];
    assert_eq!(told(&small(), text), expected.map(|(id, words)| (id.to_owned(), words)));
}

#[test]
fn culprits_are_named_from_captures() {
    let catalogue = small();
    let culprit = |text: &str| catalogue.culprit(&catalogue.scan(text)[0], text);
    assert_eq!(culprit("x acme refused db.internal:5432 y").as_deref(), Some("db.internal:5432"));
    assert_eq!(culprit("x acme refused db.internal, y").as_deref(), Some("db.internal,"));
    assert_eq!(culprit("acme is up"), None, "a marker blames nobody");
    let text = "acme refused db:1";
    let hit = &catalogue.scan(text)[0];
    assert_eq!((hit.captured("host", text), hit.captured("port", text)), (Some("db"), Some("1")));
    assert_eq!(hit.captured("pid", text), None);
}

#[test]
fn a_repeat_that_ends_inside_a_character_keeps_the_character() {
    let catalogue = small();
    let text = format!("acme refused {}", "é".repeat(60));
    let hit = &catalogue.scan(&text)[0];
    assert_eq!(hit.captured("host", &text), Some("é".repeat(40).as_str()));
    let text = format!("acme refused x{}", "é".repeat(60));
    let hit = &catalogue.scan(&text)[0];
    assert_eq!(hit.captured("host", &text), Some(format!("x{}", "é".repeat(40)).as_str()));
}

#[test]
fn of_a_long_text_the_two_ends_are_looked_at() {
    let catalogue = small();
    let filler = "é".repeat(matcher::END);
    let middle = format!("{filler}acme is up{filler}");
    assert!(!catalogue.gate(&middle) && catalogue.scan(&middle).is_empty());
    let words = "acme refused a:1 acme refused b:2";
    let both = format!("{words}{filler}{words}");
    let found = catalogue.scan(&both);
    let places: Vec<(usize, &str)> = found.iter().map(|hit| (hit.start, &both[hit.start..hit.end])).collect();
    assert_eq!(places, [(0, "acme refused a:1"), (both.len() - 16, "acme refused b:2")]);
}

#[test]
fn components_are_known_by_frame_port_and_variable() {
    let catalogue = small();
    assert_eq!(catalogue.component_of_frame("File \"/lib/http/asyncpg/pool.py\""), Some("postgres"), "longest wins");
    assert_eq!(catalogue.component_of_frame("File \"/lib/http/client.py\""), Some("http"));
    assert_eq!(catalogue.component_of_frame("File \"/app/main.py\""), None);
    assert_eq!(catalogue.component_of_port(80), Some("http"), "first declared wins");
    assert_eq!(catalogue.component_of_port(5432), Some("postgres"));
    assert_eq!(catalogue.component_of_env("PGHOST"), Some("postgres"));
    assert_eq!(catalogue.component_of_env("PG"), None);
}

fn user(files: &[(&str, &str)]) -> Result<Catalogue, Vec<String>> {
    let files: Vec<_> = files.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
    Catalogue::with_user(&files).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

const USER_CAUSE: &str = r#"
[[cause]]
key = "zz_acme_down"
title = "the acme service is down"
domain = "dependency"
layer = "tcp"
owner = "vendor"
retry = "helps"
culprit = "acme"
remedy = "wait for acme"
next = "acme status"
"#;

const USER_PATTERN: &str = r#"
[[pattern]]
cause = "zz_acme_down"
id = "zz-acme.refused"
software = "zz-acme"
literals = ["zz-acme refused"]
proof = "exact"
samples = ["zz-acme refused"]
near_misses = ["zz-acme accepted"]
"#;

#[test]
fn a_users_files_add_to_what_is_built_in() {
    let builtin = Catalogue::builtin();
    let catalogue = user(&[("b.toml", USER_PATTERN), ("a.toml", USER_CAUSE)]).unwrap();
    assert_eq!(catalogue.causes().len(), builtin.causes().len() + 1);
    let key = "zz_acme_down".parse().unwrap();
    assert_eq!(catalogue.cause(&key).map(|cause| cause.title.as_str()), Some("the acme service is down"));
    assert_eq!(builtin.cause(&key), None);
    assert_eq!(told(&catalogue, "zz-acme refused"), [("zz-acme.refused".to_owned(), "zz-acme refused")]);

    assert_ne!(catalogue.digest(), builtin.digest());
    let reordered = user(&[("a.toml", USER_CAUSE), ("b.toml", USER_PATTERN)]).unwrap();
    assert_eq!(reordered.digest(), catalogue.digest());
    assert_eq!(user(&[]).unwrap().digest(), builtin.digest());
}

#[test]
fn a_users_override_stands_in_the_place_of_the_built_in_row() {
    let Some(first) = Catalogue::builtin().causes().next() else { return };
    let cause = USER_CAUSE.replace("zz_acme_down", first.key.as_str());
    let refused = user(&[("a.toml", &cause)]).unwrap_err();
    assert!(refused[0].contains("is built in; choose another name, or add `override = true`"), "{refused:?}");
    let catalogue = user(&[("a.toml", &(cause + "override = true\n"))]).unwrap();
    assert_eq!(catalogue.causes().len(), Catalogue::builtin().causes().len());
    assert_eq!(catalogue.causes().next().unwrap().title, "the acme service is down");
}

#[test]
fn a_users_mistakes_are_all_reported_and_nothing_is_taken() {
    let broken = "[[cause]]\nkey = 'zz_acme_down'\n";
    let files =
        [("c.toml", "="), ("b.toml", &USER_PATTERN.replace("samples = [", "samples = ['x', ")), ("a.toml", broken)];
    let errors = user(&files).unwrap_err();
    assert_eq!(errors.len(), 3, "a cause that cannot be read is not also unknown: {errors:#?}");
    assert!(errors[0].starts_with("a.toml:1: [[cause]] zz_acme_down: missing field `title`"), "{errors:#?}");
    assert!(errors[1].starts_with("b.toml:2: [[pattern]] zz-acme.refused: no literal occurs"), "{errors:#?}");
    assert!(errors[2].starts_with("c.toml:1: not TOML"), "{errors:#?}");
    let unknown = user(&[("b.toml", USER_PATTERN)]).unwrap_err();
    assert!(unknown[0].contains("`cause` names the unknown cause `zz_acme_down`"), "{unknown:#?}");
    let huge = user(&[("huge.toml", &"#".repeat(USER_BYTES + 1))]).err().unwrap();
    assert_eq!(huge, ["huge.toml: 1048577 bytes, more than 1048576; keep the rules that this service needs"]);
}

/// What [`Catalogue::scan`] promises, done the slow way: which rules, and where.
fn oracle(catalogue: &Catalogue, text: &str) -> Vec<(String, usize, usize)> {
    let patterns = catalogue.patterns().map(|p| (format!("pattern {}", p.id), &p.literals, &p.regex));
    let markers = catalogue.markers().map(|m| (format!("marker {}", m.id), &m.literals, &m.regex));
    let mut found = Vec::new();
    for (id, literals, regex) in patterns.chain(markers) {
        let mut places: Vec<(usize, usize)> = Vec::new();
        for literal in literals {
            let starts = (0..text.len()).filter(|&start| text.as_bytes()[start..].starts_with(literal.as_bytes()));
            places.extend(starts.map(|start| (start, start + literal.len())));
        }
        places.sort_unstable();
        if let Some(regex) = regex.as_ref().filter(|_| !places.is_empty()) {
            let regex = rule::compile(regex).unwrap();
            let ranges = regex.find_iter(text.as_bytes()).take(places.len()).map(|found| found.range());
            let widen =
                |range: Range<usize>| (text.floor_char_boundary(range.start), text.ceil_char_boundary(range.end));
            places = ranges.map(widen).collect();
        }
        let last = places.len().saturating_sub(1);
        let outermost = places.iter().enumerate().filter(|(index, _)| *index == 0 || *index == last);
        found.extend(outermost.map(|(_, &(start, end))| (id.clone(), start, end)));
    }
    found.sort();
    found
}

/// Texts as logs hold them, and as nobody would write them: samples, literals, and any characters.
fn texts() -> impl Strategy<Value = String> {
    let knowledge = knowledge();
    let mut words: Vec<String> = vec!["acme refused db:1".to_owned()];
    for pattern in &knowledge.patterns {
        words.extend(pattern.literals.iter().chain(&pattern.samples).chain(&pattern.near_misses).cloned());
    }
    for marker in &knowledge.markers {
        words.extend(marker.literals.iter().chain(&marker.samples).chain(&marker.near_misses).cloned());
    }
    let piece = prop_oneof![
        4 => prop::sample::select(words),
        2 => "[ -~]{0,12}",
        1 => "\\PC{0,6}",
        1 => prop::sample::select(vec!["\n", "\r\n", " ", ": ", "é", "\u{1f680}", "\u{0}"]).prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn scanning_finds_what_the_slow_way_finds(text in texts()) {
        let catalogue = Catalogue::builtin();
        let hits = catalogue.scan(&text);
        let mut found: Vec<_> =
            hits.iter().map(|hit| (full_id(catalogue, hit), hit.start, hit.end)).collect();
        found.sort();
        prop_assert_eq!(found, oracle(catalogue, &text));
    }

    #[test]
    fn scanning_keeps_its_promises(text in texts(), filler in 0..40_000_usize) {
        let catalogue = Catalogue::builtin();
        let text = format!("{text}{}{text}", "é".repeat(filler / 2));
        let hits = catalogue.scan(&text);
        prop_assert!(catalogue.gate(&text) || hits.is_empty(), "the gate let nothing pass");
        prop_assert!(hits.is_sorted_by_key(|hit| (hit.start, hit.rule)));
        for hit in &hits {
            prop_assert!(hits.iter().filter(|other| other.rule == hit.rule).count() <= 2);
            prop_assert!(text.get(hit.start..hit.end).is_some_and(|words| !words.is_empty()));
            for capture in &hit.captures {
                prop_assert!(text.get(capture.range.clone()).is_some());
                prop_assert!(hit.start <= capture.range.start && capture.range.end <= hit.end);
            }
            if let Some(culprit) = catalogue.culprit(hit, &text) {
                prop_assert!(!culprit.trim().is_empty() && culprit.chars().count() <= 120);
                prop_assert!(!culprit.chars().any(char::is_control));
            }
        }
    }

    #[test]
    fn the_order_of_rules_does_not_change_what_is_found(text in texts(), turn in any::<prop::sample::Index>()) {
        let mut turned = knowledge().clone();
        if !turned.patterns.is_empty() && !turned.markers.is_empty() {
            let (patterns, markers) = (turned.patterns.len(), turned.markers.len());
            turned.patterns.rotate_left(turn.index(patterns));
            turned.markers.rotate_left(turn.index(markers));
            turned.markers.reverse();
        }
        let turned = Catalogue::new(turned);
        let found = |catalogue: &Catalogue| {
            let hits = catalogue.scan(&text).into_iter();
            let mut found: Vec<_> = hits.map(|hit| (full_id(catalogue, &hit), hit.start, hit.end)).collect();
            found.sort();
            found
        };
        prop_assert_eq!(found(&turned), found(Catalogue::builtin()));
    }
}
