//! What people read, as snapshots; what must hold for every verdict, as properties.

mod build;
mod encoders;
mod outputs;
mod properties;
mod sample;
mod untrusted;
