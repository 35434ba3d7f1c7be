//! `host export`: all hosts as a file, whole or not at all.

use crate::client::{Answer, Client, Listing};
use crate::exit::{Failure, reasons};
use crate::output::{Exported, Output};
use crate::replace::replace;
use hosts::Host;
use hosts::format::FileFormat;
use proto::convert::Consistency;
use std::path::Path;

pub(super) async fn run(
    file: Option<&Path>,
    format: FileFormat,
    consistency: Consistency,
    client: &mut Client,
    output: &Output,
) -> Result<(), Failure> {
    let Answer {
        value: bytes,
        revision,
    } = client.export_hosts(format, consistency).await?;
    let Some(path) = file.filter(|path| *path != Path::new("-")) else {
        crate::output::bytes(&bytes)?;
        return left_out(format, consistency, client, output).await;
    };
    replace(path, &bytes).map_err(|cause| {
        Failure::of(
            reasons::OUTPUT_FILE,
            format!("cannot write {}: {cause}", path.display()),
        )
    })?;
    output.report(&Exported {
        path: path.display().to_string(),
        bytes: bytes.len(),
        revision: revision.map(hosts::Revision::get),
    })?;
    left_out(format, consistency, client, output).await
}

/// Says what a hosts file cannot hold of what there is. The export itself is
/// written by then: it stands, whatever comes of this.
async fn left_out(
    format: FileFormat,
    consistency: Consistency,
    client: &mut Client,
    output: &Output,
) -> Result<(), Failure> {
    if format != FileFormat::Hosts || output.is_quiet() {
        return Ok(());
    }
    let all = Listing {
        filter: None,
        limit: None,
        offset: None,
        consistency,
    };
    match client.list_hosts(&all).await {
        Ok(Answer { value: hosts, .. }) => {
            if let Some(lost) = lost(&hosts) {
                output.note(&format!("{lost}: a hosts file cannot hold them; use .json"));
            }
        }
        Err(failure) => output.note(&format!(
            "cannot tell what a hosts file leaves out: {}",
            failure.message
        )),
    }
    Ok(())
}

/// How many hosts are left out, and the tags of how many others.
fn lost(hosts: &[Host]) -> Option<String> {
    let disabled = hosts.iter().filter(|host| !host.enabled).count();
    let tagged = hosts
        .iter()
        .filter(|host| host.enabled && !host.tags.is_empty());
    let disabled = match disabled {
        0 => None,
        1 => Some("1 disabled host".to_owned()),
        many => Some(format!("{many} disabled hosts")),
    };
    let tags = match tagged.count() {
        0 => None,
        1 => Some("the tags of 1 host".to_owned()),
        many => Some(format!("the tags of {many} hosts")),
    };
    match (disabled, tags) {
        (None, None) => None,
        (Some(one), None) if one.starts_with("1 ") => Some(format!("{one} is left out")),
        (Some(one), None) | (None, Some(one)) => Some(format!("{one} are left out")),
        (Some(one), Some(other)) => Some(format!("{one} and {other} are left out")),
    }
}
