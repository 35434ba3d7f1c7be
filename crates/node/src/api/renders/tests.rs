//! Readers that go while their next piece is made.

use super::*;
use std::sync::mpsc;
use tokio::{runtime, task::spawn_blocking};

#[test]
fn a_turn_lasts_as_long_as_its_work_whoever_has_gone() {
    let runtime = runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    runtime.block_on(async {
        let (release, held) = mpsc::channel::<()>();
        let busy = spawn_blocking(move || held.recv());
        let renders = Renders::new(Work::Threads);
        for _ in 0..limits::RENDERS_AT_ONCE {
            let mut answer = Box::pin(renders.repeat((), |()| Some(())));
            assert!(futures::poll!(answer.next()).is_pending());
            drop(answer);
        }
        let mut next = Box::pin(renders.repeat((), |()| Some(())));
        assert_eq!(
            renders.turns.available_permits(),
            0,
            "their work has not begun"
        );
        release.send(()).unwrap();
        busy.await.unwrap().unwrap();
        next.next().await.unwrap().unwrap();
    });
}
