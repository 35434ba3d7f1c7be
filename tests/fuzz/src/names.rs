//! Names, addresses, tags, comments and ids: what is taken is canonical, and reads as itself again.

use std::fmt::{Debug, Display};
use std::net::IpAddr;
use std::str::FromStr;

use hosts::limits::{COMMENT_BYTES_MAX, HOSTNAME_BYTES_MAX, LABEL_BYTES_MAX, TAG_CHARS_MAX};
use hosts::{Actor, ActorName, Address, Comment, HostId, Hostname, RequestId, Revision, Role, Tag};

use crate::same::can_be_shown;

/// Reads the same text as each of them.
pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Some(name) = taken(text, Hostname::parse, Hostname::as_str) {
        hostname(name.as_str());
    }
    if let Some(address) = again::<Address>(text) {
        assert_eq!(address.ip(), address.ip().to_canonical());
        assert!(Hostname::parse(&address.to_string()).is_err());
    }
    if let Some(tag) = taken(text, Tag::parse, Tag::as_str) {
        assert!((1..=TAG_CHARS_MAX).contains(&tag.as_str().chars().count()));
        assert!(!tag.as_str().contains(char::is_whitespace));
    }
    if let Some(comment) = taken(text, Comment::parse, Comment::as_str) {
        assert!((1..=COMMENT_BYTES_MAX).contains(&comment.as_str().len()));
        assert!(!comment.as_str().contains(char::is_control));
    }
    taken(text, RequestId::parse, RequestId::as_str);
    taken(text, ActorName::parse, ActorName::as_str);
    again::<Actor>(text);
    again::<Role>(text);
    again::<HostId>(text);
    again::<Revision>(text);
}

/// What every reader of a hosts file takes for the same name.
fn hostname(name: &str) {
    assert!((1..=HOSTNAME_BYTES_MAX).contains(&name.len()), "{name}");
    for label in name.split('.') {
        assert!((1..=LABEL_BYTES_MAX).contains(&label.len()), "{name}");
        assert!(!label.starts_with('-') && !label.ends_with('-'), "{name}");
        let plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        assert!(label.bytes().all(plain), "{name}");
    }
    assert!(name.parse::<IpAddr>().is_err(), "{name} is an address");
    assert!(Address::parse(name).is_err(), "{name} is an address");
}

fn taken<T: PartialEq + Debug, E: std::error::Error + 'static>(
    text: &str,
    parse: impl Fn(&str) -> Result<T, E>,
    shown: impl Fn(&T) -> &str,
) -> Option<T> {
    match parse(text) {
        Ok(value) => {
            let again = parse(shown(&value)).unwrap();
            assert_eq!(again, value, "{text:?} has two forms");
            assert_eq!(shown(&again), shown(&value));
            Some(value)
        }
        Err(error) => {
            can_be_shown(&error);
            None
        }
    }
}

fn again<T>(text: &str) -> Option<T>
where
    T: FromStr<Err: std::error::Error + 'static> + Display + PartialEq + Debug,
{
    match text.parse::<T>() {
        Ok(value) => {
            let shown = value.to_string();
            assert_eq!(shown.parse::<T>().unwrap(), value, "{text:?}: {shown}");
            Some(value)
        }
        Err(error) => {
            can_be_shown(&error);
            None
        }
    }
}
