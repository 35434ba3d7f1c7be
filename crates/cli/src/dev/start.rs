//! From an empty directory to a cluster that has what it was asked to import.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use node::clock::{Clock, SystemClock};
use tokio::process::Command;

use super::cluster::{self, Cluster};
use super::crew::Crew;
use super::failure::{end_of, refused};
use super::layout::{Layout, Member, Opened, Wishes};
use super::links::Links;
use super::nodes::Nodes;
use super::obstacles::Obstacles;
use super::{OTHER_CLUSTERS, Plan, Then, certificates, leftovers};
use crate::exit::{Exit, Failure, reasons};
use crate::output::{Copies, Output};

/// Everything that is there before the first process: files, ports, certificates.
pub(crate) async fn prepare(
    root: &Path,
    wishes: Wishes,
    output: &Output,
) -> Result<Layout, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let dir = root.display();
    let layout = match Layout::open(root, wishes, &*clock)? {
        Opened::New(layout) => {
            let count = layout.members().len();
            output.note(&format!("dev: a new cluster of {count} in {dir}"));
            layout
        }
        Opened::Again(layout) => {
            output.note(&format!("dev: the cluster in {dir} goes on"));
            layout
        }
    };
    for name in leftovers::stop(&layout).await {
        output.note(&format!(
            "dev: stopped {name}, left running by an earlier `dev`"
        ));
    }
    let issued = certificates::ensure(&layout, &clock)?;
    if !issued.is_empty() {
        output.note(&format!(
            "dev: issued certificates to {}",
            issued.join(", ")
        ));
    }
    Ok(layout)
}

/// The nodes, not started yet, and with `chaos` the links between them and what else can be put in their way.
pub(crate) async fn lay(
    layout: &Layout,
    chaos: bool,
    output: &Output,
) -> Result<(Nodes, Option<Links>), Failure> {
    layout.set_hook(chaos)?;
    let nodes = Nodes::new(layout);
    if !chaos {
        return Ok((nodes, None));
    }
    let cannot = |cause| refused(reasons::LINKS, "cannot lay links between the nodes", &cause);
    let members = layout.members();
    let parsed = members.iter().map(|member| member.address.parse());
    let addresses: Result<Vec<SocketAddr>, _> = parsed.collect();
    let addresses = addresses.map_err(|cause| cannot(io::Error::other(cause)))?;
    let links = Links::open(&addresses).await.map_err(cannot)?;
    let mut obstacles = Vec::new();
    for (place, member) in members.iter().enumerate() {
        let detours: Vec<_> = links
            .detours(place)
            .filter_map(|(to, way)| Some((members.get(to)?.address.clone(), way.to_string())))
            .collect();
        obstacles.push(Obstacles::make(&layout.node(member), &detours).map_err(cannot)?);
    }
    output.note("dev: chaos: the nodes reach each other through this process");
    Ok((nodes.with_obstacles(obstacles), Some(links)))
}

/// Starts the nodes and settles them. A node that ends meanwhile ends it all. Returns the files of the nodes, where the
/// plan is about files.
pub(crate) async fn come_up(
    crew: &mut Crew,
    layout: &Layout,
    plan: &Plan,
    output: &Output,
) -> Result<Option<Copies>, Failure> {
    let Crew {
        nodes,
        cluster,
        program,
        ..
    } = crew;
    nodes.start(program).await?;
    for Member { name, address, .. } in layout.members() {
        output.note(&format!("dev: {name} serves {address}"));
    }
    tokio::select! {
        settled = settle(cluster, program, layout, plan, output) => settled,
        place = nodes.one_ended() => {
            let end = nodes.get(place).and_then(end_of);
            Err(end.unwrap_or_else(|| Failure::of(reasons::NODE_ENDED, "a node ended")))
        }
    }
}

