//! Real power cuts: what was answered is there when the power comes back.
//!
//! A process works on an ext4 of its own, and says what it was answered. Then
//! the file system is shut down without its journal, the process killed, and
//! the file system mounted again: what only the page cache knew is gone. Half
//! of the time the process is stopped first; the other half the cut comes
//! while it runs, and only what it had said before counts.
//!
//! Needs root and loop devices, and says so where there are none; with
//! `ROUTER_HOSTS_REQUIRE_ROOT_TESTS=1` that is a failure. Each test makes
//! `ROUTER_HOSTS_CUTS` cuts, a few if that is not set, as `ROUTER_HOSTS_SEED`
//! says.

#[cfg(test)]
mod campaign;
#[cfg(test)]
mod history;
#[cfg(test)]
mod log;
#[cfg(test)]
mod machine;
#[cfg(test)]
mod shown;
#[cfg(test)]
mod store;
#[cfg(test)]
mod told;
#[cfg(test)]
mod unflushed;
#[cfg(test)]
mod worker;
