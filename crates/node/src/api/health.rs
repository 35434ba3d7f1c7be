//! Is this node well? Answers for people, probes and earlier clients.

use super::hosts::HostsApi;
use crate::sinks::Sinks;
use proto::v1;
use std::time::Duration;
use tokio::time::Instant;

/// How long a probe may take; what answers later is not ready.
const PROBE_TIME: Duration = Duration::from_secs(1);

/// Ready: a linearizable read would be answered now.
pub(super) async fn readiness(api: &HostsApi) -> v1::ReadinessResponse {
    match api.reads.linearizable(Instant::now() + PROBE_TIME).await {
        Ok(_) => v1::ReadinessResponse {
            ready: true,
            reason: String::new(),
        },
        Err(error) => v1::ReadinessResponse {
            ready: false,
            reason: error.to_string(),
        },
    }
}

/// Healthy: ready, and the newest file is written.
pub(super) async fn health(api: &HostsApi) -> v1::HealthResponse {
    let asked = Instant::now();
    let ready = readiness(api).await;
    let latency = asked.elapsed();
    let publish_error = api.published.borrow().error.clone();
    v1::HealthResponse {
        healthy: ready.ready && publish_error.is_none(),
        server: Some(v1::ServerInfo {
            version: env!("CARGO_PKG_VERSION").into(),
            uptime_seconds: i64::try_from(api.started.elapsed().as_secs()).unwrap_or(i64::MAX),
            build_info: BUILD.into(),
        }),
        database: Some(v1::DatabaseHealth {
            connected: ready.ready,
            backend: "raft".into(),
            latency_ms: i64::try_from(latency.as_millis()).unwrap_or(i64::MAX),
            error: publish_error.unwrap_or(ready.reason),
        }),
        acme: Some(v1::AcmeHealth {
            status: "disabled".into(),
            ..Default::default()
        }),
        hooks: Some(v1::HooksHealth {
            configured_count: i32::try_from(api.hooks.len()).unwrap_or(i32::MAX),
            hook_names: api.hooks.to_vec(),
        }),
        sinks: Some(sinks(&api.sinks)),
    }
}

fn sinks(sinks: &Sinks) -> v1::SinksHealth {
    let reports = sinks.reports();
    let failing = reports.iter().filter(|report| report.state.is_failing());
    let count = |number| i32::try_from(number).unwrap_or(i32::MAX);
    v1::SinksHealth {
        watchers: count(sinks.watchers()),
        known: count(reports.len()),
        failing: count(failing.count()),
    }
}

/// What the binary was built for.
const BUILD: &str = if cfg!(debug_assertions) {
    "debug"
} else {
    "release"
};
