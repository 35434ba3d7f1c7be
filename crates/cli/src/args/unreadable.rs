//! Arguments that cannot be read: said in a way that is safe to show.

use super::host::Wait;
use super::{Cli, Command};
use crate::exit::{Exit, Failure, shown};
use crate::output;
use clap::ValueEnum as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::OsString;
use std::process::ExitCode;

/// Says why, or shows the help that was asked for.
pub(crate) fn refuse(error: clap::Error, arguments: &[OsString]) -> ExitCode {
    if !error.use_stderr() {
        return match error.print() {
            Ok(()) => ExitCode::SUCCESS,
            // A reader that has enough (`| head`) is no failure.
            Err(cause) if cause.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(Exit::Failed as u8),
        };
    }
    let rendered = bounded(error).render().to_string();
    let message = rendered.trim().trim_start_matches("error: ");
    let failure = Failure::usage(message);
    let failure = match wait_without_equals(arguments) {
        Some(state) => failure.hint(format!("write it as --wait={state}")),
        None => failure,
    };
    output::refused(&failure, arguments);
    ExitCode::from(Exit::Usage as u8)
}

/// What clap cannot say in a definition: that flags of a load mean nothing to
/// a subcommand of `bench`.
pub(crate) fn contradictions(cli: Cli, definition: &mut clap::Command) -> Result<Cli, clap::Error> {
    match &cli.command {
        Command::Bench(args) if args.contradicts() => Err(definition.error(
            ErrorKind::ArgumentConflict,
            "the flags of a load (--writers, --for, …) cannot be used with a subcommand of bench, \
             and flags of a subcommand stand behind it",
        )),
        _ => Ok(cli),
    }
}

/// The state behind a `--wait` that takes none without an equals sign.
fn wait_without_equals(arguments: &[OsString]) -> Option<&str> {
    arguments.windows(2).find_map(|pair| match pair {
        [flag, state] if flag == "--wait" => {
            let state = state.to_str()?;
            Wait::from_str(state, false).ok().map(|_| state)
        }
        _ => None,
    })
}

/// The same error with every value as [`shown`].
fn bounded(mut error: clap::Error) -> clap::Error {
    let values: Vec<(ContextKind, ContextValue)> = error
        .context()
        .filter_map(|(kind, value)| {
            // These are texts of ours.
            if matches!(kind, ContextKind::Usage | ContextKind::ValidValue) {
                return None;
            }
            let value = match value {
                ContextValue::String(text) => ContextValue::String(shown(text)),
                ContextValue::Strings(texts) => {
                    ContextValue::Strings(texts.iter().map(|text| shown(text)).collect())
                }
                _ => return None,
            };
            Some((kind, value))
        })
        .collect();
    for (kind, value) in values {
        error.insert(kind, value);
    }
    error
}
