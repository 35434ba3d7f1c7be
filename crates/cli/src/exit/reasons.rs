//! Every way a command of this program can fail, in one table: the word for
//! machines, the exit status, and what a person does next.
//!
//! A word may stand in several rows, where what to do differs. A failure gets
//! its hint from here; only a hint with a value in it, such as a request id, is
//! made where that value is.

use super::Exit;
use tonic::Code;

/// One way to fail.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Row {
    /// `UPPER_SNAKE`, stable across versions.
    pub(super) reason: &'static str,
    pub(super) exit: Exit,
    /// Empty where the message says it already.
    pub(super) hint: &'static str,
}

impl Row {
    /// The word for machines.
    pub(crate) const fn reason(&self) -> &'static str {
        self.reason
    }
}

const fn row(reason: &'static str, exit: Exit, hint: &'static str) -> Row {
    Row { reason, exit, hint }
}

const RUN_AGAIN: &str = "run the command again";
const SEE_LOG: &str = "look at the log of the node that answered; `-v` names it";
const SEE_STATUS: &str = "see `router-hosts cluster status`";
const CERTIFICATE: &str = "see --cert and --key";
const REPORT: &str = "this is a fault of router-hosts: please report it";
const IN_PARTS: &str = "import the file in parts";

// What a node refuses: the reasons of `hosts::Rejection`, then its own.

pub(crate) const NOT_FOUND: Row = row(
    "NOT_FOUND",
    Exit::NotFound,
    "look for it with `router-hosts host search`",
);
pub(crate) const AMBIGUOUS: Row = row("AMBIGUOUS", Exit::Usage, "name one of them by its id");
pub(crate) const PERMISSION_DENIED: Row = row(
    "PERMISSION_DENIED",
    Exit::NotPermitted,
    "changes need a certificate of the role editor or admin: see --cert and --key",
);
pub(crate) const NO_LEADER: Row = row("NO_LEADER", Exit::Unavailable, SEE_STATUS);
pub(crate) const OUTCOME_UNKNOWN: Row = row("OUTCOME_UNKNOWN", Exit::OutcomeUnknown, SEE_STATUS);
pub(crate) const INVALID_ARGUMENT: Row = row("INVALID_ARGUMENT", Exit::Usage, "");

/// By the reason a node gives.
pub(super) const ANSWERED: &[Row] = &[
    NOT_FOUND,
    row(
        "DUPLICATE",
        Exit::Conflict,
        "change that host with `router-hosts host update`, or choose another address or name",
    ),
    row(
        "VERSION_MISMATCH",
        Exit::Conflict,
        "read it again with `router-hosts host get` and repeat with the version it shows",
    ),
    row(
        "REQUEST_REUSED",
        Exit::Usage,
        "choose another --request-id: this one belongs to another request",
    ),
    row(
        "IMPORT_CONFLICTS",
        Exit::Conflict,
        "take those rows out, or import with --conflict skip or --conflict replace",
    ),
    row("IMPORT_TOO_LARGE", Exit::Usage, IN_PARTS),
    row("CHANGE_TOO_LARGE", Exit::Usage, IN_PARTS),
    row(
        "TOO_MANY_HOSTS",
        Exit::Failed,
        "delete hosts that are no longer needed",
    ),
    row(
        "SNAPSHOT_NOT_FOUND",
        Exit::NotFound,
        "see `router-hosts snapshot list`",
    ),
    row("SNAPSHOT_TAKEN", Exit::Conflict, RUN_AGAIN),
    row(
        "TOO_MANY_SNAPSHOTS",
        Exit::Failed,
        "delete some with `router-hosts snapshot delete`",
    ),
    row("OVERTAKEN", Exit::Conflict, RUN_AGAIN),
    row("ID_TAKEN", Exit::Conflict, RUN_AGAIN),
    row("MOVED", Exit::Conflict, RUN_AGAIN),
    row("REQUEST_KNOWN", Exit::Conflict, RUN_AGAIN),
    row("REVISION_BEHIND", Exit::Failed, SEE_LOG),
    INVALID_ARGUMENT,
    AMBIGUOUS,
    PERMISSION_DENIED,
    NO_LEADER,
    row("NO_QUORUM", Exit::Unavailable, SEE_STATUS),
    row(
        "BUSY",
        Exit::Unavailable,
        "wait a moment and run the command again",
    ),
    row(
        "BEHIND",
        Exit::Unavailable,
        "ask another node, or read with --consistency local",
    ),
    row("SHUTTING_DOWN", Exit::Unavailable, SEE_STATUS),
    OUTCOME_UNKNOWN,
    row("TOO_LARGE", Exit::Usage, "send less at once"),
    row("INTERNAL", Exit::Failed, SEE_LOG),
];

