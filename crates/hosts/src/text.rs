//! Tags and comments: short texts of people, bounded and free of control characters.
//!
//! Whatever is accepted here may stand in a line of the hosts file without ending it.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::limits::{COMMENT_BYTES_MAX, TAG_CHARS_MAX, TAGS_MAX};

/// A word that groups hosts: 1–64 letters, digits, `-`, `_`, `.` or `/`, kept as typed. Case matters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Tag(Arc<str>);

impl Tag {
    /// Reads a tag; blanks around it are dropped.
    ///
    /// # Errors
    /// [`InvalidText`] when it is empty, too long or has other characters.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let tag = text.trim();
        let refuse = |why| Err(InvalidText::new("tag", tag, why));
        if tag.is_empty() {
            return refuse(TextFault::Empty);
        }
        if tag.chars().count() > TAG_CHARS_MAX {
            return refuse(TextFault::TooManyCharacters { max: TAG_CHARS_MAX });
        }
        match tag.chars().find(|&c| !tag_character(c)) {
            Some(found) => refuse(TextFault::Character { found }),
            None => Ok(Self(tag.into())),
        }
    }

    /// The tag as typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn tag_character(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/')
}

/// A remark on a host: 1–1024 bytes of UTF-8 on one line, without control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Comment(Arc<str>);

impl Comment {
    /// Reads a comment; blanks around it are dropped.
    ///
    /// # Errors
    /// [`InvalidText`] when it is empty, too long, or holds a control character or a line or paragraph separator.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let comment = text.trim();
        let refuse = |why| Err(InvalidText::new("comment", comment, why));
        if comment.is_empty() {
            return refuse(TextFault::Empty);
        }
        if comment.len() > COMMENT_BYTES_MAX {
            return refuse(TextFault::TooManyBytes {
                max: COMMENT_BYTES_MAX,
            });
        }
        match comment.chars().find(|&c| breaks_a_line(c)) {
            Some(found) => refuse(TextFault::Character { found }),
            None => Ok(Self(comment.into())),
        }
    }

    /// Reads a comment where an empty one means "none", as the wire does.
    ///
    /// # Errors
    /// As [`Comment::parse`], except that an empty text is `None`.
    pub fn parse_optional(text: &str) -> Result<Option<Self>, InvalidText> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        Self::parse(text).map(Some)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

pub(crate) fn breaks_a_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// The tags of one host: sorted, each once, at most 32.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Tags(Arc<[Tag]>);

impl Tags {
    /// Sorts the tags and drops repetitions.
    ///
    /// # Errors
    /// [`TooMany`] when more than 32 different ones are left.
    pub fn new(mut tags: Vec<Tag>) -> Result<Self, TooMany> {
        tags.sort();
        tags.dedup();
        TooMany::check("tags", tags.len(), TAGS_MAX)?;
        Ok(if tags.is_empty() {
            Self::default() // shared, so a host without tags costs nothing
        } else {
            Self(tags.into())
        })
    }

    /// The tags in their order.
    #[must_use]
    pub fn as_slice(&self) -> &[Tag] {
        &self.0
    }

