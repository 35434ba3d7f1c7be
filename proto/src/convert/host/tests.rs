use super::*;
use hosts::Timestamp;
use prost::Message as _;
use std::error::Error as _;

const ID: &str = "01ARYZ6S41TSV4RRFFQ69G5FAV";

fn nas() -> Host {
    Host {
        id: ID.parse().unwrap(),
        address: Address::parse("10.0.0.7").unwrap(),
        hostname: Hostname::parse("nas.lan").unwrap(),
        aliases: Aliases::new(vec![Hostname::parse("files.lan").unwrap()]).unwrap(),
        tags: Tags::new(vec![Tag::parse("lab").unwrap()]).unwrap(),
        comment: Some(Comment::parse("under the stairs").unwrap()),
        enabled: false,
        version: Revision::new(41),
        created: Timestamp::from_millis(1_795_197_600_123),
        updated: Timestamp::from_millis(1_795_197_600_124),
    }
}

/// What the bytes of an `UpdateHostRequest` after its id say.
fn patch_of(bytes: &[u8]) -> Result<HostPatch, InvalidMessage> {
    let mut message = vec![0x0a, 26];
    message.extend_from_slice(ID.as_bytes());
    message.extend_from_slice(bytes);
    let message = v1::UpdateHostRequest::decode(message.as_slice()).unwrap();
    <(HostRef, HostPatch, _)>::try_from(message).map(|(_, patch, _)| patch)
}

#[test]
fn an_entry_survives_the_wire() {
    let bytes = v1::HostEntry::from(&nas()).encode_to_vec();
    let back = v1::HostEntry::decode(bytes.as_slice()).unwrap();
    assert_eq!(Host::try_from(back), Ok(nas()));
}

#[test]
fn an_earlier_client_finds_its_fields_at_their_numbers() {
    let entry = v1::HostEntry {
        id: "i".into(),
        ip_address: "a".into(),
        hostname: "h".into(),
        comment: Some("c".into()),
        tags: vec!["t".into()],
        created_at: None,
        updated_at: None,
        version: "9".into(),
        aliases: vec!["n".into()],
        disabled: true,
    };
    assert_eq!(
        entry.encode_to_vec(),
        b"\x0a\x01i\x12\x01a\x1a\x01h\x22\x01c\x2a\x01t\x42\x019\x4a\x01n\xa0\x06\x01"
    );
}

#[test]
fn an_update_without_fields_keeps_everything() {
    assert_eq!(patch_of(b""), Ok(HostPatch::default()));
}

#[test]
fn an_absent_wrapper_keeps_and_an_empty_one_clears() {
    // Field 7, length 0; field 8, length 0.
    let cleared = patch_of(b"\x3a\x00\x42\x00").unwrap();
    assert_eq!(cleared.aliases, Some(Aliases::default()));
    assert_eq!(cleared.tags, Some(Tags::default()));

    // Field 7 with one value, no field 8.
    let named = patch_of(b"\x3a\x05\x0a\x03n.x").unwrap();
    let alias = Hostname::parse("n.x").unwrap();
    assert_eq!(named.aliases, Some(Aliases::new(vec![alias]).unwrap()));
    assert_eq!(named.tags, None);
}

#[test]
fn an_empty_comment_clears_and_an_absent_one_keeps() {
    assert_eq!(patch_of(b"\x22\x00").unwrap().comment, Some(None));
    let comment = Comment::parse("x").unwrap();
    assert_eq!(patch_of(b"\x22\x01x").unwrap().comment, Some(Some(comment)));
    assert_eq!(patch_of(b"").unwrap().comment, None);
}

#[test]
fn a_host_is_disabled_and_enabled_by_field_101() {
    assert_eq!(patch_of(b"\xa8\x06\x01").unwrap().enabled, Some(false));
    assert_eq!(patch_of(b"\xa8\x06\x00").unwrap().enabled, Some(true));
    assert_eq!(patch_of(b"").unwrap().enabled, None);
}

#[test]
fn an_empty_hostname_in_an_update_is_refused_and_not_taken_for_absent() {
    assert!(matches!(
        patch_of(b"\x1a\x00"),
        Err(InvalidMessage::Hostname(_))
    ));
    assert!(matches!(
        patch_of(b"\x12\x00"),
        Err(InvalidMessage::Address(_))
    ));
}

