//! How many rows are under way, and in which order.

use super::*;
use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};
use tokio::sync::Semaphore;

fn row(address: &str, hostname: &str) -> v1::BulkAddHostsRequest {
    v1::BulkAddHostsRequest {
        ip_address: address.into(),
        hostname: hostname.into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn whoever_reads_no_answers_is_read_no_rows() {
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&taken);
    let rows = stream::iter(0..1000).map(move |n| {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok(row("10.0.0.1", &format!("h{n}.lan")))
    });
    let mut answers = Box::pin(answers(
        rows,
        |number, _| async move { Ok(number.to_string()) },
    ));
    for read in 1..=100 {
        let answer = answers.next().await.unwrap().unwrap();
        assert_eq!(
            answer.id,
            Some(read.to_string()),
            "in the order of the rows"
        );
        let taken = taken.load(Ordering::Relaxed);
        assert!(
            taken <= read + limits::BULK_ROWS_IN_FLIGHT,
            "{taken} at {read}"
        );
    }
    drop(answers);
    let end = 100 + limits::BULK_ROWS_IN_FLIGHT;
    assert!(taken.load(Ordering::Relaxed) <= end);
}

#[tokio::test]
async fn of_rows_that_say_the_same_the_first_is_added_first() {
    let begun = Arc::new(Mutex::new(Vec::new()));
    let go_on = Arc::new(Semaphore::new(0));
    let (noted, gate) = (Arc::clone(&begun), Arc::clone(&go_on));
    let rows = [
        row("10.0.0.1", "a.lan"),
        row("10.0.0.1", "b.lan"),
        row("10.0.0.2", "a.lan"),
        v1::BulkAddHostsRequest {
            aliases: vec!["a.lan".into()],
            ..row("10.0.0.1", "c.lan")
        },
    ];
    let add = move |number: u32, _| {
        let (noted, gate) = (Arc::clone(&noted), Arc::clone(&gate));
        async move {
            noted.lock().unwrap().push(number);
            gate.acquire().await.unwrap().forget();
            Ok(number.to_string())
        }
    };
    let mut answers = Box::pin(answers(stream::iter(rows.map(Ok)), add));
    assert!(futures::poll!(answers.next()).is_pending());
    assert_eq!(
        *begun.lock().unwrap(),
        [1, 2, 3],
        "the fourth waits for the first"
    );
    go_on.add_permits(4);
    let all: Vec<_> = answers
        .map(|answer| answer.unwrap().id.unwrap())
        .collect()
        .await;
    assert_eq!(all, ["1", "2", "3", "4"]);
    assert_eq!(*begun.lock().unwrap(), [1, 2, 3, 4]);
}

#[tokio::test]
async fn what_ends_the_rows_is_told_after_the_answers_to_those_before() {
    let rows = [Ok(row("10.0.0.1", "a.lan")), Err(status::stopping())];
    let add = |number: u32, _| async move {
        tokio::task::yield_now().await;
        Ok(number.to_string())
    };
    let mut answers = Box::pin(answers(stream::iter(rows), add));
    assert_eq!(
        answers.next().await.unwrap().unwrap().id.as_deref(),
        Some("1")
    );
    let end = answers.next().await.unwrap().unwrap_err();
    assert_eq!(status::reason(&end).as_deref(), Some("SHUTTING_DOWN"));
}
