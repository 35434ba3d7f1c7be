//! Settings of the client, variables of its environment, and files to import that cannot be right.

/// What `client.toml` says, exit status, and what standard error says of it.
pub(super) const SETTINGS: &[(&str, i32, &str)] = &[
    ("", 2, "no node is named"),
    ("server = []", 2, "no node is named"),
    ("server = ['']", 2, "it names no node"),
    (
        "server = ['a']",
        2,
        "the list of nodes (file) is not valid: `a` has no port",
    ),
    ("server = 'a:1'", 2, "line 1"),
    ("server = ['a:1']", 2, "the CA of the nodes is not named"),
    (
        "servers = ['a:1']",
        2,
        "unknown key `servers`; did you mean `server`?",
    ),
    ("colour = true", 2, "known keys are server"),
    ("'{esc}' = 1", 2, "not valid TOML"),
    ("server = ['a:1'", 2, "not valid TOML"),
    ("format = 'yaml'", 2, "`yaml` (file) is not a format"),
    ("format = 1", 2, "line 1"),
    ("[server]", 2, "line 1"),
    (
        "server = ['a:1']\nca = 'absent.pem'",
        2,
        "cannot read the CA",
    ),
    (
        "server = ['a:1']\nca = 'ca.pem'\ncert = 'client.pem'",
        2,
        "there is a client certificate, and no client key",
    ),
    (
        "server = ['a:1']\nca = 'ca.pem'\nkey = 'client.key'",
        2,
        "there is a client key, and no client certificate",
    ),
    (
        "server = ['a:1']\nca = 'good.hosts'",
        2,
        "there is no CA in",
    ),
    (
        "server = ['a:1']\nca = 'large'",
        2,
        "is larger than 1048576 bytes",
    ),
];

/// The same of the environment: variable, value.
pub(super) const ENVIRONMENT: &[(&str, &str, i32, &str)] = &[
    (
        "ROUTER_HOSTS_SERVER",
        "a",
        2,
        "the list of nodes (environment, ROUTER_HOSTS_SERVER)",
    ),
    ("ROUTER_HOSTS_SERVER", "a:1,", 2, "it names no node"),
    (
        "ROUTER_HOSTS_FORMAT",
        "yaml",
        2,
        "`yaml` (environment, ROUTER_HOSTS_FORMAT) is not a format",
    ),
    (
        "ROUTER_HOSTS_FORMAT",
        "{esc}",
        2,
        "`\\u{1b}[2J` (environment",
    ),
    (
        "ROUTER_HOSTS_CONFIG",
        "absent.toml",
        2,
        "cannot use the configuration absent.toml",
    ),
    (
        "ROUTER_HOSTS_CERT",
        "absent.pem",
        2,
        "cannot read the client certificate absent.pem",
    ),
    (
        "ROUTER_HOSTS_KEY",
        "absent.pem",
        2,
        "cannot read the client key absent.pem",
    ),
    (
        "ROUTER_HOSTS_CA",
        "absent.pem",
        2,
        "cannot read the CA absent.pem",
    ),
];

/// What a hosts file holds that is to be imported.
pub(super) const HOSTS_FILES: &[(&str, &str)] = &[
    ("10.0.0.7", "1 line cannot be read"),
    ("nas.lan 10.0.0.7", "1 line cannot be read"),
    ("10.0.0.7 nas.lan\n10.0.0.300 tv.lan\n", "2     "),
    ("10.0.0.7 nas..lan\n", "1     "),
    ("10.0.0.7 {esc}\n", "1     "),
    ("10.0.0.7 {long}\n", "1     "),
    ("\u{0}\n", "1     "),
];
