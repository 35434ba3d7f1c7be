//! How long writes wait when the leader goes.

use std::thread::sleep;
use std::time::Duration;

use crate::ours::Ours;
use crate::{head, ms, percentile, row};

/// kill -9 of the leader, default timings.
pub(crate) fn kill() {
    gaps("kill -9 of the leader", 20, |ours, leader| {
        ours.chaos("kill", leader);
        sleep(Duration::from_secs(3));
        ours.chaos("restart", leader);
    });
}

/// The leader stopped in good order, and started again.
pub(crate) fn stop() {
    gaps("Stop of the leader in good order", 20, |ours, leader| {
        ours.chaos("restart", leader);
    });
}

fn gaps(what: &str, rounds: usize, fault: fn(&Ours, &str)) {
    let ours = Ours::start();
    let mut gaps = Vec::new();
    for _ in 0..rounds {
        let leader = ours.leader();
        let words = ["bench", "--writers", "4", "--readers", "0", "--for", "6s"];
        let run = ours
            .command(&words)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        sleep(Duration::from_secs(2));
        fault(&ours, &leader);
        let output = run.wait_with_output().unwrap();
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        gaps.push(report["longest_gap_ms"].as_f64().unwrap());
        ours.run(&["bench", "clean"]);
    }
    head(
        &format!("{what}: longest time without an acknowledged write, 4 writers"),
        &["rounds", "p50", "p95", "max"],
    );
    row(&[
        rounds.to_string(),
        ms(percentile(&mut gaps, 0.5)),
        ms(percentile(&mut gaps, 0.95)),
        ms(percentile(&mut gaps, 1.0)),
    ]);
}
