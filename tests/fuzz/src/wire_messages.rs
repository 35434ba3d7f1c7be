//! Messages of clients: what is taken means the same when it is sent again.

use std::fmt::Debug;

use hosts::{Host, HostPatch, HostRef, NewHost, Revision, Snapshot};
use prost::Message;
use proto::convert::{
    CreateSnapshot, DiffSnapshot, Get, ImportOptions, InvalidMessage, List, RollBack, Search,
};
use proto::{history, v1};

use crate::same::can_be_shown;

/// The first byte says which message the others are.
pub fn run(bytes: &[u8]) {
    let Some((which, message)) = bytes.split_first() else {
        return;
    };
    match which {
        0 => both_ways::<v1::AddHostRequest, NewHost>(message, |host| host.into()),
        1 => both_ways::<v1::HostEntry, Host>(message, |host| host.into()),
        2 => both_ways::<v1::UpdateHostRequest, (HostRef, HostPatch, Option<Revision>)>(
            message,
            |(host, patch, expected)| v1::UpdateHostRequest {
                expected_version: expected.map(|version| version.to_string()),
                ..(host, patch).into()
            },
        ),
        3 => both_ways::<v1::DeleteHostRequest, (HostRef, Option<Revision>)>(
            message,
            |(host, expected)| v1::DeleteHostRequest {
                expected_version: expected.map(|version| version.to_string()),
                ..host.into()
            },
        ),
        4 => drop(read::<v1::ListHostsRequest, List>(message)),
        5 => drop(read::<v1::SearchHostsRequest, Search>(message)),
        6 => drop(read::<v1::GetHostRequest, Get>(message)),
        7 => {
            if let Ok(chunk) = v1::ImportHostsRequest::decode(message)
                && let Err(error) = ImportOptions::try_from(&chunk)
            {
                can_be_shown(&error);
            }
        }
        8 => both_ways::<v1::Snapshot, Snapshot>(message, |snapshot| snapshot.into()),
        9 => both_ways::<v1::RollbackToSnapshotRequest, RollBack>(message, |asked| (*asked).into()),
        10 => drop(read::<v1::CreateSnapshotRequest, CreateSnapshot>(message)),
        11 => drop(read::<history::DiffSnapshotRequest, DiffSnapshot>(message)),
        _ => {}
    }
}

fn read<M, T>(bytes: &[u8]) -> Option<T>
where
    M: Message + Default,
    T: TryFrom<M, Error = InvalidMessage>,
{
    let taken = T::try_from(M::decode(bytes).ok()?);
    taken.map_err(|error| can_be_shown(&error)).ok()
}

fn both_ways<M, T>(bytes: &[u8], sent: impl Fn(&T) -> M)
where
    M: Message + Default + Debug,
    T: TryFrom<M, Error = InvalidMessage> + PartialEq + Debug,
{
    if let Some(value) = read::<M, T>(bytes) {
        let message = sent(&value).encode_to_vec();
        let again = read::<M, T>(&message);
        assert_eq!(again.as_ref(), Some(&value));
    }
}
