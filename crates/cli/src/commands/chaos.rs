//! `chaos`: faults in the nodes of a running `dev`, and in the links between them.

use super::{ended, in_one_thread, output, settings};
use crate::args::{Global, some_time};
use crate::chaos;
use crate::client::interrupt;
use crate::config::Settings;
use crate::dev::choose::Verb;
use crate::dev::control::{LinkFault, Obstacle, Request, Told, Way};
use crate::exit::{Failure, chain, reasons};
use crate::output::{Acted, ChaosPlan, Output};
use clap::{Args, Subcommand, ValueEnum};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// The words of `router-hosts chaos …`.
#[derive(Args, Debug)]
#[command(after_help = "\
NODE is a name such as n2, `leader`, `follower` (the first that runs) or `all`. A fault stays in
force until it is healed; several can be in force at once. Those of links, disks and hooks need
`dev --chaos`. Clients reach every node all the time: a node that is cut off can still be asked.

Examples:
  router-hosts chaos kill leader
  router-hosts chaos partition leader
  router-hosts chaos delay all --by 20ms --jitter 5ms
  router-hosts chaos status -f json
  router-hosts chaos heal
  router-hosts chaos run --seed 7 --for 60s")]
pub(crate) struct ChaosArgs {
    /// The directory of the running `dev` [env: ROUTER_HOSTS_DEV]
    #[arg(long, global = true)]
    dir: Option<PathBuf>,
    #[command(subcommand)]
    fault: Fault,
}

