//! Hosts and the values they are made of.
//!
//! Texts are parsed by their own types again: a name that was damaged on its
//! way does not become a name here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use hosts::{Address, Aliases, Comment, Host, HostId, Hostname, NewHost, Revision, Tag, Tags};
use hosts::{HostPatch, Timestamp};

use super::wire::{Flaw, array, id, id_bytes, required};

/// What a person says about a host.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FactsShape {
    #[prost(bytes = "bytes", tag = "1")]
    address: Bytes,
    #[prost(string, tag = "2")]
    hostname: String,
    #[prost(string, repeated, tag = "3")]
    aliases: Vec<String>,
    #[prost(string, repeated, tag = "4")]
    tags: Vec<String>,
    #[prost(string, optional, tag = "5")]
    comment: Option<String>,
    #[prost(bool, tag = "6")]
    enabled: bool,
}

pub(crate) fn facts_shape(facts: &NewHost) -> FactsShape {
    let NewHost {
        address,
        hostname,
        aliases,
        tags,
        comment,
        enabled,
    } = facts;
    FactsShape {
        address: address_bytes(*address),
        hostname: hostname.as_str().to_owned(),
        aliases: alias_texts(aliases),
        tags: tag_texts(tags),
        comment: comment_text(comment.as_ref()),
        enabled: *enabled,
    }
}

pub(crate) fn facts_from(
    FactsShape {
        address,
        hostname,
        aliases,
        tags,
        comment,
        enabled,
    }: FactsShape,
) -> Result<NewHost, Flaw> {
    Ok(NewHost {
        address: address_from("address", &address)?,
        hostname: hostname_from("hostname", &hostname)?,
        aliases: aliases_from("aliases", &aliases)?,
        tags: tags_from("tags", &tags)?,
        comment: comment_from("comment", comment.as_deref())?,
        enabled,
    })
}

/// A live record.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct HostShape {
    #[prost(bytes = "bytes", tag = "1")]
    id: Bytes,
    #[prost(message, optional, tag = "2")]
    facts: Option<FactsShape>,
    #[prost(uint64, tag = "3")]
    version: u64,
    #[prost(uint64, tag = "4")]
    created: u64,
    #[prost(uint64, tag = "5")]
    updated: u64,
}

pub(crate) fn host_shape(host: &Host) -> HostShape {
    HostShape {
        id: host_id_bytes(host.id),
        facts: Some(facts_shape(&host.facts())),
        version: host.version.get(),
        created: host.created.as_millis(),
        updated: host.updated.as_millis(),
    }
}

pub(crate) fn host_from(
    HostShape {
        id,
        facts,
        version,
        created,
        updated,
    }: HostShape,
) -> Result<Host, Flaw> {
    let NewHost {
        address,
        hostname,
        aliases,
        tags,
        comment,
        enabled,
    } = facts_from(required("facts", facts)?)?;
    Ok(Host {
        id: host_id_from("id", &id)?,
        address,
        hostname,
        aliases,
        tags,
        comment,
        enabled,
        version: Revision::new(version),
        created: Timestamp::from_millis(created),
        updated: Timestamp::from_millis(updated),
    })
}

/// Fields to change; an absent one stays as it is.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct PatchShape {
    #[prost(bytes = "bytes", optional, tag = "1")]
    address: Option<Bytes>,
    #[prost(string, optional, tag = "2")]
    hostname: Option<String>,
    #[prost(message, optional, tag = "3")]
    aliases: Option<Texts>,
    #[prost(message, optional, tag = "4")]
    tags: Option<Texts>,
    /// Empty clears it, as no comment is empty.
    #[prost(string, optional, tag = "5")]
    comment: Option<String>,
    #[prost(bool, optional, tag = "6")]
    enabled: Option<bool>,
}

/// A list that may be absent as a whole.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Texts {
    #[prost(string, repeated, tag = "1")]
    texts: Vec<String>,
}

