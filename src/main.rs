//! The `farmhand` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(farmhand::cli::main())
}
