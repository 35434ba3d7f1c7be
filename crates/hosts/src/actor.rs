//! Who made a change, as the certificate says.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

use crate::limits::ACTOR_NAME_CHARS_MAX;
use crate::text::shorten;

/// A caller: its role and its name, both from its certificate. Displayed and parsed as `admin:alice`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Actor {
    /// What it may do.
    pub role: Role,
    /// Who it is.
    pub name: ActorName,
}

/// What a certificate allows. Displayed and parsed in lower case.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// A member of the cluster.
    Node,
    /// Everything, membership included.
    Admin,
    /// Reads and edits hosts.
    Editor,
    /// Reads.
    Viewer,
}

impl Role {
    /// The role as it is written in a certificate.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Admin => "admin",
            Self::Editor => "editor",
            Self::Viewer => "viewer",
        }
    }
}

/// The name of a caller: 1–128 visible ASCII characters other than `:` and `/`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ActorName(Arc<str>);

impl ActorName {
    /// Reads a name.
    ///
    /// # Errors
    /// [`InvalidActor`] when it is empty, too long or has other characters.
    pub fn parse(text: &str) -> Result<Self, InvalidActor> {
        let allowed = |b: u8| b.is_ascii_graphic() && b != b':' && b != b'/';
        if (1..=ACTOR_NAME_CHARS_MAX).contains(&text.len()) && text.bytes().all(allowed) {
            return Ok(Self(text.into()));
        }
        Err(InvalidActor::Name {
            input: shorten(text),
        })
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that is not an [`Actor`].
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum InvalidActor {
    /// No `:` between role and name.
    #[error("`{input}` is not ROLE:NAME")]
    Form {
        /// The text, shortened.
        input: String,
    },
    /// The role is unknown.
    #[error("the role of the actor is not known")]
    Role(#[source] InvalidRole),
    /// The name is not an [`ActorName`].
    #[error(
        "`{input}` is not the name of an actor: 1–{ACTOR_NAME_CHARS_MAX} visible ASCII characters without `:` and `/`"
    )]
    Name {
        /// The text, shortened.
        input: String,
    },
}

/// A text that is not a [`Role`].
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("`{input}` is not a role (node, admin, editor or viewer)")]
pub struct InvalidRole {
    /// The text, shortened.
    pub input: String,
}

impl FromStr for Role {
    type Err = InvalidRole;

    fn from_str(text: &str) -> Result<Self, InvalidRole> {
        [Self::Node, Self::Admin, Self::Editor, Self::Viewer]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| InvalidRole {
                input: shorten(text),
            })
    }
}

impl FromStr for Actor {
    type Err = InvalidActor;

    fn from_str(text: &str) -> Result<Self, InvalidActor> {
        let Some((role, name)) = text.split_once(':') else {
            return Err(InvalidActor::Form {
                input: shorten(text),
            });
        };
        Ok(Self {
            role: role.parse().map_err(InvalidActor::Role)?,
            name: ActorName::parse(name)?,
        })
    }
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl fmt::Display for ActorName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.role, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_reads_what_it_displays() {
        for text in ["node:r1", "admin:alice", "editor:ci@build", "viewer:x"] {
            assert_eq!(text.parse::<Actor>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_actor_is_refused() {
        assert!(matches!(
            "alice".parse::<Actor>(),
            Err(InvalidActor::Form { .. })
        ));
        assert!(matches!(
            "root:alice".parse::<Actor>(),
            Err(InvalidActor::Role(_))
        ));
        for text in ["admin:", "admin:a:b", "admin:a/b", "admin:a b", "admin:ü"] {
            assert!(
                matches!(text.parse::<Actor>(), Err(InvalidActor::Name { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn the_name_of_an_actor_has_128_characters_at_most() {
        for n in [1, 127, 128] {
            assert!(ActorName::parse(&"a".repeat(n)).is_ok());
        }
        assert!(ActorName::parse(&"a".repeat(129)).is_err());
    }
}
