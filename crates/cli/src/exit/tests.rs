use super::reasons::{self as r, ANSWERED, Row};
use super::*;
use crate::args::vocabulary;
use hosts::{Address, HostId, Hostname, Rejection, RequestId, Revision, SnapshotId};

#[test]
fn every_reason_has_its_exit_status() {
    let expected = [
        ("NOT_FOUND", 4),
        ("DUPLICATE", 3),
        ("VERSION_MISMATCH", 3),
        ("REQUEST_REUSED", 2),
        ("IMPORT_CONFLICTS", 3),
        ("IMPORT_TOO_LARGE", 2),
        ("CHANGE_TOO_LARGE", 2),
        ("TOO_MANY_HOSTS", 1),
        ("SNAPSHOT_NOT_FOUND", 4),
        ("SNAPSHOT_TAKEN", 3),
        ("TOO_MANY_SNAPSHOTS", 1),
        ("OVERTAKEN", 3),
        ("ID_TAKEN", 3),
        ("MOVED", 3),
        ("REQUEST_KNOWN", 3),
        ("REVISION_BEHIND", 1),
        ("INVALID_ARGUMENT", 2),
        ("AMBIGUOUS", 2),
        ("PERMISSION_DENIED", 6),
        ("NO_LEADER", 5),
        ("NO_QUORUM", 5),
        ("BUSY", 5),
        ("BEHIND", 5),
        ("SHUTTING_DOWN", 5),
        ("OUTCOME_UNKNOWN", 7),
        ("TOO_LARGE", 2),
        ("INTERNAL", 1),
    ];
    for (reason, exit) in expected {
        // The code is one that means something else: the reason decides.
        let failure = Failure::answered(Code::Unknown, Some(reason), "m");
        assert_eq!(failure.exit as u8, exit, "{reason}");
        assert_eq!(failure.reason, reason);
    }
    let rows = ANSWERED.iter().map(Row::reason);
    assert!(rows.eq(expected.iter().map(|(reason, _)| *reason)));
}

#[test]
fn every_code_has_its_exit_status() {
    for (code, exit) in CODES {
        let by_code = Failure::answered(code, None, "m");
        assert_eq!(by_code.exit as u8, exit, "{code:?}");
        let of_tomorrow = Failure::answered(code, Some("NEWER_THAN_THIS"), "m");
        assert_eq!(of_tomorrow.exit as u8, exit, "{code:?}");
        assert_eq!(of_tomorrow.reason, "NEWER_THAN_THIS");
    }
}

const CODES: [(Code, u8); 16] = [
    (Code::Cancelled, 5),
    (Code::Unknown, 1),
    (Code::InvalidArgument, 2),
    (Code::DeadlineExceeded, 5),
    (Code::NotFound, 4),
    (Code::AlreadyExists, 3),
    (Code::PermissionDenied, 6),
    (Code::ResourceExhausted, 1),
    (Code::FailedPrecondition, 3),
    (Code::Aborted, 3),
    (Code::OutOfRange, 2),
    (Code::Unimplemented, 1),
    (Code::Internal, 1),
    (Code::Unavailable, 5),
    (Code::DataLoss, 1),
    (Code::Unauthenticated, 6),
];

