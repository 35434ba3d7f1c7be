//! What several targets hold an input to.

use std::error::Error;

use hosts::format::{Export, FileFormat, ParseErrors, Row, parse};
use hosts::{
    Command, ConflictMode, Decision, NewHost, Projection, Revision, Stamp, Timestamp, decide,
};

/// The most that one message of an error may take: it is shown to a person, and travels in the headers of an answer.
const MESSAGE_BYTES_MAX: usize = 4 * 1024;

/// An error can be shown: every message of its chain is short, and none can move a terminal's cursor.
pub(crate) fn can_be_shown(error: &(dyn Error + 'static)) {
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        assert!(
            text.len() <= MESSAGE_BYTES_MAX,
            "{} bytes: {text}",
            text.len()
        );
        assert!(
            !text.contains(|c: char| c.is_control() && c != '\n'),
            "{text:?}"
        );
        next = error.source();
    }
}

/// The same of all that is wrong with a file, which is also counted right.
pub(crate) fn errors_can_be_shown(errors: &ParseErrors) {
    can_be_shown(errors);
    assert!(errors.total >= errors.shown.len().max(1));
    for error in &errors.shown {
        assert!(error.place.line >= 1);
        can_be_shown(error);
    }
}

/// A projection into which these rows were imported, and what was answered.
pub(crate) fn imported(rows: &[Row]) -> Projection {
    let mut hosts = Projection::new();
    let command = Command::ImportHosts {
        rows: rows.iter().map(|row| row.host.clone()).collect(),
        mode: ConflictMode::Skip,
    };
    match decide(&hosts, &command, stamp(&command)) {
        Ok(Decision::Commit(change)) => {
            hosts.apply(Revision::new(7), &change).unwrap();
        }
        Ok(Decision::Unchanged(_)) => assert!(rows.is_empty(), "rows come to nothing"),
        other => panic!("rows that were read are not taken: {other:?}"),
    }
    hosts
}

/// What every format but that of hosts files promises: what is exported is read back as the same facts.
pub(crate) fn an_export_is_read_back(hosts: &Projection, format: FileFormat) {
    let file = exported(hosts, format);
    let again = parse(format, &file).unwrap_or_else(|errors| {
        panic!("{format:?}: {errors}: {}", String::from_utf8_lossy(&file))
    });
    assert_eq!(facts(&imported(&again.rows)), facts(hosts), "{format:?}");
}

/// All pieces of an export.
pub(crate) fn exported(hosts: &Projection, format: FileFormat) -> Vec<u8> {
    Export::new(hosts.clone(), format).flatten().collect()
}

/// The facts of all hosts, in the order of lists.
pub(crate) fn facts(hosts: &Projection) -> Vec<NewHost> {
    hosts.hosts().map(|host| host.facts()).collect()
}

fn stamp(command: &Command) -> Stamp {
    Stamp {
        at: Timestamp::from_millis(1_795_197_600_000),
        by: "editor:alice".parse().unwrap(),
        request: "r1".parse().unwrap(),
        since: None,
        fingerprint: command.fingerprint(),
        seed: 1 << 64,
    }
}
