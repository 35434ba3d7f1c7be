//! The hand of router-hosts: one binary, client and node.
//!
//! Arguments become a value of `args`, a command runs, and whatever comes of
//! it leaves through `output` and one exit status of `exit`.
#![forbid(unsafe_code)]

mod args;
mod assertion;
mod bench;
mod chance;
#[cfg(feature = "node")]
mod chaos;
mod client;
mod commands;
mod config;
#[cfg(feature = "node")]
mod dev;
mod exit;
mod output;
mod replace;

use args::{Cli, unreadable};
use clap::{ColorChoice, CommandFactory as _, FromArgMatches as _};
use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    // Before anything is parsed: what cannot be parsed has no colours either.
    let plain = arguments.iter().any(|argument| argument == "--no-color");
    let definition = Cli::command().color(match plain {
        true => ColorChoice::Never,
        false => ColorChoice::Auto,
    });
    match parse(definition, &arguments) {
        Ok(cli) => commands::run(cli),
        Err(error) => unreadable::refuse(error, &arguments),
    }
}

fn parse(mut definition: clap::Command, arguments: &[OsString]) -> Result<Cli, clap::Error> {
    let matches = definition.try_get_matches_from_mut(arguments)?;
    let cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut definition))?;
    unreadable::contradictions(cli, &mut definition)
}
