//! Whether a rejection was true of a state.

use hosts::{HostId, HostRef, NewHost, Projection};

use crate::history::{Asked, Reading, Reason};
use crate::import::imported;

/// Whether `asked` would be rejected for `reason` in this state, where names stand for what they stand for in `named`;
/// nothing is known of other reasons.
pub(crate) fn holds(
    state: &Projection,
    named: &Projection,
    asked: &Asked,
    reason: &Reason,
) -> bool {
    match reason {
        Reason::Other(_) => false,
        Reason::NotFound => match ids(named, asked).as_slice() {
            [id] => state.host(*id).is_none(),
            all => all.is_empty(),
        },
        Reason::Ambiguous => ids(named, asked).len() > 1,
        Reason::VersionMismatch => match (expected(asked), ids(named, asked).as_slice()) {
            (Some(expected), [id]) => state
                .host(*id)
                .is_some_and(|host| host.version.get() != expected),
            _ => false,
        },
        Reason::Duplicate => match asked {
            Asked::Add { host, .. } => taken(state, host, None),
            Asked::Update { patch, .. } => match ids(named, asked).as_slice() {
                [id] => state
                    .host(*id)
                    .is_some_and(|host| taken(state, &patch.applied_to(host), Some(*id))),
                _ => false,
            },
            Asked::Delete { .. } | Asked::Import { .. } | Asked::Read { .. } => false,
        },
        Reason::ImportConflicts => match asked {
            Asked::Import { rows, mode, .. } => imported(state, rows, *mode).is_none(),
            _ => false,
        },
    }
}

/// The hosts that a request about one host may mean in this state.
pub(crate) fn ids(state: &Projection, asked: &Asked) -> Vec<HostId> {
    let host = match asked {
        Asked::Update { host, .. }
        | Asked::Delete { host, .. }
        | Asked::Read {
            what: Reading::One(host),
            ..
        } => host,
        Asked::Add { .. } | Asked::Import { .. } | Asked::Read { .. } => return Vec::new(),
    };
    match host {
        HostRef::Id(id) => state.host(*id).map(|host| host.id).into_iter().collect(),
        HostRef::Name(name) => state.named(name).into_iter().map(|host| host.id).collect(),
    }
}

const fn expected(asked: &Asked) -> Option<u64> {
    match asked {
        Asked::Update { expected, .. } | Asked::Delete { expected, .. } => *expected,
        Asked::Add { .. } | Asked::Import { .. } | Asked::Read { .. } => None,
    }
}

/// Whether a host other than `own` has the address together with one of the names.
fn taken(state: &Projection, facts: &NewHost, own: Option<HostId>) -> bool {
    facts
        .names()
        .filter_map(|name| state.owner(facts.address, name))
        .any(|owner| Some(owner) != own)
}
