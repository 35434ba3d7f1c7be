//! What clients and peers call: messages in, the node's rooms, messages out.
//!
//! Who may call what is one table in [`auth`]; how an error looks outside is
//! one table in [`status`].

pub mod auth;
mod bulk;
pub mod cluster;
mod health;
pub mod history;
pub mod hosts;
mod import;
mod metadata;
pub mod peer;
mod renders;
mod shares;
mod snapshots;
pub mod status;
mod watch;