/// What a node answered: by its reason where it is known, else by the code.
pub(super) fn answered(code: Code, reason: Option<&str>) -> Row {
    reason
        .and_then(|reason| ANSWERED.iter().find(|row| row.reason == reason))
        .copied()
        .unwrap_or_else(|| of_code(code))
}

fn of_code(code: Code) -> Row {
    use Code as C;
    match code {
        C::InvalidArgument | C::OutOfRange => INVALID_ARGUMENT,
        C::NotFound => row("NOT_FOUND", Exit::NotFound, ""),
        C::AlreadyExists => row("ALREADY_EXISTS", Exit::Conflict, ""),
        C::Aborted => row("ABORTED", Exit::Conflict, RUN_AGAIN),
        C::FailedPrecondition => row("FAILED_PRECONDITION", Exit::Conflict, ""),
        C::ResourceExhausted => row("RESOURCE_EXHAUSTED", Exit::Failed, "send less at once"),
        C::Unavailable => row("UNAVAILABLE", Exit::Unavailable, SEE_STATUS),
        C::DeadlineExceeded => row(
            "DEADLINE_EXCEEDED",
            Exit::Unavailable,
            "give it more time with --timeout, or see `router-hosts cluster status`",
        ),
        C::Cancelled => row("CANCELLED", Exit::Unavailable, SEE_STATUS),
        C::PermissionDenied => row("PERMISSION_DENIED", Exit::NotPermitted, CERTIFICATE),
        C::Unauthenticated => row("UNAUTHENTICATED", Exit::NotPermitted, CERTIFICATE),
        C::Unimplemented => row(
            "UNIMPLEMENTED",
            Exit::Failed,
            "the node is of another version: see `router-hosts cluster status`",
        ),
        C::Ok | C::Unknown | C::Internal | C::DataLoss => row("INTERNAL", Exit::Failed, SEE_LOG),
    }
}

// Settings and arguments, before anything is sent.

pub(crate) const NO_SERVER: Row = row(
    "NO_SERVER",
    Exit::Usage,
    "name one with --server HOST:PORT, in ROUTER_HOSTS_SERVER or in client.toml; \
     `router-hosts config show` says what is read",
);
pub(crate) const NO_CA: Row = row(
    "NO_CA",
    Exit::Usage,
    "name it with --ca FILE, in ROUTER_HOSTS_CA or in client.toml",
);
pub(crate) const NO_CERTIFICATE: Row = row(
    "NO_CERTIFICATE",
    Exit::Usage,
    "name one with --cert and --key, in the environment or in client.toml",
);
pub(crate) const CONFIG: Row = row(
    "CONFIG",
    Exit::Usage,
    "mend it where the message says; `router-hosts config show` says what is read",
);
pub(crate) const TLS_FILES: Row = row(
    "TLS_FILES",
    Exit::Usage,
    "`router-hosts config show` says where each file is named",
);
pub(crate) const QUERY: Row = row(
    "INVALID_ARGUMENT",
    Exit::Usage,
    "`router-hosts host search --help` lists the terms",
);
pub(crate) const EMPTY_QUERY: Row = row(
    "INVALID_ARGUMENT",
    Exit::Usage,
    "`router-hosts host list` lists all of them",
);
pub(crate) const INVALID_FILE: Row = row(
    "INVALID_FILE",
    Exit::Usage,
    "mend these lines; nothing was sent",
);
pub(crate) const FILE_TOO_LARGE: Row = row("FILE_TOO_LARGE", Exit::Usage, IN_PARTS);
pub(crate) const RANDOM: Row = row(
    "RANDOM",
    Exit::Failed,
    "name a request with --request-id; the system gives no random numbers",
);
pub(crate) const RUNTIME: Row = row(
    "RUNTIME",
    Exit::Failed,
    "see the limits of this user on threads and open files: `ulimit -a`",
);

