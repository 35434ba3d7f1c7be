//! Real processes under real faults: a cluster is harmed under load, and everything its clients were told has to be
//! true.
//!
//! ```text
//! campaign ──► trial: clients (load) ── calls (talk) ──► nodes, each with a network (net) and a disk of its own
//!                     fault/*  harms one of these, and brings the evidence
//!                     watch    reads every hosts file a thousand times a second
//!                     then the oracle holds all answers against the committed log
//! ```
//!
//! A trial whose fault was not seen, or whose clients did too little, is inconclusive, and counted apart.
//! `ROUTER_HOSTS_TRIALS` says how many have to show something, `CLUSTER_SEED` with which chance, `ROUTER_HOSTS_FAULT` a part of the
//! names of faults that are meant, `ROUTER_HOSTS_BINARY` another program to try, and `ROUTER_HOSTS_LEDGER` which ledger
//! gets a line. Needs root, and says so where
//! that is missing; with `ROUTER_HOSTS_REQUIRE_ROOT_TESTS=1` that is a failure.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests"
)]

mod campaign;
#[path = "../support/chance.rs"]
mod chance;
mod fault;
#[path = "../support/ledger.rs"]
mod ledger;
mod load;
mod logs;
#[path = "../../../crates/raft-store/tests/power_cut/machine.rs"]
#[expect(dead_code, reason = "a world has namespaces of its own")]
mod machine;
mod net;
mod node;
mod site;
mod talk;
mod trial;
#[path = "../support/until.rs"]
mod until;
mod watch;
mod world;

use std::env;

/// A slice for every run of all tests.
const TRIALS: usize = 25;

#[test]
fn whatever_happens_to_it_a_cluster_does_what_it_has_said() {
    world::alone(
        "whatever_happens_to_it_a_cluster_does_what_it_has_said",
        |world| {
            let count =
                env::var("ROUTER_HOSTS_TRIALS").map_or(TRIALS, |count| count.parse().unwrap());
            let only = env::var("ROUTER_HOSTS_FAULT").unwrap_or_default();
            let campaign = campaign::run(world, count, &only);
            campaign.show();
            ledger::note(&campaign.row());
            assert_eq!(
                campaign.violations, 0,
                "violations, with seed {}",
                campaign.seed
            );
            assert!(campaign.opinions > 0, "no cluster got a second opinion");
            let conclusive = campaign.conclusive();
            assert!(
                conclusive >= count,
                "{conclusive} trials have shown something, not {count}"
            );
        },
    );
}
