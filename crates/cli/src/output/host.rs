//! Hosts as they are shown: the names of the API, all keys always there.

use super::table::{Columns, columns, header, pairs};
use super::{Page, Report};
use hosts::Host;
use serde::Serialize;

/// A host in the words of the API.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct HostView {
    pub(crate) id: String,
    pub(crate) ip_address: String,
    pub(crate) hostname: String,
    pub(crate) aliases: Vec<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) comment: Option<String>,
    pub(crate) disabled: bool,
    pub(crate) version: String,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
}

impl From<&Host> for HostView {
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
            aliases: aliases.iter().map(ToString::to_string).collect(),
            tags: tags.iter().map(ToString::to_string).collect(),
            comment: comment.as_ref().map(ToString::to_string),
            disabled: !enabled,
            version: version.to_string(),
            created_at: created.to_string(),
            updated_at: updated.to_string(),
        }
    }
}

impl HostView {
    pub(super) const CSV_HEADER: [&'static str; 10] = [
        "id",
        "ip_address",
        "hostname",
        "aliases",
        "tags",
        "comment",
        "disabled",
        "version",
        "created_at",
        "updated_at",
    ];

    /// Lists are separated by blanks, which no name and no tag contains.
    pub(super) fn csv_row(&self) -> Vec<String> {
        let Self {
            id,
            ip_address,
            hostname,
            aliases,
            tags,
            comment,
            disabled,
            version,
            created_at,
            updated_at,
        } = self.clone();
        vec![
            id,
            ip_address,
            hostname,
            aliases.join(" "),
            tags.join(" "),
            comment.unwrap_or_default(),
            disabled.to_string(),
            version,
            created_at,
            updated_at,
        ]
    }

    pub(super) fn pairs(&self) -> Vec<(&'static str, String)> {
        let Self {
            id,
            ip_address,
            hostname,
            aliases,
            tags,
            comment,
            disabled,
            version,
            created_at,
            updated_at,
        } = self.clone();
        vec![
            ("id", id),
            ("address", ip_address),
            ("hostname", hostname),
            ("aliases", aliases.join(" ")),
            ("tags", tags.join(" ")),
            ("comment", comment.unwrap_or_default()),
            ("state", state(disabled).to_owned()),
            ("version", version),
            ("created", created_at),
            ("updated", updated_at),
        ]
    }
}

impl HostView {
    pub(super) fn state(&self) -> &'static str {
        state(self.disabled)
    }
}

fn state(disabled: bool) -> &'static str {
    if disabled { "disabled" } else { "enabled" }
}

/// One host, in full.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
#[serde(transparent)]
pub(crate) struct OneHost(pub(crate) HostView);

impl Report for OneHost {
    fn table(&self, page: Page) -> String {
        pairs(page, self.0.pairs())
    }

    fn csv(&self) -> Vec<Vec<String>> {
        vec![header(&HostView::CSV_HEADER), self.0.csv_row()]
    }
}

/// Hosts, one a row. On a narrow terminal ids are left to `host get`.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
#[serde(transparent)]
pub(crate) struct Hosts(pub(crate) Vec<HostView>);

impl Report for Hosts {
    fn table(&self, page: Page) -> String {
        if self.0.is_empty() {
            return "no hosts\n".to_owned();
        }
        let rows = self.0.iter().map(|host| {
            vec![
                host.ip_address.clone(),
                host.hostname.clone(),
                host.aliases.join(" "),
                host.tags.join(" "),
                host.comment.clone().unwrap_or_default(),
                state(host.disabled).to_owned(),
                host.version.clone(),
                host.id.clone(),
            ]
        });
        columns(
            page,
            Columns {
                header: &[
                    "ADDRESS", "HOSTNAME", "ALIASES", "TAGS", "COMMENT", "STATE", "VERSION", "ID",
                ],
                flowing: &["ALIASES", "TAGS", "COMMENT"],
                spare: &["VERSION", "ID"],
            },
            rows,
        )
    }

    fn csv(&self) -> Vec<Vec<String>> {
        std::iter::once(header(&HostView::CSV_HEADER))
            .chain(self.0.iter().map(HostView::csv_row))
            .collect()
    }
}
