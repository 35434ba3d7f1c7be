//! The file sinks that watch a node, as its report is shown.

use proto::cluster as pb;
use proto::convert::timestamp_from_wire;
use serde::Serialize;

use super::shown;
use hosts::Timestamp;

/// Who watches a node.
#[derive(Serialize, Clone, PartialEq, Debug, Default)]
pub(crate) struct Sinks {
    /// Open streams.
    pub(crate) watchers: u32,
    /// Sinks that have said how they are, also those that are gone.
    pub(crate) known: u32,
    /// Those in trouble.
    pub(crate) failing: u32,
    /// The first of them, those in trouble before others.
    pub(crate) listed: Vec<Sink>,
}

/// One sink.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub(crate) struct Sink {
    /// Role and name in its certificate.
    pub(crate) client: String,
    /// What it calls itself, else where it comes from.
    pub(crate) instance: String,
    pub(crate) connected: bool,
    #[serde(serialize_with = "shown")]
    pub(crate) heard_at: Option<Timestamp>,
    /// Its file has what the node shows now.
    pub(crate) current: bool,
    #[serde(serialize_with = "shown")]
    pub(crate) last_success: Option<Timestamp>,
    pub(crate) consecutive_failures: u32,
    pub(crate) reload_failed: bool,
    #[serde(serialize_with = "shown")]
    pub(crate) last_reload_success: Option<Timestamp>,
    pub(crate) contract_version: String,
    pub(crate) change_id: String,
}

impl Sink {
    /// What somebody has to look at, in words.
    pub(crate) fn trouble(&self) -> Option<String> {
        let Self {
            consecutive_failures,
            reload_failed,
            ..
        } = self;
        match (consecutive_failures, reload_failed) {
            (0, false) => None,
            (0, true) => Some("its resolver could not be told of its file".to_owned()),
            (1, _) => Some("it could not write its file".to_owned()),
            (times, _) => Some(format!("it could not write its file {times} times")),
        }
    }
}

impl From<pb::Sink> for Sink {
    fn from(message: pb::Sink) -> Self {
        let pb::Sink {
            client,
            instance,
            connected,
            heard_at,
            current,
            last_success,
            consecutive_failures,
            reload_failed,
            last_reload_success,
            contract_version,
            change_id,
        } = message;
        // A time that cannot be read is shown as none, not as an error.
        let time = |time| timestamp_from_wire("time", time).ok();
        Self {
            client,
            instance,
            connected,
            heard_at: time(heard_at),
            current,
            last_success: time(last_success),
            consecutive_failures,
            reload_failed,
            last_reload_success: time(last_reload_success),
            contract_version,
            change_id,
        }
    }
}
