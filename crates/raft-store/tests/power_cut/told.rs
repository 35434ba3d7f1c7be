//! What a process says while it works, and what has to be there because of it.

use std::{collections::BTreeMap, fmt, str::FromStr};

/// One line. What is said in the past tense is durable; the rest may happen
/// from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// The entries from the first to the second index, of this term, were
    /// answered.
    Acked { first: u64, last: u64, term: u64 },
    /// A vote in this term was answered.
    Voted(u64),
    /// The entries after this one are going to be void.
    Voiding(u64),
    /// The entries up to this one are going to be purged.
    Purging(u64),
    /// The entries up to this one were purged.
    Purged(u64),
    /// A snapshot up to this entry counts.
    Kept(u64),
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The harness of the tests writes beginnings of lines of its own.
        match self {
            Self::Acked { first, last, term } => write!(f, "\nacked {first} {last} {term}"),
            Self::Voted(term) => write!(f, "\nvoted {term}"),
            Self::Voiding(after) => write!(f, "\nvoiding {after}"),
            Self::Purging(to) => write!(f, "\npurging {to}"),
            Self::Purged(to) => write!(f, "\npurged {to}"),
            Self::Kept(to) => write!(f, "\nkept {to}"),
        }?;
        f.write_str(" .\n")
    }
}

impl FromStr for Line {
    type Err = ();

    /// A line that is cut off says nothing.
    fn from_str(line: &str) -> Result<Self, ()> {
        let words: Vec<_> = line.split(' ').collect();
        let [what, ref numbers @ .., "."] = words[..] else {
            return Err(());
        };
        let numbers: Result<Vec<u64>, _> = numbers.iter().map(|number| number.parse()).collect();
        match (what, &numbers.map_err(|_| ())?[..]) {
            ("acked", &[first, last, term]) => Ok(Self::Acked { first, last, term }),
            ("voted", &[term]) => Ok(Self::Voted(term)),
            ("voiding", &[after]) => Ok(Self::Voiding(after)),
            ("purging", &[to]) => Ok(Self::Purging(to)),
            ("purged", &[to]) => Ok(Self::Purged(to)),
            ("kept", &[to]) => Ok(Self::Kept(to)),
            _ => Err(()),
        }
    }
}

/// What has to be there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    /// The terms of the entries that were answered.
    pub(crate) acked: BTreeMap<u64, u64>,
    pub(crate) vote: Option<u64>,
    /// Up to where entries may be purged.
    pub(crate) purging: Option<u64>,
    /// Up to where they are.
    pub(crate) purged: Option<u64>,
    pub(crate) snapshot: Option<u64>,
    /// How many entries were answered, those of before not counted.
    pub(crate) count: u64,
}

impl Told {
    /// Takes in what was said: all of `counted`, and what the process was
    /// about to do in `late`, of which nobody knows whether it came to it.
    pub(crate) fn take(&mut self, counted: &[Line], late: &[Line]) {
        for line in counted {
            match *line {
                Line::Acked { first, last, term } => {
                    self.acked.extend((first..=last).map(|index| (index, term)));
                    self.count += last + 1 - first;
                }
                Line::Voted(term) => self.vote = Some(term),
                Line::Purged(to) => self.purged = Some(to),
                Line::Kept(to) => self.snapshot = Some(to),
                Line::Voiding(_) | Line::Purging(_) => self.about_to(line),
            }
        }
        for line in late {
            self.about_to(line);
        }
    }

    fn about_to(&mut self, line: &Line) {
        match *line {
            Line::Voiding(after) => self.acked.retain(|index, _| *index <= after),
            Line::Purging(to) => self.purging = Some(to),
            _ => {}
        }
    }
}

/// What is wrong after a cut.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// It does not open.
    #[error("refused to open: {0}")]
    Refused(String),
    /// It opens, and something is missing or wrong.
    #[error("lost: {0}")]
    Lost(String),
}
