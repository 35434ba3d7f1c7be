//! What a load did to a cluster, and what came of looking after it.

use super::table::{Columns, columns, header};
use super::{Output, Page, Report};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

/// What a run measured.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub(crate) struct BenchReport {
    pub(crate) ended: Ended,
    /// Without the wait for open calls at the end.
    pub(crate) seconds: f64,
    pub(crate) writers: usize,
    pub(crate) readers: usize,
    pub(crate) via: String,
    pub(crate) nodes: Vec<String>,
    /// To every node.
    pub(crate) connections: usize,
    pub(crate) payload_bytes: usize,
    pub(crate) prefix: String,
    pub(crate) run: String,
    pub(crate) latency: Vec<Latency>,
    /// Without an acknowledged write; none where nothing was written.
    pub(crate) longest_gap_ms: Option<f64>,
    /// When it began.
    pub(crate) longest_gap_at_s: Option<f64>,
    /// Attempts without an answer, and calls given up.
    pub(crate) errors: Vec<BenchError>,
    /// Calls without an answer some time after the end.
    pub(crate) unfinished: usize,
    pub(crate) leader_changes: u64,
    /// The last one seen.
    pub(crate) term: Option<u64>,
}

/// Why a run ended.
#[derive(Serialize, Copy, Clone, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Ended {
    Time,
    Interrupted,
}

/// How long calls of a kind took.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub(crate) struct Latency {
    pub(crate) kind: &'static str,
    pub(crate) count: u64,
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p95_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

/// How often something went wrong in one way.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct BenchError {
    pub(crate) kind: &'static str,
    pub(crate) reason: String,
    pub(crate) count: u64,
}

impl Report for BenchReport {
    fn table(&self, page: Page) -> String {
        let Self {
            seconds,
            writers,
            readers,
            via,
            prefix,
            run,
            nodes,
            latency,
            errors,
            unfinished,
            leader_changes,
            ..
        } = self;
        let mut text = format!(
            "{writers} writers via {via}, {readers} readers, {} nodes, {seconds:.1} s{}; hosts {prefix}-{run}-…\n\n",
            nodes.len(),
            match self.ended {
                Ended::Time => "",
                Ended::Interrupted => " (interrupted)",
            }
        );
        text.push_str(&latencies(page, latency));
        text.push('\n');
        if let (Some(gap), Some(at)) = (self.longest_gap_ms, self.longest_gap_at_s) {
            text.push_str(&format!(
                "longest gap without an acknowledged write: {gap:.1} ms, at {at:.1} s\n"
            ));
        }
        text.push_str(&format!("leader changes seen: {leader_changes}\n"));
        if *unfinished > 0 {
            text.push_str(&format!(
                "calls without an answer at the end: {unfinished}\n"
            ));
        }
        match errors.is_empty() {
            true => text.push_str("errors: none\n"),
            false => text.push_str("errors:\n"),
        }
        for BenchError {
            kind,
            reason,
            count,
        } in errors
        {
            text.push_str(&format!("  {kind} {reason}: {count}\n"));
        }
        text
    }

    fn csv(&self) -> Vec<Vec<String>> {
        csv(&self.latency)
    }
}

/// What a flush costs.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub(crate) struct DiskReport {
    pub(crate) directory: String,
    /// Written before each flush.
    pub(crate) bytes: usize,
    pub(crate) latency: Vec<Latency>,
}

impl Report for DiskReport {
    fn table(&self, page: Page) -> String {
        let Self {
            directory,
            bytes,
            latency,
        } = self;
        format!(
            "appends of {bytes} bytes with fdatasync in {directory}\n\n{}",
            latencies(page, latency)
        )
    }

    fn csv(&self) -> Vec<Vec<String>> {
        csv(&self.latency)
    }
}

/// Whether acknowledged writes are there.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Verified {
    pub(crate) acknowledged: usize,
    pub(crate) found: usize,
    pub(crate) lost: Vec<Lost>,
}

/// An acknowledged write that is not there, or not as it was.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Lost {
    pub(crate) request_id: String,
    pub(crate) id: String,
    pub(crate) hostname: String,
    pub(crate) ip_address: String,
    pub(crate) revision: u64,
    /// `missing`, or what it is instead.
    pub(crate) problem: String,
}

impl Report for Verified {
    fn table(&self, page: Page) -> String {
        let Self {
            acknowledged,
            found,
            lost,
        } = self;
        let mut text = format!("{found} of {acknowledged} acknowledged writes are there\n");
        if !lost.is_empty() {
            let layout = Columns {
                header: &["HOSTNAME", "IP", "ID", "REVISION", "REQUEST", "PROBLEM"],
                flowing: &["PROBLEM"],
                spare: &["REQUEST"],
            };
            text.push('\n');
            text.push_str(&columns(page, layout, lost.iter().map(row)));
        }
        text
    }

    fn csv(&self) -> Vec<Vec<String>> {
        let names = [
            "hostname",
            "ip_address",
            "id",
            "revision",
            "request_id",
            "problem",
        ];
        std::iter::once(header(&names))
            .chain(self.lost.iter().map(row))
            .collect()
    }
}

fn row(lost: &Lost) -> Vec<String> {
    let Lost {
        request_id,
        id,
        hostname,
        ip_address,
        revision,
        problem,
    } = lost.clone();
    vec![
        hostname,
        ip_address,
        id,
        revision.to_string(),
        request_id,
        problem,
    ]
}

/// What was deleted after runs.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Cleaned {
    pub(crate) prefix: String,
    pub(crate) deleted: usize,
}

impl Report for Cleaned {
    fn table(&self, _: Page) -> String {
        let Self { prefix, deleted } = self;
        format!("deleted {deleted} hosts of the prefix {prefix}\n")
    }

