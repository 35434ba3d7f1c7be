//! What the tests share: clusters, a hand on them, writers that remember what was acknowledged, and waiting.

mod chance;
mod cluster;
mod hand;
pub(crate) mod ledger;
mod line;
mod load;
#[path = "../../crates/raft-store/tests/power_cut/machine.rs"]
mod machine;
mod process;
mod resolver;
mod slot;
mod status;
mod until;
mod writers;

pub(crate) use cluster::{Cluster, replace_in};
pub(crate) use hand::{Ended, Hand};
pub(crate) use line::Line;
pub(crate) use load::Load;
pub(crate) use machine::{Machine, with_room};
pub(crate) use process::{binary, output_within, process_of};
pub(crate) use resolver::Dnsmasq;
pub(crate) use slot::Slot;
pub(crate) use until::until;
pub(crate) use writers::{Writers, Written};
