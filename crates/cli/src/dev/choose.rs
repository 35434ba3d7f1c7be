//! Which nodes are meant by `n2`, `leader`, `follower` or `all`.
//!
//! Names are taken at their word: to kill what is dead is an error, as the test that says so is wrong about the state
//! of its cluster. `all` are those that the verb can act on.

use serde::{Deserialize, Serialize};

use super::process::State;

/// What to do with nodes.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verb {
    Kill,
    Restart,
    Pause,
    Resume,
    Partition,
    Delay,
    Drop,
    DiskFull,
    HookFail,
    Heal,
    Status,
}

/// A node as far as the choice depends on it.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) name: String,
    pub(crate) state: State,
}

/// The nodes meant cannot be told, or it cannot be done to them.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum ChoiceError {
    #[error("no node `{word}`: there are {known}, `leader`, `follower` and `all`")]
    Unknown { word: String, known: String },
    #[error("no node named: say which to {}", .verb.word())]
    Nothing { verb: Verb },
    #[error("{name} cannot be {}: it {is}", .verb.done())]
    Unfit {
        name: String,
        verb: Verb,
        is: &'static str,
    },
    #[error("no node can be {}: none {}", .verb.done(), .verb.needs())]
    NoneFit { verb: Verb },
    #[error("no follower runs")]
    NoFollower,
}

impl Verb {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Restart => "restart",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Partition => "cut off",
            Self::Delay => "delay",
            Self::Drop => "take bytes from",
            Self::DiskFull => "fill the disk of",
            Self::HookFail => "fail the hook of",
            Self::Heal => "heal",
            Self::Status => "show",
        }
    }

    /// As a person is told that it is done to a node: `killed n2`.
    pub(crate) fn done(self) -> &'static str {
        match self {
            Self::Kill => "killed",
            Self::Restart => "restarted",
            Self::Pause => "paused",
            Self::Resume => "resumed",
            Self::Partition => "cut off",
            Self::Delay => "delayed",
            Self::Drop => "made lossy",
            Self::DiskFull => "filled the disk of",
            Self::HookFail => "failed the hook of",
            Self::Heal => "healed",
            Self::Status => "shown",
        }
    }

    fn needs(self) -> &'static str {
        match self {
            Self::Kill => "is up",
            Self::Pause => "runs",
            Self::Resume => "is paused",
            _ => "exists",
        }
    }

    fn fits(self, state: State) -> bool {
        match self {
            Self::Kill => matches!(state, State::Running | State::Paused),
            Self::Pause => state == State::Running,
            Self::Resume => state == State::Paused,
            _ => true,
        }
    }

    /// Whether nothing named means all nodes.
    fn may_be_of_all(self) -> bool {
        matches!(self, Self::Status | Self::Heal)
    }
}

/// Whether a leader must be known to choose by these words.
pub(crate) fn asks_for_roles(words: &[String]) -> bool {
    words
        .iter()
        .any(|word| word == "leader" || word == "follower")
}

/// The places of the nodes meant, each once, in the order of the nodes. `leader` is the place of the leader; if words
/// ask for roles, it is known.
pub(crate) fn choose(
    words: &[String],
    verb: Verb,
    nodes: &[Candidate],
    leader: Option<usize>,
) -> Result<Vec<usize>, ChoiceError> {
    let mut chosen = Vec::new();
    for word in words {
        match word.as_str() {
            "all" => chosen.extend(all(verb, nodes)?),
            "leader" => chosen.push(fit(
                verb,
                nodes,
                leader.ok_or_else(|| unknown(word, nodes))?,
            )?),
            "follower" => chosen.push(follower(nodes, leader)?),
            name => {
                let place = nodes.iter().position(|node| node.name == name);
                chosen.push(fit(
                    verb,
                    nodes,
                    place.ok_or_else(|| unknown(word, nodes))?,
                )?);
            }
        }
    }
    if words.is_empty() {
        match verb.may_be_of_all() {
            true => chosen.extend(0..nodes.len()),
            false => return Err(ChoiceError::Nothing { verb }),
        }
    }
    chosen.sort_unstable();
    chosen.dedup();
    Ok(chosen)
}

fn all(verb: Verb, nodes: &[Candidate]) -> Result<Vec<usize>, ChoiceError> {
    let fitting = nodes
        .iter()
        .enumerate()
        .filter(|(_, node)| verb.fits(node.state));
    let places: Vec<_> = fitting.map(|(place, _)| place).collect();
    if places.is_empty() {
        return Err(ChoiceError::NoneFit { verb });
    }
    Ok(places)
}

