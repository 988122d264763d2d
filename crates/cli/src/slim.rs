//! The program `tminus-run`: the entrypoint of images.

fn main() -> std::process::ExitCode {
    tminus_cli::slim()
}
