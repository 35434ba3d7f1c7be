//! `WatchHosts`: a whole set and that it is complete; with `follow`, again on every change.

use super::{Earlier, Fields, Message, code, host, path};
use crate::support::{Bytes, Cluster, EDITOR, in_time, until};
use futures::{StreamExt as _, stream};
use proto::cluster::Sink;
use tokio::sync::mpsc;
use tonic::{Code, Request, Streaming, client::Grpc};

/// A stream that watches, with what says more on it.
struct Watcher {
    say: mpsc::Sender<Vec<u8>>,
    answers: Streaming<Vec<u8>>,
}

/// A set as it came: its entries as `address name`, and what completes it.
#[derive(Clone, Debug, PartialEq)]
struct Set {
    lines: Vec<String>,
    change: String,
    complete: Fields,
}

impl Watcher {
    async fn open(cluster: &Cluster, to: u64, first: Message) -> Self {
        let mut grpc = Grpc::new(cluster.channel(to, EDITOR));
        grpc.ready().await.unwrap();
        let (say, said) = mpsc::channel(8);
        say.send(first.into_bytes()).await.unwrap();
        let requests = stream::unfold(said, |mut said: mpsc::Receiver<Vec<u8>>| async {
            Some((said.recv().await?, said))
        });
        let answers = grpc.streaming(Request::new(requests), path("WatchHosts"), Bytes);
        let answers = in_time(answers).await.unwrap().into_inner();
        Self { say, answers }
    }

    async fn next(&mut self) -> Set {
        in_time(set(&mut self.answers)).await.unwrap()
    }

    async fn say(&self, message: Message) {
        self.say.send(message.into_bytes()).await.unwrap();
    }
}

/// The next set, unless the stream ends before it.
async fn set(answers: &mut Streaming<Vec<u8>>) -> Option<Set> {
    let mut lines = Vec::new();
    loop {
        let answer = Fields::read(&answers.message().await.unwrap()?);
        match answer.known()[..] {
            [1] => lines.push(super::line(&answer)),
            [2] => {
                let complete = answer.message(2).unwrap();
                let expected = if lines.is_empty() {
                    &[2, 3, 4][..]
                } else {
                    &[1, 2, 3, 4]
                };
                assert_eq!(complete.known(), expected);
                assert_eq!(complete.number(1), lines.len() as i64, "the count");
                assert!(complete.message(2).unwrap().number(1) > 1_700_000_000);
                assert_eq!(complete.text(3).as_deref(), Some("1"), "the contract");
                let change = complete.text(4).unwrap();
                assert!(!change.is_empty());
                return Some(Set {
                    lines,
                    change,
                    complete,
                });
            }
            ref other => panic!("fields {other:?}"),
        }
    }
}

fn follow() -> Message {
    Message::new().flag(1, true)
}