#[test]
fn a_patch_survives_the_wire() {
    let patches = [
        HostPatch::default(),
        HostPatch {
            comment: Some(None),
            aliases: Some(Aliases::default()),
            tags: Some(Tags::default()),
            enabled: Some(true),
            ..HostPatch::default()
        },
        HostPatch {
            address: Some(nas().address),
            hostname: Some(nas().hostname),
            aliases: Some(nas().aliases),
            tags: Some(nas().tags),
            comment: Some(nas().comment),
            enabled: Some(false),
        },
    ];
    for patch in patches {
        let bytes = v1::UpdateHostRequest::from((&HostRef::Id(nas().id), &patch)).encode_to_vec();
        let message = v1::UpdateHostRequest::decode(bytes.as_slice()).unwrap();
        assert_eq!(message.try_into(), Ok((HostRef::Id(nas().id), patch, None)));
    }
}

#[test]
fn a_host_is_called_by_its_id_or_by_its_name_in_field_102() {
    let read = |bytes: &[u8]| {
        let message = v1::DeleteHostRequest::decode(bytes).unwrap();
        <(HostRef, Option<Revision>)>::try_from(message).map(|(host, _)| host)
    };
    let by_name = HostRef::Name(nas().hostname);
    let named = b"\xb2\x06\x07nas.lan";
    assert_eq!(read(named), Ok(by_name.clone()));
    assert_eq!(v1::DeleteHostRequest::from(&by_name).encode_to_vec(), named);
    let both = [b"\x0a\x1a", ID.as_bytes(), named].concat();
    assert_eq!(read(&both), Err(InvalidMessage::IdAndName));
    assert_eq!(read(&both[..28]), Ok(HostRef::Id(nas().id)));
    assert!(matches!(read(b""), Err(InvalidMessage::Id(_))));
    assert!(matches!(
        read(b"\xb2\x06\x00"),
        Err(InvalidMessage::Name(_))
    ));

    let patch = HostPatch::default();
    let update = v1::UpdateHostRequest::from((&by_name, &patch));
    assert_eq!(update.encode_to_vec(), named);
    assert_eq!(update.try_into(), Ok((by_name, patch, None)));
}

#[test]
fn versions_are_opaque() {
    let expected_of = |version: Option<&str>| {
        let message = v1::DeleteHostRequest {
            id: ID.into(),
            expected_version: version.map(str::to_owned),
            name: None,
        };
        <(HostRef, Option<Revision>)>::try_from(message).unwrap().1
    };
    assert_eq!(expected_of(None), None);
    assert_eq!(expected_of(Some("41")), Some(Revision::new(41)));
    // Texts that are no version of ours never match, nor do other spellings.
    for text in ["", "041", "+41", "01ARYZ6S41TSV4RRFFQ69G5FAV", "latest"] {
        assert_eq!(expected_of(Some(text)), Some(NEVER), "{text:?}");
    }
}

#[test]
fn a_new_host_survives_the_wire_and_is_enabled() {
    let facts = NewHost {
        enabled: true,
        ..nas().facts()
    };
    let bytes = v1::AddHostRequest::from(&facts).encode_to_vec();
    let message = v1::AddHostRequest::decode(bytes.as_slice()).unwrap();
    assert_eq!(message.try_into(), Ok(facts));
}

#[test]
fn a_blank_comment_of_a_new_host_is_none() {
    let message = v1::AddHostRequest {
        ip_address: "10.0.0.7".into(),
        hostname: "nas.lan".into(),
        comment: Some(String::new()),
        ..Default::default()
    };
    assert_eq!(NewHost::try_from(message).unwrap().comment, None);
}

#[test]
fn a_refusal_names_the_field_and_its_source_the_fault() {
    let message = v1::AddHostRequest {
        ip_address: "10.0.0.7".into(),
        hostname: "nas.lan".into(),
        aliases: vec!["ok.lan".into(), "*.lan".into()],
        ..Default::default()
    };
    let refused = NewHost::try_from(message).unwrap_err();
    assert_eq!(refused.to_string(), "aliases[1] is not valid");
    assert!(refused.source().unwrap().to_string().contains("*.lan"));
}

#[test]
fn more_names_or_tags_than_a_host_may_have_are_refused() {
    let message = |aliases: usize, tags: usize| v1::AddHostRequest {
        ip_address: "10.0.0.7".into(),
        hostname: "nas.lan".into(),
        comment: None,
        tags: (0..tags).map(|n| format!("t{n}")).collect(),
        aliases: (0..aliases).map(|n| format!("n{n}.lan")).collect(),
    };
    use hosts::limits::{ALIASES_MAX, TAGS_MAX};
    assert!(NewHost::try_from(message(ALIASES_MAX, TAGS_MAX)).is_ok());
    assert!(matches!(
        NewHost::try_from(message(ALIASES_MAX + 1, 0)),
        Err(InvalidMessage::Aliases(_))
    ));
    assert!(matches!(
        NewHost::try_from(message(0, TAGS_MAX + 1)),
        Err(InvalidMessage::Tags(_))
    ));
}
