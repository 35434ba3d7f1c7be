//! `bench` as a load: far more than commands that are started one by one, and it keeps what was acknowledged.

use std::path::Path;
use std::process::{Child, Stdio};

use super::cluster::Cluster;
use super::process::binary;

/// Writers that add hosts until this is dropped.
pub(crate) struct Load(Child);

impl Load {
    /// Adds hosts whose names begin with `prefix`; every acknowledged one is a line more in `acked`.
    #[track_caller]
    pub(crate) fn start(cluster: &Cluster, acked: &Path, prefix: &str) -> Self {
        let further = ["--writers", "8", "--readers", "0"];
        Self::with(cluster, acked, prefix, &further)
    }

    /// The same with these words instead of eight writers.
    #[track_caller]
    pub(crate) fn with(cluster: &Cluster, acked: &Path, prefix: &str, words: &[&str]) -> Self {
        let mut command = binary(["--quiet", "--config"]);
        command
            .arg(cluster.dir().join("client.toml"))
            .arg("bench")
            .args(words)
            // No test takes longer; it is killed before.
            .args(["--for", "5m", "--prefix", prefix, "--acked"])
            .arg(acked)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // It may have ended by itself, its cluster gone.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
