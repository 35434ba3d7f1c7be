//! The bytes are frozen: what this version wrote, every later one reads.

use super::*;

const SEED: u32 = 0x1234_5678;

const fn id(term: u64, index: u64) -> LogId {
    LogId { term, index }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn header() -> Header {
    Header {
        identity: (0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10, 7),
        sequence: 3,
        standing: Standing {
            vote: Some(Vote {
                term: 5,
                node: Some(7),
                committed: true,
            }),
            committed: Some(id(4, 20)),
            purged: None,
            last: Some(id(5, 22)),
        },
    }
}

fn records() -> Vec<(Record<'static>, &'static str)> {
    vec![
        (
            Record::Vote(Vote {
                term: 5,
                node: None,
                committed: false,
            }),
            "1200001f72188c13010105000000000000000000000000000000",
        ),
        (
            Record::Entry {
                id: id(5, 23),
                payload: b"hosts",
            },
            "16000098b974daff0205000000000000001700000000000000686f737473",
        ),
        (
            Record::Truncate(None),
            "1200001f6e61b266030000000000000000000000000000000000",
        ),
        (
            Record::Purged(id(4, 9)),
            "110000818ee39b6c0404000000000000000900000000000000",
        ),
        (
            Record::Committed(Some(id(5, 23))),
            "1200001f6e1c0750050105000000000000001700000000000000",
        ),
        (Record::Sealed, "0100009e4963f2ff06"),
        (Record::Flushed, "0100009e4ae0990d07"),
    ]
}

#[test]
fn the_bytes_of_records_are_frozen() {
    for (record, frozen) in records() {
        let mut bytes = Vec::new();
        record.encode(&mut bytes, SEED, 128);
        assert_eq!(bytes.len(), record.encoded_len());
        assert_eq!(hex(&bytes), frozen, "{record:?}");
        assert_eq!(
            Record::decode(&bytes, 0, 128, SEED),
            Ok((record, bytes.len()))
        );
    }
}

#[test]
fn the_bytes_of_a_header_are_frozen() {
    let (bytes, seed) = header().encode();
    assert_eq!(bytes.len(), HEADER_BYTES);
    let frozen = [
        "52484f535457414c0100000000000000",
        "100f0e0d0c0b0a090807060504030201",
        "07000000000000000300000000000000",
        "0705000000000000000700000000000000",
        "0104000000000000001400000000000000",
        "0000000000000000000000000000000000",
        "0105000000000000001600000000000000",
        "0000000000000000d05a4ca5",
    ];
    assert_eq!(hex(&bytes), frozen.concat());
    assert_eq!(Header::decode(&bytes), Ok((header(), seed)));
}

#[test]
fn a_record_is_valid_only_in_its_place() {
    let mut bytes = Vec::new();
    Record::Purged(id(4, 9)).encode(&mut bytes, SEED, 128);
    assert_eq!(
        Record::decode(&bytes, 0, 129, SEED),
        Err(BadRecord::Checksum)
    );
    assert_eq!(
        Record::decode(&bytes, 0, 128, SEED + 1),
        Err(BadRecord::Checksum)
    );
}

#[test]
fn no_damaged_record_is_read_and_no_short_one() {
    for (record, _) in records() {
        let mut bytes = Vec::new();
        record.encode(&mut bytes, SEED, 0);
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(
                Record::decode(&damaged, 0, 0, SEED).is_err(),
                "{record:?}, bit {bit}"
            );
        }
        for len in 1..bytes.len() {
            let short = Record::decode(&bytes[..len], 0, 0, SEED);
            assert_eq!(short, Err(BadRecord::Incomplete), "{record:?} cut to {len}");
        }
    }
    assert_eq!(Record::decode(&[], 0, 0, SEED), Err(BadRecord::End));
}

#[test]
fn no_damaged_header_is_read() {
    let (bytes, _) = header().encode();
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(Header::decode(&damaged).is_err(), "bit {bit}");
    }
    assert_eq!(Header::decode(&bytes[..60]), Err(BadHeader::Incomplete));
}

#[test]
fn a_length_from_the_disk_is_bounded() {
    let word = length_word(BODY_BYTES_MAX + 1);
    assert_eq!(length_of(word), None);
    assert_eq!(length_of(length_word(BODY_BYTES_MAX)), Some(BODY_BYTES_MAX));
    assert_eq!(length_of(0), None);
}
