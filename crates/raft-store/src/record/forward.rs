//! What a leader tells the follower that handed it a command.

use bytes::Bytes;
use hosts::{Answer, Rejection};

use super::ChangeTooLong;
use super::answer::{decode_answer, decode_rejection, encode_answer, encode_rejection};
use super::wire::{DecodeError, encoded, message, required};
use crate::limits::COMMAND_BYTES_MAX;

/// What became of a forwarded command.
#[derive(Debug, Clone, PartialEq)]
pub enum ForwardOutcome {
    /// It took effect, or changes nothing.
    Answered(Answer),
    /// It is refused, and a majority agrees that it is.
    Rejected(Rejection),
    /// No entries can carry the change; nothing was appended.
    TooLong(ChangeTooLong),
    /// The node does not lead; nothing was appended.
    NotLeader,
    /// The leader did not come to it in time; nothing was appended.
    Busy,
    /// It was appended, and nobody can say yet whether it takes effect.
    Unknown,
}

/// The bytes of an outcome between peers.
pub fn encode_forward_outcome(outcome: &ForwardOutcome) -> Bytes {
    let outcome = match outcome {
        ForwardOutcome::Answered(answer) => OutcomeShape::Answered(encode_answer(answer)),
        ForwardOutcome::Rejected(rejection) => OutcomeShape::Rejected(encode_rejection(rejection)),
        ForwardOutcome::TooLong(ChangeTooLong { len }) => {
            OutcomeShape::TooLong(u64::try_from(*len).unwrap_or(u64::MAX))
        }
        ForwardOutcome::NotLeader => OutcomeShape::NotLeader(true),
        ForwardOutcome::Unknown => OutcomeShape::Unknown(true),
        ForwardOutcome::Busy => OutcomeShape::Busy(true),
    };
    encoded(&OutcomeRecord {
        outcome: Some(outcome),
    })
}

/// Reads an outcome from a peer.
pub fn decode_forward_outcome(bytes: &Bytes) -> Result<ForwardOutcome, DecodeError> {
    const WHAT: &str = "the outcome of a forwarded command";
    let OutcomeRecord { outcome } = message(WHAT, bytes, COMMAND_BYTES_MAX)?;
    Ok(
        match required("outcome", outcome).map_err(|flaw| flaw.in_record(WHAT))? {
            OutcomeShape::Answered(answer) => ForwardOutcome::Answered(decode_answer(&answer)?),
            OutcomeShape::Rejected(rejection) => {
                ForwardOutcome::Rejected(decode_rejection(&rejection)?)
            }
            OutcomeShape::TooLong(len) => ForwardOutcome::TooLong(ChangeTooLong {
                len: usize::try_from(len).unwrap_or(usize::MAX),
            }),
            OutcomeShape::NotLeader(_) => ForwardOutcome::NotLeader,
            OutcomeShape::Unknown(_) => ForwardOutcome::Unknown,
            OutcomeShape::Busy(_) => ForwardOutcome::Busy,
        },
    )
}

#[derive(Clone, PartialEq, prost::Message)]
struct OutcomeRecord {
    #[prost(oneof = "OutcomeShape", tags = "1, 2, 3, 4, 5, 6")]
    outcome: Option<OutcomeShape>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum OutcomeShape {
    #[prost(bytes = "bytes", tag = "1")]
    Answered(Bytes),
    #[prost(bytes = "bytes", tag = "2")]
    Rejected(Bytes),
    #[prost(bool, tag = "3")]
    NotLeader(bool),
    #[prost(bool, tag = "4")]
    Unknown(bool),
    #[prost(uint64, tag = "5")]
    TooLong(u64),
    #[prost(bool, tag = "6")]
    Busy(bool),
}

#[cfg(test)]
mod tests {
    use super::*;
    use hosts::{HostId, Outcome, Revision};

    #[test]
    fn every_outcome_comes_back_as_it_was_sent() {
        let id = HostId::from_u128(7);
        let outcomes = [
            ForwardOutcome::Answered(Answer {
                revision: Revision::new(41),
                outcome: Outcome::Deleted(id),
            }),
            ForwardOutcome::Rejected(Rejection::NotFound { id }),
            ForwardOutcome::TooLong(ChangeTooLong { len: 1 << 30 }),
            ForwardOutcome::NotLeader,
            ForwardOutcome::Unknown,
            ForwardOutcome::Busy,
        ];
        for outcome in outcomes {
            let bytes = encode_forward_outcome(&outcome);
            assert_eq!(decode_forward_outcome(&bytes).unwrap(), outcome);
        }
        assert!(decode_forward_outcome(&Bytes::new()).is_err());
    }
}
