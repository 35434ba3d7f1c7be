//! `host …`: the records.

mod change;
mod export;
mod import;
mod resolve;

use crate::args::host::{FileKind, Host, List, Read};
use crate::client::{Client, Listing};
use crate::exit::{Failure, chain, reasons};
use crate::output::{HostView, Hosts, OneHost, Output};
use hosts::Query;

pub(super) async fn run(
    command: Host,
    client: &mut Client,
    output: &Output,
) -> Result<(), Failure> {
    match command {
        Host::Add(add) => change::add(add, client, output).await,
        Host::Update(update) => change::update(update, client, output).await,
        Host::Delete {
            host,
            if_version,
            missing_ok,
            change,
        } => {
            let delete = change::Delete {
                host,
                if_version,
                missing_ok,
            };
            change::delete(delete, &change, client, output).await
        }
        Host::Get {
            host,
            read: Read { consistency },
        } => {
            let found = resolve::host(client, &host, consistency.into()).await?;
            output.report(&OneHost(HostView::from(&found)))
        }
        Host::List(list) => show_list(list, client, output).await,
        Host::Search {
            query,
            read: Read { consistency },
        } => {
            let query = query.join(" ");
            if query.trim().is_empty() {
                return Err(Failure::of(
                    reasons::EMPTY_QUERY,
                    "there is nothing to look for",
                ));
            }
            readable(&query)?;
            let found = client.search_hosts(&query, consistency.into()).await?;
            show(found.value, output)
        }
        Host::Import(import) => import::run(import, client, output).await,
        Host::Export {
            to,
            output: file,
            read: Read { consistency },
        } => {
            let format = FileKind::to_write(to, file.as_deref())
                .map_err(|error| Failure::of(reasons::UNKNOWN_SUFFIX, error))?;
            export::run(file.as_deref(), format, consistency.into(), client, output).await
        }
    }
}

async fn show_list(list: List, client: &mut Client, output: &Output) -> Result<(), Failure> {
    let List {
        filter,
        limit,
        offset,
        read: Read { consistency },
    } = list;
    if let Some(filter) = &filter {
        readable(filter)?;
    }
    let listing = Listing {
        filter,
        limit,
        offset,
        consistency: consistency.into(),
    };
    let found = client.list_hosts(&listing).await?;
    show(found.value, output)
}

fn show(found: Vec<hosts::Host>, output: &Output) -> Result<(), Failure> {
    let view = |host: hosts::Host| HostView::from(&host);
    output.report(&Hosts(found.into_iter().map(view).collect()))
}

/// A query is read here first, so that a mistake costs no call.
fn readable(query: &str) -> Result<(), Failure> {
    Query::parse(query)
        .map(drop)
        .map_err(|error| Failure::of(reasons::QUERY, chain(&error)))
}
