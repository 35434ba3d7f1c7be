//! Many who watch one node: what they take, and when there are too many.

use crate::support::{As, Cluster, Hosts, added, in_time, refused, until, update};
use futures::{StreamExt as _, stream};
use hosts::Role;
use node::limits;
use proto::v1::{self, watch_hosts_response::Payload};
use std::{
    env, fs,
    io::{self, Write as _},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    runtime,
    sync::{mpsc, watch},
    task::JoinSet,
    time::interval,
};
use tonic::{Code, Status, Streaming};

/// A stream that follows, and says nothing more. It ends when it is dropped: as long as a client has something to
/// say, its transport keeps the stream open.
struct Following {
    answers: Streaming<v1::WatchHostsResponse>,
    _says: mpsc::Sender<v1::WatchHostsRequest>,
}

async fn follow(client: &mut Hosts) -> Result<Following, Status> {
    let (_says, more) = mpsc::channel(1);
    let first = v1::WatchHostsRequest {
        follow: true,
        status: None,
    };
    let more = stream::unfold(more, |mut more: mpsc::Receiver<_>| async {
        Some((more.recv().await?, more))
    });
    let answers = client
        .watch_hosts(stream::iter([first]).chain(more))
        .await?;
    let answers = answers.into_inner();
    Ok(Following { answers, _says })
}

/// Reads sets until one has the name that is told in the end; gives how many.
async fn read(
    mut client: Hosts,
    begun: Arc<AtomicUsize>,
    mut last: watch::Receiver<String>,
) -> usize {
    let Following { mut answers, _says } = follow(&mut client).await.unwrap();
    let (mut sets, mut shown) = (0, String::new());
    while sets == 0 || *last.borrow() != shown {
        tokio::select! {
            answer = answers.message() => {
                if let Some(Payload::Complete(complete)) = answer.unwrap().unwrap().payload {
                    begun.fetch_add(usize::from(sets == 0), Ordering::Relaxed);
                    shown = complete.change_id;
                    sets += 1;
                }
            }
            told = last.changed() => told.unwrap(),
        }
    }
    sets
}

/// What this process, the node and all its clients, has in memory, in KiB.
fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let mut words = line.unwrap().split_whitespace();
    words.nth(1).unwrap().parse().unwrap()
}

/// Alone in a process of its own: what it takes of memory is looked at.
#[test]
fn a_thousand_watchers_of_many_changes_take_bounded_memory() {
    const ALONE: &str = "ROUTER_HOSTS_TEST_ALONE";
    if env::var_os(ALONE).is_some() {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        return runtime.unwrap().block_on(a_thousand_watchers());
    }
    let name = "watchers::a_thousand_watchers_of_many_changes_take_bounded_memory";
    let mut test = Command::new(env::current_exe().unwrap());
    test.args(["--exact", name, "--nocapture"]).env(ALONE, "1");
    assert!(test.status().unwrap().success(), "see what it printed");
}

async fn a_thousand_watchers() {
    let cluster = Cluster::of(1).await;
    let client = &mut cluster.editor(1);
    let mut host = added(client, "10.0.0.1", "h.lan").await;
    for n in 2..=20 {
        host = added(client, &format!("10.0.0.{n}"), "h.lan").await;
    }
    let begun = Arc::new(AtomicUsize::new(0));
    let (tell, last) = watch::channel(String::new());
    let mut watchers = JoinSet::new();
    let callers = [
        As::Client(Role::Viewer),
        As::Client(Role::Editor),
        As::Client(Role::Admin),
        As::Node(2),
    ];
    for caller in callers {
        for _ in 0..2 {
            let hosts = cluster.hosts(1, caller);
            for _ in 0..113 {
                watchers.spawn(read(hosts.clone(), Arc::clone(&begun), last.clone()));
            }
        }
    }
    // As many more as make a thousand read nothing at all.
    let reading = watchers.len();
    let mut silent = Vec::new();
    let mut idle = callers.map(|caller| cluster.hosts(1, caller));
    while reading + silent.len() < 1000 {
        let next = silent.len() % idle.len();
        silent.push(follow(&mut idle[next]).await.unwrap());
    }
    until(async || begun.load(Ordering::Relaxed) == reading).await;
    assert_eq!(cluster.node(1).await.watchers, 1000);

    let (before, mut most) = (memory(), 0);
    let (began, mut slowest) = (Instant::now(), Duration::ZERO);
    let mut pace = interval(Duration::from_millis(10));
    for turn in 0..CHANGES {
        pace.tick().await;
        let asked = Instant::now();
        let change = v1::UpdateHostRequest {
            comment: Some(format!("change {turn}")),
            ..update(&host.id)
        };
        client.update_host(change).await.unwrap();
        slowest = slowest.max(asked.elapsed());
        if turn % 20 == 0 {
            most = most.max(memory());
        }
    }
    let took = began.elapsed();
    let once = v1::WatchHostsRequest::default();
    let answers = client.watch_hosts(stream::iter([once])).await.unwrap();
    let newest = answers
        .into_inner()
        .fold(String::new(), |newest, answer| async move {
            match answer.unwrap().payload {
                Some(Payload::Complete(complete)) => complete.change_id,
                _ => newest,
            }
        });
    tell.send(newest.await).unwrap();
    let sets: usize = in_time(watchers.join_all()).await.into_iter().sum();
    most = most.max(memory());
    let mut said = io::stdout();
    writeln!(
        said,
        "{CHANGES} changes in {took:?}, the slowest in {slowest:?}; {sets} sets of 20 hosts to \
         {reading} that read and {} that did not; {before} KiB before, {most} KiB at most",
        silent.len()
    )
    .unwrap();
    // A set for each change and watcher, kept, would be more than a GiB.
    assert!(most < before + 256 * 1024, "{before} KiB, then {most} KiB");
    assert!(
        sets < reading * CHANGES / 2,
        "{sets} sets: they were not coalesced"
    );
    drop(silent);
    until(async || cluster.node(1).await.watchers == 0).await;
    cluster.end().await;
}

