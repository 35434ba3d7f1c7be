//! The socket at which a running `dev` is told to do harm: one line of JSON in, one line out.
//!
//! Only the user who started `dev` can reach it. Requests are done one after the other, each answered when it is done:
//! a restarted node serves again when the answer comes.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

use super::choose::Verb;
use super::home::private_temporary;
use crate::output::{FaultReport, NodeReport};

/// What `chaos` sends.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    pub(crate) verb: Verb,
    /// Names, `leader`, `follower` or `all`. None is all for `status` and `heal`, and an error otherwise.
    pub(crate) nodes: Vec<String>,
    /// For faults of links: which links of these nodes, and what is to be in their way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) links: Option<LinkFault>,
}

impl Request {
    /// About nodes alone.
    pub(crate) fn of(verb: Verb, nodes: Vec<String>) -> Self {
        Self {
            verb,
            nodes,
            links: None,
        }
    }
}

/// A fault of links.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkFault {
    /// The nodes at the other ends; if none is named, all others.
    pub(crate) from: Vec<String>,
    pub(crate) way: Way,
    pub(crate) obstacle: Obstacle,
    /// What chance is drawn from.
    pub(crate) seed: u64,
}

/// In which direction, seen from the nodes that are named first.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Way {
    Both,
    /// What they send.
    Out,
    /// What is sent to them.
    In,
}

/// What is put in the way of a link.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Obstacle {
    Cut,
    Delay {
        by_ms: u64,
        jitter_ms: u64,
    },
    /// How likely a piece is lost, in thousandths, 1 to 999.
    Drop {
        thousandths: u16,
    },
}

/// What `dev` answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Answer {
    /// It is done.
    Done(Told),
    /// It is not done, or not to all of them.
    Refused(Refused),
}

/// What it was done to, and what came of it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Told {
    /// The nodes, as they are now.
    pub(crate) nodes: Vec<NodeReport>,
    /// What is in force now; for `heal`, what was until now.
    pub(crate) faults: Vec<FaultReport>,
    /// Whether links, disks and hooks can be reached.
    pub(crate) chaos: bool,
}

/// Why not.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Refused {
    pub(crate) kind: RefusedKind,
    pub(crate) message: String,
}

/// By which the exit status is chosen.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RefusedKind {
    /// The request is not one.
    Invalid,
    /// No such node.
    NotFound,
    /// No leader is known.
    NoLeader,
    /// This `dev` was not asked for obstacles when it started.
    NoChaos,
    /// The node is in another state, or did not do it.
    Failed,
}

/// The listening side.
#[derive(Debug)]
pub(crate) struct Control {
    path: PathBuf,
    listener: UnixListener,
    /// Connections whose request is not read yet: one that never comes keeps nobody else waiting.
    reading: FuturesUnordered<BoxFuture<'static, Option<Asked>>>,
    /// Of a socket that cannot be in the cluster's directory.
    _elsewhere: Option<TempDir>,
}

/// A request, and where its answer goes.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) request: Request,
    stream: UnixStream,
}

/// Nobody can be told anything.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen at {path}")]
pub(crate) struct ListenError {
    path: PathBuf,
    #[source]
    cause: io::Error,
}

impl Control {
    /// Listens at `dev.sock` in `root`, or in a fresh directory where that path is too long for a socket. Whoever
    /// calls holds the lock of `root`: a socket that is there already belongs to nobody.
    pub(crate) fn listen(root: &Path) -> Result<Self, ListenError> {
        let usual = root.join("dev.sock");
        let failed = |path: &Path, cause| ListenError {
            path: path.to_owned(),
            cause,
        };
        let (path, elsewhere) = if usual.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
            (usual, None)
        } else {
            let dir = private_temporary("router-hosts-");
            let dir = dir.map_err(|cause| failed(&usual, cause))?;
            (dir.path().join("dev.sock"), Some(dir))
        };
        match fs::remove_file(&path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                return Err(failed(&path, cause));
            }
            _ => {}
        }
        let listener = UnixListener::bind(&path).map_err(|cause| failed(&path, cause))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))
            .map_err(|cause| failed(&path, cause))?;
        Ok(Self {
            path,
            listener,
            reading: FuturesUnordered::new(),
            _elsewhere: elsewhere,
        })
    }

    /// Where it listens.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The next request. Nothing is lost when this is dropped before it comes.
    pub(crate) async fn next(&mut self) -> Asked {
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if self.reading.len() < READING_MAX => {
                    // A failed accept is one connection less: the other side sees it.
                    if let Ok((stream, _)) = accepted {
                        self.reading.push(Box::pin(read_request(stream)));
                    }
                }
                Some(read) = self.reading.next() => {
                    if let Some(asked) = read {
                        return asked;
                    }
                }
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // Gone or not: the next `dev` removes what is left.
        fs::remove_file(&self.path).ok();
    }
}

impl Asked {
    /// Sends the answer. Whoever asked may have left: it is done all the same.
    pub(crate) async fn answer(mut self, answer: &Answer) {
        timeout(LINE_LIMIT, write_line(&mut self.stream, answer))
            .await
            .ok();
    }
}

