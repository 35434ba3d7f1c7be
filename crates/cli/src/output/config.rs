//! The settings in effect, and whether they can be used.

use super::table::{Columns, Tint, columns, header, pairs, tinted};
use super::{Page, Report};
use serde::Serialize;

/// Every setting, and where it comes from.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Shown {
    /// The file that was read.
    pub(crate) file: Option<String>,
    pub(crate) settings: Vec<Setting>,
}

/// One setting.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Setting {
    pub(crate) key: &'static str,
    pub(crate) value: Option<String>,
    pub(crate) source: String,
}

impl Shown {
    pub(crate) fn setting(
        &mut self,
        key: &'static str,
        value: Option<String>,
        source: impl ToString,
    ) {
        self.settings.push(Setting {
            key,
            value,
            source: source.to_string(),
        });
    }

    fn rows(&self) -> Vec<Vec<String>> {
        self.settings
            .iter()
            .map(|Setting { key, value, source }| {
                let value = value.clone().unwrap_or_default();
                vec![(*key).to_owned(), value, source.clone()]
            })
            .collect()
    }
}

impl Report for Shown {
    fn table(&self, page: Page) -> String {
        let file = self.file.as_deref().unwrap_or("none");
        let layout = Columns {
            header: &["KEY", "VALUE", "FROM"],
            flowing: &["VALUE"],
            spare: &[],
        };
        let settings = columns(page, layout, self.rows());
        format!("{settings}\nfile: {file}\n")
    }

    fn csv(&self) -> Vec<Vec<String>> {
        std::iter::once(header(&["key", "value", "source"]))
            .chain(self.rows())
            .collect()
    }
}

/// Settings that can be used.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Checked {
    pub(crate) server: Vec<String>,
    pub(crate) certificate: Option<String>,
    pub(crate) identity: Option<String>,
    pub(crate) certificate_expires_at: Option<String>,
}

impl Report for Checked {
    fn table(&self, page: Page) -> String {
        let Self {
            server,
            certificate,
            identity,
            certificate_expires_at,
        } = self.clone();
        let text = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
        let rows = vec![
            ("nodes", server.join(" ")),
            ("certificate", text(certificate)),
            ("identity", text(identity)),
            ("valid until", text(certificate_expires_at)),
        ];
        format!(
            "{}{}\n",
            pairs(page, rows),
            tinted(Tint::Good, "can be used", page)
        )
    }

    fn csv(&self) -> Vec<Vec<String>> {
        let Self {
            server,
            certificate,
            identity,
            certificate_expires_at,
        } = self.clone();
        vec![
            header(&[
                "server",
                "certificate",
                "identity",
                "certificate_expires_at",
            ]),
            vec![
                server.join(" "),
                certificate.unwrap_or_default(),
                identity.unwrap_or_default(),
                certificate_expires_at.unwrap_or_default(),
            ],
        ]
    }
}
