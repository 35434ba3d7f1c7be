//! Whose certificate ends: nothing renews them, and a node without one is alone at its next connection.

use std::{fmt, time::Duration};

use hosts::Timestamp;
use proto::cluster::NodeStatus;

use crate::limits;

/// A certificate that has ended, or ends soon. Displayed as what to do about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Ending {
    name: String,
    at: Timestamp,
    left: Duration,
    /// It has ended: no new connection with it is made.
    pub(super) is_over: bool,
}

/// Whether the certificate of `node` has ended by `now`, or ends within [`limits::CERTIFICATE_ENDS_SOON`].
pub(super) fn ending(node: &NodeStatus, now: Timestamp) -> Option<Ending> {
    let ends = node.certificate_expires_at.as_ref()?;
    let at = Timestamp::from_millis(u64::try_from(ends.seconds).ok()?.saturating_mul(1000));
    let left = Duration::from_millis(at.as_millis().saturating_sub(now.as_millis()));
    (left <= limits::CERTIFICATE_ENDS_SOON).then(|| Ending {
        name: node.name.clone(),
        at,
        left,
        // Valid to the end of its last second, as TLS has it.
        is_over: now.as_millis() / 1000 > at.as_millis() / 1000,
    })
}

impl fmt::Display for Ending {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            at,
            left,
            is_over,
        } = self;
        write!(out, "the certificate of {name} ")?;
        match is_over {
            true => write!(out, "ended at {at}, and new connections to it fail")?,
            false => write!(out, "ends at {at}, in {}", roughly(*left))?,
        }
        write!(out, ": renew it and restart the node")
    }
}

/// In the largest unit of which there are two or more, rounded down.
fn roughly(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minute, hour, day) = (60, 60 * 60, 24 * 60 * 60);
    for (unit, name) in [(day, "days"), (hour, "hours"), (minute, "minutes")] {
        if seconds / unit >= 2 {
            return format!("{} {name}", seconds / unit);
        }
    }
    format!("{seconds} s")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::convert::timestamp_to_wire;

    const ENDS: Timestamp = Timestamp::from_millis(1_795_197_600_000);

    fn at(now: u64) -> Option<Ending> {
        let node = NodeStatus {
            name: "attic".into(),
            reachable: true,
            certificate_expires_at: Some(timestamp_to_wire(ENDS)),
            ..NodeStatus::default()
        };
        ending(&node, Timestamp::from_millis(now))
    }

    fn before(left: Duration) -> Option<Ending> {
        at(ENDS.as_millis() - u64::try_from(left.as_millis()).unwrap())
    }

    #[test]
    fn a_certificate_that_ends_soon_is_told_with_its_time() {
        let soon = limits::CERTIFICATE_ENDS_SOON;
        assert_eq!(before(soon + Duration::from_millis(1)), None);
        for (left, words) in [
            (soon, "in 14 days"),
            (Duration::from_secs(26 * 3600), "in 26 hours"),
            (Duration::from_secs(3600), "in 60 minutes"),
            (Duration::from_secs(119), "in 119 s"),
            (Duration::ZERO, "in 0 s"),
        ] {
            let told = before(left).unwrap();
            let words = format!(
                "the certificate of attic ends at 2026-11-20T18:00:00.000Z, {words}: renew it and restart the node"
            );
            assert_eq!((told.to_string(), told.is_over), (words, false));
        }
    }

    #[test]
    fn a_certificate_has_ended_from_the_next_second_on() {
        assert!(!at(ENDS.as_millis() + 999).unwrap().is_over);
        let over = at(ENDS.as_millis() + 1000).unwrap();
        let words = "the certificate of attic ended at 2026-11-20T18:00:00.000Z, and new";
        assert!(
            over.is_over && over.to_string().starts_with(words),
            "{over}"
        );
    }

    #[test]
    fn nothing_is_said_of_a_node_that_does_not_say_when() {
        assert_eq!(ending(&NodeStatus::default(), ENDS), None);
    }
}