#[derive(Subcommand, Debug)]
enum Fault {
    /// End nodes at once, as a power cut would (SIGKILL); they stay down until they are restarted or healed
    #[command(after_help = "Example:\n  router-hosts chaos kill leader")]
    Kill(Of),
    /// Stop nodes that run in good order, start them again, and wait until they serve
    #[command(after_help = "Example:\n  router-hosts chaos restart all")]
    Restart(Of),
    /// Stop nodes where they are (SIGSTOP)
    #[command(after_help = "Example:\n  router-hosts chaos pause follower")]
    Pause(Of),
    /// Let paused nodes go on (SIGCONT)
    #[command(after_help = "Example:\n  router-hosts chaos resume all")]
    Resume(Of),
    /// Cut nodes off from all others; those named together stay connected with each other
    #[command(after_help = "\
Bytes on established connections are held back and come when the cut is healed, if both ends have
kept the connection; they give it up after some 2 s. New connections are taken and get no answer
while either direction is cut, so soon a cut in one direction stops both, as with real TCP.

Examples:
  router-hosts chaos partition leader
  router-hosts chaos partition n1 n2
  router-hosts chaos partition n1 --from n2
  router-hosts chaos partition leader --one-way=in")]
    Partition(Links),
    /// Let what nodes say to each other come later
    #[command(after_help = "\
Every piece of bytes comes later by DURATION, more or less by at most the jitter, in its order. A
node and all others, and both directions, if --from and --one-way do not say otherwise. A round trip
has to stay below three quarters of `[raft] heartbeat`, 75 ms by default: beyond, no majority
confirms the leader in time, elections come again and again, and most writes are refused.

Examples:
  router-hosts chaos delay leader --by 20ms
  router-hosts chaos delay all --by 25ms --jitter 10ms --seed 7")]
    Delay {
        #[command(flatten)]
        links: Links,
        /// How much later, such as 75ms; at most 1m
        #[arg(long, value_name = "DURATION", value_parser = delay)]
        by: Duration,
        /// At most so much more or less, by chance; not more than --by [default: 0]
        #[arg(long, value_name = "DURATION", value_parser = delay)]
        jitter: Option<Duration>,
        /// What chance is drawn from
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
    /// Let some of what nodes say to each other get lost, and be sent again
    #[command(after_help = "\
Under TCP nothing is lost for good: a lost packet is sent again, and what follows waits for it. So
a piece of bytes (up to 16 KiB) that is lost comes 200 ms later, lost again 400 ms after that, and
so on; lost 6 times in a row, its connection is reset. The first packet of a connection is sent
again after 1 s. To lose everything, use `router-hosts chaos partition`.

Examples:
  router-hosts chaos drop follower --probability 0.05
  router-hosts chaos drop n1 --from n3 --probability 20% --one-way")]
    Drop {
        #[command(flatten)]
        links: Links,
        /// How likely each piece is lost: 0.001 to 0.999, or 0.1% to 99.9%
        #[arg(long, value_name = "P", value_parser = probability)]
        probability: u16,
        /// What chance is drawn from
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
    /// Have nodes find their disks full: whatever they add to log, snapshots or hosts file is refused
    #[command(after_help = "\
The node itself refuses, with the error of the system (ENOSPC), where it would call the disk: no
byte of the real disk is taken. It takes effect with the next write. A node that cannot write its
log ends, as it is built to; `heal` makes room and starts it again.

Example:
  router-hosts chaos disk-full follower")]
    DiskFull(Of),
    /// Have the hook `chaos` of nodes fail, which makes the cluster degraded
    #[command(after_help = "\
Every node of `dev --chaos` has that hook. It runs after the next change that alters the hosts
file; after `heal`, it succeeds with the next one.

Example:
  router-hosts chaos hook-fail all")]
    HookFail(Of),
    /// End all faults of nodes and their links; those that are paused or down run again
    #[command(after_help = "Examples:\n  router-hosts chaos heal\n  router-hosts chaos heal n2")]
    Heal {
        /// A name, `leader`, `follower` or `all` [default: all]
        #[arg(value_name = "NODE")]
        nodes: Vec<String>,
    },
    /// Faults that come and go by a plan, which is drawn from a seed
    #[command(after_help = "\
The plan has one fault at a time, each healed before the next one, on `leader` or `follower` as they
are then; the same seed and length are the same plan on every cluster, and a longer run begins as a
shorter one does. While it runs, one host of its own is changed all the time, through any node, and
taken away at the end. Everything is healed at the end, also after Ctrl-C.

Exit status: 0 every fault was seen to happen, the cluster is converged again and no acknowledged
write of its own is lost; 1 it is not so, and the report says what; 3 a fault is in force already.

Examples:
  router-hosts chaos run --seed 7 --plan
  router-hosts chaos run --seed 7 --for 60s -f json")]
    Run {
        /// What the plan is drawn from [default: another one every time; it is in the report]
        #[arg(long)]
        seed: Option<u64>,
        /// How long, 12s at least
        #[arg(long = "for", value_name = "DURATION", default_value = "60s", value_parser = length)]
        time: Duration,
        /// Only show the plan; no cluster is needed
        #[arg(long)]
        plan: bool,
    },
    /// What the nodes do, and which faults are in force
    #[command(after_help = "Example:\n  router-hosts chaos status -f json")]
    Status,
}

#[derive(Args, Debug)]
struct Of {
    /// A name, `leader`, `follower` or `all`
    #[arg(required = true, value_name = "NODE")]
    nodes: Vec<String>,
}

#[derive(Args, Debug)]
struct Links {
    /// A name, `leader`, `follower` or `all`
    #[arg(required = true, value_name = "NODE")]
    nodes: Vec<String>,
    /// Only the links with these nodes [default: with all others]
    #[arg(long, value_name = "NODE,…", value_delimiter = ',')]
    from: Vec<String>,
    /// Only one direction: what the nodes named first send (out), or what is sent to them (in)
    #[arg(long, value_name = "WAY", num_args = 0..=1, require_equals = true, default_missing_value = "out")]
    one_way: Option<OneWay>,
}

#[derive(ValueEnum, Copy, Clone, Debug)]
enum OneWay {
    /// What they send does not arrive
    Out,
    /// What is sent to them does not arrive
    In,
}

/// As long as a plan that has a fault.
fn length(text: &str) -> Result<Duration, String> {
    match some_time(text)? {
        time if time < chaos::LENGTH_MIN => {
            Err("12s is the least: a fault, and time to recover".to_owned())
        }
        time if time > LENGTH_MAX => Err("24h is the most".to_owned()),
        time => Ok(time),
    }
}

/// Some ten thousand faults; the plan of a run is in memory.
const LENGTH_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// A duration that waiting for makes sense.
fn delay(text: &str) -> Result<Duration, String> {
    match some_time(text)? {
        time if time > DELAY_MAX => Err("later than 1m is never: see `chaos partition`".to_owned()),
        time if time.subsec_nanos() % 1_000_000 != 0 => {
            Err("a millisecond is the least".to_owned())
        }
        time => Ok(time),
    }
}

/// Every deadline of a node is over long before.
const DELAY_MAX: Duration = Duration::from_secs(60);

/// A probability in thousandths.
fn probability(text: &str) -> Result<u16, String> {
    let (digits, scale) = match text.strip_suffix('%') {
        Some(percent) => (percent, 10.0),
        None => (text, 1000.0),
    };
    let parsed: Option<f64> = digits.trim().parse().ok();
    let thousandths = parsed.map(|number| (number * scale).round());
    match thousandths.filter(|number| (1.0..=999.0).contains(number)) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is a whole number from 1 to 999"
        )]
        Some(number) => Ok(number as u16),
        None => Err("write it as 0.05 or 5%, at least 0.001 and at most 0.999".to_owned()),
    }
}

pub(super) fn run(global: &Global, args: ChaosArgs) -> ExitCode {
    let output = output(global, &settings(global));
    let result = in_one_thread(act(args, &output));
    ended(&output, result)
}

async fn act(args: ChaosArgs, output: &Output) -> Result<(), Failure> {
    let ChaosArgs { dir, fault } = args;
    let fault = match fault {
        Fault::Run { seed, time, plan } => {
            let seed = seed.map_or_else(any_seed, Ok)?;
            if plan {
                let steps = chaos::draw(seed, time);
                return output.report(&ChaosPlan::of(seed, time, &steps));
            }
            return run_plan(&chaos::directory(dir)?, seed, time, output).await;
        }
        fault => fault,
    };
    let dir = chaos::directory(dir)?;
    let (word, request) = fault.request()?;
    let done = (request.verb != Verb::Status).then(|| request.verb.done());
    let Told { nodes, faults, .. } = chaos::told(&dir, &request).await?;
    output.report(&Acted {
        verb: word,
        done,
        nodes,
        faults,
    })
}

