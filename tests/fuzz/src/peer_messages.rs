//! What nodes say to each other: envelopes, and the messages of Raft in them.

use bytes::Bytes;
use prost::Message as _;
use proto::peer::{Envelope, ForwardRequest, WaitPublishedPeer};
use raft_store::record::{
    decode_append_entries_request, decode_append_entries_response, decode_snapshot_offer,
    decode_snapshot_response, decode_transfer_leader_request, decode_transfer_leader_response,
    decode_vote_request, decode_vote_response, encode_append_entries_request,
    encode_append_entries_response, encode_snapshot_offer, encode_snapshot_response,
    encode_transfer_leader_request, encode_transfer_leader_response, encode_vote_request,
    encode_vote_response,
};

use crate::records::again;

/// The first byte says which message the others are.
pub fn run(bytes: &[u8]) {
    let Some((which, message)) = bytes.split_first() else {
        return;
    };
    let message = Bytes::copy_from_slice(message);
    match which {
        0 => again(
            &message,
            decode_append_entries_request,
            encode_append_entries_request,
        ),
        1 => again(
            &message,
            decode_append_entries_response,
            encode_append_entries_response,
        ),
        2 => again(&message, decode_vote_request, encode_vote_request),
        3 => again(&message, decode_vote_response, encode_vote_response),
        4 => again(
            &message,
            decode_transfer_leader_request,
            encode_transfer_leader_request,
        ),
        5 => again(
            &message,
            decode_transfer_leader_response,
            encode_transfer_leader_response,
        ),
        6 => again(&message, decode_snapshot_offer, encode_snapshot_offer),
        7 => again(&message, decode_snapshot_response, encode_snapshot_response),
        8 => {
            // A body is looked at after its envelope.
            if let Ok(Envelope { body, .. }) = Envelope::decode(message) {
                again(
                    &body,
                    decode_append_entries_request,
                    encode_append_entries_request,
                );
            }
        }
        9 => {
            if let Ok(ForwardRequest {
                head: Some(head),
                command,
            }) = ForwardRequest::decode(message)
            {
                let actor = head.actor.parse::<hosts::Actor>();
                let request = head.request.parse::<hosts::RequestId>();
                assert!(actor.is_err() || actor.unwrap().to_string() == head.actor);
                assert!(request.is_err() || request.unwrap().to_string() == head.request);
                again(
                    &command,
                    raft_store::record::decode_command,
                    raft_store::record::encode_command,
                );
            }
        }
        10 => drop(WaitPublishedPeer::decode(message)),
        _ => {}
    }
}
