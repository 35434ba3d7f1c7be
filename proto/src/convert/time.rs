//! Points in time: milliseconds in `hosts`, seconds and nanoseconds on the
//! wire. Finer than a millisecond is cut off.

use super::InvalidMessage;
use prost_types::Timestamp as Wire;

/// A time as the wire writes it.
#[must_use]
pub fn timestamp_to_wire(time: hosts::Timestamp) -> Wire {
    let (seconds, millis) = (time.as_millis() / 1000, time.as_millis() % 1000);
    Wire {
        // A thousandth of `u64::MAX` is far inside `i64`, and 999 million inside `i32`.
        seconds: i64::try_from(seconds).unwrap_or(i64::MAX),
        nanos: i32::try_from(millis * 1_000_000).unwrap_or(0),
    }
}

/// A time from the wire; `field` names it in the error.
///
/// # Errors
/// [`InvalidMessage::Missing`] without one, [`InvalidMessage::Time`] when it
/// is before 1970 or its nanoseconds are not those of one second.
pub fn timestamp_from_wire(
    field: &'static str,
    time: Option<Wire>,
) -> Result<hosts::Timestamp, InvalidMessage> {
    let Wire { seconds, nanos } = time.ok_or(InvalidMessage::Missing { field })?;
    let refused = InvalidMessage::Time { field };
    let (Ok(seconds), Ok(nanos @ 0..=999_999_999)) = (u64::try_from(seconds), u64::try_from(nanos))
    else {
        return Err(refused);
    };
    seconds
        .checked_mul(1000)
        .and_then(|millis| millis.checked_add(nanos / 1_000_000))
        .map(hosts::Timestamp::from_millis)
        .ok_or(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_survives_the_wire() {
        for millis in [0, 1, 999, 1_795_197_600_123, u64::MAX] {
            let time = hosts::Timestamp::from_millis(millis);
            let back = timestamp_from_wire("t", Some(timestamp_to_wire(time)));
            assert_eq!(back, Ok(time));
        }
    }

    #[test]
    fn what_is_no_time_is_refused_by_name() {
        let of = |seconds, nanos| timestamp_from_wire("created_at", Some(Wire { seconds, nanos }));
        let refused = Err(InvalidMessage::Time {
            field: "created_at",
        });
        assert_eq!(of(-1, 0), refused);
        assert_eq!(of(0, -1), refused);
        assert_eq!(of(0, 1_000_000_000), refused);
        assert_eq!(of(i64::MAX, 0), refused);
        assert_eq!(
            timestamp_from_wire("created_at", None),
            Err(InvalidMessage::Missing {
                field: "created_at"
            })
        );
    }
}
