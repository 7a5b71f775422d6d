//! The `pintail` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    pintail::cli::main()
}
