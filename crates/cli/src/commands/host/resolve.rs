//! From what a host is called on the command line to the one host it is.

use crate::args::host::HostRef;
use crate::client::Client;
use crate::exit::{Exit, Failure, reasons};
use hosts::{Host, Hostname, limits};
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

/// Makes a change of the host. The node looks its name up, so that a repeat
/// is about the same host although that has another name by then, or is gone.
pub(super) async fn change<T>(
    client: &mut Client,
    named: &HostRef,
    change: impl AsyncFn(&mut Client, &hosts::HostRef) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let (id, name) = match named {
        HostRef::Id(id) => return change(client, &hosts::HostRef::Id(*id)).await,
        HostRef::Name(name) => return change(client, &by_its_name(name)).await,
        HostRef::Either(id, name) => (id, name),
    };
    match change(client, &hosts::HostRef::Id(*id)).await {
        Err(failure) if failure.exit == Exit::NotFound => {
            let by_name = change(client, &by_its_name(name)).await;
            // Neither: an id is what such a text most probably was.
            by_name.map_err(|by_name| match by_name.exit {
                Exit::NotFound => failure,
                _ => by_name,
            })
        }
        made_or_failed => made_or_failed,
    }
}

fn by_its_name(name: &Hostname) -> hosts::HostRef {
    hosts::HostRef::Name(name.clone())
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