    fn csv(&self) -> Vec<Vec<String>> {
        let Self { prefix, deleted } = self;
        vec![
            header(&["prefix", "deleted"]),
            vec![prefix.clone(), deleted.to_string()],
        ]
    }
}

impl Output {
    /// How far a run is that takes `time`, on standard error if it is a
    /// terminal.
    pub(crate) fn running(&self, time: Duration) -> ProgressBar {
        self.bar(time.as_secs(), "{spinner} {pos}/{len} s  {msg}")
    }

    /// How many of `count` things are done.
    pub(crate) fn counting(&self, count: usize, what: &'static str) -> ProgressBar {
        let bar = self.bar(
            u64::try_from(count).unwrap_or(u64::MAX),
            "{spinner} {msg} {bar:30} {pos}/{len}",
        );
        bar.set_message(what);
        bar
    }

    fn bar(&self, length: u64, template: &str) -> ProgressBar {
        if self.quiet || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(length);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }
}

fn latencies(page: Page, rows: &[Latency]) -> String {
    let layout = Columns {
        header: &[
            "KIND",
            "COUNT",
            "PER SECOND",
            "P50 MS",
            "P95 MS",
            "P99 MS",
            "MAX MS",
        ],
        flowing: &[],
        spare: &[],
    };
    let cells = rows.iter().map(|row| {
        let Latency {
            kind,
            count,
            per_second,
            p50_ms,
            p95_ms,
            p99_ms,
            max_ms,
        } = row;
        let mut cells = vec![
            (*kind).to_owned(),
            count.to_string(),
            format!("{per_second:.1}"),
        ];
        cells.extend([p50_ms, p95_ms, p99_ms, max_ms].map(|ms| format!("{ms:.2}")));
        cells
    });
    columns(page, layout, cells)
}

fn csv(rows: &[Latency]) -> Vec<Vec<String>> {
    let names = [
        "kind",
        "count",
        "per_second",
        "p50_ms",
        "p95_ms",
        "p99_ms",
        "max_ms",
    ];
    let row = |row: &Latency| {
        let Latency {
            kind,
            count,
            per_second,
            p50_ms,
            p95_ms,
            p99_ms,
            max_ms,
        } = row;
        let mut cells = vec![(*kind).to_owned(), count.to_string()];
        cells.extend(
            [per_second, p50_ms, p95_ms, p99_ms, max_ms].map(|value| format!("{value:.3}")),
        );
        cells
    };
    std::iter::once(header(&names))
        .chain(rows.iter().map(row))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{json, table};
    use super::*;

    const PIPE: Page = Page {
        width: None,
        color: false,
    };

    fn report() -> BenchReport {
        BenchReport {
            ended: Ended::Interrupted,
            seconds: 12.5,
            writers: 8,
            readers: 4,
            via: "leader".into(),
            nodes: vec!["a:1".into(), "b:2".into()],
            connections: 1,
            payload_bytes: 40,
            prefix: "bench".into(),
            run: "0000002a".into(),
            latency: vec![
                Latency {
                    kind: "add",
                    count: 12_345,
                    per_second: 987.654_321,
                    p50_ms: 1.234_5,
                    p95_ms: 2.0,
                    p99_ms: 33.337,
                    max_ms: 1200.0,
                },
                Latency {
                    kind: "get",
                    count: 7,
                    per_second: 0.56,
                    p50_ms: 0.5,
                    p95_ms: 0.5,
                    p99_ms: 0.5,
                    max_ms: 0.5,
                },
            ],
            longest_gap_ms: Some(1201.25),
            longest_gap_at_s: Some(3.0),
            errors: vec![BenchError {
                kind: "add",
                reason: "UNREACHABLE".into(),
                count: 3,
            }],
            unfinished: 1,
            leader_changes: 1,
            term: Some(3),
        }
    }

    fn verified() -> Verified {
        Verified {
            acknowledged: 3,
            found: 2,
            lost: vec![Lost {
                request_id: "bench-0000002a-7".into(),
                id: "01ARYZ6S41TSV4RRFFQ69G5FAV".into(),
                hostname: "bench-0000002a-7.test".into(),
                ip_address: "198.18.0.7".into(),
                revision: 41,
                problem: "missing".into(),
            }],
        }
    }

    #[test]
    fn a_run_is_shown_as_the_golden_files_say() {
        assert_eq!(report().table(PIPE), include_str!("golden/bench.txt"));
        assert_eq!(json(&report()), include_str!("golden/bench.json"));
        assert_eq!(
            table::csv(&report().csv()),
            include_str!("golden/bench.csv")
        );
    }

    #[test]
    fn a_run_without_trouble_says_so() {
        let calm = BenchReport {
            ended: Ended::Time,
            writers: 0,
            longest_gap_ms: None,
            longest_gap_at_s: None,
            errors: Vec::new(),
            unfinished: 0,
            leader_changes: 0,
            ..report()
        };
        let text = calm.table(PIPE);
        assert!(
            text.ends_with("leader changes seen: 0\nerrors: none\n"),
            "{text}"
        );
        assert!(!text.contains("gap"));
    }

    #[test]
    fn what_is_lost_is_listed() {
        assert_eq!(verified().table(PIPE), include_str!("golden/verified.txt"));
        assert_eq!(json(&verified()), include_str!("golden/verified.json"));
        let rows = verified().csv();
        assert_eq!(rows[0].len(), rows[1].len());
    }

    #[test]
    fn a_table_of_a_run_fits_the_terminal() {
        let narrow = Page {
            width: Some(80),
            color: false,
        };
        let text = latencies(narrow, &report().latency);
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
    }
}