    /// The tags in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Tag> {
        self.0.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Tags {
    type Item = &'a Tag;
    type IntoIter = std::slice::Iter<'a, Tag>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A text that is not a tag, a comment or a label.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("`{input}` is not a {what}: {why}")]
pub struct InvalidText {
    /// What it should have been.
    pub what: &'static str,
    /// The text, shortened.
    pub input: String,
    /// What is wrong with it.
    pub why: TextFault,
}

impl InvalidText {
    pub(crate) fn new(what: &'static str, input: &str, why: TextFault) -> Self {
        Self {
            what,
            input: shorten(input),
            why,
        }
    }
}

/// What is wrong with a text.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Error)]
pub enum TextFault {
    /// Nothing but blanks.
    #[error("it is empty")]
    Empty,
    /// Longer than allowed, in characters.
    #[error("it is longer than {max} characters")]
    TooManyCharacters {
        /// The most that are allowed.
        max: usize,
    },
    /// Longer than allowed, in bytes.
    #[error("it is longer than {max} bytes")]
    TooManyBytes {
        /// The most that are allowed.
        max: usize,
    },
    /// A character that may not be in it.
    #[error("it may not contain {found:?}")]
    Character {
        /// The first such character.
        found: char,
    },
}

/// More aliases or tags than one host may have.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Error)]
#[error("{count} {what} are more than the {max} a host may have")]
pub struct TooMany {
    /// What there is too much of: `aliases` or `tags`.
    pub what: &'static str,
    /// How many were given, repetitions not counted.
    pub count: usize,
    /// The most that are allowed.
    pub max: usize,
}

impl TooMany {
    pub(crate) const fn check(what: &'static str, count: usize, max: usize) -> Result<(), Self> {
        if count > max {
            return Err(Self { what, count, max });
        }
        Ok(())
    }
}

/// A foreign text as an error message may quote it: control characters escaped, at most 60 characters.
pub(crate) fn shorten(text: &str) -> String {
    shorten_to(text, 60)
}

/// The same, at most `chars_max` characters.
pub(crate) fn shorten_to(text: &str, chars_max: usize) -> String {
    let mut short: String = text
        .chars()
        .take(chars_max)
        .flat_map(|c| {
            let plain = !breaks_a_line(c);
            plain
                .then_some(c)
                .into_iter()
                .chain((!plain).then(|| c.escape_default()).into_iter().flatten())
        })
        .collect();
    if text.chars().nth(chars_max).is_some() {
        short.push('…');
    }
    short
}

impl fmt::Display for Tag {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Display for Comment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag_fault(text: &str) -> TextFault {
        Tag::parse(text).unwrap_err().why
    }

    fn comment_fault(text: &str) -> TextFault {
        Comment::parse(text).unwrap_err().why
    }

    #[test]
    fn a_tag_is_kept_as_typed() {
        assert_eq!(
            Tag::parse(" site/Köln-2.a_b ").unwrap().as_str(),
            "site/Köln-2.a_b"
        );
    }

    #[test]
    fn a_tag_has_64_characters_at_most() {
        assert!(Tag::parse(&"x".repeat(63)).is_ok());
        assert!(Tag::parse(&"ü".repeat(64)).is_ok());
        assert_eq!(
            tag_fault(&"x".repeat(65)),
            TextFault::TooManyCharacters { max: 64 }
        );
    }

    #[test]
    fn a_tag_is_one_word() {
        assert_eq!(tag_fault("  "), TextFault::Empty);
        for found in [' ', ':', '=', '\n', '\0', '*', '\u{2028}'] {
            let text = format!("a{found}b");
            assert_eq!(tag_fault(&text), TextFault::Character { found });
        }
    }

    #[test]
    fn a_comment_has_1024_bytes_at_most() {
        assert!(Comment::parse(&"x".repeat(1023)).is_ok());
        assert!(Comment::parse(&"ü".repeat(512)).is_ok());
        assert_eq!(
            comment_fault(&"x".repeat(1025)),
            TextFault::TooManyBytes { max: 1024 }
        );
    }

    #[test]
    fn a_comment_stays_on_its_line() {
        assert_eq!(Comment::parse(" a # b ").unwrap().as_str(), "a # b");
        for found in [
            '\n', '\r', '\t', '\0', '\u{7f}', '\u{85}', '\u{2028}', '\u{2029}',
        ] {
            let text = format!("a{found}b");
            assert_eq!(comment_fault(&text), TextFault::Character { found });
        }
    }

    #[test]
    fn an_empty_comment_clears() {
        assert_eq!(Comment::parse_optional(" ").unwrap(), None);
        assert_eq!(comment_fault(" "), TextFault::Empty);
        assert!(Comment::parse_optional("x").unwrap().is_some());
    }

    #[test]
    fn tags_are_sorted_and_32_at_most() {
        let numbered = |n: usize| -> Vec<Tag> {
            (0..n)
                .rev()
                .chain(0..n)
                .map(|i| Tag::parse(&format!("t{i:02}")).unwrap())
                .collect()
        };
        for n in [0, 31, 32] {
            let tags = Tags::new(numbered(n)).unwrap();
            assert_eq!(tags.len(), n);
            assert!(tags.as_slice().is_sorted());
        }
        let refused = Tags::new(numbered(33)).unwrap_err();
        assert_eq!((refused.count, refused.max), (33, 32));
    }

    #[test]
    fn a_quoted_text_is_short_and_on_one_line() {
        assert_eq!(shorten("a\nb\u{2028}ü"), "a\\nb\\u{2028}ü");
        assert_eq!(shorten(&"x".repeat(61)).chars().count(), 61);
        assert!(shorten(&"x".repeat(61)).ends_with('…'));
        assert_eq!(shorten(&"x".repeat(60)), "x".repeat(60));
    }
}
