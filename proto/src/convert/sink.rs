//! What a file sink of the earlier server says of itself.

use crate::v1;
use hosts::Timestamp;

/// How a sink was when it said so. It is told to people and decides nothing, so
/// what makes no sense is left out, and texts are cut: 64 characters, none of
/// them a control character.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SinkState {
    /// When it last wrote its file.
    pub last_success: Option<Timestamp>,
    /// How often it could not since then.
    pub consecutive_failures: u32,
    /// The contract it renders by.
    pub contract_version: String,
    /// The `change_id` of the set in its file.
    pub rendered_change_id: String,
    /// Its resolver could not be told of the file.
    pub reload_failed: bool,
    /// When it last could.
    pub last_reload_success: Option<Timestamp>,
}

impl SinkState {
    /// Whether somebody has to look at it.
    #[must_use]
    pub const fn is_failing(&self) -> bool {
        self.consecutive_failures > 0 || self.reload_failed
    }
}

impl From<v1::SinkStatus> for SinkState {
    fn from(
        v1::SinkStatus {
            last_success_unix,
            consecutive_failures,
            contract_version,
            rendered_change_id,
            reload_failed,
            last_reload_success_unix,
        }: v1::SinkStatus,
    ) -> Self {
        Self {
            last_success: since_1970(last_success_unix),
            consecutive_failures: u32::try_from(consecutive_failures).unwrap_or(0),
            contract_version: cut(&contract_version),
            rendered_change_id: cut(&rendered_change_id),
            reload_failed,
            last_reload_success: since_1970(last_reload_success_unix),
        }
    }
}

/// Seconds, where 0 is never.
fn since_1970(seconds: i64) -> Option<Timestamp> {
    let seconds = u64::try_from(seconds).ok().filter(|seconds| *seconds > 0)?;
    seconds.checked_mul(1000).map(Timestamp::from_millis)
}

fn cut(text: &str) -> String {
    let shown = text.chars().filter(|c| !c.is_control());
    shown.take(TEXT_CHARS).collect()
}

/// A `change_id` of ours has 64.
const TEXT_CHARS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sink_says_what_it_knows() {
        let state = SinkState::from(v1::SinkStatus {
            last_success_unix: 1_795_197_600,
            consecutive_failures: 3,
            contract_version: "1".into(),
            rendered_change_id: "ab".into(),
            reload_failed: false,
            last_reload_success_unix: 0,
        });
        let at = Timestamp::from_millis(1_795_197_600_000);
        assert_eq!(
            (state.last_success, state.last_reload_success),
            (Some(at), None)
        );
        assert_eq!((state.consecutive_failures, state.is_failing()), (3, true));
        assert_eq!(
            (&*state.contract_version, &*state.rendered_change_id),
            ("1", "ab")
        );
        assert!(!SinkState::default().is_failing());
        let reload_failed = true;
        assert!(
            SinkState {
                reload_failed,
                ..Default::default()
            }
            .is_failing()
        );
    }

    #[test]
    fn what_makes_no_sense_is_left_out_or_cut() {
        let state = SinkState::from(v1::SinkStatus {
            last_success_unix: -1,
            consecutive_failures: -1,
            contract_version: "1\u{1b}[2J\n".into(),
            rendered_change_id: "x".repeat(100_000),
            reload_failed: false,
            last_reload_success_unix: i64::MAX,
        });
        let expected = SinkState {
            contract_version: "1[2J".into(),
            rendered_change_id: "x".repeat(64),
            ..Default::default()
        };
        assert_eq!(state, expected);
    }
}
