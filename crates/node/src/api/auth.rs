//! Who may call what, from the certificate of the connection alone.

use super::status;
use crate::{
    accept::Connection,
    identity::{Caller, Who},
};
use hosts::{Actor, Role};
use std::{net::IpAddr, sync::Arc};
use tonic::{Request, Status};

/// What a call needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Reading records and the state of the cluster.
    Read,
    /// Changing records.
    Write,
    /// Speaking for another node.
    Peer,
}

/// The role table: each role and what it may.
const TABLE: [(Role, &[Need]); 4] = [
    (Role::Viewer, &[Need::Read]),
    (Role::Editor, &[Need::Read, Need::Write]),
    (Role::Admin, &[Need::Read, Need::Write]),
    (Role::Node, &[Need::Read, Need::Peer]),
];

/// Whether `role` may do what needs `need`.
#[must_use]
pub fn may(role: Role, need: Need) -> bool {
    TABLE
        .iter()
        .any(|(listed, needs)| *listed == role && needs.contains(&need))
}

/// The caller behind `request`, if it may.
///
/// # Errors
/// `PERMISSION_DENIED`, naming the role and what it lacks.
pub fn caller<T>(request: &Request<T>, need: Need) -> Result<Actor, Status> {
    let actor = connection(request)?.actor();
    if may(actor.role, need) {
        Ok(actor)
    } else {
        Err(status::forbidden(&actor, need))
    }
}

/// The peer behind `request`: the id in its certificate.
///
/// # Errors
/// `PERMISSION_DENIED` when the certificate is not a node's.
pub fn peer<T>(request: &Request<T>) -> Result<u64, Status> {
    let caller = connection(request)?;
    match &caller.who {
        Who::Node(id) => Ok(*id),
        Who::Client(actor) => Err(status::forbidden(actor, Need::Peer)),
    }
}

/// Where the caller behind `request` is.
///
/// # Errors
/// A fault of this node.
pub fn address<T>(request: &Request<T>) -> Result<IpAddr, Status> {
    match request.extensions().get::<Connection>() {
        Some(connection) => Ok(connection.remote.ip()),
        None => Err(status::internal("the connection has no address")),
    }
}

fn connection<T>(request: &Request<T>) -> Result<Arc<Caller>, Status> {
    match request.extensions().get::<Connection>() {
        Some(connection) => Ok(Arc::clone(&connection.caller)),
        None => Err(status::internal("the connection has no identity")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_may_exactly_what_the_table_says() {
        use {Need::*, Role::*};
        for (role, need, expected) in [
            (Viewer, Read, true),
            (Viewer, Write, false),
            (Viewer, Peer, false),
            (Editor, Read, true),
            (Editor, Write, true),
            (Editor, Peer, false),
            (Admin, Read, true),
            (Admin, Write, true),
            (Admin, Peer, false),
            (Node, Read, true),
            (Node, Write, false),
            (Node, Peer, true),
        ] {
            assert_eq!(may(role, need), expected, "{role} {need:?}");
        }
    }
}
