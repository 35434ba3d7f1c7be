//! `[hooks]`: which commands run after a publication.
//!
//! A command is one line for a shell, as the earlier single server had it; the
//! facts reach it in its environment, never in its text.

use std::{collections::BTreeSet, time::Duration};

use serde::Deserialize;

use super::{Check, ConfigError};
use crate::{
    limits,
    publish::hooks::{Event, Hook},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HooksTable {
    #[serde(with = "humantime_serde")]
    default_timeout: Duration,
    on_success: Vec<HookTable>,
    on_failure: Vec<HookTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HookTable {
    name: String,
    command: String,
    #[serde(default, with = "humantime_serde")]
    timeout: Option<Duration>,
}

impl Default for HooksTable {
    fn default() -> Self {
        Self {
            default_timeout: limits::HOOK_TIME,
            on_success: Vec::new(),
            on_failure: Vec::new(),
        }
    }
}

impl Check<'_> {
    pub(super) fn hooks(&self, tables: HooksTable) -> Result<Vec<Hook>, ConfigError> {
        let HooksTable {
            default_timeout,
            on_success,
            on_failure,
        } = tables;
        if let Err(message) = hook_time(default_timeout) {
            return Err(self.invalid("hooks.default_timeout", message));
        }
        let mut names = BTreeSet::new();
        let mut hooks = Vec::with_capacity(on_success.len() + on_failure.len());
        for (key, event, tables) in [
            ("hooks.on_success", Event::Success, on_success),
            ("hooks.on_failure", Event::Failure, on_failure),
        ] {
            if tables.len() > limits::HOOKS_MAX {
                let message = format!("at most {} hooks; run a script", limits::HOOKS_MAX);
                return Err(self.invalid(key, message));
            }
            for table in tables {
                let hook = self.hook(key, event, table, default_timeout)?;
                if !names.insert(hook.name.clone()) {
                    let message = format!("`{}`: a hook's name must be unique", hook.name);
                    return Err(self.invalid(key, message));
                }
                hooks.push(hook);
            }
        }
        Ok(hooks)
    }

    fn hook(
        &self,
        key: &'static str,
        event: Event,
        table: HookTable,
        default_timeout: Duration,
    ) -> Result<Hook, ConfigError> {
        let HookTable {
            name,
            command,
            timeout,
        } = table;
        if name.is_empty() || name.len() > 64 || !name.bytes().all(|b| b.is_ascii_graphic()) {
            let message =
                format!("`{name}` is no name of a hook: 1 to 64 visible ASCII characters");
            return Err(self.invalid(key, message));
        }
        if command.trim().is_empty() || command.contains('\0') {
            let message = format!("`{name}`: the command is a line for /bin/sh");
            return Err(self.invalid(key, message));
        }
        if command.len() > limits::HOOK_COMMAND_BYTES_MAX {
            let most = limits::HOOK_COMMAND_BYTES_MAX;
            let message = format!("`{name}`: at most {most} bytes; run a script");
            return Err(self.invalid(key, message));
        }
        let timeout = hook_time(timeout.unwrap_or(default_timeout))
            .map_err(|message| self.invalid(key, format!("`{name}`: {message}")))?;
        Ok(Hook {
            timeout,
            name,
            event,
            command,
        })
    }
}

fn hook_time(time: Duration) -> Result<Duration, String> {
    let bounds = limits::HOOK_TIME_MIN..=limits::HOOK_TIME_MAX;
    if bounds.contains(&time) {
        return Ok(time);
    }
    let (least, most) = bounds.into_inner();
    Err(format!("a timeout must be {least:?} to {most:?}"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{GOOD, parse};
    use super::*;

    fn hooks(text: &str) -> Result<Vec<Hook>, String> {
        parse(&format!("{GOOD}\n{text}")).map(|config| config.hooks)
    }

    fn hook(name: &str, event: Event, command: &str, timeout: Duration) -> Hook {
        Hook {
            name: name.into(),
            event,
            command: command.into(),
            timeout,
        }
    }

    #[test]
    fn none_are_the_default() {
        assert_eq!(hooks("").unwrap(), []);
    }

    #[test]
    fn every_key_has_an_effect() {
        let text = r#"
            [hooks]
            default_timeout = "5s"
            [[hooks.on_success]]
            name = "reload"
            command = "kill -HUP 1"
            [[hooks.on_success]]
            name = "slow"
            command = "sh ${HERE} $THERE"
            timeout = "2m"
            [[hooks.on_failure]]
            name = "alarm"
            command = "logger no"
        "#;
        assert_eq!(
            hooks(text).unwrap(),
            [
                hook(
                    "reload",
                    Event::Success,
                    "kill -HUP 1",
                    Duration::from_secs(5)
                ),
                // A command is the shell's to expand.
                hook(
                    "slow",
                    Event::Success,
                    "sh ${HERE} $THERE",
                    Duration::from_secs(120)
                ),
                hook("alarm", Event::Failure, "logger no", Duration::from_secs(5)),
            ]
        );
        let default = hooks(&text.replace("default_timeout = \"5s\"", "")).unwrap();
        assert_eq!(default.first().unwrap().timeout, Duration::from_secs(30));
    }

    /// A hook whose command, with what follows it, is `rest`.
    fn one(name: &str, rest: &str) -> String {
        format!("[[hooks.on_success]]\nname = \"{name}\"\ncommand = \"{rest}\n")
    }

    #[test]
    fn what_is_just_within_the_limits_is_taken() {
        let most: String = (0..limits::HOOKS_MAX)
            .map(|n| one(&n.to_string(), "true\""))
            .collect();
        for text in [
            most,
            one(&"n".repeat(64), "true\""),
            one(
                "a",
                &format!("{}\"", "x".repeat(limits::HOOK_COMMAND_BYTES_MAX)),
            ),
            one("a", "true\"\ntimeout = \"100ms\""),
            one("a", "true\"\ntimeout = \"10m\""),
        ] {
            assert!(!hooks(&text).unwrap().is_empty(), "{text}");
        }
    }

    #[test]
    fn every_fault_names_its_key() {
        let long = format!("{}\"", "x".repeat(limits::HOOK_COMMAND_BYTES_MAX + 1));
        for (text, words) in [
            (
                "[hooks]\ndefault_timeout = \"1ms\"".into(),
                "hooks.default_timeout: a timeout must be 100ms to 600s",
            ),
            (
                "[hooks]\non_sucess = []".into(),
                "did you mean `on_success`",
            ),
            (one("", "true\""), "1 to 64 visible"),
            (one(&"n".repeat(65), "true\""), "1 to 64 visible"),
            (one("a b", "true\""), "1 to 64 visible"),
            (one("a", " \""), "hooks.on_success: `a`: the command is"),
            (one("a", "\\u0000\""), "the command is"),
            (one("a", &long), "at most 4096 bytes"),
            (
                one("a", "true\"\ntimeout = \"11m\""),
                "hooks.on_success: `a`: a timeout must be 100ms to 600s",
            ),
            (
                one("a", "true\"\ntimout = \"1m\""),
                "did you mean `timeout`",
            ),
            (
                one("a", "true\"").repeat(2),
                "`a`: a hook's name must be unique",
            ),
            (
                format!(
                    "{}{}",
                    one("a", "true\""),
                    one("a", "true\"").replace("success", "failure")
                ),
                "hooks.on_failure: `a`: a hook's name must be unique",
            ),
            (
                (0..=limits::HOOKS_MAX)
                    .map(|n| one(&n.to_string(), "true\""))
                    .collect(),
                "at most 16 hooks",
            ),
        ] {
            let error = hooks(&text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
