//! Nodes of an earlier `dev` that was killed before it could stop them: they hold the ports and the data.
//!
//! A process is taken for such a node only if its own command line names the node's configuration: process ids are
//! used again. Where the system does not show command lines (no `/proc`), nothing is found, and the new node says that
//! its port or its data is in use.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

use super::layout::Layout;

/// Stops what is left, and waits for its end. Returns the names of those nodes.
pub(crate) async fn stop(layout: &Layout) -> Vec<String> {
    let mut stopped = Vec::new();
    for member in layout.members() {
        let dir = layout.node(member);
        if let Some(process) = running(&dir) {
            end(process, &dir).await;
            stopped.push(member.name.clone());
        }
    }
    stopped
}

/// The process that the node in `dir` was last, if it still runs.
fn running(dir: &Path) -> Option<Pid> {
    let id: i32 = fs::read_to_string(dir.join("pid"))
        .ok()?
        .trim()
        .parse()
        .ok()?;
    let command = fs::read(format!("/proc/{id}/cmdline")).ok()?;
    let config = dir.join("config.toml");
    let ours = command
        .split(|&byte| byte == 0)
        .any(|word| word == config.as_os_str().as_bytes());
    if ours { Pid::from_raw(id) } else { None }
}

/// Asks it to end, and does not ask any more after a while. It is no child of ours, so its end is looked for.
async fn end(process: Pid, dir: &Path) {
    let started = Instant::now();
    let mut signal = Signal::TERM;
    while running(dir) == Some(process) {
        if started.elapsed() > PATIENCE {
            signal = Signal::KILL;
        }
        // It may be gone by now, which is what is wanted.
        kill_process(process, signal).ok();
        kill_process(process, Signal::CONT).ok();
        sleep(INTERVAL).await;
    }
}

const PATIENCE: Duration = Duration::from_secs(15);
const INTERVAL: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::layout::{Opened, Wishes};
    use node::clock::SystemClock;
    use std::process::{Command, Stdio};

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_process_is_stopped_only_if_it_is_the_node() {
        let dir = tempfile::tempdir().unwrap();
        let wishes = Wishes {
            nodes: Some(2),
            base_port: None,
        };
        let (Opened::New(layout) | Opened::Again(layout)) =
            Layout::open(dir.path(), wishes, &SystemClock).unwrap();
        let [first, second] = layout.members() else {
            panic!("two nodes")
        };
        let sleeper = |word: &Path| {
            let script = "echo up; read -r line";
            let mut command = Command::new("sh");
            command.args(["-c", script, "serve"]).arg(word);
            let mut child = command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            // Its command line is the script's from its first output on.
            let mut up = [0; 3];
            std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut up).unwrap();
            child
        };
        let mut node = sleeper(&layout.node(first).join("config.toml"));
        let mut other = sleeper(Path::new("/elsewhere/config.toml"));
        fs::write(layout.node(first).join("pid"), node.id().to_string()).unwrap();
        fs::write(layout.node(second).join("pid"), other.id().to_string()).unwrap();

        // Waiting for a child closes its input, at whose end it would end by itself.
        let _input = node.stdin.take();
        // Reaped beside: a dead child of this process would still be seen.
        let reaper = std::thread::spawn(move || node.wait().unwrap());
        assert_eq!(stop(&layout).await, ["n1"]);
        assert!(!reaper.join().unwrap().success());
        assert!(other.try_wait().unwrap().is_none());
        drop(other.stdin.take());
        other.wait().unwrap();
    }
}