/// Waits until the nodes are a cluster, and imports what there is to import.
async fn settle(
    cluster: &Cluster,
    program: &Path,
    layout: &Layout,
    plan: &Plan,
    output: &Output,
) -> Result<Option<Copies>, Failure> {
    let status = cluster.until_ready(layout).await?;
    let leader = cluster::leader(&status);
    if let Some(leader) = leader {
        output.note(&format!(
            "dev: {} leads in term {}",
            leader.name, leader.term
        ));
    }
    if let Some(file) = &plan.import {
        // A follower, so that the way over the leader is taken too; an only node is the leader.
        let mut members = layout.members().iter();
        let follower = members.find(|member| Some(member.id) != leader.map(|leader| leader.id));
        if let Some(Member { name, address, .. }) = follower.or(layout.members().first()) {
            output.note(&format!("dev: importing {} through {name}", file.display()));
            import(program, layout, address, file).await?;
        }
    }
    if plan.import.is_none() && !matches!(plan.then, Then::Once) {
        return Ok(None);
    }
    let copies = Copies::of(cluster.until_published(layout).await?);
    if is_failure(&copies, plan.import.is_some()) {
        output.report(&copies)?;
        return Err(Failure::of(reasons::NOT_EQUAL, copies.verdict()));
    }
    Ok(Some(copies))
}

/// `host import` as anybody would type it. What it says goes to standard error: the report is ours.
async fn import(program: &Path, layout: &Layout, server: &str, file: &Path) -> Result<(), Failure> {
    let cannot = |cause| refused(reasons::IMPORT, "cannot run the import", &cause);
    let stderr = io::stderr().as_fd().try_clone_to_owned().map_err(cannot)?;
    let mut command = Command::new(program);
    for name in OTHER_CLUSTERS {
        command.env_remove(name);
    }
    let status = command
        .arg("--config")
        .arg(layout.client_config())
        .args(["--server", server, "--format", "table"])
        .args(["host", "import", "--wait=published", "--"])
        .arg(file)
        .stdout(Stdio::from(stderr))
        .kill_on_drop(true)
        .status()
        .await
        .map_err(cannot)?;
    if status.success() {
        return Ok(());
    }
    let message = format!("{} was not imported", file.display());
    Err(Failure {
        exit: exit_of(status),
        ..Failure::of(reasons::IMPORT, message)
    })
}

/// The status of our own client, as it is ours too.
fn exit_of(status: ExitStatus) -> Exit {
    let known = [
        Exit::Usage,
        Exit::Conflict,
        Exit::NotFound,
        Exit::Unavailable,
        Exit::NotPermitted,
        Exit::OutcomeUnknown,
    ];
    let same = known
        .into_iter()
        .find(|exit| status.code() == Some(*exit as i32));
    same.unwrap_or(Exit::Failed)
}

/// Files that are not equal are a failure. No files at all are one after an import only: there was nothing to write.
fn is_failure(copies: &Copies, imported: bool) -> bool {
    let none = copies.files.iter().all(|copy| copy.sha256.is_none());
    !copies.equal && (imported || !none)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Copy;
    use std::os::unix::process::ExitStatusExt as _;
    use std::path::PathBuf;

    fn copies(hashes: &[Option<&str>]) -> Copies {
        let copy = |hash: &Option<&str>| Copy {
            node: "n".to_owned(),
            revision: 1,
            sha256: hash.map(str::to_owned),
            path: PathBuf::from("hosts"),
        };
        Copies::of(hashes.iter().map(copy).collect())
    }

    #[test]
    fn files_that_differ_are_a_failure() {
        for imported in [true, false] {
            assert!(!is_failure(&copies(&[Some("a"), Some("a")]), imported));
            assert!(is_failure(&copies(&[Some("a"), Some("b")]), imported));
            assert!(is_failure(&copies(&[Some("a"), None]), imported));
            assert_eq!(is_failure(&copies(&[None, None]), imported), imported);
        }
    }

    #[test]
    fn a_failed_import_has_the_status_of_the_client() {
        for (code, exit) in [(1, 1), (2, 2), (3, 3), (5, 5), (7, 7), (64, 1), (101, 1)] {
            assert_eq!(
                exit_of(ExitStatus::from_raw(code << 8)) as u8,
                exit,
                "{code}"
            );
        }
        assert_eq!(exit_of(ExitStatus::from_raw(9)), Exit::Failed);
    }
}
