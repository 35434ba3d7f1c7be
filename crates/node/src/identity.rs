//! Who is at the other end, as its certificate says.
//!
//! The identity is a URI among the certificate's alternative names, never its common name:
//!
//! ```text
//! router-hosts://01JD5Z0J5J3Y7V6Q3N8E9KX2RT/node/2          node 2 of that cluster
//! router-hosts://01JD5Z0J5J3Y7V6Q3N8E9KX2RT/editor/alice    alice, who may edit hosts there
//! ```
//!
//! One certificate, one identity: several such URIs are refused, and so is a name that has more than one spelling.

use std::fmt;
use std::str::FromStr;

use hosts::{Actor, ActorName, HostId, Role, Timestamp};
use rustls_pki_types::CertificateDer;
use thiserror::Error;

use crate::tls::certificate::{Certificate, InvalidCertificate};

/// A cluster: a ULID, made when the cluster is. Displayed as 26 characters of Crockford's base32.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClusterId(u128);

impl ClusterId {
    /// A new cluster, made at `at`; `seed` is fresh randomness, of which 80 bits are used.
    #[must_use]
    pub const fn new(at: Timestamp, seed: u128) -> Self {
        Self(HostId::nth(at, seed, 0).as_u128())
    }

    /// The cluster whose ULID has these bits.
    #[must_use]
    pub const fn from_u128(bits: u128) -> Self {
        Self(bits)
    }

    /// The bits of the ULID.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        self.0
    }
}

/// A node of a cluster: who a peer must be.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Peer {
    /// Its cluster.
    pub cluster: ClusterId,
    /// Its id within the cluster.
    pub node: u64,
}

/// Someone with a certificate of a cluster. Displayed as the URI in the certificate.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Caller {
    /// The cluster that the certificate is for.
    pub cluster: ClusterId,
    /// Who within it.
    pub who: Who,
}

/// A node or someone who uses the cluster.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Who {
    /// The node with this id.
    Node(u64),
    /// A person or a program. Its role is never [`Role::Node`].
    Client(Actor),
}

impl Caller {
    /// Reads the identity of a certificate. Nothing is verified here: whoever calls has checked the chain.
    ///
    /// # Errors
    /// When the certificate cannot be read, or does not carry exactly one identity.
    pub fn from_certificate(der: &CertificateDer<'_>) -> Result<Self, InvalidIdentity> {
        Self::of(&Certificate::parse(der).map_err(InvalidIdentity::Certificate)?)
    }

    /// Reads the identity of a certificate that was parsed already.
    ///
    /// # Errors
    /// As [`Caller::from_certificate`].
    pub(crate) fn of(certificate: &Certificate) -> Result<Self, InvalidIdentity> {
        let mut ours = certificate.uris.iter().filter(|uri| is_ours(uri));
        match (ours.next(), ours.next()) {
            (Some(uri), None) => uri.parse(),
            (None, _) => Err(InvalidIdentity::Missing),
            (Some(_), Some(_)) => Err(InvalidIdentity::Several),
        }
    }

    /// A client of `cluster`.
    ///
    /// # Errors
    /// When the role is [`Role::Node`], or a URI would have to escape the name.
    pub fn client(cluster: ClusterId, role: Role, name: &str) -> Result<Self, InvalidIdentity> {
        let uri = || shorten(&format!("{SCHEME}{cluster}/{role}/{name}"));
        if role == Role::Node {
            return Err(InvalidIdentity::NodeRole { uri: uri() });
        }
        let name = client_name(name).ok_or_else(|| InvalidIdentity::Name { uri: uri() })?;
        Ok(Self {
            cluster,
            who: Who::Client(Actor { role, name }),
        })
    }

    /// Who this is in stamps and role tables. Node 2 is the actor `node:2`.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match &self.who {
            Who::Node(id) => Actor {
                role: Role::Node,
                name: ActorName::parse(&id.to_string()).expect("digits are the name of an actor"),
            },
            Who::Client(actor) => actor.clone(),
        }
    }

    /// The node this is, if it is one.
    #[must_use]
    pub fn peer(&self) -> Option<Peer> {
        match self.who {
            Who::Node(node) => Some(Peer {
                cluster: self.cluster,
                node,
            }),
            Who::Client(_) => None,
        }
    }
}

