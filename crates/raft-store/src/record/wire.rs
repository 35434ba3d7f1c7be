//! Reading a message from foreign bytes: bounded, named, and never a guess.

use std::error::Error;

use bytes::Bytes;

use super::FORMAT;

/// Why bytes are not the record they should be.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Longer than any honest one.
    #[error("{what} of {len} bytes is longer than the {max} allowed")]
    TooLong {
        /// The kind of record.
        what: &'static str,
        /// Its length in bytes.
        len: usize,
        /// The bound in bytes.
        max: usize,
    },
    /// Written by a newer version of the program.
    #[error("{what} has format {found}, and this version reads up to {FORMAT}: upgrade this node")]
    Newer {
        /// The kind of record.
        what: &'static str,
        /// Its format.
        found: u32,
    },
    /// Not the encoding of any such record.
    #[error("{what} of {len} bytes is not in its format")]
    Malformed {
        /// The kind of record.
        what: &'static str,
        /// Its length in bytes.
        len: usize,
        /// What the codec says.
        #[source]
        cause: prost::DecodeError,
    },
    /// A field is missing, or holds what no writer puts there.
    #[error("{what}: {field} cannot be accepted")]
    Field {
        /// The kind of record.
        what: &'static str,
        /// The path of the field.
        field: String,
        /// What is wrong with it.
        #[source]
        cause: Box<dyn Error + Send + Sync>,
    },
}

/// A field that cannot be accepted; the reader of the whole record adds what
/// it was reading.
#[derive(Debug)]
pub(crate) struct Flaw {
    field: String,
    cause: Box<dyn Error + Send + Sync>,
}

impl Flaw {
    /// A field and what is wrong with it.
    pub(crate) fn new(field: &str, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            field: field.to_owned(),
            cause: cause.into(),
        }
    }

    /// A field every writer fills in is absent.
    pub(crate) fn missing(field: &str) -> Self {
        Self::new(field, "it is missing")
    }

    /// The same flaw, seen from the message that holds the field.
    pub(crate) fn within(mut self, outer: &str) -> Self {
        self.field = format!("{outer}.{}", self.field);
        self
    }

    /// The same flaw, in the given element of a list.
    pub(crate) fn at(mut self, list: &str, position: usize) -> Self {
        self.field = format!("{list}[{position}].{}", self.field);
        self
    }

    /// The error of the whole record.
    pub(crate) fn in_record(self, what: &'static str) -> DecodeError {
        DecodeError::Field {
            what,
            field: self.field,
            cause: self.cause,
        }
    }
}

/// Refuses bytes beyond the bound of their kind.
pub(crate) const fn bounded(what: &'static str, len: usize, max: usize) -> Result<(), DecodeError> {
    if len > max {
        return Err(DecodeError::TooLong { what, len, max });
    }
    Ok(())
}

/// Reads a message of at most `max` bytes; its byte fields share `bytes`.
pub(crate) fn message<M: prost::Message + Default>(
    what: &'static str,
    bytes: &Bytes,
    max: usize,
) -> Result<M, DecodeError> {
    bounded(what, bytes.len(), max)?;
    M::decode(bytes.clone()).map_err(|cause| DecodeError::Malformed {
        what,
        len: bytes.len(),
        cause,
    })
}

/// As [`message`], for a record whose first field is its format: a newer one
/// is refused before the rest is looked at.
pub(crate) fn versioned<M: prost::Message + Default>(
    what: &'static str,
    bytes: &Bytes,
    max: usize,
) -> Result<M, DecodeError> {
    let Format { format } = message(what, bytes, max)?;
    match format {
        0 => Err(Flaw::missing("format").in_record(what)),
        1..=FORMAT => message(what, bytes, max),
        found => Err(DecodeError::Newer { what, found }),
    }
}

/// The field every versioned record starts with; the codec skips the others.
#[derive(Clone, PartialEq, prost::Message)]
struct Format {
    #[prost(uint32, tag = "1")]
    format: u32,
}

/// An encoded message.
pub(crate) fn encoded(message: &impl prost::Message) -> Bytes {
    message.encode_to_vec().into()
}

/// A field every writer fills in.
pub(crate) fn required<T>(field: &str, value: Option<T>) -> Result<T, Flaw> {
    value.ok_or_else(|| Flaw::missing(field))
}

/// A field of exactly `N` bytes.
pub(crate) fn array<const N: usize>(field: &str, bytes: &[u8]) -> Result<[u8; N], Flaw> {
    bytes
        .try_into()
        .map_err(|_| Flaw::new(field, format!("it has {} bytes, not {N}", bytes.len())))
}

/// A 128-bit id: 16 bytes, big-endian.
pub(crate) fn id(field: &str, bytes: &[u8]) -> Result<u128, Flaw> {
    array(field, bytes).map(u128::from_be_bytes)
}

/// The bytes of a 128-bit id.
pub(crate) fn id_bytes(id: u128) -> Bytes {
    Bytes::copy_from_slice(&id.to_be_bytes())
}
