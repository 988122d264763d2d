//! How `tminus-run` is linked: it is started with every container, and stays as long as the service.
//!
//! Measured with `ci/bench-start overhead` (docs/benchmarks.md): of the time that the entrypoint adds,
//! 0.5 ms went into 20,000 relocations of tables that a position-independent executable needs, and
//! 0.2 ms into loading libgcc_s for its unwinder alone. The first also made 400 kB of constants
//! private memory of every instance. So it is linked at a fixed address, with the unwinder inside;
//! libraries, stack and heap are placed at random as ever. `tminus` is linked as everything else.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    if !is("CARGO_CFG_TARGET_OS", "linux") || !is("CARGO_CFG_TARGET_ENV", "gnu") {
        return;
    }
    println!("cargo::rustc-link-arg-bin=tminus-run=-no-pie");
    if env::var("HOST") == env::var("TARGET") && static_unwinder_is_there() {
        let directory = env::var("OUT_DIR").unwrap_or_default();
        // Found before the shared library of that name, which the standard library asks for.
        let script = Path::new(&directory).join("libgcc_s.so");
        if fs::write(script, "GROUP(libgcc_eh.a libgcc.a)\n").is_ok() {
            println!("cargo::rustc-link-arg-bin=tminus-run=-L{directory}");
        }
    }
}

/// Whether the C compiler that links has the unwinder as a static library.
fn static_unwinder_is_there() -> bool {
    let answer = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output();
    answer.is_ok_and(|answer| Path::new(String::from_utf8_lossy(&answer.stdout).trim()).is_absolute())
}
