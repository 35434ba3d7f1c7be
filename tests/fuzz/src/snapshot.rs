//! Snapshots as a peer sends them: frames and rows of any kind, with checksums that are right.

use std::path::Path;
use std::sync::Arc;

use arbitrary::{Arbitrary as _, Result, Unstructured};
use bytes::Bytes;
use hosts::format::{Place, Row};
use raft_store::disk::{Work, memory::MemoryDisk};
use raft_store::raft::StoredMembership;
use raft_store::record::{
    PositionRow, SnapshotHead, SnapshotTail, encode_host_row, encode_request_row,
    encode_snapshot_head, encode_snapshot_tail,
};
use raft_store::snapshot::{SnapshotError, Snapshots};
use raft_store::state::MemoryStates;
use raft_store::{Identity, Seams, Store, StoreOptions};

use crate::made;
use crate::same::{can_be_shown, imported};

const CLUSTER: u128 = 0xC0FFEE;

/// Makes a snapshot of the input and offers it.
pub fn run(bytes: &[u8]) {
    let seams = Seams {
        disk: Arc::new(MemoryDisk::new()),
        states: Arc::new(MemoryStates::new()),
        work: Work::Inline,
    };
    let identity = Identity {
        cluster: CLUSTER,
        node: 1,
    };
    let store = Store::open(seams, Path::new("/data"), identity, StoreOptions::default()).unwrap();
    let mut input = Unstructured::new(bytes);
    let Ok(forged) = forged(&mut input) else {
        return;
    };
    let announced = forged.file.len() as u64;
    let taken = received(&store.snapshots, &forged.file, announced);
    match &taken {
        Err(error) => {
            can_be_shown(error);
            assert!(!forged.is_good, "a good snapshot is refused: {error}");
        }
        Ok(()) => assert!(forged.is_good || forged.may_be_good, "it passed for good"),
    }
    // Nothing of it is there unless it is installed.
    assert!(store.snapshots.newest().is_none());
}

fn received(
    snapshots: &Snapshots,
    file: &[u8],
    announced: u64,
) -> std::result::Result<(), SnapshotError> {
    let mut incoming = snapshots.receive(announced)?;
    for piece in file.chunks(700) {
        incoming.write(piece)?;
    }
    incoming.finish().map(drop)
}

struct Forged {
    file: Vec<u8>,
    is_good: bool,
    /// What was changed may be nothing that a reader looks at.
    may_be_good: bool,
}

/// A good snapshot of some hosts, to which something may be done.
fn forged(input: &mut Unstructured<'_>) -> Result<Forged> {
    let how = input.int_in_range(0..=9u8)?;
    let rows = (1..).zip(made::hosts(input)?).map(|(line, host)| Row {
        place: Place { line, record: None },
        host,
    });
    let hosts = imported(&rows.collect::<Vec<_>>());
    let mut kept: Vec<(u8, Bytes)> = hosts
        .hosts()
        .map(|host| (b'h', encode_host_row(host)))
        .collect();
    kept.extend(hosts.requests().map(|row| (b'i', encode_request_row(row))));
    let mut head = SnapshotHead {
        cluster: CLUSTER,
        position: PositionRow {
            applied: Some(raft_store::raft::RaftLogId::new_term_index(3, 7)),
            membership: StoredMembership::default(),
            position: hosts.position(),
            digest: hosts.digest(),
            hosts: hosts.len() as u64,
            snapshots: 0,
        },
    };
    let mut may_be_good = how == 7;
    match how {
        // A row twice, missing, or of other bytes or kind.
        1 if !kept.is_empty() => {
            let which = input.choose_index(kept.len())?;
            let row = kept.get(which).unwrap().clone();
            kept.push(row);
        }
        2 if !kept.is_empty() => {
            kept.swap_remove(input.choose_index(kept.len())?);
        }
        3 => kept.push((
            u8::arbitrary(input)?,
            Bytes::copy_from_slice(<&[u8]>::arbitrary(input)?),
        )),
        4 => head.position.hosts = u64::arbitrary(input)?,
        5 => head.cluster = u128::arbitrary(input)?,
        _ => {}
    }
    let mut rows = Vec::new();
    let count = kept.len() as u64;
    for (kind, row) in kept {
        rows.push(kind);
        rows.extend_from_slice(&u32::try_from(row.len()).unwrap().to_le_bytes());
        rows.extend_from_slice(&row);
    }
    let mut file = b"RHSNAP1\n".to_vec();
    frame(&mut file, 1, &encode_snapshot_head(&head));
    if how == 6 {
        // A frame of anything, in the middle.
        frame(&mut file, u8::arbitrary(input)?, <&[u8]>::arbitrary(input)?);
        may_be_good = true;
    }
    if !rows.is_empty() {
        // Rows are whole within a frame: two frames hold them as well as one, unless one of them is cut.
        let cut = if how == 7 {
            input.choose_index(rows.len())?
        } else {
            0
        };
        let (one, two) = rows.split_at(cut);
        for rows in [one, two] {
            if !rows.is_empty() {
                frame(&mut file, 2, rows);
            }
        }
    }
    let tail = SnapshotTail {
        rows: count,
        crc: crc32c::crc32c(&file),
    };
    frame(&mut file, 3, &encode_snapshot_tail(tail));
    match how {
        8 => {
            let at = input.choose_index(file.len())?;
            let bits = u8::arbitrary(input)?;
            may_be_good = bits == 0;
            *file.get_mut(at).unwrap() ^= bits;
        }
        9 => {
            let rest = input.bytes(input.len())?;
            if rest.first() == Some(&0) {
                file = rest.to_vec();
            } else {
                file.truncate(file.len().saturating_sub(rest.len()));
                may_be_good = rest.is_empty();
            }
        }
        _ => {}
    }
    Ok(Forged {
        file,
        is_good: how == 0,
        may_be_good: may_be_good
            || (1..=5).contains(&how) && is_harmless(how, &head, count, &hosts),
    })
}

/// Whether a change of a row or of the head came to nothing.
fn is_harmless(how: u8, head: &SnapshotHead, rows: u64, hosts: &hosts::Projection) -> bool {
    let there = (hosts.hosts().count() + hosts.requests().count()) as u64;
    match how {
        1..=3 => rows == there,
        4 => head.position.hosts == hosts.len() as u64,
        _ => head.cluster == CLUSTER,
    }
}

/// `length u32 | crc32c u32 | kind u8 + content`.
fn frame(file: &mut Vec<u8>, kind: u8, content: &[u8]) {
    let content = [&[kind], content].concat();
    file.extend_from_slice(&u32::try_from(content.len()).unwrap().to_le_bytes());
    file.extend_from_slice(&crc32c::crc32c(&content).to_le_bytes());
    file.extend_from_slice(&content);
}
