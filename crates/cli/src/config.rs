//! What the client works with: flags, then the environment, then the file.
//!
//! Each setting knows where it comes from, so that `config show` can say so.
//! Nothing here opens a certificate or a socket.

mod file;

use crate::args::Global;
use crate::client::endpoint::{Endpoint, InvalidEndpoint};
use crate::exit::shown;
use crate::output::Format;
use clap::ValueEnum as _;
use std::fmt;
use std::path::{Path, PathBuf};
use thiserror::Error;

use file::{File, FileError};

/// The settings in effect.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Settings {
    /// The file that was read, if there is one.
    pub(crate) file: Option<PathBuf>,
    /// Nodes to try, in order; may be empty.
    pub(crate) server: Sourced<Vec<Endpoint>>,
    /// Client certificate.
    pub(crate) cert: Sourced<Option<PathBuf>>,
    /// Its key.
    pub(crate) key: Sourced<Option<PathBuf>>,
    /// CA of the nodes.
    pub(crate) ca: Sourced<Option<PathBuf>>,
    /// `None`: by what standard output is.
    pub(crate) format: Sourced<Option<Format>>,
}

/// A setting, and where it comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Sourced<T> {
    pub(crate) value: T,
    pub(crate) source: Source,
}

/// Where a setting comes from, first the one that wins.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    Flag,
    Environment(&'static str),
    File,
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => out.write_str("flag"),
            Self::Environment(name) => write!(out, "environment, {name}"),
            Self::File => out.write_str("file"),
            Self::Default => out.write_str("default"),
        }
    }
}

/// The environment: the value of a variable, if it is set. A seam for tests.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Why the settings cannot be used.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    /// The file cannot be used.
    #[error("cannot use the configuration {path}")]
    File {
        path: PathBuf,
        #[source]
        cause: FileError,
    },
    /// A node is not HOST:PORT.
    #[error("the list of nodes ({from}) is not valid")]
    Server {
        from: Source,
        #[source]
        cause: InvalidEndpoint,
    },
    /// A format is unknown.
    #[error("`{value}` ({from}) is not a format: table, json or csv")]
    Format { value: String, from: Source },
}

impl Settings {
    /// Puts the settings together.
    ///
    /// # Errors
    /// [`ConfigError`] for a file that was named and is not there, that cannot
    /// be read or has unknown keys, and for values that are not valid.
    pub(crate) fn load(flags: &Global, environment: Environment<'_>) -> Result<Self, ConfigError> {
        let set = |name: &str| environment(name).filter(|value| !value.is_empty());
        let (path, file) = read(flags, &set)?;
        let path_of = |flag: &Option<PathBuf>, variable, in_file: Option<PathBuf>| {
            first([
                (Source::Flag, flag.clone()),
                (
                    Source::Environment(variable),
                    set(variable).map(PathBuf::from),
                ),
                (Source::File, in_file),
            ])
        };
        Ok(Self {
            file: path,
            server: servers(flags, &set, file.server)?,
            cert: path_of(&flags.cert, "ROUTER_HOSTS_CERT", file.cert),
            key: path_of(&flags.key, "ROUTER_HOSTS_KEY", file.key),
            ca: path_of(&flags.ca, "ROUTER_HOSTS_CA", file.ca),
            format: format(flags, &set, file.format)?,
        })
    }
}

/// The file that is named, or the one in its usual place if it is there.
fn read(flags: &Global, set: Environment<'_>) -> Result<(Option<PathBuf>, File), ConfigError> {
    let named = flags
        .config
        .clone()
        .or_else(|| set("ROUTER_HOSTS_CONFIG").map(PathBuf::from));
    let Some(path) = named.clone().or_else(|| usual_place(set)) else {
        return Ok((None, File::default()));
    };
    match File::read(&path) {
        Ok(file) => Ok((Some(path), file)),
        Err(cause) if named.is_none() && cause.is_absence() => Ok((None, File::default())),
        Err(cause) => Err(ConfigError::File { path, cause }),
    }
}

/// `$XDG_CONFIG_HOME/router-hosts/client.toml`, else under `~/.config`, as the
/// XDG base directory specification says: a relative variable is ignored.
fn usual_place(set: Environment<'_>) -> Option<PathBuf> {
    let absolute = |name| {
        set(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_CONFIG_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".config")))
        .map(|base| base.join("router-hosts").join("client.toml"))
}

fn servers(
    flags: &Global,
    set: Environment<'_>,
    in_file: Option<Vec<String>>,
) -> Result<Sourced<Vec<Endpoint>>, ConfigError> {
    const VARIABLE: &str = "ROUTER_HOSTS_SERVER";
    let typed = (!flags.server.is_empty()).then(|| flags.server.clone());
    let listed = |list: String| list.split(',').map(str::to_owned).collect();
    let Sourced { value, source } = first([
        (Source::Flag, typed),
        (Source::Environment(VARIABLE), set(VARIABLE).map(listed)),
        (Source::File, in_file),
    ]);
    let value = value
        .unwrap_or_default()
        .iter()
        .map(|text| text.trim().parse())
        .collect::<Result<_, _>>()
        .map_err(|cause| ConfigError::Server {
            from: source,
            cause,
        })?;
    Ok(Sourced { value, source })
}

fn format(
    flags: &Global,
    set: Environment<'_>,
    in_file: Option<String>,
) -> Result<Sourced<Option<Format>>, ConfigError> {
    const VARIABLE: &str = "ROUTER_HOSTS_FORMAT";
    let read = |source, text: Option<String>| {
        text.map(|value| {
            Format::from_str(&value, false).map_err(|_| ConfigError::Format {
                value: shown(&value),
                from: source,
            })
        })
        .transpose()
        .map(|format| (source, format))
    };
    // All of them are read: a bad one is an error even where another wins.
    Ok(first([
        (Source::Flag, flags.format),
        read(Source::Environment(VARIABLE), set(VARIABLE))?,
        read(Source::File, in_file)?,
    ]))
}

fn first<T, const N: usize>(sources: [(Source, Option<T>); N]) -> Sourced<Option<T>> {
    sources
        .into_iter()
        .find(|(_, value)| value.is_some())
        .map_or(
            Sourced {
                value: None,
                source: Source::Default,
            },
            |(source, value)| Sourced { value, source },
        )
}

/// A path of a file, relative to that file's directory.
fn beside(file: &Path, path: PathBuf) -> PathBuf {
    match file.parent() {
        Some(directory) => directory.join(path),
        None => path,
    }
}

#[cfg(test)]
mod tests;
