//! Requests, retries and changes that come late: what is decided and applied keeps the rules, on every node alike.

use std::collections::BTreeSet;

use arbitrary::{Arbitrary as _, Result, Unstructured};
use hosts::{
    Actor, Answer, Change, Command, Decision, HostId, Label, Projection, Rejection, RequestId,
    Revision, Row, SnapshotId, Stamp, Timestamp, decide,
};
use raft_store::record::{
    Proposal, decode_host_row, decode_old_row, decode_proposal, decode_request_row,
    decode_snapshot_row, encode_host_row, encode_old_row, encode_proposal, encode_request_row,
    encode_snapshot_row, join_parts, split_change,
};

use crate::hosts_file::rendered;
use crate::made;
use crate::same::can_be_shown;

/// The steps one input may have: enough for hosts to meet, and short enough to run often.
const STEPS_MAX: usize = 48;

/// Takes the input as steps.
pub fn run(bytes: &[u8]) {
    let mut input = Unstructured::new(bytes);
    let mut world = World::default();
    for _ in 0..STEPS_MAX {
        if input.is_empty() || world.step(&mut input).is_err() {
            break;
        }
        world.keeps_its_rules();
    }
    world.survives_its_rows();
}

/// A leader, and a follower that has only what the log says.
#[derive(Default)]
struct World {
    leader: Projection,
    follower: Projection,
    index: u64,
    requests: Vec<(Stamp, Command, Answer)>,
    /// Decided, and not applied yet: other changes come between.
    late: Vec<Change>,
    ids: Vec<HostId>,
}

impl World {
    fn step(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        match input.int_in_range(0..=11u8)? {
            0 => self.retry(input)?,
            1 => {
                let command = self.command(input)?;
                let stamp = self.stamp(input, &command)?;
                if let Ok(Decision::Commit(change)) = decide(&self.leader, &command, stamp) {
                    self.late.push(change);
                }
            }
            2 => {
                if !self.late.is_empty() {
                    let which = input.choose_index(self.late.len())?;
                    let change = self.late.swap_remove(which);
                    self.apply(&change).ok();
                }
            }
            _ => {
                let command = self.command(input)?;
                let stamp = self.stamp(input, &command)?;
                self.request(command, stamp);
            }
        }
        Ok(())
    }

    fn command(&self, input: &mut Unstructured<'_>) -> Result<Command> {
        Ok(match input.int_in_range(0..=10u8)? {
            0..=2 => Command::AddHost(made::host(input)?),
            3..=4 => {
                let id = self.id(input)?;
                Command::UpdateHost {
                    id,
                    patch: made::patch(input)?,
                    expected: self.expected(input, id)?,
                }
            }
            5 => {
                let id = self.id(input)?;
                Command::DeleteHost {
                    id,
                    expected: self.expected(input, id)?,
                }
            }
            6 => Command::CreateSnapshot {
                name: Label::parse_optional("name", <&str>::arbitrary(input)?).unwrap_or_default(),
                trigger: None,
            },
            7 => Command::RollBack {
                to: self.snapshot(input)?,
            },
            8 => Command::DeleteSnapshot {
                id: self.snapshot(input)?,
            },
            _ => Command::ImportHosts {
                rows: made::hosts(input)?,
                mode: made::mode(input)?,
            },
        })
    }

    fn id(&self, input: &mut Unstructured<'_>) -> Result<HostId> {
        match self.ids.len() {
            0 => Ok(HostId::from_u128(0)),
            many => Ok(self.ids.get(input.choose_index(many)?).copied().unwrap()),
        }
    }

    fn snapshot(&self, input: &mut Unstructured<'_>) -> Result<SnapshotId> {
        let there: Vec<_> = self.leader.snapshots().map(|s| s.id).collect();
        match there.len() {
            0 => Ok(SnapshotId::from_u128(0)),
            many => Ok(there.get(input.choose_index(many)?).copied().unwrap()),
        }
    }

    fn expected(&self, input: &mut Unstructured<'_>, id: HostId) -> Result<Option<Revision>> {
        let version = self.leader.host(id).map(|host| host.version);
        Ok(match input.int_in_range(0..=3u8)? {
            0 => version,
            1 => Some(Revision::new(u64::arbitrary(input)?)),
            _ => None,
        })
    }

    /// The clock of a leader may say anything; a seed may come twice.
    fn stamp(&self, input: &mut Unstructured<'_>, command: &Command) -> Result<Stamp> {
        let alice = input.ratio(3u8, 4u8)?;
        let by: Actor = if alice { "editor:alice" } else { "admin:bob" }
            .parse()
            .unwrap();
        let number = self.requests.len() + self.late.len();
        Ok(Stamp {
            at: Timestamp::from_millis(match input.int_in_range(0..=7u8)? {
                0 => u64::arbitrary(input)?,
                n => 1_795_197_600_000 + u64::from(n),
            }),
            by,
            request: RequestId::parse(&format!("r{number}-{}", self.index)).unwrap(),
            since: bool::arbitrary(input)?.then(|| Revision::new(self.index)),
            fingerprint: command.fingerprint(),
            seed: match input.int_in_range(0..=3u8)? {
                0 => u128::MAX,
                1 => 0,
                _ => u128::from(self.index) << 64,
            },
        })
    }

