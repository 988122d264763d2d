//! Any text: never a panic, every place inside of its file, never a secret.

use crate::page::{VARIABLES, example};
use crate::reading::read_with;
use proptest::prelude::*;
use tminus_core::plan::read::{Overrides, PlanError};

#[track_caller]
fn places_are_inside(errors: &[PlanError], text: &str) {
    for error in errors {
        for span in error.span.iter().chain(error.related.iter().map(|(span, _)| span)) {
            assert!(text.get(span.clone()).is_some(), "{error}: {span:?} of {} bytes", text.len());
        }
        assert!(!error.what.is_empty() && !error.what.contains("s3cret"));
    }
}

fn check(text: &str) {
    match read_with(text, VARIABLES, &[], Overrides::default()) {
        Ok(loaded) => {
            places_are_inside(&loaded.warnings, text);
            let plan = &loaded.plan;
            for (index, step) in plan.steps.iter().enumerate() {
                assert!(plan.phase(step.phase).steps.contains(&(index as u16)));
                assert!(step.needs.iter().all(|need| plan.step(*need).phase <= step.phase));
                assert!(step.lanes.clone().all(|lane| plan.lanes[lane as usize].step.0 as usize == index));
            }
            let spawns = plan.steps.iter().filter(|step| step.work == tminus_core::plan::Work::Spawn);
            assert_eq!(spawns.count(), 1);
            assert!(!format!("{:?}{:?}", loaded.values, loaded.unresolved).contains("s3cret"));
        }
        Err(errors) => {
            assert!(!errors.is_empty(), "refused without a reason");
            places_are_inside(&errors, text);
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,400}") {
        check(&text);
    }

    #[test]
    fn any_toml_like_text_is_read_or_refused(
        lines in prop::collection::vec("(version|name|probe|needs|\\[\\[phase\\]\\]|\\[\\[phase\\.step\\]\\]|\\[profile\\.a\\.b\\]|deadline|exec|env|egress|once|extends)( = )?(1|\"[a-z:/$\\{\\}A-Zé]{0,12}\"|\\[\"[a-z]\"\\]|true|\\{\\}|-1\\.5)?", 0..30)
    ) {
        check(&lines.join("\n"));
    }

    /// The example with a piece cut out, doubled, or replaced: most of these are nearly plans.
    #[test]
    fn a_damaged_plan_is_read_or_refused(at in 0.0..1.0_f64, length in 0_usize..60, insert in "([a-z\"\\[\\]={}$\n]{0,6}|é)") {
        let text = example();
        let inside = |offset: f64| {
            let mut at = (offset * text.len() as f64) as usize;
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let from = inside(at);
        let to = inside(((from + length) as f64 / text.len() as f64).min(1.0)).max(from);
        check(&format!("{}{insert}{}", &text[..from], &text[to..]));
    }

    /// Lines left out: names that are needed and not there, kinds of work without their parts.
    #[test]
    fn a_plan_with_lines_left_out_is_read_or_refused(kept in prop::collection::vec(prop::bool::weighted(0.9), 200)) {
        let text = example();
        let lines: Vec<&str> = text.lines().zip(kept).filter(|(_, kept)| *kept).map(|(line, _)| line).collect();
        check(&lines.join("\n"));
    }
}
