//! Commands, as a follower hands them to the leader.

use bytes::Bytes;
use hosts::{Command, ConflictMode, Revision};

use super::host::{
    FactsShape, PatchShape, facts_from, facts_shape, host_id_bytes, host_id_from, patch_from,
    patch_shape,
};
use super::snapshot::{label_from, label_text, snapshot_id_bytes, snapshot_id_from};
use super::wire::{DecodeError, Flaw, encoded, required, versioned};
use super::{FIRST, SNAPSHOTS};
use crate::limits::COMMAND_BYTES_MAX;

/// The bytes of a command between peers.
pub fn encode_command(command: &Command) -> Bytes {
    let format = match command {
        Command::AddHost(_)
        | Command::UpdateHost { .. }
        | Command::DeleteHost { .. }
        | Command::ImportHosts { .. } => FIRST,
        Command::CreateSnapshot { .. }
        | Command::DeleteSnapshot { .. }
        | Command::RollBack { .. } => SNAPSHOTS,
    };
    let kind = match command {
        Command::AddHost(host) => Kind::Add(facts_shape(host)),
        Command::UpdateHost {
            id,
            patch,
            expected,
        } => Kind::Update(UpdateShape {
            id: host_id_bytes(*id),
            patch: Some(patch_shape(patch)),
            expected: expected.map(Revision::get),
        }),
        Command::DeleteHost { id, expected } => Kind::Delete(DeleteShape {
            id: host_id_bytes(*id),
            expected: expected.map(Revision::get),
        }),
        Command::ImportHosts { rows, mode } => Kind::Import(ImportShape {
            mode: match mode {
                ConflictMode::Skip => SKIP,
                ConflictMode::Replace => REPLACE,
                ConflictMode::Strict => STRICT,
            },
            rows: rows.iter().map(facts_shape).collect(),
        }),
        Command::CreateSnapshot { name, trigger } => Kind::CreateSnapshot(LabelsShape {
            name: label_text(name.as_ref()),
            trigger: label_text(trigger.as_ref()),
        }),
        Command::DeleteSnapshot { id } => Kind::DeleteSnapshot(snapshot_id_bytes(*id)),
        Command::RollBack { to } => Kind::RollBack(snapshot_id_bytes(*to)),
    };
    encoded(&CommandShape {
        format,
        kind: Some(kind),
    })
}

/// Reads a command from a peer.
pub fn decode_command(bytes: &Bytes) -> Result<Command, DecodeError> {
    const WHAT: &str = "a command";
    let CommandShape { format: _, kind } = versioned(WHAT, bytes, COMMAND_BYTES_MAX)?;
    required("kind", kind)
        .and_then(command_from)
        .map_err(|flaw| flaw.in_record(WHAT))
}

fn command_from(kind: Kind) -> Result<Command, Flaw> {
    Ok(match kind {
        Kind::Add(host) => Command::AddHost(facts_from(host).map_err(|flaw| flaw.within("host"))?),
        Kind::Update(UpdateShape {
            id,
            patch,
            expected,
        }) => Command::UpdateHost {
            id: host_id_from("id", &id)?,
            patch: required("patch", patch)
                .and_then(patch_from)
                .map_err(|flaw| flaw.within("patch"))?,
            expected: expected.map(Revision::new),
        },
        Kind::Delete(DeleteShape { id, expected }) => Command::DeleteHost {
            id: host_id_from("id", &id)?,
            expected: expected.map(Revision::new),
        },
        Kind::Import(ImportShape { mode, rows }) => Command::ImportHosts {
            rows: rows
                .into_iter()
                .enumerate()
                .map(|(at, row)| facts_from(row).map_err(|flaw| flaw.at("rows", at)))
                .collect::<Result<_, _>>()?,
            mode: match mode {
                SKIP => ConflictMode::Skip,
                REPLACE => ConflictMode::Replace,
                STRICT => ConflictMode::Strict,
                other => {
                    let text = format!("{other} is none of the known modes");
                    return Err(Flaw::new("mode", text));
                }
            },
        },
        Kind::CreateSnapshot(LabelsShape { name, trigger }) => Command::CreateSnapshot {
            name: label_from("name", name.as_deref())?,
            trigger: label_from("trigger", trigger.as_deref())?,
        },
        Kind::DeleteSnapshot(id) => Command::DeleteSnapshot {
            id: snapshot_id_from("delete_snapshot", &id)?,
        },
        Kind::RollBack(to) => Command::RollBack {
            to: snapshot_id_from("roll_back", &to)?,
        },
    })
}

const SKIP: u32 = 1;
const REPLACE: u32 = 2;
const STRICT: u32 = 3;

#[derive(Clone, PartialEq, prost::Message)]
struct CommandShape {
    #[prost(uint32, tag = "1")]
    format: u32,
    #[prost(oneof = "Kind", tags = "2, 3, 4, 5, 16, 17, 18")]
    kind: Option<Kind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Kind {
    #[prost(message, tag = "2")]
    Add(FactsShape),
    #[prost(message, tag = "3")]
    Update(UpdateShape),
    #[prost(message, tag = "4")]
    Delete(DeleteShape),
    #[prost(message, tag = "5")]
    Import(ImportShape),
    #[prost(message, tag = "16")]
    CreateSnapshot(LabelsShape),
    #[prost(bytes = "bytes", tag = "17")]
    DeleteSnapshot(Bytes),
    #[prost(bytes = "bytes", tag = "18")]
    RollBack(Bytes),
}

#[derive(Clone, PartialEq, prost::Message)]
struct LabelsShape {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(string, optional, tag = "2")]
    trigger: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct UpdateShape {
    #[prost(bytes = "bytes", tag = "1")]
    id: Bytes,
    #[prost(message, optional, tag = "2")]
    patch: Option<PatchShape>,
    #[prost(uint64, optional, tag = "3")]
    expected: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct DeleteShape {
    #[prost(bytes = "bytes", tag = "1")]
    id: Bytes,
    #[prost(uint64, optional, tag = "2")]
    expected: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ImportShape {
    #[prost(uint32, tag = "1")]
    mode: u32,
    #[prost(message, repeated, tag = "2")]
    rows: Vec<FactsShape>,
}