pub(crate) fn patch_shape(patch: &HostPatch) -> PatchShape {
    let HostPatch {
        address,
        hostname,
        aliases,
        tags,
        comment,
        enabled,
    } = patch;
    PatchShape {
        address: address.map(address_bytes),
        hostname: hostname.as_ref().map(|name| name.as_str().to_owned()),
        aliases: aliases.as_ref().map(|aliases| Texts {
            texts: alias_texts(aliases),
        }),
        tags: tags.as_ref().map(|tags| Texts {
            texts: tag_texts(tags),
        }),
        comment: comment
            .as_ref()
            .map(|comment| comment_text(comment.as_ref()).unwrap_or_default()),
        enabled: *enabled,
    }
}

pub(crate) fn patch_from(
    PatchShape {
        address,
        hostname,
        aliases,
        tags,
        comment,
        enabled,
    }: PatchShape,
) -> Result<HostPatch, Flaw> {
    Ok(HostPatch {
        address: address
            .map(|address| address_from("address", &address))
            .transpose()?,
        hostname: hostname
            .map(|name| hostname_from("hostname", &name))
            .transpose()?,
        aliases: aliases
            .map(|Texts { texts }| aliases_from("aliases", &texts))
            .transpose()?,
        tags: tags
            .map(|Texts { texts }| tags_from("tags", &texts))
            .transpose()?,
        comment: comment
            .map(|text| {
                let text = (!text.is_empty()).then_some(text);
                comment_from("comment", text.as_deref())
            })
            .transpose()?,
        enabled,
    })
}

pub(crate) fn host_id_bytes(id: HostId) -> Bytes {
    id_bytes(id.as_u128())
}

pub(crate) fn host_id_from(field: &str, bytes: &[u8]) -> Result<HostId, Flaw> {
    id(field, bytes).map(HostId::from_u128)
}

/// 4 bytes for IPv4, 16 for IPv6, in network order.
pub(crate) fn address_bytes(address: Address) -> Bytes {
    match address.ip() {
        IpAddr::V4(ip) => Bytes::copy_from_slice(&ip.octets()),
        IpAddr::V6(ip) => Bytes::copy_from_slice(&ip.octets()),
    }
}

pub(crate) fn address_from(field: &str, bytes: &[u8]) -> Result<Address, Flaw> {
    if bytes.len() == 4 {
        let ip: [u8; 4] = array(field, bytes)?;
        return Ok(Address::new(Ipv4Addr::from(ip).into()));
    }
    let ip: [u8; 16] = array(field, bytes)?;
    Ok(Address::new(Ipv6Addr::from(ip).into()))
}

pub(crate) fn hostname_from(field: &str, text: &str) -> Result<Hostname, Flaw> {
    Hostname::parse(text).map_err(|cause| Flaw::new(field, cause))
}

pub(crate) fn alias_texts(aliases: &Aliases) -> Vec<String> {
    aliases
        .iter()
        .map(|name| name.as_str().to_owned())
        .collect()
}

pub(crate) fn aliases_from(field: &str, texts: &[String]) -> Result<Aliases, Flaw> {
    if texts.is_empty() {
        return Ok(Aliases::default());
    }
    let names = texts
        .iter()
        .map(|text| hostname_from(field, text))
        .collect::<Result<_, _>>()?;
    Aliases::new(names).map_err(|cause| Flaw::new(field, cause))
}

pub(crate) fn tag_texts(tags: &Tags) -> Vec<String> {
    tags.iter().map(|tag| tag.as_str().to_owned()).collect()
}

pub(crate) fn tags_from(field: &str, texts: &[String]) -> Result<Tags, Flaw> {
    if texts.is_empty() {
        return Ok(Tags::default());
    }
    let tags = texts
        .iter()
        .map(|text| Tag::parse(text).map_err(|cause| Flaw::new(field, cause)))
        .collect::<Result<_, _>>()?;
    Tags::new(tags).map_err(|cause| Flaw::new(field, cause))
}

pub(crate) fn comment_text(comment: Option<&Comment>) -> Option<String> {
    comment.map(|comment| comment.as_str().to_owned())
}

pub(crate) fn comment_from(field: &str, text: Option<&str>) -> Result<Option<Comment>, Flaw> {
    text.map(|text| Comment::parse(text).map_err(|cause| Flaw::new(field, cause)))
        .transpose()
}
