//! Manifests as people write them: what is found, what is not, and what is never said.

mod cases;
mod good;
mod incident;
mod plan;
mod properties;
mod rules;
mod table;
mod texts;
