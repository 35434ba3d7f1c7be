//! Records to read back: many, the same at every run, and some made to
//! mislead their readers.

use std::fmt::Write as _;

/// As many lines as a block list in common use, and of every kind that a
/// projection can hold.
pub(super) fn large() -> String {
    let mut text = String::new();
    for n in 0..LINES {
        let name = format!("host-{n:06}.{}", SITES[n % SITES.len()]);
        match n % 16 {
            // One name, forty addresses of both kinds: musl takes 48.
            0 => writeln!(
                text,
                "fd00::{:x}:{:x} pool-{:04}.lan",
                n >> 16,
                n & 0xffff,
                n / 320
            ),
            1 => writeln!(text, "{} pool-{:04}.lan", address(n), n / 320),
            // What a block list says.
            2 | 3 => writeln!(text, "0.0.0.0 ads-{n}.example"),
            // Many names, some of them long.
            4 => writeln!(text, "{} {name} {}", address(n), aliases(n)),
            5 => writeln!(text, "{} {}", address(n), long_name(n)),
            6 => writeln!(text, "{} UPPER_{n}.Lan bücher-{n}.lan # groß", address(n)),
            7 => writeln!(text, "{} {name} {}", address(n), hostile(n, &name)),
            _ => writeln!(text, "{} {name} h{n}", address(n)),
        }
        .unwrap();
    }
    text
}

/// A few hosts, each with a comment that would take another name's place if
/// it were read as a line of its own.
pub(super) fn misleading() -> String {
    let mut text = String::new();
    for n in 0..64 {
        let name = format!("host-{n}.lan");
        let long = format!("{name} {}", long_name(n));
        let names = if n % 2 == 0 { &name } else { &long };
        writeln!(text, "{} {names} {}", address(n), hostile(n, &name)).unwrap();
    }
    text
}

/// What no reader may find.
pub(super) const INJECTED: &str = "66.6.6.6";

const LINES: usize = 42_531;
const SITES: [&str; 4] = ["lan", "home.arpa", "lab.test", "office.example.com"];

fn address(n: usize) -> String {
    format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255)
}

/// A comment of 1 KiB in which a line begins at every place, sooner or later:
/// what precedes it grows with `n`.
fn hostile(n: usize, name: &str) -> String {
    let one = format!("{INJECTED} {name} ");
    let padding = "x".repeat(n % one.len());
    let comment: String = format!("{padding} {}", one.repeat(80))
        .chars()
        .take(1_024)
        .collect();
    format!("# {}", comment.trim_end())
}

/// A name of 253 bytes.
fn long_name(n: usize) -> String {
    let label = "l".repeat(61);
    format!(
        "{n:063}.{label}.{label}.{label}.l{}",
        if n.is_multiple_of(2) { "l" } else { "m" }
    )
}

fn aliases(n: usize) -> String {
    let aliases: Vec<_> = (0..30)
        .map(|a| format!("alias-{a}-of-{n}.a-rather-long-domain.lan"))
        .collect();
    aliases.join(" ")
}
