//! Hosts and the commands that change them.

use super::{InvalidMessage, timestamp_from_wire, timestamp_to_wire};
use crate::v1;
use hosts::{
    Address, Aliases, Comment, Host, HostId, HostPatch, HostRef, Hostname, NewHost, Revision, Tag,
    Tags,
};

impl From<&Host> for v1::HostEntry {
    fn from(host: &Host) -> Self {
        let Host {
            id,
            address,
            hostname,
            aliases,
            tags,
            comment,
            enabled,
            version,
            created,
            updated,
        } = host;
        Self {
            id: id.to_string(),
            ip_address: address.to_string(),
            hostname: hostname.to_string(),
            comment: comment.as_ref().map(Comment::to_string),
            tags: texts(tags),
            created_at: Some(timestamp_to_wire(*created)),
            updated_at: Some(timestamp_to_wire(*updated)),
            version: version.to_string(),
            aliases: texts(aliases),
            disabled: !enabled,
        }
    }
}

impl TryFrom<v1::HostEntry> for Host {
    type Error = InvalidMessage;

    fn try_from(
        v1::HostEntry {
            id,
            ip_address,
            hostname,
            comment,
            tags,
            created_at,
            updated_at,
            version,
            aliases,
            disabled,
        }: v1::HostEntry,
    ) -> Result<Self, InvalidMessage> {
        Ok(Self {
            id: host_id(&id)?,
            address: address(&ip_address)?,
            hostname: name(&hostname)?,
            aliases: alias_list(&aliases)?,
            tags: tag_list(&tags)?,
            comment: comment.as_deref().map_or(Ok(None), remark)?,
            enabled: !disabled,
            version: version.parse().map_err(InvalidMessage::Version)?,
            created: timestamp_from_wire("created_at", created_at)?,
            updated: timestamp_from_wire("updated_at", updated_at)?,
        })
    }
}

impl TryFrom<v1::AddHostRequest> for NewHost {
    type Error = InvalidMessage;

    fn try_from(
        v1::AddHostRequest {
            ip_address,
            hostname,
            comment,
            tags,
            aliases,
        }: v1::AddHostRequest,
    ) -> Result<Self, InvalidMessage> {
        Ok(Self {
            address: address(&ip_address)?,
            hostname: name(&hostname)?,
            aliases: alias_list(&aliases)?,
            tags: tag_list(&tags)?,
            comment: comment.as_deref().map_or(Ok(None), remark)?,
            enabled: true,
        })
    }
}

impl TryFrom<v1::BulkAddHostsRequest> for NewHost {
    type Error = InvalidMessage;

    fn try_from(
        v1::BulkAddHostsRequest {
            edit_token,
            ip_address,
            hostname,
            comment,
            tags,
            aliases,
        }: v1::BulkAddHostsRequest,
    ) -> Result<Self, InvalidMessage> {
        if edit_token.is_some() {
            return Err(InvalidMessage::EditToken);
        }
        Self::try_from(v1::AddHostRequest {
            ip_address,
            hostname,
            comment,
            tags,
            aliases,
        })
    }
}

impl From<&NewHost> for v1::AddHostRequest {
    /// The wire cannot say that a new host is disabled: it is added enabled.
    fn from(host: &NewHost) -> Self {
        let NewHost {
            address,
            hostname,
            aliases,
            tags,
            comment,
            enabled: _,
        } = host;
        Self {
            ip_address: address.to_string(),
            hostname: hostname.to_string(),
            comment: comment.as_ref().map(Comment::to_string),
            tags: texts(tags),
            aliases: texts(aliases),
        }
    }
}

impl TryFrom<v1::UpdateHostRequest> for (HostRef, HostPatch, Option<Revision>) {
    type Error = InvalidMessage;

    /// What is absent stays; an empty wrapper and an empty comment clear.
    fn try_from(
        v1::UpdateHostRequest {
            id,
            ip_address,
            hostname,
            comment,
            expected_version,
            aliases,
            tags,
            disabled,
            name: by_name,
        }: v1::UpdateHostRequest,
    ) -> Result<Self, InvalidMessage> {
        let patch = HostPatch {
            address: ip_address.as_deref().map(address).transpose()?,
            hostname: hostname.as_deref().map(name).transpose()?,
            aliases: aliases
                .map(|v1::AliasesUpdate { values }| alias_list(&values))
                .transpose()?,
            tags: tags
                .map(|v1::TagsUpdate { values }| tag_list(&values))
                .transpose()?,
            comment: comment.as_deref().map(remark).transpose()?,
            enabled: disabled.map(|disabled| !disabled),
        };
        let host = host_ref(&id, by_name.as_deref())?;
        Ok((host, patch, expected_version.map(expected)))
    }
}

