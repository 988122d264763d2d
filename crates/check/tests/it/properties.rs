//! What holds for every input.

use proptest::prelude::*;
use tminus_check::{Report, Source, check};

const SEEDS: &[&str] = &[
    include_str!("fixtures/incident.yaml"),
    include_str!("fixtures/incident.tf.json"),
    include_str!("fixtures/good/kubernetes.yaml"),
    include_str!("fixtures/good/compose.yaml"),
    include_str!("fixtures/good/terraform-ecs.json"),
    include_str!("fixtures/good/orders.service"),
];

/// Every place is a place of its file, and every mark lies in its excerpt.
fn places_are_inside(report: &Report, text: &str) {
    let lines: Vec<&str> = text.split('\n').collect();
    let places = report.findings.iter().flat_map(|f| f.at.iter().chain(f.related.iter().map(|r| &r.at)));
    for at in places {
        let (Some(line), Some(column)) = (at.line, at.column) else { continue };
        let width = lines.get(line - 1).expect("a line of the file").chars().count();
        assert!(column <= width + 1, "column {column} of {width}");
        let excerpt = at.excerpt.as_ref().expect("what stands in a file can be shown");
        assert!(excerpt.before + excerpt.marked <= excerpt.text.chars().count());
    }
}

fn look(text: &str) {
    let report = check(&[Source::new("f", text)], None, None);
    places_are_inside(&report, text);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_taken(text in "(?s).{0,400}") {
        look(&text);
    }

    #[test]
    fn any_yaml_like_text_is_taken(text in "([a-z]{1,6}: |- |\\[|\\]|\\{|\\}|\n|  |\"|'|&a |\\*a|<<: |[0-9]{1,3}|é|\t|,|#|\\||>){0,80}") {
        look(&text);
    }

    /// Real manifests with something cut out, doubled or written over.
    #[test]
    fn broken_manifests_are_taken(seed in 0..SEEDS.len(), at in 0.0..1.0f64, length in 0usize..40, with in "(|\u{0}|é|\n|: |\\{\\}|\\[\\]|-1|99999999999999999999|\"|null|&a|\\*a)") {
        let text = SEEDS[seed];
        let place = |share: f64| { let mut at = (text.len() as f64 * share) as usize; while !text.is_char_boundary(at) { at -= 1; } at };
        let from = place(at);
        let mut to = (from + length).min(text.len());
        while !text.is_char_boundary(to) { to += 1; }
        look(&format!("{}{with}{}", &text[..from], &text[to..]));
        look(&format!("{}{}", &text[..to], &text[from..]));
    }

    /// Numbers at every size where numbers stand.
    #[test]
    fn numbers_of_any_size_are_taken(number in any::<u64>()) {
        for seed in SEEDS {
            let text: String = seed.split_inclusive(char::is_whitespace).map(|word| if word.trim().parse::<u64>().is_ok() { word.replace(word.trim(), &number.to_string()) } else { word.to_owned() }).collect();
            look(&text);
        }
    }
}
