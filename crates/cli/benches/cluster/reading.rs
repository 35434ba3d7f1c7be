//! Writes and reads under load, ours and etcd's in turn.

use std::time::Duration;

use crate::etcd::Etcd;
use crate::ours::{Latency, Ours};
use crate::{head, ms, row};

const TIME: &str = "5s";
const TIME_ETCD: Duration = Duration::from_secs(5);

const COLUMNS: [&str; 7] = ["What", "Whose", "per second", "p50", "p95", "p99", "max"];

/// The raw flush, then each load on our cluster and at once on etcd's.
pub(crate) fn load() {
    let ours = Ours::start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let etcd = runtime.block_on(Etcd::start());
    head("Load", &COLUMNS);
    flush(&ours);
    for (writers, via) in [
        (1, "leader"),
        (1, "follower"),
        (32, "leader"),
        (32, "follower"),
        (128, "leader"),
        (128, "follower"),
    ] {
        let what = format!("{writers} writers via {via}");
        let count = writers.to_string();
        let words = ["--writers", &count, "--readers", "0", "--via", via];
        let words = [&words[..], &["--for", TIME]].concat();
        line(&what, "router-hosts", &ours.bench("add", &words));
        ours.run(&["bench", "clean"]);
        if let Some(etcd) = &etcd {
            line(
                &what,
                "etcd",
                &runtime.block_on(etcd.writes(writers, via, TIME_ETCD)),
            );
        }
    }
    ours.fill(1_000);
    for readers in [1, 128] {
        let what = format!("{readers} linearizable readers");
        let count = readers.to_string();
        let words = ["--writers", "0", "--readers", &count, "--for", TIME];
        line(&what, "router-hosts", &ours.bench("get", &words));
        if let Some(etcd) = &etcd {
            line(
                &what,
                "etcd",
                &runtime.block_on(etcd.reads(readers, TIME_ETCD)),
            );
        }
    }
    flush(&ours);
}

fn flush(ours: &Ours) {
    let dir = ours.dir();
    let words = ["disk", "--dir", dir.to_str().unwrap(), "--for", "2s"];
    line(
        "append and flush 200 bytes",
        "disk",
        &ours.bench("append", &words),
    );
}

fn line(what: &str, whose: &str, latency: &Latency) {
    row(&[
        what.to_owned(),
        whose.to_owned(),
        format!("{:.0}", latency.per_second),
        ms(latency.p50),
        ms(latency.p95),
        ms(latency.p99),
        ms(latency.max),
    ]);
}
