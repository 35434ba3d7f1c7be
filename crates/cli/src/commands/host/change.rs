//! Adding, updating and deleting one host.

use super::resolve;
use crate::args::host::{Add, Change, Fields, HostRef, Remark, Update};
use crate::client::{Answer, Client};
use crate::commands::wait::Request;
use crate::exit::{Exit, Failure};
use crate::output::{Changed, Deleted, HostView, Outcome, Output};
use hosts::{Aliases, Host, HostId, HostPatch, Hostname, NewHost, Tag, Tags};

/// Adds a host.
pub(super) async fn add(add: Add, client: &mut Client, output: &Output) -> Result<(), Failure> {
    let Add {
        ip,
        hostname,
        alias,
        tag,
        comment,
        change,
    } = add;
    let host = NewHost {
        aliases: aliases(alias)?,
        tags: tags(tag)?,
        comment: comment.and_then(|Remark(comment)| comment),
        ..NewHost::new(ip, hostname)
    };
    let request = Request::of(&change)?;
    let answer = client.add_host(&host, &request.once).await?;
    report(Outcome::Added, answer, request, client, output).await
}

/// Changes what the flags name, and nothing else.
pub(super) async fn update(
    update: Update,
    client: &mut Client,
    output: &Output,
) -> Result<(), Failure> {
    let Update {
        host,
        fields,
        if_version,
        change,
    } = update;
    let patch = patch(fields)?;
    let request = Request::of(&change)?;
    let id = resolve::id(client, &host).await?;
    let answer = client
        .update_host(id, &patch, if_version, &request.once)
        .await
        .map_err(|failure| by_id_next_time(failure, id))?;
    report(Outcome::Updated, answer, request, client, output).await
}

/// Which host to delete, and when not to.
pub(super) struct Delete {
    pub(super) host: HostRef,
    pub(super) if_version: Option<String>,
    pub(super) missing_ok: bool,
}

/// Deletes a host.
pub(super) async fn delete(
    delete: Delete,
    change: &Change,
    client: &mut Client,
    output: &Output,
) -> Result<(), Failure> {
    let Delete {
        host,
        if_version,
        missing_ok,
    } = delete;
    let request = Request::of(change)?;
    let named = match &host {
        HostRef::Id(id) | HostRef::Either(id, _) => id.to_string(),
        HostRef::Name(name) => name.to_string(),
    };
    let deleted = match resolve::id(client, &host).await {
        Ok(id) => client
            .delete_host(id, if_version, &request.once)
            .await
            .map(|answer| (id, answer))
            .map_err(|failure| by_id_next_time(failure, id)),
        Err(failure) => Err(failure),
    };
    match deleted {
        Ok((
            id,
            Answer {
                value: (),
                revision,
            },
        )) => {
            let (done, waited) = request.finish(client, revision).await?;
            output.report(&Deleted {
                id: Some(id.to_string()),
                named,
                deleted: true,
                done: Some(done),
            })?;
            waited
        }
        Err(failure) if missing_ok && failure.exit == Exit::NotFound => output.report(&Deleted {
            id: None,
            named,
            deleted: false,
            done: None,
        }),
        Err(failure) => Err(failure),
    }
}

async fn report(
    outcome: Outcome,
    Answer { value, revision }: Answer<Host>,
    request: Request,
    client: &mut Client,
    output: &Output,
) -> Result<(), Failure> {
    let (done, waited) = request.finish(client, revision).await?;
    output.report(&Changed {
        outcome,
        host: HostView::from(&value),
        done,
    })?;
    waited
}

/// Once it may be renamed or gone, a host is no longer found by its name.
fn by_id_next_time(failure: Failure, id: HostId) -> Failure {
    match (failure.exit, &failure.hint) {
        (Exit::OutcomeUnknown, Some(hint)) => {
            let hint = format!("{hint}; name the host by its id, {id}");
            failure.hint(hint)
        }
        _ => failure,
    }
}

fn patch(fields: Fields) -> Result<HostPatch, Failure> {
    let Fields {
        ip,
        hostname,
        alias,
        clear_aliases,
        tag,
        clear_tags,
        comment,
        enable,
        disable,
    } = fields;
    Ok(HostPatch {
        address: ip,
        hostname,
        aliases: (clear_aliases || !alias.is_empty())
            .then(|| aliases(alias))
            .transpose()?,
        tags: (clear_tags || !tag.is_empty())
            .then(|| tags(tag))
            .transpose()?,
        comment: comment.map(|Remark(comment)| comment),
        enabled: (enable || disable).then_some(enable),
    })
}

fn aliases(names: Vec<Hostname>) -> Result<Aliases, Failure> {
    Aliases::new(names).map_err(Failure::usage)
}

fn tags(words: Vec<Tag>) -> Result<Tags, Failure> {
    Tags::new(words).map_err(Failure::usage)
}
