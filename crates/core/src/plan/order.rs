//! Whether phases and steps can run in the order that the plan asks for.
//!
//! Names are unique; what a step needs exists, is not later, and does not need it in turn; the child
//! is started once, and before anybody asks it.
//! Where to start reading: [`validate`].

use super::document::Place;
use super::draft::{PhaseDraft, StepDraft};
use super::error::{PlanCode, suggest};
use super::scope::Scope;
use super::shape::shown;
use super::{Budget, Work};
use crate::time::Millis;
use std::collections::BTreeMap;

/// Says everything that is wrong with the order.
pub(super) fn validate(phases: &[PhaseDraft], scope: &mut Scope<'_, '_>) {
    unique(phases.iter().map(|phase| (phase.name.as_str(), phase.at.as_ref())), "phase", scope);
    let steps: Vec<(usize, &StepDraft)> = phases
        .iter()
        .enumerate()
        .flat_map(|(index, phase)| phase.steps.iter().map(move |step| (index, step)))
        .collect();
    unique(steps.iter().map(|(_, step)| (step.name.as_str(), step.at.as_ref())), "step", scope);
    let index: BTreeMap<&str, usize> =
        steps.iter().enumerate().rev().map(|(ix, (_, s))| (s.name.as_str(), ix)).collect();
    let edges = edges(phases, &steps, &index, scope);
    cycles(&steps, &edges, scope);
    spawn(&steps, &edges, scope);
}

fn unique<'n>(names: impl Iterator<Item = (&'n str, Option<&'n Place>)>, what: &str, scope: &mut Scope<'_, '_>) {
    let mut seen: BTreeMap<&str, Option<&Place>> = BTreeMap::new();
    for (name, at) in names {
        let Some(first) = seen.get(name).copied() else {
            seen.insert(name, at);
            continue;
        };
        let mut error = scope.mistake(PlanCode::DuplicateName, at, format!("there are two {what}s named `{name}`"));
        error.related = first
            .filter(|first| at.is_some_and(|at| at.file == first.file))
            .map(|first| (first.span.clone(), "the first is here".to_owned()));
        scope.reader.errors.push(error.hint("rename one of them"));
    }
}

/// What each step needs, by index.
fn edges(
    phases: &[PhaseDraft],
    steps: &[(usize, &StepDraft)],
    index: &BTreeMap<&str, usize>,
    scope: &mut Scope<'_, '_>,
) -> Vec<Vec<usize>> {
    let mut edges = vec![Vec::new(); steps.len()];
    for (ix, (phase, step)) in steps.iter().enumerate() {
        for need in &step.needs {
            let Some(&other) = index.get(need.name.as_str()) else {
                let what = format!("step `{}` needs {}, and there is no such step", step.name, shown(&need.name));
                let hint =
                    suggest(&need.name, index.keys().copied()).unwrap_or_else(|| "name a step of the plan".to_owned());
                scope.error(PlanCode::UnknownStep, need.at.as_ref(), what, hint);
                continue;
            };
            let later = steps[other].0;
            if later > *phase {
                let what = format!(
                    "step `{}` of phase `{}` needs `{}` of the later phase `{}`",
                    step.name, phases[*phase].name, need.name, phases[later].name
                );
                scope.error(PlanCode::LaterStep, need.at.as_ref(), what, "move one of them");
                continue;
            }
            edges[ix].push(other);
        }
    }
    edges
}

/// Names each circle of needs once.
fn cycles(steps: &[(usize, &StepDraft)], edges: &[Vec<usize>], scope: &mut Scope<'_, '_>) {
    // 0 not seen, 1 on the way, 2 done. By hand, because a chain of needs may be as long as the plan.
    let mut state = vec![0_u8; steps.len()];
    for start in 0..steps.len() {
        let mut path: Vec<(usize, usize)> = Vec::new();
        if state[start] == 0 {
            state[start] = 1;
            path.push((start, 0));
        }
        while let Some((at, next)) = path.last_mut() {
            let Some(&to) = edges[*at].get(*next) else {
                state[*at] = 2;
                path.pop();
                continue;
            };
            *next += 1;
            match state[to] {
                0 => {
                    state[to] = 1;
                    path.push((to, 0));
                }
                1 => circle(steps, &path, to, scope),
                _ => {}
            }
        }
    }
}