impl From<(&HostRef, &HostPatch)> for v1::UpdateHostRequest {
    /// Unconditional: whoever has seen a version sets `expected_version`,
    /// whose text is opaque to the caller.
    fn from((host, patch): (&HostRef, &HostPatch)) -> Self {
        let HostPatch {
            address,
            hostname,
            aliases,
            tags,
            comment,
            enabled,
        } = patch;
        let (id, name) = host_texts(host);
        Self {
            id,
            name,
            ip_address: address.map(|address| address.to_string()),
            hostname: hostname.as_ref().map(Hostname::to_string),
            comment: comment
                .as_ref()
                .map(|comment| comment.as_ref().map_or(String::new(), Comment::to_string)),
            expected_version: None,
            aliases: aliases.as_ref().map(|aliases| v1::AliasesUpdate {
                values: texts(aliases),
            }),
            tags: tags.as_ref().map(|tags| v1::TagsUpdate {
                values: texts(tags),
            }),
            disabled: enabled.map(|enabled| !enabled),
        }
    }
}

impl TryFrom<v1::DeleteHostRequest> for (HostRef, Option<Revision>) {
    type Error = InvalidMessage;

    fn try_from(
        v1::DeleteHostRequest {
            id,
            expected_version,
            name,
        }: v1::DeleteHostRequest,
    ) -> Result<Self, InvalidMessage> {
        let host = host_ref(&id, name.as_deref())?;
        Ok((host, expected_version.map(expected)))
    }
}

impl From<&HostRef> for v1::DeleteHostRequest {
    /// Unconditional, as an update.
    fn from(host: &HostRef) -> Self {
        let (id, name) = host_texts(host);
        Self {
            id,
            expected_version: None,
            name,
        }
    }
}

/// One of both; with a name, the id is empty.
fn host_ref(id: &str, by_name: Option<&str>) -> Result<HostRef, InvalidMessage> {
    match by_name {
        None => host_id(id).map(HostRef::Id),
        Some(text) if id.is_empty() => {
            let name = Hostname::parse(text).map_err(InvalidMessage::Name)?;
            Ok(HostRef::Name(name))
        }
        Some(_) => Err(InvalidMessage::IdAndName),
    }
}

fn host_texts(host: &HostRef) -> (String, Option<String>) {
    match host {
        HostRef::Id(id) => (id.to_string(), None),
        HostRef::Name(name) => (String::new(), Some(name.to_string())),
    }
}

fn host_id(text: &str) -> Result<HostId, InvalidMessage> {
    text.parse().map_err(InvalidMessage::Id)
}

fn address(text: &str) -> Result<Address, InvalidMessage> {
    Address::parse(text).map_err(InvalidMessage::Address)
}

fn name(text: &str) -> Result<Hostname, InvalidMessage> {
    Hostname::parse(text).map_err(InvalidMessage::Hostname)
}

fn remark(text: &str) -> Result<Option<Comment>, InvalidMessage> {
    Comment::parse_optional(text).map_err(InvalidMessage::Comment)
}

fn alias_list(texts: &[String]) -> Result<Aliases, InvalidMessage> {
    let names: Result<Vec<_>, _> = (0..)
        .zip(texts)
        .map(|(index, text)| {
            Hostname::parse(text).map_err(|cause| InvalidMessage::Alias { index, cause })
        })
        .collect();
    Aliases::new(names?).map_err(InvalidMessage::Aliases)
}

fn tag_list(texts: &[String]) -> Result<Tags, InvalidMessage> {
    let tags: Result<Vec<_>, _> = (0..)
        .zip(texts)
        .map(|(index, text)| Tag::parse(text).map_err(|cause| InvalidMessage::Tag { index, cause }))
        .collect();
    Tags::new(tags?).map_err(InvalidMessage::Tags)
}

/// Versions are opaque and compared for equality: a text that no version of
/// ours displays as is one that never matches, not a malformed request.
fn expected(version: String) -> Revision {
    match version.parse::<Revision>() {
        Ok(revision) if revision.to_string() == version => revision,
        _ => NEVER,
    }
}

/// No log grows to this index, so no host ever has this version.
const NEVER: Revision = Revision::new(u64::MAX);

fn texts<T: ToString>(values: impl IntoIterator<Item = T>) -> Vec<String> {
    values.into_iter().map(|value| value.to_string()).collect()
}

#[cfg(test)]
mod tests;
