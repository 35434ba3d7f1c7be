//! A nameserver that answers, hangs and fails when it is told to.

use super::*;
use std::sync::{
    atomic::{AtomicUsize, Ordering},
    mpsc,
};
use tokio::runtime;

const NAME: &str = "nas.lan:50051";

/// What the nameserver answers, one after the other; it hangs until there is
/// one. Counts the lookups.
struct Nameserver {
    answers: mpsc::Sender<io::Result<Vec<SocketAddr>>>,
    asked: Arc<AtomicUsize>,
    lookups: Lookups,
}

impl Nameserver {
    fn new() -> Self {
        let (answers, next) = mpsc::channel();
        let next = Mutex::new(next);
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let lookups = Lookups::with(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            let answer = next.lock().unwrap().recv();
            answer.unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()))
        });
        Self {
            answers,
            asked,
            lookups,
        }
    }

    fn answers(&self, last: u8) {
        self.answers.send(Ok(vec![at(last)])).unwrap();
    }

    async fn find(&self) -> io::Result<Vec<SocketAddr>> {
        self.lookups.find(NAME).await
    }
}

fn at(last: u8) -> SocketAddr {
    ([10, 0, 0, last], 50051).into()
}

#[tokio::test(start_paused = true)]
async fn the_last_good_answer_is_used_while_one_lookup_hangs() {
    let server = Nameserver::new();
    server.answers(7);
    assert_eq!(server.find().await.unwrap(), [at(7)]);
    for _ in 0..100 {
        assert_eq!(server.find().await.unwrap(), [at(7)]);
    }
    assert!(server.asked.load(Ordering::SeqCst) <= 2, "one at a time");
    server.answers(8);
    while server.find().await.unwrap() != [at(8)] {
        server.answers(8);
    }
}

#[tokio::test]
async fn a_lookup_that_fails_is_an_error_only_where_none_ever_succeeded() {
    let server = Nameserver::new();
    let fails = || {
        let failure = io::Error::other("no such name");
        server.answers.send(Err(failure)).unwrap();
    };
    fails();
    let error = server.find().await.unwrap_err();
    assert!(error.to_string().contains("no such name"), "{error}");
    server.answers(7);
    assert_eq!(server.find().await.unwrap(), [at(7)]);
    fails();
    assert_eq!(server.find().await.unwrap(), [at(7)]);
    let empty = server.answers.send(Ok(Vec::new()));
    empty.unwrap();
    assert_eq!(server.find().await.unwrap(), [at(7)]);
}

#[test]
fn lookups_that_hang_leave_the_threads_for_files_free() {
    let runtime = runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let server = Nameserver::new();
    runtime.block_on(async {
        let mut asking = Box::pin(server.find());
        assert!(futures::poll!(&mut asking).is_pending());
        let written = tokio::task::spawn_blocking(|| "written").await.unwrap();
        assert_eq!(written, "written");
        server.answers(7);
        assert_eq!(asking.await.unwrap(), [at(7)]);
    });
}

#[tokio::test]
async fn a_literal_address_needs_no_lookup() {
    let server = Nameserver::new();
    let literal = "[fd00::7]:50051";
    let found = server.lookups.find(literal).await.unwrap();
    assert_eq!(found, [literal.parse().unwrap()]);
    assert_eq!(server.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn names_are_forgotten_beyond_their_bound_and_hanging_lookups_are_refused() {
    let server = Nameserver::new();
    let many = || (0..NAMES_MAX).map(|n| format!("n{n}.lan:1"));
    for name in many() {
        server.answers(1);
        server.lookups.find(&name).await.unwrap();
    }
    let mut hanging = Vec::new();
    for name in many() {
        let lookups = server.lookups.clone();
        let mut find = Box::pin(async move { lookups.find(&format!("more-{name}")).await });
        assert!(futures::poll!(&mut find).is_pending(), "the old ones went");
        hanging.push(find);
    }
    let refused = server.find().await.unwrap_err();
    assert!(refused.to_string().contains("64 names"), "{refused}");
}
