//! The body of router-hosts: everything that waits.
//!
//! One write's way through it: [`api`] → [`forward`] → [`leader`] → Raft and
//! its store → [`publish`]. Reads: [`api`] → [`reads`]. What a node touches of
//! the world comes in through [`Seams`].
#![forbid(unsafe_code)]

pub mod accept;
pub mod api;
mod aside;
pub mod chaos;
pub mod clock;
pub mod cluster;
pub mod config;
pub mod connect;
pub mod formation;
pub mod forward;
pub mod handover;
pub mod identity;
pub mod leader;
mod life;
pub mod limits;
pub mod lookout;
pub mod network;
pub mod peers;
pub mod pki;
pub mod publish;
pub mod raft;
pub mod reads;
pub mod sinks;
pub mod tasks;
pub mod telemetry;
pub mod tls;

/// Where a build of tests can be made to fail.
pub use raft_store::failpoint;

pub use life::{Inside, NodeError, Seams, Serving, serve};
