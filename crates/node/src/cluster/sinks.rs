//! File sinks as other nodes and clients see them.

use crate::{limits, sinks::SinkReport};
use proto::{
    cluster::Sink,
    convert::{SinkState, timestamp_to_wire},
};

/// The first of the `reports`, where the set that is shown now is `shown`.
pub(super) fn to_wire(reports: Vec<SinkReport>, shown: &str) -> Vec<Sink> {
    let listed = reports.into_iter().take(limits::SINKS_LISTED);
    listed.map(|report| one(report, shown)).collect()
}

fn one(report: SinkReport, shown: &str) -> Sink {
    let SinkReport {
        by,
        instance,
        connected,
        heard,
        state,
    } = report;
    let SinkState {
        last_success,
        consecutive_failures,
        contract_version,
        rendered_change_id,
        reload_failed,
        last_reload_success,
    } = state;
    Sink {
        client: by.to_string(),
        instance,
        connected,
        heard_at: Some(timestamp_to_wire(heard)),
        current: rendered_change_id == shown,
        last_success: last_success.map(timestamp_to_wire),
        consecutive_failures,
        reload_failed,
        last_reload_success: last_reload_success.map(timestamp_to_wire),
        contract_version,
        change_id: rendered_change_id,
    }
}