impl From<Peer> for Caller {
    fn from(Peer { cluster, node }: Peer) -> Self {
        Self {
            cluster,
            who: Who::Node(node),
        }
    }
}

/// The identity of a certificate cannot be told.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum InvalidIdentity {
    /// The certificate is not X.509.
    #[error("the certificate cannot be read")]
    Certificate(#[source] InvalidCertificate),
    /// No URI of ours.
    #[error(
        "the certificate names no identity: it needs one URI like router-hosts://CLUSTER/node/ID among its alternative \
         names"
    )]
    Missing,
    /// More than one URI of ours.
    #[error("the certificate names more than one identity")]
    Several,
    /// Not `router-hosts://CLUSTER/ROLE/NAME`.
    #[error(
        "`{uri}` is not an identity: expected router-hosts://CLUSTER/node/ID or \
         router-hosts://CLUSTER/{{admin|editor|viewer}}/NAME"
    )]
    Form {
        /// The URI, shortened.
        uri: String,
    },
    /// The cluster is not a ULID.
    #[error("the identity `{uri}` names no cluster")]
    Cluster {
        /// The URI, shortened.
        uri: String,
        /// What is wrong with it.
        #[source]
        cause: InvalidClusterId,
    },
    /// The id of a node is not a number.
    #[error("the identity `{uri}` names no node: ids are decimal numbers without leading zeros")]
    NodeId {
        /// The URI, shortened.
        uri: String,
    },
    /// A client in the role of a node.
    #[error("`{uri}` is no client: nodes have ids, not names")]
    NodeRole {
        /// The URI, shortened.
        uri: String,
    },
    /// The name of a client has characters that a URI would have to escape.
    #[error(
        "the identity `{uri}` has a name that is not 1–128 letters, digits or any of -._~!$&'()*+,;=@"
    )]
    Name {
        /// The URI, shortened.
        uri: String,
    },
}

impl FromStr for Caller {
    type Err = InvalidIdentity;

    fn from_str(uri: &str) -> Result<Self, InvalidIdentity> {
        let shown = || shorten(uri);
        let form = || InvalidIdentity::Form { uri: shown() };
        let path = uri.strip_prefix(SCHEME).ok_or_else(form)?;
        let mut parts = path.split('/');
        let (Some(cluster), Some(role), Some(name), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(form());
        };
        let cluster = cluster.parse().map_err(|cause| InvalidIdentity::Cluster {
            uri: shown(),
            cause,
        })?;
        match role.parse().map_err(|_| form())? {
            Role::Node => {
                let id = node_id(name).ok_or_else(|| InvalidIdentity::NodeId { uri: shown() })?;
                Ok(Self {
                    cluster,
                    who: Who::Node(id),
                })
            }
            role @ (Role::Admin | Role::Editor | Role::Viewer) => Self::client(cluster, role, name),
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{SCHEME}{}/", self.cluster)?;
        match &self.who {
            Who::Node(id) => write!(out, "node/{id}"),
            Who::Client(Actor { role, name }) => write!(out, "{role}/{name}"),
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(id) => write!(out, "node {id}"),
            Self::Client(Actor { role, name }) => write!(out, "{role} {name}"),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "node {} of cluster {}", self.node, self.cluster)
    }
}

/// A text that is not a [`ClusterId`].
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error(
    "`{input}` is not the id of a cluster: 26 characters of Crockford's base32, 7ZZZZZZZZZZZZZZZZZZZZZZZZZ at most"
)]
pub struct InvalidClusterId {
    /// The text, shortened.
    pub input: String,
}

impl FromStr for ClusterId {
    type Err = InvalidClusterId;

    fn from_str(text: &str) -> Result<Self, InvalidClusterId> {
        let ulid: HostId = text.parse().map_err(|_| InvalidClusterId {
            input: shorten(text),
        })?;
        Ok(Self(ulid.as_u128()))
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        HostId::from_u128(self.0).fmt(out)
    }
}

const SCHEME: &str = "router-hosts://";

/// How much of a foreign text an error repeats, in characters.
const SHOWN_CHARS_MAX: usize = 80;

