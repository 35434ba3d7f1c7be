//! What a node is sent that cannot be right, row by row, each with its code, its reason and words that tell what is
//! wrong. After every table the records are as they were, and the node takes the next write.

mod calls;
mod changes;
mod imports;
mod metadata;
mod peers;
mod raft;
mod raw;
mod reads;

use crate::support::{Cluster, added, listed, reason};
use calls::Call;
use proto::v1::HostEntry;
use tonic::{Code, Status};

/// Code, reason, and what the message says.
type Refusal = (Code, &'static str, &'static str);

/// The usual one: the message itself is wrong.
const fn invalid(words: &'static str) -> Refusal {
    (Code::InvalidArgument, "INVALID_ARGUMENT", words)
}

/// A node with three hosts, none of which may change.
struct Bench {
    cluster: Cluster,
    before: Vec<HostEntry>,
    /// What was not as its row says.
    wrong: Vec<String>,
}

impl Bench {
    /// `nas.lan` is one host, `tv.lan` is two.
    async fn new() -> Self {
        let cluster = Cluster::of(1).await;
        let client = &mut cluster.editor(1);
        for (address, name) in [
            ("10.0.0.7", "nas.lan"),
            ("10.0.0.8", "tv.lan"),
            ("10.0.0.9", "tv.lan"),
        ] {
            added(client, address, name).await;
        }
        let before = listed(client).await;
        Self {
            cluster,
            before,
            wrong: Vec::new(),
        }
    }

    fn host(&self, n: usize) -> &HostEntry {
        &self.before[n]
    }

    /// Every call is refused as its row says.
    async fn check(&mut self, rows: Vec<(Call, Refusal)>) {
        let client = &mut self.cluster.editor(1);
        for (call, expected) in rows {
            let row = call.to_string();
            let answer = call.send(client).await;
            self.wrong.extend(differs(&row, answer, expected));
        }
    }

    /// Nothing is lost, nothing has come, and the node goes on.
    async fn end(self) {
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("\n"));
        let client = &mut self.cluster.editor(1);
        assert_eq!(listed(client).await, self.before);
        let next = added(client, "10.0.0.10", "next.lan").await;
        let version: u64 = next.version.parse().unwrap();
        let last = self.before.iter().map(|host| host.version.parse::<u64>());
        let last = last.map(Result::unwrap).max().unwrap();
        assert_eq!(version, last + 1, "something was written to the log");
        self.cluster.end().await;
    }
}

/// What an answer is other than its row says.
fn differs(row: &str, answer: Result<(), Status>, expected: Refusal) -> Option<String> {
    let (code, why, words) = expected;
    match answer {
        Ok(()) => Some(format!("{row}: is taken")),
        Err(status) => {
            let found = (status.code(), reason(&status));
            let right = found == (code, why.to_owned()) && status.message().contains(words);
            // Lists have lines; nothing else may move a terminal's cursor.
            let control = |c: char| c.is_control() && c != '\n';
            let shown = !status.message().contains(control) && status.message().len() < 4096;
            (!right || !shown).then(|| format!("{row}: {found:?} {:?}", status.message()))
        }
    }
}