    /// A new request: decided, applied as decided, and remembered.
    fn request(&mut self, command: Command, stamp: Stamp) {
        match decide(&self.leader, &command, stamp.clone()) {
            Ok(Decision::Commit(change)) => {
                assert!(change.stamp.at >= self.leader.last_stamp());
                let answer = self.apply(&change).unwrap();
                self.requests.push((stamp, command, answer));
            }
            Ok(Decision::Unchanged(answer)) => {
                assert_eq!(answer.revision, self.leader.revision());
            }
            Ok(Decision::Answered(_)) => panic!("a new request was answered before"),
            Err(rejection) => can_be_shown(&rejection),
        }
    }

    /// A request again, as it was and with other content.
    fn retry(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        if self.requests.is_empty() {
            return Ok(());
        }
        let which = input.choose_index(self.requests.len())?;
        let (stamp, command, first) = self.requests.get(which).unwrap();
        match decide(&self.leader, command, stamp.clone()) {
            Ok(Decision::Answered(again)) => assert_eq!(again, *first),
            other => panic!("a retry came to {other:?}"),
        }
        let other = self.command(input)?;
        if other != *command {
            let reused = Stamp {
                fingerprint: other.fingerprint(),
                ..stamp.clone()
            };
            let refused = decide(&self.leader, &other, reused);
            assert!(matches!(refused, Err(Rejection::RequestReused { .. })));
        }
        Ok(())
    }

    /// The next entry of the log. A refused one leaves no trace; the follower reads it from its bytes, and from parts.
    fn apply(&mut self, change: &Change) -> std::result::Result<Answer, Rejection> {
        self.index += 1;
        let at = Revision::new(self.index);
        let before = self.leader.clone();
        let checked = self.leader.check(change);
        let applied = self.leader.apply(at, change);
        assert_eq!(checked.err(), applied.as_ref().err().cloned());

        let read = through_the_log(change);
        assert_eq!(read, *change);
        let there = self.follower.apply(at, &read);
        assert_eq!(there, applied);
        assert_eq!(self.follower, self.leader);
        assert_eq!(self.follower.digest(), self.leader.digest());

        match applied {
            Ok(applied) => {
                assert!(self.leader.last_stamp() >= before.last_stamp());
                assert_eq!(self.leader.revision(), at);
                self.ids.extend(applied.hosts());
                Ok(applied.answer)
            }
            Err(rejection) => {
                assert_eq!(self.leader, before, "a refused change left a trace");
                assert_eq!(self.leader.digest(), before.digest());
                can_be_shown(&rejection);
                Err(rejection)
            }
        }
    }

    /// No two hosts share an address and a name, and each is found by all of its own.
    fn keeps_its_rules(&self) {
        let mut taken = BTreeSet::new();
        for host in self.leader.hosts() {
            for name in host.names() {
                assert!(taken.insert((host.address, name.clone())), "{host:?}");
                assert_eq!(self.leader.owner(host.address, name), Some(host.id));
            }
            assert!(host.version <= self.leader.revision());
        }
        // What a snapshot shows keeps them, too.
        for snapshot in self.leader.snapshots() {
            let shown = self.leader.as_of_snapshot(snapshot.id).unwrap();
            assert_eq!(usize::try_from(snapshot.hosts), Ok(shown.len()));
            let names = shown.hosts().flat_map(|host| {
                let own = host.names().map(|name| (host.address, name.clone()));
                own.collect::<Vec<_>>()
            });
            let all: Vec<_> = names.collect();
            assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        }
        let position = self.leader.position();
        assert!(position.rendered <= position.rendered_with_comments);
        assert!(position.rendered_with_comments <= position.revision);
    }

    /// What is stored of it makes the same projection again, and its file is one.
    fn survives_its_rows(&self) {
        let rows = self.leader.rows().map(|row| {
            let read = match &row {
                Row::Host(host) => {
                    Row::Host(decode_host_row(&encode_host_row(host)).unwrap().into())
                }
                Row::Request(request) => {
                    let bytes = encode_request_row(request);
                    Row::Request(decode_request_row(&bytes).unwrap().into())
                }
                Row::Snapshot(snapshot) => {
                    let bytes = encode_snapshot_row(snapshot);
                    Row::Snapshot(decode_snapshot_row(&bytes).unwrap().into())
                }
                Row::Old(old) => Row::Old(decode_old_row(&encode_old_row(old)).unwrap()),
            };
            assert_eq!(read, row);
            read
        });
        let again = Projection::restore(self.leader.position(), rows).unwrap();
        assert_eq!(again, self.leader);
        assert_eq!(again.digest(), self.leader.digest());
        for comments in [false, true] {
            rendered(&again, comments);
        }
    }
}

fn through_the_log(change: &Change) -> Change {
    let whole = Proposal::Change {
        term: 3,
        change: change.clone(),
    };
    assert_eq!(decode_proposal(&encode_proposal(&whole)).unwrap(), whole);
    let mut pieces = Vec::new();
    for proposal in split_change(3, 9, change, 400).unwrap() {
        match decode_proposal(&encode_proposal(&proposal)).unwrap() {
            Proposal::Change { change, .. } => return change,
            Proposal::Part { number, bytes, .. } => {
                assert_eq!(usize::try_from(number), Ok(pieces.len()));
                pieces.push(bytes);
            }
            Proposal::Commit { parts, digest, .. } => {
                assert_eq!(usize::try_from(parts), Ok(pieces.len()));
                return join_parts(&pieces, &digest).unwrap();
            }
        }
    }
    panic!("a change in parts has a commit")
}
