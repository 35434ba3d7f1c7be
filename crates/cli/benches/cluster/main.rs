//! A cluster of three, measured from outside, and three members of etcd beside it where etcd is installed.
//!
//! `cargo bench -p router-hosts --bench cluster -- [SECTION…]` prints one Markdown table for each section, all of them
//! without an argument. Every number is of this machine in this minute; the raw flush of the same disk stands beside
//! the writes. Nothing here is a test: no number makes it fail.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark stops where something is wrong, and prints what it measured"
)]

mod channel;
mod etcd;
mod gaps;
mod large;
mod load;
mod ours;
mod quiet;
mod reading;

type Section = (&'static str, fn());

const SECTIONS: [Section; 8] = [
    ("load", reading::load),
    ("records", large::records),
    ("import", large::import),
    ("publish", large::publish),
    ("kill", gaps::kill),
    ("stop", gaps::stop),
    ("size", quiet::size),
    ("idle", quiet::idle),
];

fn main() {
    // Cargo adds words of its own, such as `--bench`.
    let asked: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let known = |word: &&String| SECTIONS.iter().any(|(name, _)| name == word);
    if let Some(unknown) = asked.iter().find(|word| !known(word)) {
        let names: Vec<&str> = SECTIONS.iter().map(|(name, _)| *name).collect();
        eprintln!("no section {unknown}: there are {}", names.join(", "));
        std::process::exit(2);
    }
    for (name, section) in SECTIONS {
        if asked.is_empty() || asked.iter().any(|word| word == name) {
            section();
        }
    }
}

/// A row of a Markdown table.
fn row(cells: &[String]) {
    println!("| {} |", cells.join(" | "));
}

fn head(title: &str, columns: &[&str]) {
    println!("\n## {title}\n");
    println!("| {} |", columns.join(" | "));
    println!("|{}", "---|".repeat(columns.len()));
}

fn ms(value: f64) -> String {
    match value {
        value if value < 10.0 => format!("{value:.2} ms"),
        value => format!("{value:.0} ms"),
    }
}

/// The value below which `share` of them lie. They are sorted here.
fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len() - 1;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a small count"
    )]
    let at = (last as f64 * share).ceil() as usize;
    values[at.min(last)]
}
