//! The hand of router-hosts: one binary, client and node.
//!
//! Arguments become a value of `args`, a command runs, and whatever comes of
//! it leaves through `output` and one exit status of `exit`.
#![forbid(unsafe_code)]

mod args;
mod bench;
mod client;
mod commands;
mod config;
#[cfg(feature = "node")]
mod dev;
mod exit;
mod output;

use args::Cli;
use clap::Parser as _;
use exit::{Exit, Failure};
use std::process::ExitCode;

fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => commands::run(cli),
        Err(error) => refuse(&error),
    }
}

/// What cannot be parsed; help and version are no errors.
fn refuse(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && output::json_was_asked(std::env::args_os()) {
        let rendered = error.render().to_string();
        let message = rendered.trim().trim_start_matches("error: ");
        output::failure_to_stderr(&Failure::usage(message));
        return ExitCode::from(Exit::Usage as u8);
    }
    // There is nobody to tell when the stream is closed.
    error.print().ok();
    match error.use_stderr() {
        true => ExitCode::from(Exit::Usage as u8),
        false => ExitCode::SUCCESS,
    }
}
