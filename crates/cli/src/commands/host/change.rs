//! Adding, updating and deleting one host.

use super::resolve;
use crate::args::host::{Add, Change, Fields, HostRef, Remark, Update};
use crate::client::{Answer, Client};
use crate::commands::wait::Request;
use crate::exit::{Exit, Failure};
use crate::output::{Changed, Deleted, HostView, Outcome, Output};
use hosts::{Aliases, Host, HostPatch, Hostname, NewHost, Revision, Tag, Tags};
use proto::convert::Consistency;

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
    let before = version_before(client, &host).await?;
    let update = async |client: &mut Client, host: &hosts::HostRef| {
        let once = &request.once;
        client.update_host(host, &patch, if_version, once).await
    };
    let answer = resolve::change(client, &host, update).await?;
    let outcome = match before == Some(answer.value.version) {
        true => Outcome::Unchanged,
        false => Outcome::Updated,
    };
    report(outcome, answer, request, client, output).await
}

/// The version of the host, which stays when an update changes nothing. None
/// where it is not found: the update itself may have been made before, under
/// the same request id, and have renamed it.
async fn version_before(client: &mut Client, named: &HostRef) -> Result<Option<Revision>, Failure> {
    match resolve::host(client, named, Consistency::Linearizable).await {
        Ok(host) => Ok(Some(host.version)),
        Err(failure) if matches!(failure.exit, Exit::NotFound | Exit::Usage) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Which host to delete, and when not to.
pub(super) struct Delete {
    pub(super) host: HostRef,
    pub(super) if_version: Option<Revision>,
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
    let delete = async |client: &mut Client, host: &hosts::HostRef| {
        client.delete_host(host, if_version, &request.once).await
    };
    match resolve::change(client, &host, delete).await {
        Ok(Answer { value, revision }) => {
            let (done, waited) = request.finish(client, revision).await?;
            output.report(&Deleted {
                id: Some(value.to_string()),
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
    output.report(&Changed::new(outcome, HostView::from(&value), done))?;
    waited
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