// TLS. The first group is about the node's certificate, the second about ours.

pub(crate) const TLS_UNKNOWN_CA: Row = row(
    "TLS_UNKNOWN_CA",
    Exit::NotPermitted,
    "use the CA of this cluster: see --ca and `router-hosts config show`",
);
pub(crate) const TLS_EXPIRED: Row = row(
    "TLS_EXPIRED",
    Exit::NotPermitted,
    "renew the node's certificate, or set this machine's clock if it is wrong",
);
pub(crate) const TLS_NOT_YET_VALID: Row = row(
    "TLS_NOT_YET_VALID",
    Exit::NotPermitted,
    "set this machine's clock if it is behind; else the node's certificate was made with a clock ahead",
);
pub(crate) const TLS_WRONG_NAME: Row = row(
    "TLS_WRONG_NAME",
    Exit::NotPermitted,
    "name the node with --server as its certificate does, or issue a certificate for this name",
);
pub(crate) const TLS_UNUSABLE: Row = row(
    "TLS_FAILED",
    Exit::NotPermitted,
    "issue the node's certificate again",
);
pub(crate) const TLS_NOT_A_NODE: Row = row(
    "TLS_FAILED",
    Exit::NotPermitted,
    "see that --server has the port of a node",
);
pub(crate) const TLS_OWN_MISSING: Row = row(
    "TLS_NO_CLIENT_CERTIFICATE",
    Exit::NotPermitted,
    "give one with --cert and --key",
);
pub(crate) const TLS_OWN_UNKNOWN_CA: Row = row(
    "TLS_UNKNOWN_CA",
    Exit::NotPermitted,
    "use a certificate that this cluster's CA has signed: see `router-hosts config show`",
);
pub(crate) const TLS_OWN_EXPIRED: Row = row(
    "TLS_EXPIRED",
    Exit::NotPermitted,
    "get a new client certificate, or set this machine's clock if it is wrong",
);
pub(crate) const TLS_OWN_NOT_YET_VALID: Row = row(
    "TLS_NOT_YET_VALID",
    Exit::NotPermitted,
    "set this machine's clock if it is behind; compare it with the node's",
);
pub(crate) const TLS_OWN_DATES: Row = row(
    "TLS_EXPIRED",
    Exit::NotPermitted,
    "compare this machine's clock with the node's",
);
pub(crate) const TLS_OWN_REFUSED: Row = row(
    "TLS_CERTIFICATE_REFUSED",
    Exit::NotPermitted,
    "use a client certificate of this cluster; the log of the node says what it refused",
);
pub(crate) const TLS_OWN_ROLE: Row = row(
    "TLS_CERTIFICATE_REFUSED",
    Exit::NotPermitted,
    "use a certificate of a client: router-hosts://CLUSTER/admin/NAME, or editor, or viewer",
);

// Calls, and what became of them.

pub(crate) const UNREACHABLE: Row = row(
    "UNAVAILABLE",
    Exit::Unavailable,
    "see that the nodes run and that --server names them; `-v` shows each attempt",
);
pub(crate) const INTERRUPTED: Row = row(
    "INTERRUPTED",
    Exit::Interrupted,
    "nothing was changed; run the command again",
);
pub(crate) const NOT_PUBLISHED: Row = row(
    "NOT_PUBLISHED",
    Exit::Failed,
    "`router-hosts cluster status` shows what each node has published; the change itself is made",
);
pub(crate) const IMPORT_FAILED: Row = row(
    "IMPORT_FAILED",
    Exit::Failed,
    "mend the file, or see the log of the node that answered; `-v` names it",
);
pub(crate) const MALFORMED_ANSWER: Row = row(
    "MALFORMED_ANSWER",
    Exit::Failed,
    "is the node of another version? `router-hosts cluster status` shows it",
);
pub(crate) const UNKNOWN_SUFFIX: Row = row(
    "INVALID_ARGUMENT",
    Exit::Usage,
    "name the format with --to hosts, --to json or --to csv",
);
pub(crate) const OUTPUT: Row = row(
    "OUTPUT",
    Exit::Failed,
    "see that there is room where the output goes",
);
pub(crate) const OUTPUT_FILE: Row =
    row("OUTPUT", Exit::Failed, "what was there before is unchanged");
