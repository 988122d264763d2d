//! `tminus` from the outside: through the binary in a clean room, and the whole way from bytes to a
//! verdict in this process.
//!
//! [`room`] runs the binary, [`corpus`] loads recorded cases, [`records`] takes their files apart.

#![allow(missing_docs, reason = "a test binary has no readers of its interface")]

mod admin;
mod arguments;
mod bars;
mod corpus;
mod deciding;
mod earlier;
mod extra_catalogue;
mod fastapi;
mod frozen;
mod hostile;
mod incident;
mod inputs;
mod invariance;
mod left_behind;
#[path = "../../../supervise/tests/it/matrix.rs"]
mod matrix;
mod observing;
mod pages;
mod perturbed;
#[path = "../../../supervise/tests/it/process.rs"]
#[allow(dead_code, reason = "shared with the tests of supervise, which use all of it")]
mod process;
mod records;
mod refusals;
mod restart;
mod room;
mod run;
mod scenarios;
mod schemas;
mod secrets;
mod side_files;
mod start;
mod stopping;
mod supervised;
mod upward;
mod waiting;
mod worker;

/// A file in this directory that no `mod` names would silently not be run.
#[test]
fn every_file_is_a_module() {
    let here = room::repository().join("crates/cli/tests/it");
    let main = include_str!("main.rs");
    for entry in std::fs::read_dir(&here).expect("this directory is there") {
        let name = entry.expect("readable").file_name().into_string().expect("a plain name");
        if let Some(module) = name.strip_suffix(".rs")
            && module != "main"
        {
            assert!(main.contains(&format!("\nmod {module};\n")), "{name} is no module of main.rs");
        }
    }
}