/// Whether a URI claims to be an identity. Scheme names are compared without case (RFC 3986, 3.1), so that an odd
/// spelling is refused as such and not passed over.
fn is_ours(uri: &str) -> bool {
    uri.as_bytes()
        .get(..SCHEME.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(SCHEME.as_bytes()))
}

fn node_id(text: &str) -> Option<u64> {
    let id: u64 = text.parse().ok()?;
    (id.to_string() == text).then_some(id)
}

fn client_name(text: &str) -> Option<ActorName> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=@".contains(&b);
    if text.bytes().all(plain) {
        ActorName::parse(text).ok()
    } else {
        None
    }
}

fn shorten(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(SHOWN_CHARS_MAX)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(SHOWN_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLUSTER: &str = "01JD5Z0J5J3Y7V6Q3N8E9KX2RT";

    fn parse(rest: &str) -> Result<Caller, InvalidIdentity> {
        format!("router-hosts://{CLUSTER}/{rest}").parse()
    }

    #[test]
    fn an_identity_reads_what_it_displays() {
        for rest in [
            "node/1",
            "node/18446744073709551615",
            "admin/alice",
            "editor/ci+x@lan",
            "viewer/a.b-c_d~",
        ] {
            let caller = parse(rest).unwrap();
            assert_eq!(
                caller.to_string(),
                format!("router-hosts://{CLUSTER}/{rest}")
            );
        }
    }

    #[test]
    fn a_node_acts_under_its_id() {
        let caller = parse("node/7").unwrap();
        assert_eq!(caller.actor().to_string(), "node:7");
        assert_eq!(caller.peer().map(Caller::from), Some(caller));
        assert_eq!(
            parse("admin/alice").unwrap().actor().to_string(),
            "admin:alice"
        );
        assert_eq!(parse("admin/alice").unwrap().peer(), None);
    }

    #[test]
    fn the_cluster_is_read_without_case() {
        let lower: Caller = format!("router-hosts://{}/node/1", CLUSTER.to_lowercase())
            .parse()
            .unwrap();
        assert_eq!(lower, parse("node/1").unwrap());
    }

    #[test]
    fn a_node_id_has_one_spelling() {
        for id in [
            "01",
            "+1",
            "",
            "-1",
            "1.0",
            "0x1",
            "18446744073709551616",
            "one",
        ] {
            assert!(
                matches!(
                    parse(&format!("node/{id}")),
                    Err(InvalidIdentity::NodeId { .. })
                ),
                "{id}"
            );
        }
    }

    #[test]
    fn a_name_that_a_uri_would_escape_is_refused() {
        for name in [
            "",
            "a%62",
            "a?b",
            "a#b",
            "a b",
            "a:b",
            "ä",
            "a\"b",
            &"a".repeat(129),
        ] {
            assert!(
                matches!(
                    parse(&format!("admin/{name}")),
                    Err(InvalidIdentity::Name { .. })
                ),
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_no_identity_is_refused() {
        for rest in [
            "",
            "node",
            "root/alice",
            "Admin/alice",
            "admin/alice/",
            "admin/a/b",
            "/admin/alice",
        ] {
            assert!(
                matches!(parse(rest), Err(InvalidIdentity::Form { .. })),
                "{rest}"
            );
        }
        for uri in [
            "",
            "https://x/node/1",
            "router-hosts:/x/node/1",
            "ROUTER-HOSTS://x/node/1",
        ] {
            assert!(
                matches!(uri.parse::<Caller>(), Err(InvalidIdentity::Form { .. })),
                "{uri}"
            );
        }
        assert!(matches!(
            "router-hosts://8ZZZZZZZZZZZZZZZZZZZZZZZZZ/node/1".parse::<Caller>(),
            Err(InvalidIdentity::Cluster { .. })
        ));
    }

    #[test]
    fn an_error_repeats_little_of_a_long_uri() {
        let error = parse(&format!("admin/{}", "\u{7}".repeat(100_000))).unwrap_err();
        assert!(error.to_string().len() < 1000);
        assert!(!error.to_string().contains('\u{7}'));
    }

    #[test]
    fn a_cluster_id_keeps_its_bits() {
        let id = ClusterId::new(Timestamp::from_millis(1_795_197_600_000), u128::MAX);
        assert_eq!(ClusterId::from_u128(id.as_u128()), id);
        assert_eq!(id.to_string().parse(), Ok(id));
    }
}
