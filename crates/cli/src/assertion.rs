//! What a test wants to be true of a cluster, and what is different where it is not.
//!
//! Every node is asked itself: one that is cut off says other things than those that others say of it.

pub(crate) mod junit;
mod look;

use crate::bench;
use crate::client::Client;
use crate::config::Settings;
use crate::exit::Failure;
use crate::output::{Asserted, Verified};
use look::{Files, Look};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What is wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Assertion {
    /// All nodes reach each other, follow one leader, have the same records and have written them.
    Converged,
    /// All nodes have the same records and equal hosts files.
    Equal,
    /// Every acknowledged write in this file is there.
    NoLostWrites(PathBuf),
}

/// Waits until it is true, if that is asked for, and tells what it found. `local` is the directory of a `dev`, whose
/// hosts files can be read.
///
/// # Errors
/// Nothing could be found out: no node answers, or the file cannot be used.
pub(crate) async fn check(
    assertion: &Assertion,
    within: Duration,
    local: Option<&Path>,
    settings: &Settings,
    timeout: Option<Duration>,
) -> Result<Asserted, Failure> {
    let began = Instant::now();
    let (detail, problems) = match assertion {
        Assertion::NoLostWrites(file) => {
            let mut client = Client::new(settings, timeout)?;
            kept(&bench::verify::run(file, &mut client).await?)
        }
        Assertion::Converged | Assertion::Equal => loop {
            let asked = Instant::now();
            let look = Look::take(settings).await;
            // Beyond that, another look could not begin in time.
            let last = asked.duration_since(began) + INTERVAL > within;
            match look {
                Ok(look) => {
                    let problems = match assertion {
                        Assertion::Converged => look.not_converged(),
                        _ => look.not_equal(Files::read(local, &look)),
                    };
                    if problems.is_empty() || last {
                        break (look.summary(), problems);
                    }
                }
                Err(failure) if last => return Err(failure),
                Err(_) => {}
            }
            tokio::time::sleep(INTERVAL).await;
        },
    };
    Ok(Asserted {
        assertion: assertion.to_string(),
        holds: problems.is_empty(),
        took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        detail,
        problems,
    })
}

/// A file without a write proves nothing, and must not look as if it did.
fn kept(verified: &Verified) -> (String, Vec<String>) {
    let Verified {
        acknowledged,
        found,
        lost,
    } = verified;
    let detail = format!("{found} of {acknowledged} acknowledged writes are there");
    if *acknowledged == 0 {
        let nothing = "the file holds no acknowledged write, so nothing is proved";
        return (detail, vec![nothing.to_owned()]);
    }
    let problems = lost.iter().map(|lost| {
        let (name, ip, revision) = (&lost.hostname, &lost.ip_address, lost.revision);
        format!(
            "{name} {ip}, acknowledged at revision {revision}: {}",
            lost.problem
        )
    });
    (detail, problems.collect())
}

impl fmt::Display for Assertion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Converged => out.write_str("converged"),
            Self::Equal => out.write_str("equal"),
            Self::NoLostWrites(_) => out.write_str("no-lost-writes"),
        }
    }
}

/// Between two looks.
const INTERVAL: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Lost;

    #[test]
    fn writes_that_are_lost_are_named_and_none_prove_nothing() {
        let lost = Lost {
            request_id: "r-1".to_owned(),
            id: "01ARYZ6S41TSV4RRFFQ69G5FAV".to_owned(),
            hostname: "a.test".to_owned(),
            ip_address: "198.18.0.1".to_owned(),
            revision: 7,
            problem: "missing".to_owned(),
        };
        let mut verified = Verified {
            acknowledged: 3,
            found: 2,
            lost: vec![lost],
        };
        let (detail, problems) = kept(&verified);
        assert_eq!(detail, "2 of 3 acknowledged writes are there");
        assert_eq!(
            problems,
            ["a.test 198.18.0.1, acknowledged at revision 7: missing"]
        );
        (verified.found, verified.lost) = (3, Vec::new());
        assert_eq!(kept(&verified).1, [""; 0]);
        (verified.acknowledged, verified.found) = (0, 0);
        assert!(kept(&verified).1[0].contains("nothing is proved"));
    }
}
