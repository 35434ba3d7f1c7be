//! Log lines: events with fields, to standard error, as text or JSON.

use crate::config::{LogConfig, LogFormat};
use std::io::{self, IsTerminal as _};
use tracing_subscriber::filter::{ParseError, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// Why logging could not begin.
#[derive(Debug, thiserror::Error)]
#[error("`{level}` is no log level or filter: use error, warn, info, debug or trace")]
pub struct InvalidLevel {
    level: String,
    #[source]
    cause: ParseError,
}

/// Sends events to standard error for the rest of the process's life.
///
/// `RUST_LOG` wins over the configured level. A plain level is this program's
/// own; openraft's voice, several lines a second while a peer is away, is
/// heard where it is asked for (`info,openraft=warn`) or with `debug`. A second
/// call changes nothing.
///
/// # Errors
/// The level is no filter.
pub fn start(log: &LogConfig) -> Result<(), InvalidLevel> {
    let level = std::env::var("RUST_LOG").unwrap_or_else(|_| log.level.clone());
    let directives = match level.as_str() {
        "error" | "warn" | "info" => format!("{level},openraft=error"),
        _ => level.clone(),
    };
    let filter: Targets = directives
        .parse()
        .map_err(|cause| InvalidLevel { level, cause })?;
    let lines = fmt::layer()
        .with_writer(io::stderr)
        // A log on a full disk is lost; complaining about it there would panic.
        .log_internal_errors(false)
        .with_ansi(io::stderr().is_terminal());
    let lines = match log.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // Only a second call can fail, and the first one's choice stands.
    let _already_started = tracing_subscriber::registry()
        .with(lines)
        .with(filter)
        .try_init();
    Ok(())
}