/// Asks the `dev` that listens at `path`, and waits for its answer as long as it takes.
pub(crate) async fn ask(path: &Path, request: &Request) -> io::Result<Answer> {
    let mut stream = UnixStream::connect(path).await?;
    write_line(&mut stream, request).await?;
    read_line(&mut stream).await
}

async fn read_request(mut stream: UnixStream) -> Option<Asked> {
    match timeout(LINE_LIMIT, read_line(&mut stream)).await {
        Ok(Ok(request)) => Some(Asked { request, stream }),
        Ok(Err(error)) => {
            let refused = Answer::Refused(Refused {
                kind: RefusedKind::Invalid,
                message: format!("this is not a request: {error}"),
            });
            // Whoever sent it may have left, and nothing was done.
            timeout(LINE_LIMIT, write_line(&mut stream, &refused))
                .await
                .ok();
            None
        }
        Err(_) => None,
    }
}

async fn read_line<T: DeserializeOwned>(stream: &mut UnixStream) -> io::Result<T> {
    let mut line = Vec::new();
    let mut bounded = BufReader::new(stream.take(LINE_BYTES_MAX));
    bounded.read_until(b'\n', &mut line).await?;
    if line.pop() != Some(b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_slice(&line)?)
}

async fn write_line<T: Serialize + Sync>(stream: &mut UnixStream, value: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    stream.write_all(&line).await
}

/// `sun_path` has 104 bytes on some systems and 108 on Linux, the NUL included.
const SOCKET_PATH_BYTES_MAX: usize = 100;

/// A request is a few names; an answer nine nodes, and the 72 links between them with three faults each.
const LINE_BYTES_MAX: u64 = 256 * 1024;

/// For a line to come or go on one machine.
const LINE_LIMIT: Duration = Duration::from_secs(5);

/// Connections without a request: more wait in the listener's queue.
const READING_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn kill(node: &str) -> Request {
        Request::of(Verb::Kill, vec![node.to_owned()])
    }

    fn done(name: &str) -> Answer {
        Answer::Done(Told {
            nodes: vec![NodeReport {
                id: 1,
                name: name.to_owned(),
                address: "127.0.0.1:1".to_owned(),
                state: "killed".to_owned(),
                role: Some("leader".to_owned()),
                pid: None,
            }],
            faults: Vec::new(),
            chaos: false,
        })
    }

    async fn serve_one(control: &mut Control) -> Request {
        let asked = control.next().await;
        let request = asked.request.clone();
        asked.answer(&done(&request.nodes[0])).await;
        request
    }

    #[tokio::test]
    async fn a_request_is_answered() {
        let dir = tempfile::tempdir().unwrap();
        let mut control = Control::listen(dir.path()).unwrap();
        let path = control.path().to_owned();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let request = kill("n1");
        let (served, answer) = tokio::join!(serve_one(&mut control), ask(&path, &request));
        assert_eq!(served, request);
        assert_eq!(answer.unwrap(), done("n1"));
        drop(control);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_silent_connection_keeps_nobody_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let mut control = Control::listen(dir.path()).unwrap();
        let path = control.path().to_owned();
        let _silent = UnixStream::connect(&path).await.unwrap();
        let request = kill("n2");
        let (_, answer) = tokio::join!(serve_one(&mut control), ask(&path, &request));
        assert_eq!(answer.unwrap(), done("n2"));
    }

    #[tokio::test]
    async fn what_is_no_request_is_refused_and_the_next_one_served() {
        let dir = tempfile::tempdir().unwrap();
        let mut control = Control::listen(dir.path()).unwrap();
        let path = control.path().to_owned();
        let request = kill("n3");
        let both = async {
            let mut stream = UnixStream::connect(&path).await.unwrap();
            stream
                .write_all(b"{\"verb\":\"explode\",\"nodes\":[]}\n")
                .await
                .unwrap();
            let refused: Answer = read_line(&mut stream).await.unwrap();
            (refused, ask(&path, &request).await.unwrap())
        };
        let (_, (refused, answer)) = tokio::join!(serve_one(&mut control), both);
        assert!(matches!(
            refused,
            Answer::Refused(Refused {
                kind: RefusedKind::Invalid,
                ..
            })
        ));
        assert_eq!(answer, done("n3"));
    }

    #[tokio::test]
    async fn a_long_directory_has_its_socket_elsewhere() {
        let dir = tempfile::tempdir().unwrap();
        let long = dir.path().join("d".repeat(120));
        fs::create_dir(&long).unwrap();
        let control = Control::listen(&long).unwrap();
        let path = control.path().to_owned();
        assert!(
            path.as_os_str().len() <= SOCKET_PATH_BYTES_MAX,
            "{}",
            path.display()
        );
        assert!(UnixStream::connect(&path).await.is_ok());
        drop(control);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_socket_that_was_left_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        drop(std::os::unix::net::UnixListener::bind(dir.path().join("dev.sock")).unwrap());
        let control = Control::listen(dir.path()).unwrap();
        assert!(UnixStream::connect(control.path()).await.is_ok());
    }
}
