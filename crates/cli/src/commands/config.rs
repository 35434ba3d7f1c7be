//! `config …`: what the client works with.

use crate::args::Config;
use crate::client::load_tls;
use crate::config::{Settings, Sourced};
use crate::exit::{Failure, reasons};
use crate::output::{Checked, Output, Shown};
use std::path::Path;

pub(super) fn run(command: &Config, settings: &Settings, output: &Output) -> Result<(), Failure> {
    match command {
        Config::Show => output.report(&shown(settings)),
        #[cfg(feature = "node")]
        Config::Check { node: Some(path) } => check_node(path, output),
        Config::Check { .. } => check(settings, output),
    }
}

fn shown(settings: &Settings) -> Shown {
    let Settings {
        file,
        server,
        cert,
        key,
        ca,
        format,
    } = settings;
    let mut shown = Shown {
        file: file.as_deref().map(text),
        settings: Vec::new(),
    };
    let nodes = (!server.value.is_empty()).then(|| nodes(server).join(","));
    shown.setting("server", nodes, server.source);
    for (key, Sourced { value, source }) in [("cert", cert), ("key", key), ("ca", ca)] {
        shown.setting(key, value.as_deref().map(text), source);
    }
    let Sourced { value, source } = format;
    shown.setting(
        "format",
        value.map(|format| format.as_str().to_owned()),
        source,
    );
    shown
}

/// Reads every file that a call would need, without a call.
fn check(settings: &Settings, output: &Output) -> Result<(), Failure> {
    if settings.server.value.is_empty() {
        return Err(Failure::of(reasons::NO_SERVER, "no node is named"));
    }
    let tls = load_tls(settings)?;
    let Some(own) = tls.own() else {
        return Err(Failure::of(
            reasons::NO_CERTIFICATE,
            "no client certificate is named",
        ));
    };
    tls.fit().map_err(|unfit| Failure::of(unfit.row(), unfit))?;
    if let Some(key) = settings.key.value.as_deref() {
        warn_of_readers(key, output);
    }
    output.report(&Checked {
        server: nodes(&settings.server),
        certificate: Some(text(&own.path)),
        identity: own.identity.clone(),
        certificate_expires_at: Some(own.not_after.to_string()),
    })
}

#[cfg(feature = "node")]
fn check_node(path: &Path, output: &Output) -> Result<(), Failure> {
    use crate::exit::chain;
    use node::tls::TlsError;
    let config = node::config::Config::load(path)
        .map_err(|error| Failure::of(reasons::NODE_CONFIG, chain(&error)))?;
    let unusable = |error: &TlsError| {
        let row = match error {
            TlsError::NotYetValid { .. } => reasons::NODE_NOT_YET_VALID,
            TlsError::OtherNames { .. } => reasons::NODE_WRONG_NAME,
            error if error.is_of_time() => reasons::NODE_EXPIRED,
            _ => reasons::NODE_CONFIG,
        };
        Failure::of(row, chain(error))
    };
    let own = node::identity::Peer {
        cluster: config.cluster,
        node: config.id,
    };
    let clock = std::sync::Arc::new(node::clock::SystemClock);
    let tls = node::tls::Tls::load(&config.tls, clock).map_err(|error| unusable(&error))?;
    tls.must_be(&config.tls, own)
        .and_then(|()| tls.must_be_called(&config.tls, &config.advertise))
        .map_err(|error| unusable(&error))?;
    output.report(&Checked {
        server: vec![config.advertise],
        certificate: Some(text(&config.tls.cert)),
        identity: Some(tls.own().to_string()),
        certificate_expires_at: Some(tls.not_after().to_string()),
    })
}

/// A key that other users can read is no longer a secret.
fn warn_of_readers(key: &Path, output: &Output) {
    use std::os::unix::fs::PermissionsExt as _;
    const OTHERS: u32 = 0o077;
    if let Ok(found) = std::fs::metadata(key)
        && found.permissions().mode() & OTHERS != 0
    {
        let key = key.display();
        output.note(&format!(
            "warning: other users may read the key {key}: run `chmod 600 {key}`"
        ));
    }
}

fn nodes(server: &Sourced<Vec<crate::client::endpoint::Endpoint>>) -> Vec<String> {
    server.value.iter().map(ToString::to_string).collect()
}

fn text(path: impl AsRef<Path>) -> String {
    path.as_ref().display().to_string()
}
