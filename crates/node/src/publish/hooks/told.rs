//! What the hooks have been told, and what is new since: a difference of two
//! states, so nothing is queued and the latest wins.

use super::{Event, Published, Revision};

/// What the last batches were about.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Of these writes.
    writes: u64,
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
    /// What is to be told: a file that was written, a file that could not be,
    /// or both when a write was followed by a failure. A trouble is told once,
    /// not at every attempt; a write is never lost to a failure after it.
    pub(super) fn due(&mut self, now: &Published) -> Vec<Due> {
        let mut due = Vec::new();
        let writes = now.writes.saturating_sub(self.writes);
        if writes > 0 {
            due.push(Due {
                event: Event::Success,
                revision: now.revision,
                error: String::new(),
                coalesced: writes - 1,
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
