//! A projection from stored rows, checked against what they should add up to.

use std::cell::RefCell;

use hosts::{Digest, Host, Projection, RequestRow, RestoreError};

use crate::record::PositionRow;

/// One row of a state or a snapshot.
#[derive(Debug)]
pub(crate) enum Row {
    Host(Host),
    Request(RequestRow),
}

/// The projection with these rows, hosts before requests.
pub(crate) fn assemble(
    expected: &PositionRow,
    rows: impl Iterator<Item = Row>,
) -> Result<Projection, AssembleError> {
    let rows = RefCell::new(Split {
        rows,
        first_request: None,
        hosts: 0,
        late_host: false,
    });
    let projection = Projection::restore(
        expected.position,
        std::iter::from_fn(|| rows.borrow_mut().next_host()),
        std::iter::from_fn(|| rows.borrow_mut().next_request()),
    )
    .map_err(AssembleError::Rows)?;
    let Split {
        hosts, late_host, ..
    } = rows.into_inner();
    if late_host {
        return Err(AssembleError::Order);
    }
    if hosts != expected.hosts {
        return Err(AssembleError::Count {
            hosts,
            expected: expected.hosts,
        });
    }
    let digest = projection.digest();
    if digest != expected.digest {
        return Err(AssembleError::Digest {
            found: digest,
            expected: expected.digest,
        });
    }
    Ok(projection)
}

/// Why rows are not a state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssembleError {
    /// They contradict each other.
    #[error("the rows contradict each other")]
    Rows(#[source] RestoreError),
    /// Rows are missing or too many.
    #[error("there are {hosts} hosts, and there should be {expected}")]
    Count {
        /// Hosts found.
        hosts: u64,
        /// Hosts that should be there.
        expected: u64,
    },
    /// A host stands among the requests.
    #[error("a host stands after the first request")]
    Order,
    /// They are not the rows that were stored.
    #[error("the rows add up to {found}, and should to {expected}")]
    Digest {
        /// What they add up to.
        found: Digest,
        /// What was stored beside them.
        expected: Digest,
    },
}

/// Hands out hosts until the first request, and requests from there.
struct Split<I> {
    rows: I,
    first_request: Option<RequestRow>,
    hosts: u64,
    late_host: bool,
}

impl<I: Iterator<Item = Row>> Split<I> {
    fn next_host(&mut self) -> Option<Host> {
        match self.rows.next()? {
            Row::Host(host) => {
                self.hosts += 1;
                Some(host)
            }
            Row::Request(request) => {
                self.first_request = Some(request);
                None
            }
        }
    }

    fn next_request(&mut self) -> Option<RequestRow> {
        let row = match self.first_request.take() {
            Some(request) => Row::Request(request),
            None => self.rows.next()?,
        };
        match row {
            Row::Request(request) => Some(request),
            Row::Host(_) => {
                self.late_host = true;
                None
            }
        }
    }
}
