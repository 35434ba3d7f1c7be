//! What a running `dev` is asked by `chaos`, and a run of faults that come and go by a plan.

mod plan;
mod probe;
mod run;

pub(crate) use plan::{LENGTH_MIN, Step, draw};
pub(crate) use probe::Writes;
pub(crate) use run::run;

use crate::dev::control::{self, Answer, Refused, RefusedKind, Request, Told};
use crate::dev::layout::Layout;
use crate::exit::{Failure, chain, reasons};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The directory of the `dev` that is meant: as typed, else as the environment has it.
pub(crate) fn directory(typed: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let dir = typed.or_else(|| std::env::var_os("ROUTER_HOSTS_DEV").map(PathBuf::from));
    dir.filter(|dir| !dir.as_os_str().is_empty())
        .ok_or_else(|| Failure::of(reasons::NO_DEV, "no cluster is named"))
}

/// Has the `dev` that runs on `dir` do something.
pub(crate) async fn told(dir: &Path, request: &Request) -> Result<Told, Failure> {
    match ask(dir, request).await? {
        Answer::Done(told) => Ok(told),
        Answer::Refused(refused) => Err(failure(refused)),
    }
}

/// Asks the `dev` that runs on `dir`.
async fn ask(dir: &Path, request: &Request) -> Result<Answer, Failure> {
    let nobody = || {
        Failure::of(
            reasons::NOT_RUNNING,
            format!("no `router-hosts dev` runs on {}", dir.display()),
        )
    };
    let root = fs::canonicalize(dir).map_err(|_| nobody())?;
    if !root.join("cluster.json").exists() {
        return Err(nobody());
    }
    let (_, socket) =
        Layout::read(&root).map_err(|error| Failure::of(reasons::DIRECTORY, chain(&error)))?;
    control::ask(&socket, request)
        .await
        .map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => nobody(),
            io::ErrorKind::PermissionDenied => Failure::of(
                reasons::CONTROL_OF_ANOTHER,
                format!("the `dev` on {} was started by another user", dir.display()),
            ),
            io::ErrorKind::UnexpectedEof => Failure::of(
                reasons::CONTROL_ENDED,
                format!("the `dev` on {} ended before it answered", dir.display()),
            ),
            _ => Failure::of(
                reasons::CONTROL,
                format!("cannot ask the `dev` on {}: {cause}", dir.display()),
            ),
        })
}

fn failure(Refused { kind, message }: Refused) -> Failure {
    let row = match kind {
        RefusedKind::Invalid => reasons::INVALID_ARGUMENT,
        RefusedKind::NotFound => reasons::CHAOS_NOT_FOUND,
        RefusedKind::NoLeader => reasons::CHAOS_NO_LEADER,
        RefusedKind::NoChaos => reasons::NO_CHAOS,
        RefusedKind::Failed => reasons::CHAOS,
    };
    Failure::of(row, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::choose::Verb;
    use crate::exit::Exit;

    #[tokio::test]
    async fn a_directory_without_a_dev_is_said_to_be_one() {
        let dir = tempfile::tempdir().unwrap();
        let request = Request::of(Verb::Status, Vec::new());
        for path in [dir.path().to_owned(), dir.path().join("missing")] {
            let failure = ask(&path, &request).await.unwrap_err();
            assert_eq!(
                (failure.exit, failure.reason.as_ref()),
                (Exit::Unavailable, "NOT_RUNNING")
            );
        }
        let left = r#"{"version":1,"cluster":"01JD8Q0000000000000000000A",
            "nodes":[{"id":1,"name":"n1","address":"127.0.0.1:1"}],"control":"dev.sock"}"#;
        fs::write(dir.path().join("cluster.json"), left).unwrap();
        let failure = ask(dir.path(), &request).await.unwrap_err();
        assert_eq!(failure.exit, Exit::Unavailable, "{}", failure.message);
    }

    #[test]
    fn every_refusal_has_its_exit_status() {
        for (kind, exit) in [
            (RefusedKind::Invalid, Exit::Usage),
            (RefusedKind::NotFound, Exit::NotFound),
            (RefusedKind::NoLeader, Exit::Unavailable),
            (RefusedKind::NoChaos, Exit::Usage),
            (RefusedKind::Failed, Exit::Failed),
        ] {
            let refused = Refused {
                kind,
                message: "m".to_owned(),
            };
            assert_eq!(failure(refused).exit, exit);
        }
    }
}
