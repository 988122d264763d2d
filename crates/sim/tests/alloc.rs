//! The machine does not allocate in a step: counted by the allocator itself, over whole starts.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use tminus_core::run::{Command, Input, Machine};
use tminus_core::time::Tick;
use tminus_sim::{Seen, watch};

#[path = "it/usual.rs"]
mod usual;

/// The system's allocator, counting what this thread asks it for.
struct Counting;

thread_local! {
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.with(|asked| asked.set(asked.get() + 1));
        // SAFETY: the caller keeps the promises of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the promises of `dealloc`.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ASKED.with(|asked| asked.set(asked.get() + 1));
        // SAFETY: the caller keeps the promises of `realloc`.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Records what a start is fed, then feeds it to a fresh machine and counts.
fn allocations_of(plan: &tminus_core::plan::Plan, world: &tminus_sim::world::World) -> (usize, u64) {
    let mut inputs: Vec<(Tick, Input)> = Vec::new();
    watch(plan, world, 7, &mut |now, seen| {
        if let Seen::Input(input) = seen {
            inputs.push((now, input));
        }
    });
    let mut machine = Machine::new(plan, 7);
    let mut out: Vec<Command> = Vec::with_capacity(256);
    let before = ASKED.with(Cell::get);
    for (now, input) in &inputs {
        machine.step(plan, *now, *input, &mut out);
        out.clear();
    }
    (inputs.len(), ASKED.with(Cell::get) - before)
}

#[test]
fn a_good_start_allocates_nothing() {
    let (plan, mut world) = usual::good();
    world.stops.push((tminus_core::time::Millis::secs(5), 15));
    let (inputs, allocations) = allocations_of(&plan, &world);
    assert!(inputs > 30, "{inputs} inputs");
    assert_eq!(allocations, 0);
}

#[test]
fn a_start_that_waits_in_vain_allocates_nothing() {
    let (plan, world) = usual::dark();
    let (inputs, allocations) = allocations_of(&plan, &world);
    assert!(inputs > 500, "{inputs} inputs");
    assert_eq!(allocations, 0);
}

#[test]
fn the_counter_counts() {
    let before = ASKED.with(Cell::get);
    drop(Box::new(before));
    assert!(ASKED.with(Cell::get) > before);
}