fn follower(nodes: &[Candidate], leader: Option<usize>) -> Result<usize, ChoiceError> {
    let runs = |(place, node): &(usize, &Candidate)| {
        Some(*place) != leader && node.state == State::Running
    };
    let first = nodes.iter().enumerate().find(runs);
    first.map(|(place, _)| place).ok_or(ChoiceError::NoFollower)
}

fn fit(verb: Verb, nodes: &[Candidate], place: usize) -> Result<usize, ChoiceError> {
    match nodes.get(place) {
        Some(Candidate { name, state }) if !verb.fits(*state) => Err(ChoiceError::Unfit {
            name: name.clone(),
            verb,
            is: state.sentence(),
        }),
        _ => Ok(place),
    }
}

fn unknown(word: &str, nodes: &[Candidate]) -> ChoiceError {
    let names: Vec<_> = nodes
        .iter()
        .map(|node| format!("`{}`", node.name))
        .collect();
    ChoiceError::Unknown {
        word: word.to_owned(),
        known: names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::process::Down;

    const RUNNING: State = State::Running;
    const PAUSED: State = State::Paused;
    const KILLED: State = State::Down(Down::Killed);

    fn chosen(
        verb: Verb,
        words: &[&str],
        states: [State; 3],
        leader: Option<usize>,
    ) -> Result<Vec<usize>, ChoiceError> {
        let nodes: Vec<_> = (1..)
            .zip(states)
            .map(|(n, state)| Candidate {
                name: format!("n{n}"),
                state,
            })
            .collect();
        let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
        choose(&words, verb, &nodes, leader)
    }

    const UP: [State; 3] = [RUNNING; 3];

    #[test]
    fn nodes_are_meant_by_name_or_role() {
        assert_eq!(
            chosen(Verb::Kill, &["n3", "n1", "n3"], UP, None),
            Ok(vec![0, 2])
        );
        assert_eq!(chosen(Verb::Kill, &["leader"], UP, Some(1)), Ok(vec![1]));
        assert_eq!(chosen(Verb::Kill, &["follower"], UP, Some(0)), Ok(vec![1]));
        assert_eq!(
            chosen(Verb::Kill, &["follower", "leader"], UP, Some(1)),
            Ok(vec![0, 1])
        );
        assert_eq!(chosen(Verb::Kill, &["all"], UP, None), Ok(vec![0, 1, 2]));
        assert_eq!(chosen(Verb::Status, &[], UP, None), Ok(vec![0, 1, 2]));
        assert_eq!(chosen(Verb::Heal, &[], UP, None), Ok(vec![0, 1, 2]));
    }

    #[test]
    fn a_follower_is_one_that_runs() {
        let states = [KILLED, PAUSED, RUNNING];
        assert_eq!(
            chosen(Verb::Kill, &["follower"], states, Some(1)),
            Ok(vec![2])
        );
        assert_eq!(
            chosen(Verb::Kill, &["follower"], states, Some(2)),
            Err(ChoiceError::NoFollower)
        );
    }

    #[test]
    fn all_are_those_that_fit() {
        let states = [KILLED, PAUSED, RUNNING];
        assert_eq!(chosen(Verb::Kill, &["all"], states, None), Ok(vec![1, 2]));
        assert_eq!(chosen(Verb::Pause, &["all"], states, None), Ok(vec![2]));
        assert_eq!(chosen(Verb::Resume, &["all"], states, None), Ok(vec![1]));
        assert_eq!(
            chosen(Verb::Restart, &["all"], states, None),
            Ok(vec![0, 1, 2])
        );
        assert_eq!(
            chosen(Verb::Resume, &["all"], UP, None),
            Err(ChoiceError::NoneFit { verb: Verb::Resume })
        );
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        for (verb, word, said) in [
            (Verb::Kill, "n1", "n1 cannot be killed: it was killed"),
            (Verb::Pause, "n2", "n2 cannot be paused: it is paused"),
            (Verb::Resume, "n3", "n3 cannot be resumed: it runs"),
            (
                Verb::Kill,
                "n4",
                "no node `n4`: there are `n1`, `n2`, `n3`, `leader`",
            ),
        ] {
            let error = chosen(verb, &[word], [KILLED, PAUSED, RUNNING], None).unwrap_err();
            assert!(error.to_string().starts_with(said), "{error}");
        }
        let error = chosen(Verb::Restart, &[], UP, None).unwrap_err();
        assert_eq!(error.to_string(), "no node named: say which to restart");
    }
}
