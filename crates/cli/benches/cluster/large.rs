//! Many records: adds beside them, imports and lists of them, and how soon a change is in all files.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use proto::v1;
use proto::v1::hosts_service_client::HostsServiceClient;

use crate::channel::connect;
use crate::ours::Ours;
use crate::{head, ms, percentile, row};

/// An add with few and with many records there, in turn.
pub(crate) fn records() {
    let few = Ours::start();
    few.fill(100);
    let many = Ours::start();
    many.fill(100_000);
    head(
        "One writer at the leader, with records there",
        &["records", "p50", "p95", "per second"],
    );
    for _ in 0..3 {
        for (records, ours) in [("100", &few), ("100,000", &many)] {
            let words = ["--writers", "1", "--readers", "0", "--via", "leader"];
            let words = [&words[..], &["--for", "5s"]].concat();
            let latency = ours.bench("add", &words);
            row(&[
                records.to_owned(),
                ms(latency.p50),
                ms(latency.p95),
                format!("{:.0}", latency.per_second),
            ]);
            ours.run(&["bench", "clean"]);
        }
    }
}

/// Imports through a follower until all three files have them, and the list of all.
pub(crate) fn import() {
    head(
        "Import through a follower, published on all three; then the list of all",
        &["lines", "import", "writes of each file", "list"],
    );
    for lines in [42_531, 100_000] {
        let ours = Ours::start();
        let file = ours.generate(lines);
        let follower = ours.follower();
        let address = ours.address(&follower);
        let before = writes(&ours);
        let at = Instant::now();
        let words = ["--server", &address];
        ours.import(&file, &words);
        let took = at.elapsed();
        let written: Vec<String> = writes(&ours)
            .iter()
            .zip(before)
            .map(|(after, before)| (after - before).to_string())
            .collect();
        let at = Instant::now();
        let listed = ours
            .command(&["host", "list"])
            .stdout(Stdio::null())
            .status();
        assert!(listed.unwrap().success());
        row(&[
            lines.to_string(),
            format!("{:.2} s", took.as_secs_f64()),
            written.join(", "),
            format!("{:.2} s", at.elapsed().as_secs_f64()),
        ]);
    }
}

fn writes(ours: &Ours) -> Vec<u64> {
    let status = ours.status();
    let nodes = status["nodes"].as_array().unwrap().iter();
    nodes
        .map(|node| node["published"]["writes"].as_u64().unwrap())
        .collect()
}

/// From the answer to a change until all three files have it.
pub(crate) fn publish() {
    head(
        "From a commit until it is in all three files, changes 0 to 200 ms apart",
        &["records", "changes", "p50", "p99", "max"],
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for records in [1_000, 100_000] {
        let ours = Ours::start();
        ours.fill(records);
        let mut took = runtime.block_on(changes(&ours, 100));
        row(&[
            records.to_string(),
            took.len().to_string(),
            ms(percentile(&mut took, 0.5)),
            ms(percentile(&mut took, 0.99)),
            ms(percentile(&mut took, 1.0)),
        ]);
    }
}

async fn changes(ours: &Ours, count: u64) -> Vec<f64> {
    let address = ours.address(&ours.leader());
    let channel = connect(
        &address,
        &ours.dir().join("client"),
        &ours.dir().join("ca/ca.pem"),
    )
    .await;
    let mut client = HostsServiceClient::new(channel);
    let files = Ours::NODES.map(|node| ours.hosts_file(node));
    let mut took = Vec::new();
    for number in 0..count {
        let add = v1::AddHostRequest {
            ip_address: "198.19.0.1".to_owned(),
            hostname: format!("published-{number}.test"),
            ..Default::default()
        };
        let answer = client.add_host(add).await.unwrap();
        let revision = answer.metadata().get("router-hosts-revision").unwrap();
        let revision: u64 = revision.to_str().unwrap().parse().unwrap();
        let at = Instant::now();
        while !files.iter().all(|file| revision_of(file) >= revision) {
            sleep(Duration::from_millis(1));
        }
        took.push(at.elapsed().as_secs_f64() * 1e3);
        sleep(Duration::from_millis(number * 37 % 200));
    }
    took
}

/// The revision in the header of a hosts file.
fn revision_of(file: &Path) -> u64 {
    let mut begin = [0; 512];
    let count = File::open(file).unwrap().read(&mut begin).unwrap();
    let text = String::from_utf8_lossy(&begin[..count]).into_owned();
    let after = text.split_once("revision ").map_or("0", |(_, after)| after);
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}
