//! From records to attempts, causes and a verdict.
//!
//! What it is for: [`Diagnosis`] takes records in any order and answers with a
//! [`Verdict`](tminus_core::verdict::Verdict). What it must never do: read a clock, the environment, a
//! file or the network; print; iterate in random order; hold more than its budget; blame without
//! evidence.
//!
//! The way of the data, one module each:
//! [`collect`] keeps records in bounded memory, [`order`] puts them in the order in which they were
//! written, [`lane`] sorts them by instance, [`item`] joins and reads them ([`chain`], [`catalogue`]),
//! [`split`] cuts lanes into attempts, [`attempt`] turns items into events, [`reading`] reads the
//! course of an attempt, [`weigh`] weighs what could explain its end, [`refine`] lets facts correct
//! words, [`live`] joins what was measured in a start with what was said in it, [`judge`] decides or abstains, [`incident`] puts attempts together, [`verdict`] writes.
//! Where to start reading: [`Diagnosis::verdict`], then [`weigh`].

pub mod address;
pub mod advice;
pub mod attempt;
pub mod bystander;
pub mod calibrate;
pub mod catalogue;
pub mod chain;
pub mod changes;
pub mod collect;
pub mod coverage;
pub mod finding;
pub mod incident;
pub mod item;
pub mod judge;
pub mod lane;
pub mod live;
pub mod order;
pub mod reading;
pub mod refine;
pub mod ruled_out;
pub mod split;
pub mod target;
pub mod verdict;
pub mod weigh;
pub mod whys;
pub mod wording;

mod diagnosis;

pub use diagnosis::{Diagnosis, Options};
