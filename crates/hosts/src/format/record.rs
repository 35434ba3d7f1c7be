//! A host as a record of texts, which JSON and CSV share: the same words in the same order, with what may be left
//! out.

use serde::Serialize;

use super::parsed::ParseFault;
use crate::address::Address;
use crate::command::NewHost;
use crate::host::Host;
use crate::name::{Aliases, Hostname};
use crate::text::{Comment, Tag, Tags, TooMany};

pub(super) const ADDRESS: &str = "ip_address";
pub(super) const HOSTNAME: &str = "hostname";

/// What a record says about a host. Its id, version and times are not among it: the cluster gives its own.
pub(super) struct Said<'a> {
    pub(super) address: Option<&'a str>,
    pub(super) hostname: Option<&'a str>,
    pub(super) aliases: Vec<&'a str>,
    pub(super) tags: Vec<&'a str>,
    pub(super) comment: Option<&'a str>,
    pub(super) disabled: bool,
}

impl Said<'_> {
    pub(super) fn host(self) -> Result<NewHost, ParseFault> {
        let Self {
            address,
            hostname,
            aliases,
            tags,
            comment,
            disabled,
        } = self;
        let address = Address::parse(there(ADDRESS, address)?)?;
        let hostname = Hostname::parse(there(HOSTNAME, hostname)?)?;
        let aliases: Vec<Hostname> = aliases
            .into_iter()
            .map(Hostname::parse)
            .collect::<Result<_, _>>()?;
        let tags: Vec<Tag> = tags.into_iter().map(Tag::parse).collect::<Result<_, _>>()?;
        Ok(NewHost {
            address,
            aliases: aliases_beside(&hostname, aliases)?,
            hostname,
            tags: Tags::new(tags)?,
            comment: Comment::parse_optional(comment.unwrap_or_default())?,
            enabled: !disabled,
        })
    }
}

fn there<'a>(field: &'static str, text: Option<&'a str>) -> Result<&'a str, ParseFault> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    text.ok_or(ParseFault::Missing { field })
}

/// The further names of a host, of which its hostname is none.
pub(super) fn aliases_beside(
    hostname: &Hostname,
    names: Vec<Hostname>,
) -> Result<Aliases, TooMany> {
    let mut names = names;
    names.retain(|name| name != hostname);
    Aliases::new(names)
}

/// A host in the words of the wire. Earlier clients know all but the last four.
#[derive(Serialize)]
pub(super) struct Record<'a> {
    pub(super) id: String,
    pub(super) ip_address: String,
    pub(super) hostname: &'a str,
    pub(super) comment: Option<&'a str>,
    pub(super) tags: Vec<&'a str>,
    pub(super) aliases: Vec<&'a str>,
    pub(super) disabled: bool,
    pub(super) version: String,
    pub(super) created_at: String,
    pub(super) updated_at: String,
}

impl<'a> From<&'a Host> for Record<'a> {
    fn from(host: &'a Host) -> Self {
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
            hostname: hostname.as_str(),
            comment: comment.as_ref().map(Comment::as_str),
            tags: tags.iter().map(Tag::as_str).collect(),
            aliases: aliases.iter().map(Hostname::as_str).collect(),
            disabled: !enabled,
            version: version.to_string(),
            created_at: created.to_string(),
            updated_at: updated.to_string(),
        }
    }
}
