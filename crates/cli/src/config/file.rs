//! `client.toml`: what the operator types. Unknown keys are refused with the
//! nearest known one.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use thiserror::Error;

use super::beside;
use crate::exit::shown;

/// The keys of the file. Paths are relative to the file's directory.
#[derive(Deserialize, Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct File {
    /// Nodes to try, in order, as `HOST:PORT`.
    #[serde(default, deserialize_with = "list")]
    pub(super) server: Option<Vec<String>>,
    /// Client certificate, PEM.
    pub(super) cert: Option<PathBuf>,
    /// Its key, PEM.
    pub(super) key: Option<PathBuf>,
    /// CA of the nodes, PEM.
    pub(super) ca: Option<PathBuf>,
    /// `table`, `json` or `csv`.
    pub(super) format: Option<String>,
}

const KEYS: [&str; 5] = ["server", "cert", "key", "ca", "format"];

/// A client configuration is a few lines: what is larger is another file.
const BYTES_MAX: u64 = 64 * 1024;

/// What is wrong with the file.
#[derive(Debug, Error)]
pub(crate) enum FileError {
    #[error("it cannot be read")]
    Read(#[source] io::Error),
    #[error("it is larger than {BYTES_MAX} bytes")]
    TooLarge,
    #[error("it is not valid TOML")]
    Syntax(#[source] toml::de::Error),
    #[error("unknown key `{key}`{}", suggestion(.nearest))]
    UnknownKey {
        key: String,
        nearest: Option<&'static str>,
    },
}

/// A list of texts. One text alone is refused with the list it should be.
fn list<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    match toml::Value::deserialize(from)? {
        toml::Value::String(one) => Err(D::Error::custom(format!(
            "a list is wanted: server = [{:?}]",
            shown(&one)
        ))),
        other => Vec::deserialize(other).map(Some).map_err(D::Error::custom),
    }
}

fn suggestion(nearest: &Option<&'static str>) -> String {
    match nearest {
        Some(known) => format!("; did you mean `{known}`?"),
        None => format!("; known keys are {}", KEYS.join(", ")),
    }
}

impl FileError {
    pub(super) fn is_absence(&self) -> bool {
        matches!(self, Self::Read(cause) if cause.kind() == io::ErrorKind::NotFound)
    }
}

impl File {
    /// Reads the file at `path`.
    pub(super) fn read(path: &Path) -> Result<Self, FileError> {
        let mut text = String::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(BYTES_MAX + 1).read_to_string(&mut text))
            .map_err(FileError::Read)?;
        if u64::try_from(text.len()).map_or(true, |bytes| bytes > BYTES_MAX) {
            return Err(FileError::TooLarge);
        }
        let mut file = Self::parse(&text)?;
        for setting in [&mut file.cert, &mut file.key, &mut file.ca] {
            *setting = setting.take().map(|relative| beside(path, relative));
        }
        Ok(file)
    }

    fn parse(text: &str) -> Result<Self, FileError> {
        let table: toml::Table = text.parse().map_err(FileError::Syntax)?;
        if let Some(key) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(FileError::UnknownKey {
                key: shown(key),
                nearest: nearest(key),
            });
        }
        // From the text once more: errors of the table have no line.
        toml::from_str(text).map_err(FileError::Syntax)
    }
}

/// The known key that was probably meant, if one is near enough.
fn nearest(key: &str) -> Option<&'static str> {
    const NEAR: f64 = 0.7;
    KEYS.into_iter()
        .map(|known| (strsim::jaro_winkler(key, known), known))
        .filter(|(score, _)| *score >= NEAR)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_one() {
        for (text, said) in [
            ("servers = []", "did you mean `server`?"),
            ("certificate = ''", "did you mean `cert`?"),
            (
                "colour = true",
                "known keys are server, cert, key, ca, format",
            ),
        ] {
            let refused = File::parse(text).unwrap_err().to_string();
            assert!(refused.contains(said), "{refused}");
        }
    }

    #[test]
    fn a_value_of_another_type_is_refused_with_its_line() {
        let Err(FileError::Syntax(cause)) = File::parse("ca = 'x'\nserver = 'a:1'") else {
            panic!("taken");
        };
        assert!(cause.to_string().contains("line 2"), "{cause}");
        let wanted = "a list is wanted: server = [\"a:1\"]";
        assert!(cause.to_string().contains(wanted), "{cause}");
    }

    #[test]
    fn the_known_keys_are_the_fields() {
        let text = "server = ['a:1']\ncert = 'c'\nkey = 'k'\nca = 'a'\nformat = 'csv'";
        let File {
            server,
            cert,
            key,
            ca,
            format,
        } = File::parse(text).unwrap();
        assert_eq!(server, Some(vec!["a:1".to_owned()]));
        assert_eq!(
            [cert, key, ca].map(Option::unwrap),
            ["c", "k", "a"].map(PathBuf::from)
        );
        assert_eq!(format.as_deref(), Some("csv"));
    }
}
