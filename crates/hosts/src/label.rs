//! Names and reasons of snapshots: short texts of people on one line.

use std::fmt;
use std::sync::Arc;

use crate::limits::LABEL_CHARS_MAX;
use crate::text::{InvalidText, TextFault, breaks_a_line};

/// The name of a snapshot, or why it was made: 1–64 characters on one line, without control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Label(Arc<str>);

impl Label {
    /// Reads a label; blanks around it are dropped. `what` names it in the error: `name` or `trigger`.
    ///
    /// # Errors
    /// [`InvalidText`] when it is empty, too long, or holds a control character or a line or paragraph separator.
    pub fn parse(what: &'static str, text: &str) -> Result<Self, InvalidText> {
        let label = text.trim();
        let refuse = |why| Err(InvalidText::new(what, label, why));
        if label.is_empty() {
            return refuse(TextFault::Empty);
        }
        if label.chars().count() > LABEL_CHARS_MAX {
            return refuse(TextFault::TooManyCharacters {
                max: LABEL_CHARS_MAX,
            });
        }
        match label.chars().find(|&c| breaks_a_line(c)) {
            Some(found) => refuse(TextFault::Character { found }),
            None => Ok(Self(label.into())),
        }
    }

    /// Reads a label where an empty one means "none", as the wire does.
    ///
    /// # Errors
    /// As [`Label::parse`], except that an empty text is `None`.
    pub fn parse_optional(what: &'static str, text: &str) -> Result<Option<Self>, InvalidText> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        Self::parse(what, text).map(Some)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// One of ours, which keeps the rules.
    pub(crate) fn own(text: &'static str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Label {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_has_64_characters_on_one_line_at_most() {
        for n in [1, 63, 64] {
            assert!(Label::parse("name", &"ü".repeat(n)).is_ok());
        }
        assert_eq!(Label::parse("name", "  a b ").unwrap().as_str(), "a b");
        assert_eq!(Label::parse_optional("name", " "), Ok(None));
        for text in ["", " ", "a\nb", "a\u{1b}[2J", "a\u{2028}b", &"x".repeat(65)] {
            assert!(Label::parse("name", text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn our_own_labels_keep_the_rules() {
        for own in [crate::snapshot::MANUAL, crate::snapshot::BEFORE_ROLLBACK] {
            assert_eq!(Label::parse("trigger", own), Ok(Label::own(own)));
        }
    }
}
