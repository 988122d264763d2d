//! Integration tests of the simulated driver, and through it of the run machine.

mod fixed;
mod generate;
mod judge;
mod lanes;
mod lives;
mod random_starts;
mod usual;
