//! A publisher with a projection to feed it: the one place of these tests
//! that knows the calls.

use std::{path::Path, sync::Arc, time::Duration};

use hosts::{
    Address, Command, Comment, ConflictMode, Decision, HostPatch, Hostname, NewHost, Outcome,
    Projection, Revision, Stamp, Tag, Tags, Timestamp, View, decide,
    format::{hosts_file, render::render},
};
use node::{
    identity::ClusterId,
    publish::{self, Files, PublishError, PublishOptions, Published, Work},
};
use raft_store::Applied;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{advance, timeout},
};
use tokio_util::sync::CancellationToken;

pub(crate) const CLUSTER: ClusterId = ClusterId::from_u128(0x0193_4000);
pub(crate) const DEBOUNCE: Duration = Duration::from_millis(100);

/// Changes in the order a log would have them.
#[derive(Default)]
pub(crate) struct History {
    pub(crate) projection: Projection,
    next: u64,
}

impl History {
    /// A history whose last change is `revision`, each of which adds a host.
    pub(crate) fn of(revision: u64) -> Self {
        let mut history = Self::default();
        while history.next < revision {
            history.add();
        }
        history
    }

    /// A history with the hosts of a hosts file, in one change.
    pub(crate) fn of_lines(text: &str) -> Self {
        let rows = hosts_file::parse(text.as_bytes()).unwrap().rows;
        let rows = rows.into_iter().map(|row| row.host).collect();
        let mut history = Self::default();
        history.accept(Command::ImportHosts {
            rows,
            mode: ConflictMode::Strict,
        });
        history
    }

    /// Adds a host of its own and returns the revision.
    pub(crate) fn add(&mut self) -> Revision {
        let [_, a, b, c] = u32::try_from(self.next).unwrap().to_be_bytes();
        let address = Address::parse(&format!("10.{a}.{b}.{c}")).unwrap();
        let name = Hostname::parse(&format!("h{}.lan", self.next)).unwrap();
        self.accept(Command::AddHost(NewHost::new(address, name)))
    }

    /// Changes what no rendering shows, and returns the revision.
    pub(crate) fn tag(&mut self) -> Revision {
        let id = self.projection.hosts().next().unwrap().id;
        let tag = Tag::parse(&format!("t{}", self.next)).unwrap();
        let patch = HostPatch {
            tags: Some(Tags::new(vec![tag]).unwrap()),
            ..HostPatch::default()
        };
        self.accept(Command::UpdateHost {
            id,
            patch,
            expected: None,
        })
    }

    /// Says something of the first host that only a rendering with comments
    /// shows, and returns the revision.
    pub(crate) fn comment(&mut self) -> Revision {
        let id = self.projection.hosts().next().unwrap().id;
        let comment = Some(Comment::parse("upstairs").unwrap());
        let patch = HostPatch {
            comment: Some(comment),
            ..HostPatch::default()
        };
        self.accept(Command::UpdateHost {
            id,
            patch,
            expected: None,
        })
    }

    fn accept(&mut self, command: Command) -> Revision {
        self.next += 1;
        let stamp = Stamp {
            at: Timestamp::from_millis(self.next),
            by: "admin:test".parse().unwrap(),
            request: format!("request-{}", self.next).parse().unwrap(),
            since: None,
            fingerprint: command.fingerprint(),
            seed: u128::from(self.next),
        };
        let Decision::Commit(change) = decide(&self.projection, &command, stamp).unwrap() else {
            panic!("this command changes something: {command:?}");
        };
        let revision = Revision::new(self.next);
        let applied = self.projection.apply(revision, &change).unwrap();
        assert!(!matches!(applied.answer.outcome, Outcome::Deleted(_)));
        revision
    }

    /// The file as it is at this point.
    pub(crate) fn rendered(&self) -> Vec<u8> {
        render(&self.projection, &view(CLUSTER))
    }

    pub(crate) fn rendered_by(&self, cluster: ClusterId) -> Vec<u8> {
        render(&self.projection, &view(cluster))
    }

    fn applied(&self) -> Arc<Applied> {
        Arc::new(Applied {
            projection: Arc::new(self.projection.clone()),
            ..Applied::default()
        })
    }
}

fn view(cluster: ClusterId) -> View {
    View {
        comments: false,
        cluster: Some(cluster.as_u128()),
    }
}

/// A running publisher.
pub(crate) struct Publisher {
    pub(crate) stop: CancellationToken,
    source: Option<watch::Sender<Arc<Applied>>>,
    published: watch::Receiver<Published>,
    running: JoinSet<Result<(), PublishError>>,
}

impl Publisher {
    /// One that works in the test's own task, as in a simulation.
    pub(crate) fn start(files: Arc<dyn Files>, path: &Path, history: &History) -> Self {
        Self::start_with(files, options(path), history)
    }

    pub(crate) fn start_with(
        files: Arc<dyn Files>,
        options: PublishOptions,
        history: &History,
    ) -> Self {
        let stop = CancellationToken::new();
        let (source, applied) = watch::channel(history.applied());
        let (sender, published) = watch::channel(Published::nothing(options.path.clone()));
        let mut running = JoinSet::new();
        running.spawn(publish::run(stop.clone(), applied, sender, files, options));
        Self {
            stop,
            source: Some(source),
            published,
            running,
        }
    }

    pub(crate) fn feed(&self, history: &History) {
        let source = self.source.as_ref().expect("the source was not ended");
        source.send_replace(history.applied());
    }

    /// The state machine goes away first, as it does when a node stops.
    pub(crate) fn end_source(&mut self) {
        self.source = None;
    }

    pub(crate) fn now(&self) -> Published {
        self.published.borrow().clone()
    }

    pub(crate) fn receiver(&self) -> watch::Receiver<Published> {
        self.published.clone()
    }

    /// Waits until what is published is as wanted.
    pub(crate) async fn until(&mut self, wanted: impl FnMut(&Published) -> bool) -> Published {
        let found = timeout(PATIENCE, self.published.wait_for(wanted)).await;
        let found = found.map(|now| now.expect("the publisher runs").clone());
        found.unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {:?}", self.now()))
    }

    pub(crate) async fn until_at(&mut self, revision: Revision) -> Published {
        self.until(|now| now.revision >= revision && now.error.is_none())
            .await
    }

    pub(crate) async fn until_failed(&mut self) -> String {
        self.until(|now| now.error.is_some()).await.error.unwrap()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.running.try_join_next().is_some()
    }

    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        self.ended().await;
    }

    pub(crate) async fn ended(&mut self) {
        let ended = timeout(PATIENCE, self.running.join_next())
            .await
            .expect("it stops when told to");
        ended
            .expect("it was running")
            .expect("it does not panic")
            .expect("it ends well");
    }
}

pub(crate) fn options(path: &Path) -> PublishOptions {
    let mut options = PublishOptions::new(path.to_owned(), CLUSTER);
    assert_eq!(options.debounce, DEBOUNCE);
    options.work = Work::Inline;
    options
}

/// Lets every task run that can, without time going by.
pub(crate) async fn settle() {
    for _ in 0..16 {
        tokio::task::yield_now().await;
    }
}

/// Lets time go by, and everything happen that it brings about.
pub(crate) async fn pass(time: Duration) {
    advance(time).await;
    settle().await;
}

/// Of the tests' clock, which is paused wherever nothing real is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
