//! What a caller wants to read, and how fresh it must be.

use super::InvalidMessage;
use crate::v1;
use hosts::{HostId, Query};

/// How fresh a read must be.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub enum Consistency {
    /// It sees every write acknowledged before it began, through any node.
    #[default]
    Linearizable,
    /// It sees what the asked node has applied, at once.
    Local,
}

impl Consistency {
    /// Reads the number of the enum; 0, which is absence, is linearizable.
    ///
    /// # Errors
    /// [`InvalidMessage::Unknown`] for a number without a meaning: a weaker
    /// read than the caller wanted would be worse than none.
    pub fn from_wire(number: i32) -> Result<Self, InvalidMessage> {
        match v1::Consistency::try_from(number) {
            Ok(v1::Consistency::Unspecified | v1::Consistency::Linearizable) => {
                Ok(Self::Linearizable)
            }
            Ok(v1::Consistency::Local) => Ok(Self::Local),
            Err(_) => Err(InvalidMessage::Unknown {
                field: "consistency",
                known: "linearizable, local",
            }),
        }
    }

    /// The number of the enum.
    #[must_use]
    pub fn to_wire(self) -> i32 {
        match self {
            Self::Linearizable => v1::Consistency::Linearizable.into(),
            Self::Local => v1::Consistency::Local.into(),
        }
    }
}

/// One host, asked for by id.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Get {
    /// Which.
    pub id: HostId,
    /// How fresh.
    pub consistency: Consistency,
}

impl TryFrom<v1::GetHostRequest> for Get {
    type Error = InvalidMessage;

    fn try_from(
        v1::GetHostRequest { id, consistency }: v1::GetHostRequest,
    ) -> Result<Self, InvalidMessage> {
        Ok(Self {
            id: id.parse().map_err(InvalidMessage::Id)?,
            consistency: Consistency::from_wire(consistency)?,
        })
    }
}

/// A page of the list of hosts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct List {
    /// Only the hosts that match; `None` for all.
    pub filter: Option<Query>,
    /// At most so many; `None` for all that follow `offset`.
    pub limit: Option<usize>,
    /// So many matching hosts are passed over first.
    pub offset: usize,
    /// How fresh.
    pub consistency: Consistency,
}

impl TryFrom<v1::ListHostsRequest> for List {
    type Error = InvalidMessage;

    /// A blank filter and a limit of 0 are those of clients that always send
    /// the field: no filter, no limit.
    fn try_from(
        v1::ListHostsRequest {
            filter,
            limit,
            offset,
            consistency,
        }: v1::ListHostsRequest,
    ) -> Result<Self, InvalidMessage> {
        let filter = filter.filter(|text| !text.trim().is_empty());
        Ok(Self {
            filter: filter.map(|text| query("filter", &text)).transpose()?,
            limit: count("limit", limit)?.filter(|&limit| limit > 0),
            offset: count("offset", offset)?.unwrap_or(0),
            consistency: Consistency::from_wire(consistency)?,
        })
    }
}

/// The hosts that match a query.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Search {
    /// What must match.
    pub query: Query,
    /// How fresh.
    pub consistency: Consistency,
}

impl TryFrom<v1::SearchHostsRequest> for Search {
    type Error = InvalidMessage;

    fn try_from(
        v1::SearchHostsRequest {
            query: text,
            consistency,
        }: v1::SearchHostsRequest,
    ) -> Result<Self, InvalidMessage> {
        Ok(Self {
            query: query("query", &text)?,
            consistency: Consistency::from_wire(consistency)?,
        })
    }
}

fn query(field: &'static str, text: &str) -> Result<Query, InvalidMessage> {
    Query::parse(text).map_err(|cause| InvalidMessage::Query { field, cause })
}

fn count(field: &'static str, value: Option<i32>) -> Result<Option<usize>, InvalidMessage> {
    value
        .map(|value| usize::try_from(value).map_err(|_| InvalidMessage::Negative { field, value }))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(filter: Option<&str>, limit: Option<i32>, offset: Option<i32>) -> v1::ListHostsRequest {
        v1::ListHostsRequest {
            filter: filter.map(str::to_owned),
            limit,
            offset,
            consistency: 0,
        }
    }

    #[test]
    fn a_list_of_everything_is_the_empty_message() {
        let all = List {
            filter: None,
            limit: None,
            offset: 0,
            consistency: Consistency::Linearizable,
        };
        assert_eq!(List::try_from(list(None, None, None)), Ok(all.clone()));
        assert_eq!(List::try_from(list(Some(" "), Some(0), Some(0))), Ok(all));
    }

    #[test]
    fn a_page_has_a_filter_a_limit_and_an_offset() {
        let page = List::try_from(list(Some("tag:lab"), Some(10), Some(20))).unwrap();
        assert_eq!(page.filter, Some(Query::parse("tag:lab").unwrap()));
        assert_eq!((page.limit, page.offset), (Some(10), 20));
    }

    #[test]
    fn numbers_below_zero_are_refused_by_name() {
        let refused = |field| Err(InvalidMessage::Negative { field, value: -1 });
        assert_eq!(List::try_from(list(None, Some(-1), None)), refused("limit"));
        assert_eq!(
            List::try_from(list(None, None, Some(-1))),
            refused("offset")
        );
    }

    #[test]
    fn a_freshness_without_meaning_is_refused() {
        for (number, expected) in [
            (0, Consistency::Linearizable),
            (1, Consistency::Linearizable),
            (2, Consistency::Local),
        ] {
            assert_eq!(Consistency::from_wire(number), Ok(expected));
        }
        assert!(Consistency::from_wire(3).is_err());
        for known in [Consistency::Linearizable, Consistency::Local] {
            assert_eq!(Consistency::from_wire(known.to_wire()), Ok(known));
        }
    }

    #[test]
    fn an_id_that_is_none_is_refused() {
        let message = v1::GetHostRequest {
            id: "nas.lan".to_owned(),
            consistency: 2,
        };
        assert!(matches!(Get::try_from(message), Err(InvalidMessage::Id(_))));
    }
}
