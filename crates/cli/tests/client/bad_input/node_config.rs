//! Configurations of a node that cannot be right: each key wrong in each way.

/// One that is right up to its certificates, which no row gets as far as.
pub(super) const GOOD: &str = r#"
[node]
name = "attic"
data_dir = "data"
listen = "[::]:50051"
advertise = "attic.lan:50051"
[hosts]
path = "hosts"
mode = "block"
comments = false
[cluster]
id = "01JD8Q0000000000000000000A"
initial = [
  { id = 1, name = "attic", address = "attic.lan:50051" },
  { id = 2, name = "cellar", address = "cellar.lan:50051" },
]
[tls]
cert = "cert.pem"
key = "key.pem"
ca = "ca.pem"
[hooks]
default_timeout = "30s"
[[hooks.on_success]]
name = "reload"
command = "true"
timeout = "10s"
[raft]
heartbeat = "100ms"
election_timeout = "300ms"
snapshot_after = 500
[log]
level = "info"
format = "text"
"#;

/// What stands in it, what is put in its place, and what is said of that. `{…}` is as in the table of arguments.
pub(super) const NODE_CONFIGS: &[(&str, &str, &str)] = &[
    // Tables and keys that there are not, are missing, or come twice.
    ("[node]", "[nodes]", "nodes"),
    ("[node]", "[node", "TOML"),
    ("[hosts]", "[host]", "host"),
    ("[cluster]", "[clusters]", "clusters"),
    ("[tls]", "[ssl]", "ssl"),
    ("[raft]", "[rafts]", "rafts"),
    ("[log]", "[logs]", "logs"),
    ("[log]", "[tls]", "tls"),
    ("data_dir =", "data_dri =", "did you mean `data_dir`?"),
    ("listen =", "listne =", "did you mean `listen`?"),
    ("comments =", "comment =", "did you mean `comments`?"),
    (
        "snapshot_after =",
        "snapshot_every =",
        "did you mean `snapshot_after`?",
    ),
    (
        "election_timeout =",
        "election_time =",
        "did you mean `election_timeout`?",
    ),
    ("level =", "levle =", "did you mean `level`?"),
    ("cert =", "certificate =", "did you mean `cert`?"),
    ("command =", "comand =", "did you mean `command`?"),
    ("on_success", "on_succes", "did you mean `on_success`?"),
    ("name = \"attic\"\ndata", "data", "missing field `name`"),
    ("data_dir = \"data\"\n", "", "missing field `data_dir`"),
    ("path = \"hosts\"\n", "", "missing field `path`"),
    (
        "id = \"01JD8Q0000000000000000000A\"\n",
        "",
        "missing field `id`",
    ),
    ("cert = \"cert.pem\"\n", "", "missing field `cert`"),
    ("key = \"key.pem\"\n", "", "missing field `key`"),
    ("ca = \"ca.pem\"\n", "", "missing field `ca`"),
    ("command = \"true\"\n", "", "missing field `command`"),
    ("name = \"reload\"\n", "", "missing field `name`"),
    (
        "data_dir = \"data\"",
        "data_dir = \"data\"\ndata_dir = \"more\"",
        "duplicate key",
    ),
    ("{ id = 1,", "{", "missing field `id`"),
    ("{ id = 1,", "{ id = 1, weight = 3,", "weight"),
    // The wrong kind of value.
    ("data_dir = \"data\"", "data_dir = 7", "invalid type"),
    ("listen = \"[::]:50051\"", "listen = 50051", "invalid type"),
    ("comments = false", "comments = \"no\"", "invalid type"),
    ("path = \"hosts\"", "path = [\"hosts\"]", "invalid type"),
    (
        "snapshot_after = 500",
        "snapshot_after = \"500\"",
        "invalid type",
    ),
    (
        "snapshot_after = 500",
        "snapshot_after = -1",
        "invalid value",
    ),
    (
        "snapshot_after = 500",
        "snapshot_after = 1.5",
        "invalid type",
    ),
    (
        "snapshot_after = 500",
        "snapshot_after = 99999999999999999999",
        "TOML",
    ),
    ("{ id = 1,", "{ id = \"1\",", "invalid type"),
    ("{ id = 1,", "{ id = -1,", "invalid value"),
    ("{ id = 1,", "{ id = 1.0,", "invalid type"),
    ("heartbeat = \"100ms\"", "heartbeat = 100", "invalid type"),
    (
        "default_timeout = \"30s\"",
        "default_timeout = true",
        "invalid type",
    ),
    ("[[hooks.on_success]]", "[hooks.on_success]", "invalid type"),
    // Values that no key of theirs can have.
    (
        "name = \"attic\"\ndata",
        "name = \"garage\"\ndata",
        "node.name: `garage` is not in cluster.initial (attic, cellar)",
    ),
    ("name = \"attic\"\ndata", "name = \"\"\ndata", "node.name"),
    ("name = \"attic\"\ndata", "name = \"{esc}\"\ndata", "TOML"),
    (
        "name = \"attic\"\ndata",
        "name = \"\\u001b[2J\"\ndata",
        "`\\u{1b}[2J` is not in cluster.initial",
    ),
    (
        "\"[::]:50051\"",
        "\"50051\"",
        "node.listen: `50051` is not `host:port`",
    ),
    (
        "\"[::]:50051\"",
        "\"\"",
        "node.listen: `` is not `host:port`",
    ),
    ("\"[::]:50051\"", "\":50051\"", "node.listen"),
    ("\"[::]:50051\"", "\"[::]:\"", "node.listen"),
    ("\"[::]:50051\"", "\"[::]:65536\"", "node.listen"),
    ("\"[::]:50051\"", "\"[::]:http\"", "node.listen"),
    ("\"[::]:50051\"", "\"[::]:-1\"", "node.listen"),
    (
        "advertise = \"attic.lan:50051\"",
        "advertise = \"attic.lan\"",
        "node.advertise: `attic.lan` is not `host:port`",
    ),
    (
        "advertise = \"attic.lan:50051\"",
        "advertise = \"attic.lan:0\"",
        "node.advertise",
    ),
    (
        "advertise = \"attic.lan:50051\"",
        "advertise = \"a b:50051\"",
        "node.advertise",
    ),
    (
        "advertise = \"attic.lan:50051\"",
        "advertise = \"{long}\"",
        "…",
    ),
    (
        "advertise = \"attic.lan:50051\"",
        "advertise = \"\\n:1\"",
        "node.advertise",
    ),
    ("mode = \"block\"", "mode = \"append\"", "append"),
    ("mode = \"block\"", "mode = \"Block\"", "Block"),
    ("mode = \"block\"", "mode = \"\"", "mode"),
    ("01JD8Q0000000000000000000A", "", "cluster.id"),
    ("01JD8Q0000000000000000000A", "home", "cluster.id: `home`"),
    (
        "01JD8Q0000000000000000000A",
        "01JD8Q0000000000000000000U",
        "cluster.id",
    ),
    (
        "01JD8Q0000000000000000000A",
        "81JD8Q0000000000000000000A",
        "cluster.id",
    ),
    (
        "01JD8Q0000000000000000000A",
        "01JD8Q0000000000000000000A0",
        "cluster.id",
    ),
    ("01JD8Q0000000000000000000A", "{long}", "cluster.id"),
    (
        "{ id = 1,",
        "{ id = 0,",
        "cluster.initial: `attic`: ids begin at 1",
    ),
    (
        "{ id = 2,",
        "{ id = 1,",
        "cluster.initial: `cellar`: id, name and address must each be unique",
    ),
    (
        "name = \"cellar\"",
        "name = \"attic\"",
        "must each be unique",
    ),
    (
        "\"cellar.lan:50051\"",
        "\"attic.lan:50051\"",
        "must each be unique",
    ),
    ("name = \"cellar\"", "name = \"\"", "is no node name"),
    (
        "name = \"cellar\"",
        "name = \"the cellar\"",
        "`the cellar` is no node name",
    ),
    (
        "name = \"cellar\"",
        "name = \"Keller\\u00e4\"",
        "is no node name",
    ),
    ("name = \"cellar\"", "name = \"{long}\"", "…"),
    (
        "name = \"cellar\"",
        "name = \"\\u001b[2J\"",
        "is no node name",
    ),
    (
        "\"cellar.lan:50051\"",
        "\"cellar.lan\"",
        "cluster.initial: `cellar.lan` is not `host:port`",
    ),
    (
        "\"cellar.lan:50051\"",
        "\"cellar.lan:0\"",
        "cluster.initial",
    ),
    ("\"cellar.lan:50051\"", "\":50051\"", "cluster.initial"),
    (
        "\"cellar.lan:50051\"",
        "\"http://cellar.lan:50051\"",
        "cluster.initial",
    ),
    (
        "\"cellar.lan:50051\"",
        "\"fd00::2:50051\"",
        "cluster.initial",
    ),
    (
        "heartbeat = \"100ms\"",
        "heartbeat = \"often\"",
        "heartbeat",
    ),
    (
        "heartbeat = \"100ms\"",
        "heartbeat = \"9ms\"",
        "raft.heartbeat: must be 10ms to 10s",
    ),
    (
        "heartbeat = \"100ms\"",
        "heartbeat = \"11s\"",
        "raft.heartbeat: must be 10ms to 10s",
    ),
    (
        "heartbeat = \"100ms\"",
        "heartbeat = \"0s\"",
        "raft.heartbeat",
    ),
    ("heartbeat = \"100ms\"", "heartbeat = \"-1s\"", "heartbeat"),
    (
        "heartbeat = \"100ms\"",
        "heartbeat = \"99999999999999999999s\"",
        "heartbeat",
    ),
    (
        "election_timeout = \"300ms\"",
        "election_timeout = \"61s\"",
        "raft.election_timeout: must be at most 60s",
    ),
    (
        "election_timeout = \"300ms\"",
        "election_timeout = \"100ms\"",
        "raft.election_timeout",
    ),
    (
        "election_timeout = \"300ms\"",
        "election_timeout = \"0s\"",
        "raft.election_timeout",
    ),
    (
        "snapshot_after = 500",
        "snapshot_after = 99",
        "raft.snapshot_after: must be 100 to 1000000",
    ),
    (
        "snapshot_after = 500",
        "snapshot_after = 1000001",
        "raft.snapshot_after",
    ),
    (
        "snapshot_after = 500",
        "snapshot_after = 0",
        "raft.snapshot_after",
    ),
    ("level = \"info\"", "level = \"loud\"", "log.level"),
    ("level = \"info\"", "level = \"info,node=\"", "log.level"),
    ("format = \"text\"", "format = \"xml\"", "xml"),
    ("name = \"reload\"", "name = \"\"", "is no name of a hook"),
    (
        "name = \"reload\"",
        "name = \"two words\"",
        "is no name of a hook",
    ),
    ("name = \"reload\"", "name = \"{long}\"", "…"),
    (
        "command = \"true\"",
        "command = \"\"",
        "`reload`: the command is a line for /bin/sh",
    ),
    (
        "command = \"true\"",
        "command = \"  \"",
        "the command is a line for /bin/sh",
    ),
    (
        "command = \"true\"",
        "command = \"a\\u0000b\"",
        "the command is a line for /bin/sh",
    ),
    (
        "command = \"true\"",
        "command = \"{long}\"",
        "at most 4096 bytes; run a script",
    ),
    (
        "timeout = \"10s\"",
        "timeout = \"0s\"",
        "a timeout must be 100ms to 600s",
    ),
    (
        "timeout = \"10s\"",
        "timeout = \"601s\"",
        "a timeout must be 100ms to 600s",
    ),
    ("timeout = \"10s\"", "timeout = \"soon\"", "timeout"),
    (
        "default_timeout = \"30s\"",
        "default_timeout = \"99ms\"",
        "hooks.default_timeout",
    ),
    (
        "[raft]",
        "[[hooks.on_failure]]\nname = \"reload\"\ncommand = \"true\"\n[raft]",
        "`reload`: a hook's name must be unique",
    ),
    // Variables of the environment, of which there are none here.
    (
        "path = \"hosts\"",
        "path = \"${NOWHERE}\"",
        "the environment has no NOWHERE",
    ),
    (
        "path = \"hosts\"",
        "path = \"${NOWHERE\"",
        "`${` without `}`",
    ),
    (
        "path = \"hosts\"",
        "path = \"${}\"",
        "the environment has no",
    ),
    (
        "\"[::]:50051\"",
        "\"[::]:${PORT:-http}\"",
        "node.listen: `[::]:http`",
    ),
    (
        "01JD8Q0000000000000000000A",
        "${CLUSTER:-home}",
        "cluster.id: `home`",
    ),
    // What is right goes as far as the certificates.
    ("level = \"info\"", "level = \"info,node=debug\"", "key.pem"),
];