fn circle(steps: &[(usize, &StepDraft)], path: &[(usize, usize)], to: usize, scope: &mut Scope<'_, '_>) {
    let from = path.iter().position(|(ix, _)| *ix == to).unwrap_or(0);
    let names = path[from..].iter().map(|(ix, _)| *ix).chain([to]).map(|ix| format!("`{}`", steps[ix].1.name));
    let what = format!("steps need each other in a circle: {}", names.collect::<Vec<_>>().join(" needs "));
    let last = path.last().map_or(to, |(ix, _)| *ix);
    let need = steps[last].1.needs.iter().find(|need| need.name == steps[to].1.name);
    scope.error(PlanCode::NeedsCycle, need.and_then(|need| need.at.as_ref()), what, "remove one of these `needs`");
}

/// The child is started once, and before anybody asks it.
fn spawn(steps: &[(usize, &StepDraft)], edges: &[Vec<usize>], scope: &mut Scope<'_, '_>) {
    let spawns: Vec<usize> = (0..steps.len()).filter(|&ix| steps[ix].1.work == Work::Spawn).collect();
    for &again in spawns.iter().skip(1) {
        let what = format!("step `{}` starts the child a second time", steps[again].1.name);
        let hint = format!("keep one `spawn`; the first is step `{}`", steps[spawns[0]].1.name);
        scope.error(PlanCode::SeveralSpawns, steps[again].1.at.as_ref(), what, hint);
    }
    let Some(&spawn) = spawns.first() else { return };
    let (spawn_phase, name) = (steps[spawn].0, &steps[spawn].1.name);
    for (ix, (phase, step)) in steps.iter().enumerate().filter(|(_, (_, step))| step.asks_child) {
        if *phase > spawn_phase || (*phase == spawn_phase && reaches(edges, ix, spawn)) {
            continue;
        }
        let (what, hint) = match *phase == spawn_phase {
            true => (
                format!("step `{}` asks the child and does not wait for step `{name}`, which starts it", step.name),
                format!("add `needs = [\"{name}\"]`, or move it to a later phase"),
            ),
            false => (
                format!("step `{}` asks the child in a phase before the one that starts it", step.name),
                format!("move it to the phase of step `{name}`, or a later one"),
            ),
        };
        scope.error(PlanCode::BeforeSpawn, step.at.as_ref(), what, hint);
    }
}

/// Whether `from` needs `to`, directly or through others.
fn reaches(edges: &[Vec<usize>], from: usize, to: usize) -> bool {
    let (mut seen, mut open) = (vec![false; edges.len()], vec![from]);
    while let Some(at) = open.pop() {
        if at == to {
            return true;
        }
        if !std::mem::replace(&mut seen[at], true) {
            open.extend(&edges[at]);
        }
    }
    false
}

/// Phases that somebody wrote and that do nothing.
pub(super) fn empty(phases: &[PhaseDraft], scope: &mut Scope<'_, '_>) {
    for phase in phases.iter().filter(|phase| phase.steps.is_empty() && phase.at.is_some()) {
        let warning =
            scope.mistake(PlanCode::EmptyPhase, phase.at.as_ref(), format!("phase `{}` has no steps", phase.name));
        scope.reader.warnings.push(warning.hint("add a [[phase.step]], or remove it"));
    }
}

/// Timers that an outer timer ends first: they look like a limit and are none.
pub(super) fn timers(phases: &[PhaseDraft], budget: &Budget, scope: &mut Scope<'_, '_>) {
    for phase in phases {
        for step in &phase.steps {
            let (Some(own), Some(outer)) = (step.deadline, phase.deadline) else { continue };
            if own > outer {
                let what = format!(
                    "step `{}` may take {own}, and phase `{}` ends it after {outer}: its own deadline never fires",
                    step.name, phase.name
                );
                let warning = scope.mistake(PlanCode::TimerNeverFires, step.at.as_ref(), what);
                scope.reader.warnings.push(warning.hint("make the step's deadline shorter, or the phase's longer"));
            }
        }
    }
    let sum = phases.iter().filter_map(|phase| phase.deadline).fold(Millis::ZERO, Millis::plus);
    let Some(usable) = budget.usable() else { return };
    if sum > usable {
        let window = budget.window.unwrap_or_default();
        let assumed = if budget.assumed { ", assumed" } else { "" };
        let grace = budget.grace.unwrap_or_default();
        let what = format!(
            "the phases may take {sum} together, and {usable} can be used: window {window}{assumed} - grace {grace} - \
             reserve {}",
            super::RESERVE
        );
        let warning = scope.mistake(PlanCode::DeadlinesExceedWindow, None, what);
        let hint = "shorten phases, or lengthen the platform's window and write it in [budget]";
        scope.reader.warnings.push(warning.hint(hint));
    }
}
