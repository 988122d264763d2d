//! The program `tminus`.

fn main() -> std::process::ExitCode {
    tminus_cli::tminus()
}
