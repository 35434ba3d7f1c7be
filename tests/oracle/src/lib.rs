//! Says whether what clients were told can have happened.
//!
//! Every acknowledgement carries its revision, which is an index of the log. So strict serializability over all hosts
//! needs no search: the committed log is replayed, and every answer has to agree with the replay at its place, in an
//! order that keeps to real time. A checker of another kind ([`second_opinion`]) looks at the same history without
//! the indexes.
//!
//! ```text
//! clients ──► History ──────────────┐
//!                                   ├──► check ──► Summary, or every Violation
//! logs ──► CommittedLog ──► Replay ─┘
//! ```
//!
//! An answer that did not come is unknown: it may have happened, at any time after the call, or never.
#![forbid(unsafe_code)]

mod check;
mod history;
mod import;
mod log;
mod order;
mod rejected;
mod replay;
mod second;
mod told;

pub use check::{Summary, Violation, check};
pub use history::{Answered, Asked, Effect, History, Operation, Reading, Reason, Seen};
pub use log::{CommittedLog, LogError};
pub use replay::Replay;
pub use second::{Opinion, second_opinion};
pub use told::Told;
