//! The decision table: the four questions that are asked first, each with its reason.

use super::document::Document;
use crate::{
    encode::{markdown_code as code, markdown_inline as inline},
    figures::{self, counted},
    sentences,
    view::View,
    words::hurdle,
};
use tminus_core::{
    verdict::Cause,
    vocabulary::{Layer, Outcome, Retry, Role, Stage},
};

/// Answer and reason, both as Markdown.
struct Decision {
    answer: String,
    because: String,
}

pub(super) fn write(doc: &mut Document, view: &View) {
    doc.row(&["Decision", "Answer", "Because"]);
    doc.row(&["---"; 3]);
    for (question, decision) in [
        ("Hold deploys?", hold(view)),
        ("Roll back?", roll_back(view)),
        ("Raise timeouts?", raise_timeouts(view)),
        ("Second team now?", second_team(view)),
    ] {
        doc.row(&[question, &format!("**{}**", decision.answer), &decision.because]);
    }
    doc.blank();
}

fn decision(answer: &str, because: &str) -> Decision {
    Decision { answer: inline(answer), because: inline(because) }
}

/// Why the advice warns of something, if it does.
fn warned(view: &View, about: &[&str]) -> Option<String> {
    let mentions = |item: &&String| about.iter().any(|word| item.to_lowercase().contains(word));
    let item = view.verdict.advice.do_not.iter().find(mentions)?;
    // Advice is "what: why"; the question already says what.
    Some(item.split_once(": ").map_or_else(|| format!("do not {item}"), |(_, why)| why.to_owned()))
}

fn hold(view: &View) -> Decision {
    if let Some(scope) = sentences::hold(view) {
        let until = view.lead().map_or("until a cause is known".to_owned(), |cause| {
            format!("until a start gets past {}", hurdle(cause.layer))
        });
        return Decision { answer: format!("Yes, {}", code(scope)), because: inline(&until) };
    }
    let because = warned(view, &["hold"]).unwrap_or_else(|| match view.lead().map(|cause| cause.owner) {
        Some(Role::Application | Role::Build) => {
            "the move is with those who change and build the code; a hold would stop them".to_owned()
        }
        Some(Role::Nobody) => "nothing asks for one; what is waited for is not a deploy".to_owned(),
        Some(_) => "nothing in this evidence asks for one".to_owned(),
        None => "no cause is known that a hold would help against".to_owned(),
    });
    decision("No", &because)
}

fn roll_back(view: &View) -> Decision {
    let rollback = &view.verdict.advice.rollback;
    let because = if rollback.because.is_empty() {
        "no revision in this evidence is known to have served"
    } else {
        &rollback.because
    };
    match &rollback.to {
        Some(to) => Decision { answer: format!("To {}", code(to)), because: inline(&rollback.because) },
        None => decision("No target", because),
    }
}

fn raise_timeouts(view: &View) -> Decision {
    if let Some(because) = warned(view, &["timeout", "deadline", "time limit"]) {
        return decision("No", &because);
    }
    let Some(lead) = view.lead().filter(|_| view.verdict.outcome == Outcome::Failed) else {
        return decision("Not on this evidence", "no cause is known that more time would help against");
    };
    // Some causes are a limit that is too short; then the fix itself is the answer.
    if mentions_limit(lead) {
        return decision("As the fix says", &lead.remedy);
    }
    match view.verdict.advice.retry {
        Retry::Pointless => decision("No", &never_got_there(view, lead)),
        Retry::Helps => decision("Wait first", "this can pass by itself; that a longer limit is needed is not shown"),
        Retry::Unknown => decision("Not on this evidence", "nothing here shows that more time would help"),
    }
}

fn mentions_limit(cause: &Cause) -> bool {
    let remedy = cause.remedy.to_lowercase();
    ["timeout", "deadline", "time limit", "longer", "window"].iter().any(|word| remedy.contains(word))
}

/// Why time does not help: where the starts end, if they end before any connection.
fn never_got_there(view: &View, lead: &Cause) -> String {
    let before_connecting = matches!(lead.layer, Layer::Config | Layer::Process | Layer::Import);
    let lead_index = view.current().first().copied().unwrap_or_default();
    let starts = view.starts_of(lead_index);
    let furthest = starts.iter().filter_map(|a| a.stage).max();
    match furthest {
        Some(stage) if before_connecting && stage < Stage::Dependencies => {
            let starts = counted(starts.len(), "start");
            format!("no number of tries changes this cause; {starts}, none seen past {stage}")
        }
        _ => "no number of tries changes this cause".to_owned(),
    }
}

fn second_team(view: &View) -> Decision {
    let current = view.current();
    let untested = view.untested();
    let Some(&lead) = current.first() else {
        return decision("Not yet", "no owner follows from this evidence");
    };
    let first = view.causes()[lead].owner;
    let others: Vec<usize> =
        current.iter().chain(&untested).copied().filter(|&i| view.causes()[i].owner != first).collect();
    let teams = view.owners(&others);
    if teams.is_empty() {
        let because = match untested.as_slice() {
            [] => "one owner has the move".to_owned(),
            _ => "what was not re-tested belongs to the same team".to_owned(),
        };
        return decision("No", &because);
    }
    let names = figures::listed(teams.iter().map(|role| view.words.team(*role)));
    decision(&format!("Yes, {names}"), &why_now(view, &others, lead))
}

/// `A was not re-tested since 21:37 and may be back once B is fixed`.
fn why_now(view: &View, others: &[usize], lead: usize) -> String {
    let reasons = others.iter().map(|&i| {
        let cause = &view.causes()[i];
        if cause.current {
            return format!("{} stops starts too", view.letter(i));
        }
        let since = view.period(i).1.map_or(String::new(), |at| format!(" since {}", figures::minute(at)));
        format!("{} was not re-tested{since} and may be back once {} is fixed", view.letter(i), view.letter(lead))
    });
    reasons.collect::<Vec<_>>().join("; ")
}
