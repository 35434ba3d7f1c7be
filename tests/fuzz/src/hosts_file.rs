//! Hosts files: what is read, written and read again leads the same names to the same addresses.

use std::collections::BTreeSet;

use hosts::format::{FileFormat, hosts_file, render};
use hosts::limits::{RENDERED_LINE_BYTES_MAX, RENDERED_NAMES_MAX};
use hosts::{Address, Hostname, Projection, View};

use crate::same::{can_be_shown, errors_can_be_shown, exported, imported};

/// Reads a file, and renders what it says with and without comments.
pub fn run(bytes: &[u8]) {
    if let Some(header) = render::header(bytes) {
        assert!(bytes.starts_with(b"# router-hosts revision "), "{header:?}");
    }
    let parsed = match hosts_file::parse(bytes) {
        Ok(parsed) => parsed,
        Err(errors) => return errors_can_be_shown(&errors),
    };
    for warning in &parsed.warnings {
        can_be_shown(&warning.kind);
    }
    let hosts = imported(&parsed.rows);
    assert!(hosts.is_empty() == parsed.rows.is_empty());
    for comments in [false, true] {
        rendered(&hosts, comments);
    }
    let file = exported(&hosts, FileFormat::Hosts);
    assert!(file.is_empty() || render::verify(&file));
}

/// A rendering keeps the contract with its readers, and is read back as the same names at the same addresses.
pub(crate) fn rendered(hosts: &Projection, comments: bool) {
    let view = View {
        comments,
        cluster: Some(7),
    };
    let bytes = render::render(hosts, &view);
    assert!(render::verify(&bytes));
    assert_eq!(bytes, render::render(&hosts.clone(), &view));
    let text = std::str::from_utf8(&bytes).unwrap();
    assert!(text.ends_with('\n') && !text.contains('\r'));
    for line in text.lines() {
        assert!(line.len() <= RENDERED_LINE_BYTES_MAX, "{line}");
        assert!(!line.contains(|c: char| c.is_control()), "{line:?}");
        let names = line
            .split('#')
            .next()
            .unwrap()
            .split(' ')
            .filter(|word| !word.is_empty());
        assert!(names.count() <= 1 + RENDERED_NAMES_MAX, "{line}");
    }
    let read = hosts_file::parse(&bytes).unwrap();
    assert_eq!(
        read.warnings_total,
        read.warnings.len().max(read.warnings_total)
    );
    assert_eq!(pairs(&imported(&read.rows)), pairs(hosts));
}

/// Every address with every name that a reader of the file finds there.
fn pairs(hosts: &Projection) -> BTreeSet<(Address, Hostname)> {
    let enabled = hosts.hosts().filter(|host| host.enabled);
    enabled
        .flat_map(|host| host.names().map(|name| (host.address, name.clone())))
        .collect()
}