/// The whole of one that does not follow.
async fn once(client: &Earlier, messages: Vec<Message>) -> Set {
    let mut answers = client.open("WatchHosts", messages).await.unwrap();
    let all = set(&mut answers).await.unwrap();
    assert_eq!(set(&mut answers).await, None, "one set, and the end");
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_set_is_whole_and_named_alike_by_every_node() {
    let cluster = Cluster::of(3).await;
    let client = Earlier::of(&cluster);
    let nothing = once(&client, vec![Message::new()]).await;
    assert_eq!(nothing.lines, [""; 0]);
    // Who asks for nothing is told nothing.
    let (came, ended) = client.stream("WatchHosts", Vec::new()).await;
    assert_eq!((came, ended.is_ok()), (Vec::new(), true));

    for (address, name) in [
        ("10.0.0.10", "b.lan"),
        ("10.0.0.2", "a.lan"),
        ("fd00::1", "a.lan"),
    ] {
        client.added(host(address, name)).await;
    }
    let lines = ["10.0.0.2 a.lan", "10.0.0.10 b.lan", "fd00::1 a.lan"];
    let first = once(&client, vec![Message::new().and_unknown()]).await;
    assert_eq!(first.lines, lines);
    assert_ne!(first.change, nothing.change);
    for to in 1..=3 {
        let set = Watcher::open(&cluster, to, Message::new())
            .await
            .next()
            .await;
        assert_eq!(
            (set.lines, &set.change),
            (first.lines.clone(), &first.change),
            "n{to}"
        );
    }
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_is_shown_each_change_of_what_the_set_shows_and_no_other() {
    let cluster = Cluster::of(1).await;
    let client = Earlier::of(&cluster);
    let id = client
        .added(host("10.0.0.1", "a.lan"))
        .await
        .text(1)
        .unwrap();
    let mut watcher = Watcher::open(&cluster, 1, follow()).await;
    let mut sets = vec![watcher.next().await];
    let by_id = || Message::new().text(1, &id);
    let off = || by_id().flag(101, true);
    for (method, message, expected) in [
        (
            "AddHost",
            host("10.0.0.2", "b.lan"),
            &["10.0.0.1 a.lan", "10.0.0.2 b.lan"][..],
        ),
        // What a template can show: comments and tags, too.
        (
            "UpdateHost",
            by_id().text(4, "attic"),
            &["10.0.0.1 a.lan", "10.0.0.2 b.lan"],
        ),
        ("UpdateHost", off(), &["10.0.0.2 b.lan"]),
    ] {
        client.call(method, message).await.unwrap();
        let set = watcher.next().await;
        assert_eq!(set.lines, expected);
        sets.push(set);
    }
    // What is disabled is not in the set, so changes of it are none of the set.
    client
        .call("UpdateHost", by_id().text(4, "cellar"))
        .await
        .unwrap();
    client.call("DeleteHost", by_id()).await.unwrap();
    client.added(host("10.0.0.3", "c.lan")).await;
    let set = watcher.next().await;
    assert_eq!(set.lines, ["10.0.0.2 b.lan", "10.0.0.3 c.lan"]);
    sets.push(set);
    let mut changes: Vec<_> = sets.iter().map(|set| set.change.clone()).collect();
    assert_eq!(once(&client, vec![Message::new()]).await.change, changes[4]);
    changes.sort();
    changes.dedup();
    assert_eq!(changes.len(), sets.len(), "each has a name of its own");
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_quick_changes_are_one_set() {
    let cluster = Cluster::of(1).await;
    let client = Earlier::of(&cluster);
    let mut watcher = Watcher::open(&cluster, 1, follow()).await;
    assert_eq!(watcher.next().await.lines.len(), 0);
    let rows = (0..300).map(|n| {
        let address = format!("10.0.{}.{}", n / 250, n % 250);
        Message::new().text(2, &address).text(3, "h.lan")
    });
    client.all("BulkAddHosts", rows.collect()).await;
    let mut sets = 0;
    loop {
        sets += 1;
        let set = watcher.next().await;
        if set.lines.len() == 300 {
            break;
        }
    }
    assert!(sets < 30, "{sets} sets for 300 changes");
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_sink_says_of_itself_is_in_the_status_of_its_node() {
    let cluster = Cluster::of(1).await;
    let client = Earlier::of(&cluster);
    client.added(host("10.0.0.1", "a.lan")).await;
    let status = |failures, change: &str| {
        let status = Message::new()
            .number(1, 1_795_197_600)
            .number(2, failures)
            .text(3, "1")
            .text(4, change)
            .flag(5, failures > 0)
            .number(6, 1_795_197_500);
        Message::new().message(2, &status)
    };
    let first = status(2, "not ours").flag(1, true);
    let mut watcher = Watcher::open(&cluster, 1, first).await;
    let change = watcher.next().await.change;
    let node = cluster.node(1).await;
    assert_eq!(
        (node.watchers, node.sinks_total, node.sinks_failing),
        (1, 1, 1)
    );
    let Sink {
        client: certificate,
        instance,
        connected,
        heard_at,
        current,
        last_success,
        consecutive_failures,
        reload_failed,
        last_reload_success,
        contract_version,
        change_id,
    } = node.sinks[0].clone();
    assert_eq!(
        (&*certificate, &*instance),
        ("editor:some-editor", "127.0.0.1")
    );
    assert!(connected && heard_at.is_some() && !current && reload_failed);
    let seconds = [last_success, last_reload_success].map(|time| time.unwrap().seconds);
    assert_eq!(seconds, [1_795_197_600, 1_795_197_500]);
    assert_eq!(
        (consecutive_failures, &*contract_version, &*change_id),
        (2, "1", "not ours")
    );
    let health = client.call("Health", Message::new()).await.unwrap();
    let sinks = health.message(100).unwrap();
    assert_eq!([1, 2, 3].map(|field| sinks.number(field)), [1, 1, 1]);

    // Later messages report, and do not say to stop: they have no `follow`.
    watcher.say(status(0, &change)).await;
    until(async || {
        let sink = cluster.node(1).await.sinks[0].clone();
        sink.current && sink.consecutive_failures == 0
    })
    .await;
    client.added(host("10.0.0.2", "b.lan")).await;
    assert_eq!(watcher.next().await.lines.len(), 2);
    assert!(
        !cluster.node(1).await.sinks[0].current,
        "there is a newer set"
    );
    drop(watcher);
    until(async || cluster.node(1).await.watchers == 0).await;
    let sinks = cluster.node(1).await.sinks;
    assert!(!sinks[0].connected, "what it said is kept");
    // It changes nothing in the verdict: nodes are well.
    let status = cluster.status(1).await;
    assert_eq!(status.verdict(), proto::cluster::Verdict::Healthy);
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stops_says_so_to_those_who_watch() {
    let mut cluster = Cluster::of(1).await;
    Earlier::of(&cluster).added(host("10.0.0.1", "a.lan")).await;
    let mut watcher = Watcher::open(&cluster, 1, follow()).await;
    watcher.next().await;
    let stop = async { cluster.stop(1).await.unwrap() };
    let ((), end) = tokio::join!(stop, in_time(watcher.answers.message()));
    code("the node stops", end, Code::Unavailable);
    assert!(watcher.answers.next().await.is_none());
}

/// The other end may be gone from the stream in one direction only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_nothing_more_to_say_is_shown_changes_all_the_same() {
    let cluster = Cluster::of(1).await;
    let client = Earlier::of(&cluster);
    let mut answers = client.open("WatchHosts", vec![follow()]).await.unwrap();
    assert_eq!(in_time(set(&mut answers)).await.unwrap().lines.len(), 0);
    client.added(host("10.0.0.1", "a.lan")).await;
    assert_eq!(in_time(set(&mut answers)).await.unwrap().lines.len(), 1);
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_a_quorum_shows_no_first_set_and_goes_on_with_an_open_stream() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let mut watcher = Watcher::open(&cluster, leader, follow()).await;
    let first = watcher.next().await;
    for id in cluster.followers().await {
        cluster.stop(id).await.unwrap();
    }
    let mut grpc = Grpc::new(cluster.channel(leader, EDITOR));
    grpc.ready().await.unwrap();
    let request = Request::new(stream::iter([follow().into_bytes()]));
    let answer = grpc.streaming(request, path("WatchHosts"), Bytes).await;
    code("no quorum", answer.map(drop), Code::Unavailable);
    for id in 1..=3 {
        if id != leader {
            cluster.start(id);
        }
    }
    let client = Earlier(cluster.channel(leader, EDITOR));
    // It may have been taken by a call that was not answered.
    until(
        async || match client.call("AddHost", host("10.0.0.1", "a.lan")).await {
            Ok(_) => true,
            Err(status) => status.code() == Code::AlreadyExists,
        },
    )
    .await;
    let next = watcher.next().await;
    assert_eq!((first.lines.len(), next.lines.len()), (0, 1));
    cluster.end().await;
}
