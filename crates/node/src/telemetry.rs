//! Log lines: events with fields, to standard error, as text or JSON.

use crate::config::{LogConfig, LogFormat};
use std::io::{self, IsTerminal as _};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// A word that is neither a level nor a part of the program with its level.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "`{word}` is no log level{}; use error, warn, info, debug, trace or off, or name a part with its level, as in \
     `info,openraft=warn`",
    nearest.map_or_else(String::new, |nearest| format!(", did you mean `{nearest}`?"))
)]
pub struct InvalidLevel {
    word: String,
    nearest: Option<&'static str>,
}

/// Why logging could not begin.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StartError {
    /// The variable is wrong, whatever the configuration says.
    #[error("RUST_LOG cannot be used")]
    Environment(#[source] InvalidLevel),
    /// The configuration was not checked.
    #[error("log.level cannot be used")]
    Configuration(#[source] InvalidLevel),
}

/// Sends events to standard error for the rest of the process's life.
///
/// `RUST_LOG` wins over the configured level, unless it is empty. A plain level
/// is this program's own; openraft's voice, several lines a second while a peer
/// is away, is heard where it is asked for (`info,openraft=warn`) or with
/// `debug`. A second call changes nothing.
///
/// # Errors
/// The level is no filter.
pub fn start(log: &LogConfig) -> Result<(), StartError> {
    let filter = match std::env::var_os("RUST_LOG").filter(|level| !level.is_empty()) {
        Some(level) => filter(&level.to_string_lossy()).map_err(StartError::Environment)?,
        None => filter(&log.level).map_err(StartError::Configuration)?,
    };
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

/// The events that `level` lets through: a level, or levels of parts, with commas between them.
///
/// # Errors
/// The first word that is none. `tracing` itself would take any word as the name of a part, and a node with a slip of
/// the pen in its level would be silent.
pub(crate) fn filter(level: &str) -> Result<Targets, InvalidLevel> {
    let words: Vec<&str> = level.split(',').map(str::trim).collect();
    let mut targets = Targets::new();
    for word in &words {
        let (part, level) = match word.split_once('=') {
            Some((part, level)) => (Some(part.trim()), level.trim()),
            None => (None, *word),
        };
        let level = parse(level)?;
        targets = match part {
            Some("") => return Err(invalid(word)),
            Some(part) => targets.with_target(part, level),
            None => targets.with_default(level),
        };
        let own = [LevelFilter::ERROR, LevelFilter::WARN, LevelFilter::INFO];
        if part.is_none() && words.len() == 1 && own.contains(&level) {
            targets = targets.with_target("openraft", LevelFilter::ERROR);
        }
    }
    Ok(targets)
}

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

fn parse(word: &str) -> Result<LevelFilter, InvalidLevel> {
    let known = LEVELS
        .into_iter()
        .find(|level| level.eq_ignore_ascii_case(word));
    let level = known.and_then(|level| level.parse().ok());
    level.ok_or_else(|| invalid(word))
}

fn invalid(word: &str) -> InvalidLevel {
    const NEAR: f64 = 0.7;
    let spelled = word.to_ascii_lowercase();
    let nearest = LEVELS
        .into_iter()
        .map(|level| (strsim::jaro_winkler(&spelled, level), level))
        .filter(|(score, _)| *score >= NEAR)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    InvalidLevel {
        word: word.to_owned(),
        nearest: nearest.map(|(_, level)| level),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn a_slip_of_the_pen_is_refused_with_the_nearest_level() {
        for (text, word, nearest) in [
            ("inof", "inof", Some("info")),
            ("Debgu", "Debgu", Some("debug")),
            ("warning", "warning", Some("warn")),
            ("info,openraft=wran", "wran", Some("warn")),
            ("info,openraft", "openraft", None),
            ("", "", None),
            ("info,", "", None),
            ("=info", "=info", Some("info")),
        ] {
            let error = filter(text).unwrap_err();
            assert_eq!((error.word.as_str(), error.nearest), (word, nearest));
        }
        assert!(
            filter("inof")
                .unwrap_err()
                .to_string()
                .contains("did you mean `info`?")
        );
    }

    #[test]
    fn levels_and_levels_of_parts_are_taken() {
        for (text, node, openraft) in [
            ("info", Some(Level::INFO), Some(Level::ERROR)),
            ("WARN", Some(Level::WARN), Some(Level::ERROR)),
            ("debug", Some(Level::DEBUG), Some(Level::DEBUG)),
            ("off", None, None),
            ("info, openraft=warn", Some(Level::INFO), Some(Level::WARN)),
            ("node=trace", Some(Level::TRACE), None),
        ] {
            let filter = filter(text).unwrap();
            for (target, most) in [("node", node), ("openraft", openraft)] {
                for level in [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG] {
                    assert_eq!(
                        filter.would_enable(target, &level),
                        most.is_some_and(|most| level <= most),
                        "{text}: {target} {level}"
                    );
                }
            }
        }
    }
}