/// The rows of this program's own, each with its word, its exit status and a word of its hint.
const OWN: &[(Row, &str, u8, &str)] = &[
    (r::NO_SERVER, "NO_SERVER", 2, "--server"),
    (r::NO_CA, "NO_CA", 2, "--ca"),
    (r::NO_CERTIFICATE, "NO_CERTIFICATE", 2, "--cert"),
    (r::CONFIG, "CONFIG", 2, "config show"),
    (r::TLS_FILES, "TLS_FILES", 2, "config show"),
    (r::QUERY, "INVALID_ARGUMENT", 2, "search --help"),
    (r::EMPTY_QUERY, "INVALID_ARGUMENT", 2, "host list"),
    (r::INVALID_FILE, "INVALID_FILE", 2, "nothing was sent"),
    (r::FILE_TOO_LARGE, "FILE_TOO_LARGE", 2, "in parts"),
    (r::RANDOM, "RANDOM", 1, "--request-id"),
    (r::RUNTIME, "RUNTIME", 1, "ulimit"),
    (r::TLS_UNKNOWN_CA, "TLS_UNKNOWN_CA", 6, "--ca"),
    (r::TLS_EXPIRED, "TLS_EXPIRED", 6, "node's certificate"),
    (r::TLS_NOT_YET_VALID, "TLS_NOT_YET_VALID", 6, "clock"),
    (r::TLS_WRONG_NAME, "TLS_WRONG_NAME", 6, "--server"),
    (r::TLS_UNUSABLE, "TLS_FAILED", 6, "issue"),
    (r::TLS_NOT_A_NODE, "TLS_FAILED", 6, "port"),
    (
        r::TLS_OWN_MISSING,
        "TLS_NO_CLIENT_CERTIFICATE",
        6,
        "--cert and --key",
    ),
    (r::TLS_OWN_UNKNOWN_CA, "TLS_UNKNOWN_CA", 6, "signed"),
    (r::TLS_OWN_EXPIRED, "TLS_EXPIRED", 6, "client certificate"),
    (r::TLS_OWN_NOT_YET_VALID, "TLS_NOT_YET_VALID", 6, "clock"),
    (r::TLS_OWN_DATES, "TLS_EXPIRED", 6, "clock"),
    (r::TLS_OWN_REFUSED, "TLS_CERTIFICATE_REFUSED", 6, "log"),
    (r::TLS_OWN_ROLE, "TLS_CERTIFICATE_REFUSED", 6, "editor"),
    (r::UNREACHABLE, "UNAVAILABLE", 5, "--server"),
    (r::INTERRUPTED, "INTERRUPTED", 130, "nothing was changed"),
    (r::NOT_PUBLISHED, "NOT_PUBLISHED", 1, "cluster status"),
    (r::IMPORT_FAILED, "IMPORT_FAILED", 1, "file"),
    (r::MALFORMED_ANSWER, "MALFORMED_ANSWER", 1, "version"),
    (r::UNKNOWN_SUFFIX, "INVALID_ARGUMENT", 2, "--to"),
    (r::OUTPUT, "OUTPUT", 1, "room"),
    (r::OUTPUT_FILE, "OUTPUT", 1, "unchanged"),
    (r::OUTPUT_DIRECTORY, "OUTPUT", 1, "directory"),
    (r::INTERNAL, "INTERNAL", 1, "report"),
    (r::NO_NODE, "NO_NODE", 5, "--server"),
    (r::NOTHING_TO_READ, "NOTHING_TO_READ", 4, "--writers"),
    (r::NOTHING_ANSWERED, "NOTHING_ANSWERED", 5, "cluster status"),
    (r::NOT_CLEANED, "UNAVAILABLE", 5, "again"),
    (r::LOST_WRITES, "LOST_WRITES", 1, "deleted"),
    (r::ACKED, "ACKED", 1, "--acked"),
    (r::ASSERTION, "ASSERTION", 1, "cluster status"),
    (r::JUNIT_FOREIGN, "JUNIT", 2, "--junit"),
    (r::DISK, "DISK", 1, "--dir"),
];

#[cfg(feature = "node")]
const LOCAL: &[(Row, &str, u8, &str)] = &[
    (r::NODE_CONFIG, "CONFIG", 2, "64"),
    (r::NODE_EXPIRED, "TLS_EXPIRED", 6, "exit 1"),
    (r::NODE_WRONG_NAME, "TLS_WRONG_NAME", 6, "advertise"),
    (r::NODE_NOT_YET_VALID, "TLS_NOT_YET_VALID", 6, "exit 1"),
    (r::NO_DEV, "NO_DEV", 2, "--dir"),
    (r::NOT_RUNNING, "NOT_RUNNING", 5, "--dir"),
    (r::CONTROL_OF_ANOTHER, "PERMISSION_DENIED", 6, "user"),
    (r::CONTROL_ENDED, "OUTCOME_UNKNOWN", 7, "said"),
    (r::CONTROL, "CONTROL", 1, "--dir"),
    (r::CHAOS_NOT_FOUND, "NOT_FOUND", 4, "chaos status"),
    (r::CHAOS_NO_LEADER, "NO_LEADER", 5, "chaos status"),
    (r::CHAOS, "CHAOS", 1, "chaos status"),
    (r::NO_CHAOS, "NO_CHAOS", 2, "--chaos"),
    (r::CHAOS_IN_FORCE, "CHAOS_IN_FORCE", 3, "chaos heal"),
    (r::CHAOS_RUN, "CHAOS_RUN", 1, "--seed"),
    (r::LINKS, "LINKS", 1, "ulimit"),
    (r::DIRECTORY, "DIRECTORY", 1, "--dir"),
    (r::DIRECTORY_FOREIGN, "DIRECTORY", 2, "--dir"),
    (r::DIRECTORY_TAKEN, "DIRECTORY", 3, "--dir"),
    (r::OTHER_CLUSTER, "OTHER_CLUSTER", 2, "--base-port"),
    (r::PORT, "PORT", 1, "--base-port"),
    (r::MALFORMED, "MALFORMED", 1, "--dir"),
    (r::CERTIFICATES, "CERTIFICATES", 1, "--dir"),
    (r::NODE, "NODE", 1, "chaos status"),
    (r::NODE_ENDED, "NODE_ENDED", 1, "log"),
    (r::NOT_READY, "NOT_READY", 5, "logs"),
    (r::NOT_EQUAL, "NOT_EQUAL", 1, "compare"),
    (r::DEV_NOT_PUBLISHED, "NOT_PUBLISHED", 1, "log"),
    (r::HOSTS_FILE, "HOSTS_FILE", 1, "--dir"),
    (r::RUN, "RUN", 1, "--run"),
    (r::PROGRAM, "PROGRAM", 1, "replaced"),
    (r::SIGNALS, "SIGNALS", 1, "report"),
    (r::IMPORT, "IMPORT", 1, "above"),
];

