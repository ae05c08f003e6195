//! No subcommand: the studio opens. Otherwise the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    latent_studio::cli::main()
}
