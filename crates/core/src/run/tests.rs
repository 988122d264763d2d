//! Tables of (time, input) to commands.
//!
//! `rows` has a test per row of the table of codes; `dialling`, `steps` and `leaving` are what the
//! machine does over time. What must hold for every start is shown by the simulated driver.

mod again;
mod dialling;
mod leaving;
mod rig;
mod rows;
mod steps;