pub(crate) const OUTPUT_DIRECTORY: Row = row(
    "OUTPUT",
    Exit::Failed,
    "name a directory that can be written",
);
pub(crate) const INTERNAL: Row = row("INTERNAL", Exit::Failed, REPORT);

// Loads.

pub(crate) const NO_NODE: Row = row(
    "NO_NODE",
    Exit::Unavailable,
    "name all nodes with --server; `router-hosts cluster status` shows their roles",
);
pub(crate) const NOTHING_TO_READ: Row = row(
    "NOTHING_TO_READ",
    Exit::NotFound,
    "add some: `router-hosts bench --writers 1 --for 2s`, or `host import`",
);
pub(crate) const NOTHING_ANSWERED: Row = row("NOTHING_ANSWERED", Exit::Unavailable, SEE_STATUS);
pub(crate) const NOT_CLEANED: Row = row(
    "UNAVAILABLE",
    Exit::Unavailable,
    "run the command again: it goes on with what is left",
);
pub(crate) const LOST_WRITES: Row = row(
    "LOST_WRITES",
    Exit::Failed,
    "hosts that were deleted since count too; else keep the data of all nodes and report it",
);
pub(crate) const ACKED: Row = row(
    "ACKED",
    Exit::Failed,
    "see that there is room for the file of --acked",
);
pub(crate) const ASSERTION: Row = row(
    "ASSERTION",
    Exit::Failed,
    "`router-hosts cluster status` shows what each node has",
);
pub(crate) const JUNIT_FOREIGN: Row = row(
    "JUNIT",
    Exit::Usage,
    "name a new file with --junit, or one that an assertion has begun",
);
pub(crate) const DISK: Row = row(
    "DISK",
    Exit::Failed,
    "name a directory that can be written with --dir",
);

// Clusters on this machine.

#[cfg(feature = "node")]
pub(crate) use local::*;

#[cfg(feature = "node")]
mod local {
    use super::{Exit, Row, row};

    const SEE_CHAOS: &str = "`router-hosts chaos status` shows what the nodes do";
    const OTHER_DIRECTORY: &str = "name another directory with --dir";

