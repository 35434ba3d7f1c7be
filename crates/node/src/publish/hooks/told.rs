//! What the hooks have been told, and what is new since: a difference of two
//! states, so nothing is queued and the latest wins.

use super::{Event, Published, Revision, note::Sha256};

/// What the last batches were about.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Of these writes.
    writes: u64,
    /// Of a file with these bytes, by an earlier process of the node.
    before: Option<Sha256>,
    /// Of this trouble, while it lasts.
    error: Option<String>,
}

/// Something for the hooks of one event.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) event: Event,
    pub(super) revision: Revision,
    /// Why the file could not be written; empty when it was.
    pub(super) error: String,
    /// How many earlier writes this stands for, beside its own.
    pub(super) coalesced: u64,
}

impl Told {
    /// At the start of a process, when `before` is what was told last.
    pub(super) fn since(before: Option<Sha256>) -> Self {
        Self {
            before,
            ..Self::default()
        }
    }

    /// What is to be told: a file that was written, a file that could not be,
    /// or both when a write was followed by a failure. A trouble is told once,
    /// not at every attempt; a write is never lost to a failure after it, nor
    /// one of an earlier process to that one's end.
    pub(super) fn due(&mut self, now: &Published) -> Vec<Due> {
        let mut due = Vec::new();
        let writes = now.writes.saturating_sub(self.writes);
        // Without a write, too: an attempt that failed may have left the file in its place.
        let other = now.sha256.is_some() && now.sha256 != self.before;
        if writes > 0 || other {
            due.push(Due {
                event: Event::Success,
                revision: now.revision,
                error: String::new(),
                coalesced: writes.saturating_sub(1),
            });
        }
        match &now.error {
            None => self.error = None,
            Some(error) if self.error.as_ref() == Some(error) => {}
            Some(error) => due.push(Due {
                event: Event::Failure,
                revision: now.attempted,
                error: error.clone(),
                coalesced: 0,
            }),
        }
        due
    }

    /// The same, and it is told from now on.
    pub(super) fn tell(&mut self, now: &Published) -> Vec<Due> {
        let due = self.due(now);
        self.writes = now.writes;
        self.before = now.sha256.or(self.before);
        self.error.clone_from(&now.error);
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(writes: u64, error: Option<&str>) -> Published {
        let mut now = Published::nothing("/hosts".into());
        now.writes = writes;
        now.error = error.map(str::to_owned);
        now
    }

    fn events(told: &mut Told, now: &Published) -> Vec<(Event, u64)> {
        let due = told.tell(now);
        due.iter().map(|due| (due.event, due.coalesced)).collect()
    }

    #[test]
    fn writes_are_told_together_and_none_is_lost_to_a_failure() {
        let mut told = Told::default();
        assert_eq!(events(&mut told, &published(0, None)), []);
        assert_eq!(
            events(&mut told, &published(1, None)),
            [(Event::Success, 0)]
        );
        assert_eq!(
            events(&mut told, &published(5, Some("disk full"))),
            [(Event::Success, 3), (Event::Failure, 0)]
        );
        assert_eq!(events(&mut told, &published(5, None)), []);
    }

    #[test]
    fn a_file_that_is_found_is_told_unless_it_was_before() {
        let mut found = published(0, None);
        found.sha256 = Some([7; 32]);
        let success = [(Event::Success, 0)];
        for (before, expected) in [
            (None, &success[..]),
            (Some([6; 32]), &success[..]),
            (Some([7; 32]), &[]),
        ] {
            let mut told = Told::since(before);
            assert_eq!(events(&mut told, &published(0, None)), []);
            assert_eq!(events(&mut told, &found), expected, "{before:?}");
            assert_eq!(events(&mut told, &found), []);
        }
    }

    #[test]
    fn other_bytes_are_told_though_nobody_counted_a_write() {
        let mut told = Told::default();
        let mut now = published(1, None);
        now.sha256 = Some([1; 32]);
        assert_eq!(events(&mut told, &now), [(Event::Success, 0)]);
        now.sha256 = Some([2; 32]);
        assert_eq!(events(&mut told, &now), [(Event::Success, 0)]);
        assert_eq!(events(&mut told, &now), []);
    }

    #[test]
    fn a_trouble_is_told_once_until_it_is_over_or_another() {
        let mut told = Told::default();
        let failure = [(Event::Failure, 0)];
        assert_eq!(events(&mut told, &published(0, Some("disk full"))), failure);
        assert_eq!(events(&mut told, &published(0, Some("disk full"))), []);
        assert_eq!(events(&mut told, &published(0, Some("read only"))), failure);
        assert_eq!(
            events(&mut told, &published(1, None)),
            [(Event::Success, 0)]
        );
        assert_eq!(events(&mut told, &published(1, Some("read only"))), failure);
    }
}
