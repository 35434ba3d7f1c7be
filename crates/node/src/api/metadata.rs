//! What travels beside the messages: request ids and deadlines in, the
//! revision, the applied index and the node's name out.

use super::status;
use crate::{clock::Clock, limits};
use hosts::{RequestId, Revision};
use proto::metadata::{APPLIED, INSTANCE, NODE, REQUEST_ID, REQUEST_SINCE, REVISION};
use raft_store::Applied;
use std::time::Duration;
use tokio::time::Instant;
use tonic::{
    Response, Status,
    metadata::{MetadataMap, MetadataValue},
};

/// The client's request id, or one made up here if it gave none.
///
/// # Errors
/// `INVALID_ARGUMENT` when it is not 1 to 128 visible ASCII characters.
pub(super) fn request_id(metadata: &MetadataMap, clock: &dyn Clock) -> Result<RequestId, Status> {
    let text = match metadata.get(REQUEST_ID) {
        None => return Ok(own_request_id(clock)),
        // What is no visible ASCII fails to parse below, as it should.
        Some(value) => String::from_utf8_lossy(value.as_bytes()).into_owned(),
    };
    RequestId::parse(&text).map_err(|cause| status::invalid(&cause))
}

/// Since when this request may have been sent before; `None` says that it is new.
///
/// # Errors
/// `INVALID_ARGUMENT` when it is not a log index.
pub(super) fn request_since(metadata: &MetadataMap) -> Result<Option<Revision>, Status> {
    let Some(value) = metadata.get(REQUEST_SINCE) else {
        return Ok(None);
    };
    let index: Result<Revision, _> = String::from_utf8_lossy(value.as_bytes()).parse();
    index.map(Some).map_err(|cause| status::invalid(&cause))
}

/// What a sink calls itself, if it does.
///
/// # Errors
/// `INVALID_ARGUMENT` when it is not 1 to 128 visible ASCII characters.
pub(super) fn instance(metadata: &MetadataMap) -> Result<Option<String>, Status> {
    let Some(value) = metadata.get(INSTANCE) else {
        return Ok(None);
    };
    let visible = value.as_bytes().iter().all(u8::is_ascii_graphic);
    match value.to_str() {
        Ok(text) if visible && (1..=limits::INSTANCE_CHARS_MAX).contains(&text.len()) => {
            Ok(Some(text.to_owned()))
        }
        _ => Err(status::no_instance()),
    }
}

/// One that nobody has given and nobody will give.
pub(super) fn own_request_id(clock: &dyn Clock) -> RequestId {
    let text = format!("node-{:032x}", clock.seed());
    RequestId::parse(&text).expect("letters and digits, fewer than 128")
}

/// When the caller stops waiting: its `grpc-timeout`, else `default`.
///
/// A little earlier than the caller's own, so that it gets this node's answer
/// and not only its own impatience.
pub(super) fn deadline(metadata: &MetadataMap, default: Duration) -> Instant {
    let given = given(metadata)
        .unwrap_or(default)
        .min(limits::CALL_TIME_MAX);
    let margin = (given / 10).min(limits::ANSWER_MARGIN_MAX);
    Instant::now() + (given - margin)
}

/// The same for one of many parts of a call that began at `began`: no part has
/// longer than `each`, and none outlasts the call.
pub(super) fn part(metadata: &MetadataMap, began: Instant, each: Duration) -> Instant {
    let part = Instant::now() + each;
    let whole = given(metadata).and_then(|whole| began.checked_add(whole));
    whole.map_or(part, |whole| part.min(whole))
}

fn given(metadata: &MetadataMap) -> Option<Duration> {
    let given = metadata.get("grpc-timeout")?;
    timeout(given.to_str().ok()?)
}

/// Eight digits at the most and a unit (gRPC over HTTP/2, Requests).
fn timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let n: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(n * 3600)),
        "M" => Some(Duration::from_secs(n * 60)),
        "S" => Some(Duration::from_secs(n)),
        "m" => Some(Duration::from_millis(n)),
        "u" => Some(Duration::from_micros(n)),
        "n" => Some(Duration::from_nanos(n)),
        _ => None,
    }
}

/// The marks of one node on its answers.
#[derive(Clone, Debug)]
pub(super) struct Marks {
    node: MetadataValue<tonic::metadata::Ascii>,
}

impl Marks {
    /// For the node called `name`; a name is visible ASCII by its check.
    pub(super) fn of(name: &str) -> Self {
        let node = MetadataValue::try_from(name).unwrap_or_else(|_| MetadataValue::from(0));
        Self { node }
    }

    /// `message`, marked with what it shows.
    pub(super) fn on<T>(&self, message: T, revision: Revision, applied: &Applied) -> Response<T> {
        let mut response = Response::new(message);
        let metadata = response.metadata_mut();
        metadata.insert(REVISION, revision.get().into());
        metadata.insert(
            APPLIED,
            applied.index().unwrap_or(0).max(revision.get()).into(),
        );
        metadata.insert(NODE, self.node.clone());
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_grpc_writes_them() {
        for (text, expected) in [
            ("5S", Some(Duration::from_secs(5))),
            ("1500m", Some(Duration::from_millis(1500))),
            ("99999999u", Some(Duration::from_micros(99_999_999))),
            ("999999999u", None),
            ("S", None),
            ("", None),
            ("-1S", None),
            ("5x", None),
            ("5é", None),
        ] {
            assert_eq!(timeout(text), expected, "{text}");
        }
    }
}
