//! The client's language, generated from the `.proto` files beside this crate.
//!
//! [`v1`] is what clients of the earlier single server speak, unchanged;
//! [`history`] is what hosts were; [`cluster`] is what operators ask; [`peer`] is how nodes carry their
//! messages. [`convert`] is the only place that names both these types and
//! those of `hosts`.

pub mod convert;

pub use generated::cluster::v1 as cluster;
pub use generated::history::v1 as history;
pub use generated::peer::v1 as peer;
pub use generated::v1;

/// The modules follow the packages, as generated paths between them expect.
mod generated {
    #![allow(
        missing_docs,
        unused_qualifications,
        unreachable_pub,
        clippy::all,
        reason = "generated"
    )]
    pub mod v1 {
        tonic::include_proto!("router_hosts.v1");
    }
    pub mod cluster {
        pub mod v1 {
            tonic::include_proto!("router_hosts.cluster.v1");
        }
    }
    pub mod history {
        pub mod v1 {
            tonic::include_proto!("router_hosts.history.v1");
        }
    }
    pub mod peer {
        pub mod v1 {
            tonic::include_proto!("router_hosts.peer.v1");
        }
    }
}

/// The descriptors of all four packages, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Names of the metadata that travels beside the messages.
pub mod metadata {
    /// The client's id for a mutation: the same id with the same content is
    /// applied once, however often it is sent.
    pub const REQUEST_ID: &str = "router-hosts-request-id";
    /// With a request id: no attempt of this request was made before the log
    /// had this index; 0 when nobody knows. Without it, the request is new.
    /// A node says it of a change whose outcome it cannot tell.
    pub const REQUEST_SINCE: &str = "router-hosts-request-since";
    /// What a sink calls itself, to be told from others with its certificate.
    pub const INSTANCE: &str = "router-hosts-instance";
    /// The revision an answer shows: the last accepted change in it.
    pub const REVISION: &str = "router-hosts-revision";
    /// The log index the answering node had applied.
    pub const APPLIED: &str = "router-hosts-applied";
    /// The name of the answering node.
    pub const NODE: &str = "router-hosts-node";
}
