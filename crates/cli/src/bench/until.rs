//! One call, until a node answers it: at first the one that was chosen, then
//! the others around, and again. A write keeps its request id, and says in every further attempt how
//! new the records were before the first.

use super::tally::{Kind, Tally};
use super::targets::Targets;
use crate::client::{Answer, Line, Miss, Once};
use hosts::{HostId, HostPatch, NewHost, RequestId, Revision};
use proto::convert::Consistency;
use std::time::{Duration, Instant};

/// Who makes a call, and where it begins.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Caller {
    /// Number of the task.
    pub(crate) task: usize,
    /// Place of the node.
    pub(crate) first: usize,
    /// How long all attempts together may take.
    pub(crate) limit: Duration,
}

/// A node that hangs is left after this long. A change that it makes all the
/// same is not made twice.
const ATTEMPT: Duration = Duration::from_secs(5);
/// When no node could do it, or one refused it: short beside an election.
const PAUSE: Duration = Duration::from_millis(20);

/// What is asked.
#[derive(Copy, Clone, Debug)]
pub(crate) enum Ask<'a> {
    Add(&'a NewHost, &'a RequestId),
    Update(HostId, &'a HostPatch, &'a RequestId),
    Get(HostId, Consistency),
}

impl Ask<'_> {
    const fn kind(self) -> Kind {
        match self {
            Self::Add(..) => Kind::Add,
            Self::Update(..) => Kind::Update,
            Self::Get(..) => Kind::Get,
        }
    }

    /// One attempt: the host that it is about.
    async fn of(
        self,
        line: &Line,
        since: Option<Revision>,
        limit: Duration,
    ) -> Result<Answer<HostId>, Miss> {
        let once = |request: &RequestId| Once {
            id: request.clone(),
            since,
        };
        let (id, answer) = match self {
            Self::Add(host, request) => return line.add_host(host, &once(request), limit).await,
            Self::Update(id, patch, request) => {
                let answer = line.update_host(id, patch, &once(request), limit).await?;
                (id, answer)
            }
            Self::Get(id, consistency) => (id, line.get_host(id, consistency, limit).await?),
        };
        Ok(Answer {
            value: id,
            revision: answer.revision,
        })
    }
}

/// The answer, counted; `None` when it was refused or given up.
pub(crate) async fn answered(
    targets: &Targets,
    tally: &Tally,
    caller: Caller,
    ask: Ask<'_>,
) -> Option<Answer<HostId>> {
    let Caller { task, first, limit } = caller;
    let kind = ask.kind();
    let since = Instant::now();
    let newest = targets.newest();
    for turn in 0.. {
        let left = limit.saturating_sub(since.elapsed());
        let line = targets.line(first.wrapping_add(turn), task);
        let Some(line) = line.filter(|_| !left.is_zero()) else {
            break;
        };
        let repeat = (turn > 0).then_some(newest);
        match ask.of(line, repeat, left.min(ATTEMPT)).await {
            Ok(answer) => {
                targets.saw(answer.revision);
                tally.answered(kind, since);
                return Some(answer);
            }
            Err(Miss::Refused(failure)) => {
                tally.refused(kind, failure);
                tokio::time::sleep(PAUSE).await;
                return None;
            }
            Err(Miss::Elsewhere(word)) => tally.missed(kind, word),
        }
        if (turn + 1) % targets.len() == 0 {
            tokio::time::sleep(PAUSE).await;
        }
    }
    tally.gave_up(kind);
    None
}