const CHANGES: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_watches_too_often_is_refused_and_others_are_not() {
    let cluster = Cluster::of(1).await;
    let mut open = Vec::new();
    let mut clients: Vec<_> = (0..3).map(|_| cluster.editor(1)).collect();
    for n in 0..limits::WATCHERS_PER_CALLER {
        open.push(follow(&mut clients[n % 3]).await.unwrap());
    }
    let more = follow(&mut clients[0]).await.map(drop);
    let words = ["editor:some-editor", "256 streams"];
    refused(more, Code::Unavailable, "TOO_MANY_WATCHERS", &words);
    let viewer = &mut cluster.hosts(1, As::Client(Role::Viewer));
    follow(viewer).await.unwrap();
    open.pop();
    until(async || follow(&mut clients[0]).await.is_ok()).await;
    drop(open);
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_says_nothing_keeps_neither_a_place_nor_a_node_that_stops() {
    let mut cluster = Cluster::of(1).await;
    let silent = |client: &Hosts| {
        let mut client = client.clone();
        let mut request = tonic::Request::new(stream::pending());
        request.set_timeout(Duration::from_secs(600));
        async move { client.watch_hosts(request).await.map(drop) }
    };
    let client = cluster.editor(1);
    let asked = Instant::now();
    let answer = in_time(silent(&client)).await;
    refused(
        answer,
        Code::InvalidArgument,
        "TRUNCATED",
        &["nothing was said"],
    );
    assert!(
        asked.elapsed() >= limits::CALL_TIME,
        "{:?}",
        asked.elapsed()
    );
    until(async || cluster.node(1).await.watchers == 0).await;

    let mut waits = JoinSet::new();
    waits.spawn(silent(&client));
    until(async || cluster.node(1).await.watchers == 1).await;
    let asked = Instant::now();
    cluster.stop(1).await.unwrap();
    let took = asked.elapsed();
    assert!(took < limits::CALLS_END_TIME, "{took:?}");
    let answer = waits.join_next().await.unwrap().unwrap();
    refused(answer, Code::Unavailable, "SHUTTING_DOWN", &[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sinks_of_one_certificate_are_told_apart_by_what_they_call_themselves() {
    let cluster = Cluster::of(1).await;
    let mut open = Vec::new();
    for instance in ["attic", "cellar"] {
        let status = v1::SinkStatus::default();
        let first = v1::WatchHostsRequest {
            follow: true,
            status: Some(status),
        };
        let requests = stream::iter([first]).chain(stream::pending());
        let mut request = tonic::Request::new(requests);
        let name = instance.parse().unwrap();
        request
            .metadata_mut()
            .insert(proto::metadata::INSTANCE, name);
        open.push(cluster.editor(1).watch_hosts(request).await.unwrap());
    }
    let sinks = cluster.node(1).await.sinks;
    let names: Vec<_> = sinks.iter().map(|sink| &*sink.instance).collect();
    assert_eq!(names, ["attic", "cellar"]);
    let mut request = tonic::Request::new(stream::empty());
    let wrong = "two words".parse().unwrap();
    request
        .metadata_mut()
        .insert(proto::metadata::INSTANCE, wrong);
    let answer = cluster.editor(1).watch_hosts(request).await.map(drop);
    let words = ["router-hosts-instance"];
    refused(answer, Code::InvalidArgument, "INVALID_ARGUMENT", &words);
    drop(open);
    cluster.end().await;
}
