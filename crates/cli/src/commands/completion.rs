//! `completion SHELL`: from the same definition as the help.

use crate::args::Cli;
use crate::exit::Failure;
use crate::output;
use clap::CommandFactory as _;
use clap_complete::Shell;

pub(super) fn run(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "router-hosts", &mut script);
    output::bytes(&script)
}
