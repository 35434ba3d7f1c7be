//! `completion SHELL`: from the same definition as the help.

use crate::args::Cli;
use crate::exit::Failure;
use crate::output;
use clap::CommandFactory as _;
use clap_complete::Shell;

pub(super) fn run(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "router-hosts", &mut script);
    match shell {
        Shell::Bash => output::bytes(mended(&String::from_utf8_lossy(&script)).as_bytes()),
        _ => output::bytes(&script),
    }
}

/// clap_complete 4.6 writes the `-` of our name in one way where it finds a
/// command and in another where it completes it, so that no bash would
/// complete anything behind `host`.
fn mended(script: &str) -> String {
    script.replace("router__subcmd__hosts", "router__hosts")
}
