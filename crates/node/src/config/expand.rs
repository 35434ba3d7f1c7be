//! TOML with `${VAR}` and `${VAR:-default}` in its strings.
//!
//! Variables are put in after parsing, so no value can change the structure
//! of the file. A `command` stays as it is typed: `$` is the shell's there, and
//! the shell has the same variables.

use serde::de::DeserializeOwned;
use toml::{Table, Value};

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

/// The parser's message, with the nearest known key where one is unknown.
fn explain(error: &toml::de::Error) -> String {
    let message = error.to_string();
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