    pub(crate) const NODE_CONFIG: Row = row(
        "CONFIG",
        Exit::Usage,
        "`serve` would refuse it for the same reason, with exit 64",
    );
    pub(crate) const NODE_EXPIRED: Row = row(
        "TLS_EXPIRED",
        Exit::NotPermitted,
        "`serve` would refuse it too, with exit 1: renew it, or set this machine's clock",
    );
    pub(crate) const NODE_WRONG_NAME: Row = row(
        "TLS_WRONG_NAME",
        Exit::NotPermitted,
        "`serve` would start and clients would refuse it: issue the certificate with this name, or correct `advertise`",
    );
    pub(crate) const NODE_NOT_YET_VALID: Row = row(
        "TLS_NOT_YET_VALID",
        Exit::NotPermitted,
        "`serve` would refuse it too, with exit 1: set this machine's clock if it is behind",
    );
    pub(crate) const NO_DEV: Row = row(
        "NO_DEV",
        Exit::Usage,
        "name the directory of a running `router-hosts dev` with --dir or in ROUTER_HOSTS_DEV",
    );
    pub(crate) const NOT_RUNNING: Row = row(
        "NOT_RUNNING",
        Exit::Unavailable,
        "start one with `router-hosts dev --dir DIR`, or name its directory with --dir",
    );
    pub(crate) const CONTROL_OF_ANOTHER: Row = row(
        "PERMISSION_DENIED",
        Exit::NotPermitted,
        "run the command as that user",
    );
    pub(crate) const CONTROL_ENDED: Row = row(
        "OUTCOME_UNKNOWN",
        Exit::OutcomeUnknown,
        "see what it said last",
    );
    pub(crate) const CONTROL: Row = row("CONTROL", Exit::Failed, OTHER_DIRECTORY);
    pub(crate) const CHAOS_NOT_FOUND: Row = row("NOT_FOUND", Exit::NotFound, SEE_CHAOS);
    pub(crate) const CHAOS_NO_LEADER: Row = row("NO_LEADER", Exit::Unavailable, SEE_CHAOS);
    pub(crate) const CHAOS: Row = row("CHAOS", Exit::Failed, SEE_CHAOS);
    pub(crate) const NO_CHAOS: Row = row(
        "NO_CHAOS",
        Exit::Usage,
        "start it again as `router-hosts dev --chaos`; kill, restart, pause, resume and heal work without",
    );
    pub(crate) const CHAOS_IN_FORCE: Row = row(
        "CHAOS_IN_FORCE",
        Exit::Conflict,
        "end it with `router-hosts chaos heal`",
    );
    pub(crate) const CHAOS_RUN: Row = row(
        "CHAOS_RUN",
        Exit::Failed,
        "the report says what; the same --seed has the same faults again",
    );
    pub(crate) const LINKS: Row = row(
        "LINKS",
        Exit::Failed,
        "see the limits of this user on open files and ports: `ulimit -a`",
    );
    pub(crate) const DIRECTORY: Row = row("DIRECTORY", Exit::Failed, OTHER_DIRECTORY);
    pub(crate) const DIRECTORY_FOREIGN: Row = row(
        "DIRECTORY",
        Exit::Usage,
        "name a new or an empty one with --dir",
    );
    pub(crate) const DIRECTORY_TAKEN: Row = row(
        "DIRECTORY",
        Exit::Conflict,
        "stop it, or name another one with --dir",
    );
    pub(crate) const OTHER_CLUSTER: Row = row(
        "OTHER_CLUSTER",
        Exit::Usage,
        "leave --nodes and --base-port out to go on with it, or name another directory with --dir",
    );
    pub(crate) const PORT: Row = row("PORT", Exit::Failed, "choose other ports with --base-port");
    pub(crate) const MALFORMED: Row = row("MALFORMED", Exit::Failed, OTHER_DIRECTORY);
    pub(crate) const CERTIFICATES: Row = row("CERTIFICATES", Exit::Failed, OTHER_DIRECTORY);
    pub(crate) const NODE: Row = row("NODE", Exit::Failed, SEE_CHAOS);
    pub(crate) const NODE_ENDED: Row = row(
        "NODE_ENDED",
        Exit::Failed,
        "its log says why: see DIR/NODE/log",
    );
    pub(crate) const NOT_READY: Row = row(
        "NOT_READY",
        Exit::Unavailable,
        "the logs of the nodes say what they wait for",
    );
    pub(crate) const NOT_EQUAL: Row = row(
        "NOT_EQUAL",
        Exit::Failed,
        "compare the files that the table names",
    );
    pub(crate) const DEV_NOT_PUBLISHED: Row = row(
        "NOT_PUBLISHED",
        Exit::Failed,
        "the log of that node says what keeps it",
    );
    pub(crate) const HOSTS_FILE: Row = row("HOSTS_FILE", Exit::Failed, OTHER_DIRECTORY);
    pub(crate) const RUN: Row = row(
        "RUN",
        Exit::Failed,
        "see that the command after --run can be found and executed",
    );
    pub(crate) const PROGRAM: Row = row(
        "PROGRAM",
        Exit::Failed,
        "was it replaced or removed while it runs?",
    );
    pub(crate) const SIGNALS: Row = row("SIGNALS", Exit::Failed, super::REPORT);
    pub(crate) const IMPORT: Row = row("IMPORT", Exit::Failed, "what the import said stands above");
}
