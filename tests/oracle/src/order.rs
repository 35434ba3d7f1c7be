//! Where in the log an operation has its effect, and whether that keeps to real time.

/// When an operation was under way, and which revision it is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    /// Which operation of the history.
    pub(crate) operation: usize,
    /// When it began.
    pub(crate) called: u64,
    /// When its caller knew the outcome; `u64::MAX` if never.
    pub(crate) returned: u64,
    /// The revision that it made, or saw.
    pub(crate) revision: u64,
    /// Whether it made it.
    pub(crate) made: bool,
}

/// The operations by when they began and by when they were known to be done.
pub(crate) struct Order {
    /// By `returned`; the highest revision so far beside each.
    done: Vec<(u64, Placed)>,
    /// By `called`; the lowest revision that an earlier operation may be about beside each, from here to the end.
    begun: Vec<(u64, u64)>,
}

impl Order {
    pub(crate) fn of(placed: &[Placed]) -> Self {
        let mut by_return = placed.to_vec();
        by_return.sort_by_key(|placed| placed.returned);
        let mut highest: Option<Placed> = None;
        let done = by_return
            .into_iter()
            .map(|next| {
                let top = match highest {
                    Some(before) if before.revision >= next.revision => before,
                    _ => next,
                };
                highest = Some(top);
                (next.returned, top)
            })
            .collect();

        let mut by_call = placed.to_vec();
        by_call.sort_by_key(|placed| placed.called);
        let mut lowest = u64::MAX;
        let mut begun: Vec<(u64, u64)> = by_call
            .into_iter()
            .rev()
            .map(|next| {
                lowest = lowest.min(next.revision - u64::from(next.made));
                (next.called, lowest)
            })
            .collect();
        begun.reverse();
        Self { done, begun }
    }

    /// The operation with the highest revision of all that were done before `called`.
    pub(crate) fn before(&self, called: u64) -> Option<&Placed> {
        let count = self
            .done
            .partition_point(|(returned, _)| *returned < called);
        let last = count.checked_sub(1)?;
        self.done.get(last).map(|(_, placed)| placed)
    }

    /// The highest revision that an operation may have seen that was done at `returned`.
    pub(crate) fn after(&self, returned: u64) -> u64 {
        let first = self
            .begun
            .partition_point(|(called, _)| *called <= returned);
        self.begun
            .get(first)
            .map_or(u64::MAX, |(_, lowest)| *lowest)
    }
}

/// The earliest states that rejections which have ended can be about, added in the order of their ends.
#[derive(Default)]
pub(crate) struct Floor {
    /// By `returned`; the highest revision so far beside each.
    ended: Vec<(u64, u64)>,
}

impl Floor {
    /// A rejection that had ended at `returned`, later than all before it, is about `revision` at the earliest.
    pub(crate) fn rise(&mut self, returned: u64, revision: u64) {
        let before = self.ended.last().map_or(0, |(_, highest)| *highest);
        self.ended.push((returned, before.max(revision)));
    }

    /// What began at `called` is about this revision at the earliest.
    pub(crate) fn before(&self, called: u64) -> u64 {
        let count = self
            .ended
            .partition_point(|(returned, _)| *returned < called);
        let last = count.checked_sub(1).and_then(|last| self.ended.get(last));
        last.map_or(0, |(_, highest)| *highest)
    }
}