#[cfg(not(feature = "node"))]
const LOCAL: &[(Row, &str, u8, &str)] = &[];

#[test]
fn every_row_of_our_own_has_its_word_its_exit_status_and_its_hint() {
    for (row, reason, exit, word) in OWN.iter().chain(LOCAL) {
        let failure = Failure::of(*row, "m");
        assert_eq!(
            (failure.exit as u8, failure.reason.as_ref()),
            (*exit, *reason)
        );
        let hint = failure.hint.unwrap_or_default();
        assert!(hint.contains(word), "{reason}: {hint}");
    }
}

#[test]
#[cfg(feature = "node")]
fn no_row_of_the_table_is_without_its_line_above() {
    let source = include_str!("reasons.rs");
    let rows = source.matches("row(").count() - source.matches("fn row(").count();
    let of_codes = source.split("fn of_code").nth(1).unwrap();
    let of_codes = of_codes
        .split("\n}")
        .next()
        .unwrap()
        .matches("row(")
        .count();
    // Six of the nodes' rows have names, because others use them too.
    let named = 6;
    assert_eq!(rows, ANSWERED.len() + of_codes + OWN.len() + LOCAL.len());
    assert_eq!(
        source.matches("Row = row(").count() + source.matches("Row =\n").count(),
        OWN.len() + LOCAL.len() + named
    );
}

#[test]
fn hints_name_commands_and_flags_that_exist() {
    let rows = OWN.iter().chain(LOCAL).map(|(row, ..)| *row);
    for row in rows.chain(ANSWERED.iter().copied()) {
        let hint = row.hint;
        assert_eq!(vocabulary::problems_of_text(hint), [""; 0], "{hint}");
        assert!(!hint.ends_with(['.', '\n', ' ']), "{hint}");
    }
}

#[test]
fn every_rejection_of_the_core_has_a_row() {
    let id = HostId::from_u128(1);
    let revision = Revision::new(1);
    let snapshot = SnapshotId::from_u128(1);
    let request = RequestId::parse("r").unwrap();
    let rejections = [
        Rejection::NotFound { id },
        Rejection::IdTaken { id },
        Rejection::Duplicate {
            address: Address::parse("10.0.0.1").unwrap(),
            name: Hostname::parse("a.lan").unwrap(),
            existing: id,
        },
        Rejection::VersionMismatch {
            id,
            expected: revision,
            actual: revision,
        },
        Rejection::RequestReused {
            request: request.clone(),
        },
        Rejection::RequestKnown { request },
        Rejection::Moved { id },
        Rejection::ImportConflicts {
            shown: Vec::new(),
            total: 1,
        },
        Rejection::ImportTooLarge { rows: 2, limit: 1 },
        Rejection::TooManyHosts { limit: 1 },
        Rejection::ChangeTooLarge {
            events: 2,
            limit: 1,
        },
        Rejection::SnapshotNotFound { id: snapshot },
        Rejection::SnapshotTaken { id: snapshot },
        Rejection::TooManySnapshots { limit: 1 },
        Rejection::Overtaken {
            base: revision,
            current: revision,
        },
        Rejection::RevisionBehind {
            at: revision,
            current: revision,
        },
    ];
    for rejection in rejections {
        let reason = rejection.reason();
        assert!(
            ANSWERED.iter().any(|row| row.reason() == reason),
            "{reason}"
        );
    }
}

#[test]
fn what_comes_from_outside_is_escaped_and_bounded() {
    assert_eq!(shown("nas.lan"), "nas.lan");
    assert_eq!(shown("\x1b[2Jx\r\n"), "\\u{1b}[2Jx\\r\\n");
    assert_eq!(shown("a\u{202e}b"), "a\\u{202e}b");
    let long = shown(&"x".repeat(10_000));
    assert_eq!(long.chars().count(), 161);
}

#[test]
fn an_answer_without_words_still_says_something() {
    let failure = Failure::answered(Code::Internal, None, "");
    assert!(failure.message.contains("Internal"));
}
