//! What people read, as snapshots; what must hold for every verdict, as properties.

mod build;
mod encoders;
mod ladders;
mod outputs;
mod properties;
mod sample;
mod scene;
mod start;
mod start_properties;
mod timeline;
mod untrusted;
