//! Deletes what runs with a prefix have added.

use super::names::{Names, Prefix};
use super::targets::one_each;
use crate::client::{Client, Line, Listing, Miss, Once};
use crate::config::Settings;
use crate::exit::{Exit, Failure, reasons};
use crate::output::{Cleaned, Output};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use hosts::HostId;
use proto::convert::Consistency;
use std::time::Duration;

/// Deletes in flight at once.
const AT_ONCE: usize = 64;
const ATTEMPT: Duration = Duration::from_secs(5);
/// Rounds over all nodes before a delete is given up.
const ROUNDS: usize = 10;
const PAUSE: Duration = Duration::from_millis(200);

/// Deletes them one by one, many at once.
pub(crate) async fn run(
    prefix: &Prefix,
    settings: &Settings,
    output: &Output,
) -> Result<Cleaned, Failure> {
    let listing = Listing {
        filter: Some(prefix.query()),
        limit: None,
        offset: None,
        consistency: Consistency::Linearizable,
    };
    let found = Client::new(settings, None)?.list_hosts(&listing).await?;
    let hosts = found.value.iter().filter(|host| prefix.has(host));
    let hosts: Vec<HostId> = hosts.map(|host| host.id).collect();
    let lines = one_each(settings)?;
    let names = Names::draw(prefix.clone(), 0)?;
    let progress = output.counting(hosts.len(), "deleting");
    let deleted = stream::iter(hosts.into_iter().enumerate())
        .map(|(turn, host)| delete(&lines, &names, turn, host))
        .buffer_unordered(AT_ONCE)
        .try_fold(0, async |deleted, one| {
            progress.inc(1);
            Ok(deleted + usize::from(one))
        })
        .await;
    progress.finish_and_clear();
    Ok(Cleaned {
        prefix: prefix.to_string(),
        deleted: deleted?,
    })
}

/// Whether it was there.
async fn delete(lines: &[Line], names: &Names, turn: usize, host: HostId) -> Result<bool, Failure> {
    // A host that is gone stays gone: no repeat of this is one too many.
    let once = Once {
        id: names.request(turn as u64)?,
        since: None,
    };
    let mut last = None;
    for round in 0..ROUNDS {
        for place in 0..lines.len() {
            let Some(line) = lines.get((turn + place) % lines.len()) else {
                break;
            };
            match line.delete_host(host, &once, ATTEMPT).await {
                Ok(_) => return Ok(true),
                Err(Miss::Refused(failure)) if failure.exit == Exit::NotFound => return Ok(false),
                Err(Miss::Refused(failure)) => return Err(failure),
                Err(Miss::Elsewhere(word)) => last = Some(word),
            }
        }
        tracing::debug!(%host, round, "no node deletes it now");
        tokio::time::sleep(PAUSE).await;
    }
    let word = last.unwrap_or_default();
    Err(Failure::of(
        reasons::NOT_CLEANED,
        format!("cannot delete host {host}: no node does it ({word})"),
    ))
}
