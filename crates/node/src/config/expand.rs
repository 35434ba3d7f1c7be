//! TOML with `${VAR}` and `${VAR:-default}` in its strings.
//!
//! Variables are put in after parsing, so no value can change the structure
//! of the file. A `command` stays as it is typed: `$` is the shell's there, and
//! the shell has the same variables.

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::shown;

/// Reads `text` as a `T`; an error is one message with the line, or the key.
pub(super) fn read<T: DeserializeOwned>(
    text: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<T, String> {
    let mut table: Table = toml::from_str(text).map_err(|error| explain(&error))?;
    let as_typed = table.clone();
    for value in table.iter_mut().map(|(_, value)| value) {
        expand(value, &variable)?;
    }
    // Without variables the text itself is read: its errors carry the line.
    if table == as_typed {
        toml::from_str(text).map_err(|error| explain(&error))
    } else {
        T::deserialize(table).map_err(|error| explain(&error))
    }
}

/// The key whose value a shell expands.
const FOR_A_SHELL: &str = "command";

fn expand(value: &mut Value, variable: &impl Fn(&str) -> Option<String>) -> Result<(), String> {
    match value {
        Value::String(text) => *text = substitute(text, variable)?,
        Value::Array(values) => {
            for value in values {
                expand(value, variable)?;
            }
        }
        Value::Table(table) => {
            for (_, value) in table.iter_mut().filter(|(key, _)| *key != FOR_A_SHELL) {
                expand(value, variable)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn substitute(text: &str, variable: &impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let Some((inner, after)) = after.split_once('}') else {
            return Err(format!("`{text}`: `${{` without `}}`"));
        };
        let (name, default) = match inner.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        match (variable(name), default) {
            (Some(value), _) => out.push_str(&value),
            (None, Some(default)) => out.push_str(default),
            (None, None) => {
                return Err(format!(
                    "`{text}`: the environment has no {name}; set it, or write `${{{name}:-default}}`"
                ));
            }
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// A message that shows a line of the file shows no more of it than fits a screen.
fn bounded(message: &str) -> String {
    let message = shown::escaped(message);
    if message.len() <= MESSAGE_BYTES_MAX {
        return message;
    }
    let lines = message.lines().take(LINES_MAX).map(|line| {
        let mut shown: String = line.chars().take(LINE_CHARS_MAX).collect();
        if line.chars().nth(LINE_CHARS_MAX).is_some() {
            shown.push('…');
        }
        shown
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A message this long is shown whole.
const MESSAGE_BYTES_MAX: usize = 2048;
/// Of a longer one: where it is, the line of the file, what is wrong with it.
const LINES_MAX: usize = 8;
/// Of each of those.
const LINE_CHARS_MAX: usize = 120;

/// The parser's message, with the nearest known key where one is unknown.
fn explain(error: &toml::de::Error) -> String {
    let message = bounded(&error.to_string());
    let mut quoted = error.message().split('`').skip(1).step_by(2);
    let nearest = error.message().starts_with("unknown").then(|| {
        let unknown = quoted.next()?;
        quoted.max_by(|a, b| {
            strsim::jaro_winkler(unknown, a).total_cmp(&strsim::jaro_winkler(unknown, b))
        })
    });
    match nearest.flatten() {
        Some(key) => format!("{}\ndid you mean `{key}`?", message.trim_end()),
        None => message.trim_end().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_end_is_not_shown_to_its_end() {
        let text = format!("key {}\n", "\u{e9}".repeat(9000));
        let error = toml::from_str::<Table>(&text).unwrap_err();
        assert!(
            error.to_string().len() > 9000,
            "else there is nothing to bound"
        );
        let shown = explain(&error);
        assert!(shown.len() < 4096, "{} bytes", shown.len());
        assert!(
            shown.starts_with("TOML parse error at line 1, column 5"),
            "{shown}"
        );
        assert!(shown.contains('…'), "{shown}");
    }

    #[test]
    fn what_grows_when_it_is_shown_is_bounded_too_and_what_is_wrong_stays() {
        let text = format!("\"\"\"{}\n", "\u{1}".repeat(900));
        let said = explain(&toml::from_str::<Table>(&text).unwrap_err());
        assert!(said.len() < 2048, "{} bytes", said.len());
        assert!(
            said.contains("expected") || said.contains("invalid"),
            "{said}"
        );
    }
}
