//! `chaos`: faults in the nodes of a running `dev`.

use super::{ended, in_one_thread, output, settings};
use crate::args::Global;
use crate::dev::choose::Verb;
use crate::dev::control::{self, Answer, Refused, RefusedKind, Request};
use crate::dev::layout::Layout;
use crate::exit::{Failure, chain, reasons};
use crate::output::{Acted, Output};
use clap::{Args, Subcommand};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The words of `router-hosts chaos …`.
#[derive(Args, Debug)]
#[command(after_help = "\
NODE is a name such as n2, `leader`, `follower` (the first that runs) or `all`.

Examples:
  router-hosts chaos kill leader
  router-hosts chaos restart n1 n2
  router-hosts chaos status -f json")]
pub(crate) struct ChaosArgs {
    /// The directory of the running `dev` [env: ROUTER_HOSTS_DEV]
    #[arg(long, global = true)]
    dir: Option<PathBuf>,
    #[command(subcommand)]
    fault: Fault,
}

#[derive(Subcommand, Debug)]
enum Fault {
    /// End nodes at once, as a power cut would (SIGKILL); they stay down until they are restarted
    #[command(after_help = "Example:\n  router-hosts chaos kill leader")]
    Kill(Of),
    /// Stop nodes that run in good order, start them again, and wait until they serve
    #[command(after_help = "Example:\n  router-hosts chaos restart all")]
    Restart(Of),
    /// Stop nodes where they are (SIGSTOP)
    #[command(after_help = "Example:\n  router-hosts chaos pause follower")]
    Pause(Of),
    /// Let paused nodes go on (SIGCONT)
    #[command(after_help = "Example:\n  router-hosts chaos resume all")]
    Resume(Of),
    /// What the nodes do
    #[command(after_help = "Example:\n  router-hosts chaos status -f json")]
    Status,
}

#[derive(Args, Debug)]
struct Of {
    /// A name, `leader`, `follower` or `all`
    #[arg(required = true, value_name = "NODE")]
    nodes: Vec<String>,
}

pub(super) fn run(global: &Global, args: ChaosArgs) -> ExitCode {
    let output = output(global, &settings(global));
    let result = in_one_thread(act(args, &output));
    ended(&output, result)
}

async fn act(args: ChaosArgs, output: &Output) -> Result<(), Failure> {
    let ChaosArgs { dir, fault } = args;
    let dir = dir.or_else(|| std::env::var_os("ROUTER_HOSTS_DEV").map(PathBuf::from));
    let Some(dir) = dir.filter(|dir| !dir.as_os_str().is_empty()) else {
        return Err(Failure::of(reasons::NO_DEV, "no cluster is named"));
    };
    let (verb, word, done, nodes) = match fault {
        Fault::Kill(Of { nodes }) => (Verb::Kill, "kill", Some("killed"), nodes),
        Fault::Restart(Of { nodes }) => (Verb::Restart, "restart", Some("restarted"), nodes),
        Fault::Pause(Of { nodes }) => (Verb::Pause, "pause", Some("paused"), nodes),
        Fault::Resume(Of { nodes }) => (Verb::Resume, "resume", Some("resumed"), nodes),
        Fault::Status => (Verb::Status, "status", None, Vec::new()),
    };
    match ask(&dir, &Request { verb, nodes }).await? {
        Answer::Done(nodes) => output.report(&Acted {
            verb: word,
            done,
            nodes,
        }),
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
        RefusedKind::Failed => reasons::CHAOS,
    };
    Failure::of(row, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[tokio::test]
    async fn a_directory_without_a_dev_is_said_to_be_one() {
        let dir = tempfile::tempdir().unwrap();
        let request = Request {
            verb: Verb::Status,
            nodes: Vec::new(),
        };
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
