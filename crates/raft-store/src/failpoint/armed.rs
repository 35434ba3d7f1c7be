//! What a site does in a build that can be made to fail.
#![expect(
    clippy::panic,
    reason = "builds of tests only: a failpoint that is none must not pass for one"
)]

use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::{SITES, Site};

/// Does what the file at `path` says, now and whenever it changes, until the
/// process ends: a line `SITE=ACTIONS` for each site, with the actions of the
/// crate `fail` (`panic`, `return`, `sleep(MILLISECONDS)`, `3*off->panic`).
/// Without the file nothing fails.
///
/// # Errors
/// There is no thread for it.
pub fn watch(path: PathBuf) -> io::Result<()> {
    let mut known = read(&path);
    arm(&known);
    let watcher = move || loop {
        thread::sleep(INTERVAL);
        let now = read(&path);
        if now != known {
            arm(&now);
            known = now;
        }
    };
    let thread = thread::Builder::new().name("failpoints".to_owned());
    thread.spawn(watcher).map(drop)
}

const INTERVAL: Duration = Duration::from_millis(20);

/// A site that waits longer than this is told of.
const HELD_UP: Duration = Duration::from_millis(300);

fn read(path: &Path) -> String {
    match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => panic!("cannot read the failpoints in {}: {error}", path.display()),
    }
}

/// A site that is not there would fail by not failing: the thread, or the
/// start of the node, ends with a panic that says so.
fn arm(text: &str) {
    for (site, _) in fail::list() {
        fail::remove(site);
    }
    for line in text.lines() {
        let named = line.split_once('=').and_then(|(name, actions)| {
            let site = SITES.iter().find(|site| site.name == name)?;
            Some((site, actions))
        });
        let Some((site, actions)) = named else {
            panic!("`{line}` is no failpoint: SITE=ACTIONS");
        };
        assert!(
            site.fails || !actions.contains("return"),
            "nobody takes an error at {}",
            site.name
        );
        if let Err(why) = fail::cfg(site.name, actions) {
            panic!("`{line}` is no failpoint: {why}");
        }
        tracing::warn!(site = site.name, actions, "a failpoint is armed");
    }
}

pub(super) fn pass(site: Site) -> io::Result<()> {
    let begin = Instant::now();
    fail::fail_point!(site.name, |_| {
        tracing::warn!(site = site.name, "a failpoint fails");
        let text = format!("failpoint {}", site.name);
        Err(io::Error::other(text))
    });
    told(site, begin);
    Ok(())
}

pub(super) fn reach(site: Site) {
    let begin = Instant::now();
    fail::fail_point!(site.name);
    told(site, begin);
}

/// Says that a site was held up, for tests that want to see it happen.
fn told(site: Site, begin: Instant) {
    let held = begin.elapsed();
    if held > HELD_UP {
        tracing::warn!(site = site.name, ?held, "a failpoint held up");
    }
}
