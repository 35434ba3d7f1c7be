//! Callers that give up, and a leader that is told.

use super::*;
use hosts::{Address, ConflictMode, HostId, Hostname, Outcome};

const TIME: Duration = Duration::from_secs(4);

fn command() -> Command {
    let address = Address::parse("10.0.0.7").unwrap();
    Command::AddHost(NewHost::new(address, Hostname::parse("nas.lan").unwrap()))
}

fn import(rows: usize) -> Command {
    let Command::AddHost(host) = command() else {
        panic!("an add");
    };
    Command::ImportHosts {
        rows: vec![host; rows],
        mode: ConflictMode::Skip,
    }
}

fn submission(command: Command) -> Submission {
    Submission {
        command: Arc::new(command),
        by: "editor:some-editor".parse().unwrap(),
        request: RequestId::parse("one").unwrap(),
        since: None,
        fingerprint: None,
        deadline: Instant::now() + TIME,
    }
}

fn answer() -> Answer {
    Answer {
        revision: Revision::new(41),
        outcome: Outcome::Deleted(HostId::from_u128(1)),
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_leader_does_not_come_to_is_refused_as_busy_and_never_appended() {
    let (proposer, mut arrivals) = Proposer::new();
    let begun = Instant::now();
    let refused = proposer.propose(submission(command())).await;
    assert!(matches!(refused, Err(ProposeError::Busy)), "{refused:?}");
    assert!(begun.elapsed() < TIME, "its answer has to travel");
    let late = arrivals.recv().await.unwrap();
    assert!(!late.stage.hand_to_raft(), "the leader must leave it alone");
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_is_busy() {
    let (proposer, arrivals) = Proposer::new();
    let waiting = (0..QUEUE_MAX).map(|_| proposer.propose(submission(command())));
    let mut waiting = Box::pin(futures::future::join_all(waiting));
    while arrivals.len() < QUEUE_MAX {
        assert!(futures::poll!(&mut waiting).is_pending());
        tokio::task::yield_now().await;
    }
    let refused = proposer.propose(submission(command())).await;
    assert!(matches!(refused, Err(ProposeError::Busy)), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn what_no_majority_confirms_in_time_has_no_leader() {
    let (proposer, mut arrivals) = Proposer::new();
    let leader = async {
        let pending = arrivals.recv().await.unwrap();
        pending.stage.confirming();
        pending
    };
    let (refused, pending) = tokio::join!(proposer.propose(submission(command())), leader);
    assert!(
        matches!(refused, Err(ProposeError::NotLeader)),
        "{refused:?}"
    );
    assert!(
        !pending.stage.hand_to_raft(),
        "the leader must leave it alone"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_in_raft_is_awaited_to_the_deadline_and_then_unknown() {
    let (proposer, mut arrivals) = Proposer::new();
    let begun = Instant::now();
    let leader = async {
        let pending = arrivals.recv().await.unwrap();
        assert!(pending.stage.hand_to_raft());
        // Refused at apply and decided again, it may still be in Raft.
        pending.stage.confirming();
        pending
    };
    let (unknown, pending) = tokio::join!(proposer.propose(submission(command())), leader);
    assert!(matches!(unknown, Err(ProposeError::Unknown)), "{unknown:?}");
    assert_eq!(begun.elapsed(), TIME);
    drop(pending);

    let leader = async {
        let pending = arrivals.recv().await.unwrap();
        assert!(pending.stage.hand_to_raft());
        tokio::time::sleep_until(pending.submission.deadline - Duration::from_millis(1)).await;
        pending.reply(Ok(answer()));
    };
    let (late, ()) = tokio::join!(proposer.propose(submission(command())), leader);
    assert_eq!(late.unwrap(), answer());
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_ends_leaves_open_only_what_is_in_raft() {
    for in_raft in [false, true] {
        let (proposer, mut arrivals) = Proposer::new();
        let leader = async move {
            let pending = arrivals.recv().await.unwrap();
            assert!(!in_raft || pending.stage.hand_to_raft());
        };
        let (ended, ()) = tokio::join!(proposer.propose(submission(command())), leader);
        assert!(
            match in_raft {
                true => matches!(ended, Err(ProposeError::Unknown)),
                false => matches!(ended, Err(ProposeError::Stopped)),
            },
            "{ended:?}"
        );
        let after = proposer.propose(submission(command())).await;
        assert!(matches!(after, Err(ProposeError::Stopped)), "{after:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn commands_wait_for_room_and_give_it_back() {
    let (proposer, mut arrivals) = Proposer::new();
    let rest = SMALL_ROOM_KIB - 1;
    let taken = Arc::clone(&proposer.room.small)
        .acquire_many_owned(rest)
        .await
        .unwrap();
    let mut first = Box::pin(proposer.propose(submission(command())));
    assert!(futures::poll!(&mut first).is_pending());
    let mut second = Box::pin(proposer.propose(submission(command())));
    assert!(futures::poll!(&mut second).is_pending());
    assert_eq!(arrivals.len(), 1, "there is room for one");
    arrivals.recv().await.unwrap().reply(Ok(answer()));
    assert!(futures::poll!(&mut second).is_pending());
    assert_eq!(arrivals.len(), 1, "the second got its room");
    drop(taken);
    first.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_small_write_has_room_while_imports_wait_for_theirs() {
    let (proposer, mut arrivals) = Proposer::new();
    let mut imports: Vec<_> = (0..2)
        .map(|_| Box::pin(proposer.propose(submission(import(400_000)))))
        .collect();
    for import in &mut imports {
        assert!(futures::poll!(import).is_pending());
    }
    assert_eq!(arrivals.len(), 1, "the second import has no room yet");
    let first = arrivals.recv().await.unwrap();
    let mut small = Box::pin(proposer.propose(submission(command())));
    assert!(futures::poll!(&mut small).is_pending());
    assert_eq!(arrivals.len(), 1, "the small write waits for an import");
    arrivals.recv().await.unwrap().reply(Ok(answer()));
    small.await.unwrap();
    first.reply(Ok(answer()));
}

#[test]
fn commands_are_measured_by_their_text_and_the_largest_has_all_room() {
    assert_eq!(kib(&command()), 1);
    let each = size_of::<NewHost>() + "nas.lan".len();
    assert_eq!(kib(&import(10_000)) as usize, 10_000 * each / 1024 + 1);
    assert_eq!(kib(&import(1_000_000)), LARGE_ROOM_KIB);
}
