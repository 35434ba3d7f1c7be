//! From what a host is called on the command line to the one host it is.

use crate::args::host::HostRef;
use crate::client::Client;
use crate::exit::{Exit, Failure, reasons};
use hosts::{Host, HostId, Hostname, limits};
use proto::convert::Consistency;

/// The host. A name must be the hostname or an alias of exactly one.
pub(super) async fn host(
    client: &mut Client,
    named: &HostRef,
    consistency: Consistency,
) -> Result<Host, Failure> {
    match named {
        HostRef::Id(id) => Ok(client.host(*id, consistency).await?.value),
        HostRef::Name(name) => by_name(client, name, consistency).await,
        HostRef::Either(id, name) => match client.host(*id, consistency).await {
            Ok(found) => Ok(found.value),
            Err(failure) if failure.exit == Exit::NotFound => {
                by_name(client, name, consistency).await.map_err(|by_name| {
                    // Neither: an id is what such a text most probably was.
                    if by_name.exit == Exit::NotFound {
                        failure
                    } else {
                        by_name
                    }
                })
            }
            Err(failure) => Err(failure),
        },
    }
}

/// The id of the host; a text that can only be an id needs no call.
pub(super) async fn id(client: &mut Client, named: &HostRef) -> Result<HostId, Failure> {
    match named {
        HostRef::Id(id) => Ok(*id),
        named => Ok(host(client, named, Consistency::Linearizable).await?.id),
    }
}

async fn by_name(
    client: &mut Client,
    name: &Hostname,
    consistency: Consistency,
) -> Result<Host, Failure> {
    let query = format!("name:{name}");
    let mut found = client.search_hosts(&query, consistency).await?.value;
    // The term matches parts of names.
    found.retain(|host| host.names().any(|held| held == name));
    match found.len() {
        0 => Err(Failure::of(
            reasons::NOT_FOUND,
            format!("no host is named {name}"),
        )),
        1 => Ok(found.swap_remove(0)),
        _ => Err(ambiguous(name, &found)),
    }
}

fn ambiguous(name: &Hostname, found: &[Host]) -> Failure {
    let mut message = format!("{} hosts are named {name}:", found.len());
    for host in found.iter().take(limits::LISTED_MAX) {
        message.push_str(&format!(
            "\n  {}  {}  {}",
            host.id, host.address, host.hostname
        ));
    }
    if let Some(more @ 1..) = found.len().checked_sub(limits::LISTED_MAX) {
        message.push_str(&format!("\n  and {more} more"));
    }
    Failure::of(reasons::AMBIGUOUS, message)
}
