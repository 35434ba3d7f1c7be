//! What a node takes: memory, start, bytes written for a single change, and nothing when nothing happens.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::ours::{BINARY, Ours};
use crate::{head, row};

/// Resident memory and the time of a start, with few and many records; the program itself.
pub(crate) fn size() {
    head(
        "Size",
        &[
            "records",
            "resident (leader)",
            "of it anonymous",
            "resident (followers)",
            "killed follower: start until healthy",
        ],
    );
    let ours = Ours::start();
    for records in [0, 1_000, 100_000] {
        if records > 0 {
            ours.fill(records);
        }
        let leader = ours.leader();
        let followers = Ours::NODES.into_iter().filter(|name| *name != leader);
        let followers: Vec<String> = followers
            .map(|name| mib(status(&ours, name, "VmRSS")))
            .collect();
        let resident = mib(status(&ours, &leader, "VmRSS"));
        let anonymous = mib(status(&ours, &leader, "RssAnon"));
        let follower = ours.follower();
        ours.chaos("kill", &follower);
        let at = Instant::now();
        ours.chaos("restart", &follower);
        // Until it has applied what the others have: the state is read back by then.
        ours.until_healthy();
        row(&[
            records.to_string(),
            resident,
            anonymous,
            followers.join(", "),
            format!("{:.2} s", at.elapsed().as_secs_f64()),
        ]);
    }
    let bytes = fs::metadata(BINARY).unwrap().len();
    println!("\nThe program: {}.", mib(bytes / 1024));
}

/// Bytes written for single adds, and what a node does when nothing happens.
pub(crate) fn idle() {
    let ours = Ours::start();
    ours.fill(100);
    let begin = written(&ours);
    let adds = 40;
    for number in 0..adds {
        let ip = format!("198.19.0.{number}");
        let name = format!("single-{number}.test");
        let words = ["host", "add", "--ip", &ip, "--hostname", &name];
        ours.run(&[&words[..], &["--wait=published"]].concat());
        sleep(Duration::from_millis(500));
    }
    // Rows of the state gather for five seconds before they are written.
    sleep(Duration::from_secs(7));
    let after = written(&ours);
    let time = Duration::from_secs(60);
    let cpu = processor(&ours);
    sleep(time);
    let (later, cpu_later) = (written(&ours), processor(&ours));
    head(
        "Single adds, 100 records there, and a minute without any",
        &[
            "node",
            "bytes written for an add",
            "in the idle minute",
            "processor when idle",
        ],
    );
    for n in 0..3 {
        #[expect(clippy::cast_precision_loss, reason = "ticks of a minute")]
        let share = (cpu_later[n] - cpu[n]) as f64 / 100.0 / time.as_secs_f64() * 100.0;
        row(&[
            Ours::NODES[n].to_owned(),
            format!("{:.1} KiB", kib((after[n] - begin[n]) / adds)),
            format!("{:.1} KiB", kib(later[n] - after[n])),
            format!("{share:.2} % of a core"),
        ]);
    }
}

fn written(ours: &Ours) -> Vec<u64> {
    let of = |name| number(&format!("/proc/{}/io", ours.process(name)), "write_bytes");
    Ours::NODES.into_iter().map(of).collect()
}

/// Ticks of processor time, a hundred a second.
fn processor(ours: &Ours) -> Vec<u64> {
    let of = |name| {
        let stat = fs::read_to_string(format!("/proc/{}/stat", ours.process(name))).unwrap();
        // After the name, which may have blanks: proc_pid_stat(5), fields 14 and 15.
        let after = stat.rsplit_once(") ").unwrap().1;
        let fields: Vec<&str> = after.split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    Ours::NODES.into_iter().map(of).collect()
}

/// KiB, of proc_pid_status(5).
fn status(ours: &Ours, node: &str, key: &str) -> u64 {
    number(&format!("/proc/{}/status", ours.process(node)), key)
}

fn number(file: &str, key: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap();
    let line = text.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[expect(clippy::cast_precision_loss, reason = "sizes of a process")]
fn mib(kib: u64) -> String {
    format!("{:.1} MiB", kib as f64 / 1024.0)
}

#[expect(clippy::cast_precision_loss, reason = "sizes of a process")]
fn kib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0
}