/// Runs a plan, and says how that ended.
async fn run_plan(dir: &Path, seed: u64, time: Duration, output: &Output) -> Result<(), Failure> {
    interrupt::listen();
    let flags = Global {
        config: Some(dir.join("client.toml")),
        ..Global::default()
    };
    // The environment may be about another cluster than the one of `dir`.
    let settings = Settings::load(&flags, &|_| None)
        .map_err(|error| Failure::of(reasons::CONFIG, chain(&error)))?;
    let ran = chaos::run(dir, &settings, seed, time, output).await?;
    output.report(&ran)?;
    match ran.problems.as_slice() {
        [] => Ok(()),
        [only] => Err(Failure::of(reasons::CHAOS_RUN, only)),
        [first, rest @ ..] => Err(Failure::of(
            reasons::CHAOS_RUN,
            format!("{first}; and {} more", rest.len()),
        )),
    }
}

/// One that is easy to type again.
fn any_seed() -> Result<u64, Failure> {
    let mut bits = [0; 4];
    getrandom::fill(&mut bits).map_err(|cause| {
        Failure::usage(format!("cannot draw a seed, name one with --seed: {cause}"))
    })?;
    Ok(u32::from_be_bytes(bits).into())
}

impl Fault {
    /// As it was typed, and what is asked of `dev`.
    fn request(self) -> Result<(&'static str, Request), Failure> {
        Ok(match self {
            Self::Kill(Of { nodes }) => ("kill", Request::of(Verb::Kill, nodes)),
            Self::Restart(Of { nodes }) => ("restart", Request::of(Verb::Restart, nodes)),
            Self::Pause(Of { nodes }) => ("pause", Request::of(Verb::Pause, nodes)),
            Self::Resume(Of { nodes }) => ("resume", Request::of(Verb::Resume, nodes)),
            Self::DiskFull(Of { nodes }) => ("disk-full", Request::of(Verb::DiskFull, nodes)),
            Self::HookFail(Of { nodes }) => ("hook-fail", Request::of(Verb::HookFail, nodes)),
            Self::Heal { nodes } => ("heal", Request::of(Verb::Heal, nodes)),
            // A run is no request of its own.
            Self::Status | Self::Run { .. } => ("status", Request::of(Verb::Status, Vec::new())),
            Self::Partition(links) => (
                "partition",
                links.request(Verb::Partition, Obstacle::Cut, 0),
            ),
            Self::Delay {
                links,
                by,
                jitter,
                seed,
            } => {
                let jitter = jitter.unwrap_or_default();
                if jitter > by {
                    return Err(Failure::usage(
                        "--jitter is more than --by: bytes cannot come early",
                    ));
                }
                let obstacle = Obstacle::Delay {
                    by_ms: millis(by),
                    jitter_ms: millis(jitter),
                };
                ("delay", links.request(Verb::Delay, obstacle, seed))
            }
            Self::Drop {
                links,
                probability,
                seed,
            } => {
                let obstacle = Obstacle::Drop {
                    thousandths: probability,
                };
                ("drop", links.request(Verb::Drop, obstacle, seed))
            }
        })
    }
}

impl Links {
    fn request(self, verb: Verb, obstacle: Obstacle, seed: u64) -> Request {
        let Self {
            nodes,
            from,
            one_way,
        } = self;
        Request {
            verb,
            nodes,
            links: Some(LinkFault {
                from,
                way: match one_way {
                    None => Way::Both,
                    Some(OneWay::Out) => Way::Out,
                    Some(OneWay::In) => Way::In,
                },
                obstacle,
                seed,
            }),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probability_is_a_part_of_one_or_of_a_hundred() {
        for (text, thousandths) in [("0.05", 50), ("5%", 50), ("99.9%", 999), ("0.001", 1)] {
            assert_eq!(probability(text), Ok(thousandths), "{text}");
        }
        for text in [
            "0",
            "1",
            "100%",
            "0.0001",
            "-0.1",
            "5 percent",
            "NaN",
            "inf",
            "",
            "%",
        ] {
            assert!(probability(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_run_is_long_enough_for_a_fault() {
        assert_eq!(length("12s"), Ok(Duration::from_secs(12)));
        assert_eq!(length("1h"), Ok(Duration::from_secs(3600)));
        for text in ["11s", "25h", "0s", "long"] {
            assert!(length(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_delay_is_whole_milliseconds_up_to_a_minute() {
        assert_eq!(delay("75ms"), Ok(Duration::from_millis(75)));
        assert_eq!(delay("1m"), Ok(Duration::from_secs(60)));
        for text in ["0s", "61s", "1us", "1ms 1us", "soon"] {
            assert!(delay(text).is_err(), "{text}");
        }
    }
}
