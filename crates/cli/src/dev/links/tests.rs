//! Two ends that talk through a link, and what they notice of what is in its way.

use super::*;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Two nodes; the second one listens, and the first one has called it.
struct Stand {
    links: Links,
    listener: TcpListener,
    caller: TcpStream,
    callee: TcpStream,
}

const THERE: Link = Link { from: 0, to: 1 };
const BACK: Link = Link { from: 1, to: 0 };

/// For what must not come: many times what it takes where nothing is in its way.
const A_WHILE: Duration = Duration::from_millis(200);

impl Stand {
    async fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let second = listener.local_addr().unwrap();
        // Nobody calls the first one here.
        let first = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let links = Links::open(&[first, second]).await.unwrap();
        let caller = call(&links).await;
        let (callee, _) = listener.accept().await.unwrap();
        Self {
            links,
            listener,
            caller,
            callee,
        }
    }

    fn cut(&self, link: Link, cut: bool) {
        self.links.hinder(link, |now| now.cut = cut);
    }
}

async fn call(links: &Links) -> TcpStream {
    let (_, detour) = links.detours(0).next().unwrap();
    TcpStream::connect(detour).await.unwrap()
}

async fn send(stream: &mut TcpStream) {
    stream.write_all(b"x").await.unwrap();
}

async fn comes(stream: &mut TcpStream) -> bool {
    let mut byte = [0];
    match timeout(A_WHILE, stream.read_exact(&mut byte)).await {
        Ok(read) => {
            read.unwrap();
            true
        }
        Err(_) => false,
    }
}

async fn must_come(stream: &mut TcpStream) {
    let mut byte = [0];
    let read = timeout(Duration::from_secs(30), stream.read_exact(&mut byte)).await;
    read.expect("it comes").unwrap();
}

#[tokio::test]
async fn bytes_go_both_ways_and_an_end_is_told() {
    let mut stand = Stand::new().await;
    let big = vec![7; 3_000_000];
    let send = async {
        stand.caller.write_all(&big).await.unwrap();
        stand.caller.shutdown().await.unwrap();
    };
    let mut read = Vec::new();
    let (_, ended) = tokio::join!(send, stand.callee.read_to_end(&mut read));
    ended.unwrap();
    assert!(read == big);
    stand.callee.write_all(b"y").await.unwrap();
    must_come(&mut stand.caller).await;
    drop(stand.callee);
    assert_eq!(stand.caller.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(stand.links.met(THERE), Met::default());
}

#[tokio::test]
async fn a_cut_direction_holds_its_bytes_until_it_is_whole_and_the_other_one_goes_on() {
    let mut stand = Stand::new().await;
    stand.cut(THERE, true);
    send(&mut stand.caller).await;
    assert!(!comes(&mut stand.callee).await);
    send(&mut stand.callee).await;
    must_come(&mut stand.caller).await;
    assert_eq!(stand.links.met(THERE).held, 1);
    assert_eq!(stand.links.met(BACK).held, 0);
    stand.cut(THERE, false);
    must_come(&mut stand.callee).await;
}

#[tokio::test]
async fn no_new_connection_comes_about_while_either_direction_is_cut() {
    for link in [THERE, BACK] {
        let stand = Stand::new().await;
        stand.cut(link, true);
        let mut patient = call(&stand.links).await;
        send(&mut patient).await;
        let mut hasty = call(&stand.links).await;
        send(&mut hasty).await;
        drop(hasty);
        assert!(timeout(A_WHILE, stand.listener.accept()).await.is_err());
        assert_eq!(stand.links.met(link).unserved, 2);
        stand.cut(link, false);
        let (mut served, _) = stand.listener.accept().await.unwrap();
        must_come(&mut served).await;
        // Who gave up is not heard of later.
        assert!(timeout(A_WHILE, stand.listener.accept()).await.is_err());
    }
}

#[tokio::test]
async fn what_is_delayed_comes_later_and_in_its_order() {
    let mut stand = Stand::new().await;
    stand.links.hinder(THERE, |now| {
        now.delay = Some(Delay {
            by: Duration::from_millis(300),
            jitter: Duration::from_millis(250),
        });
    });
    let from = Instant::now();
    let mut read = [0; 20];
    for byte in 0..20 {
        stand.caller.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    stand.callee.read_exact(&mut read).await.unwrap();
    assert!(from.elapsed() >= Duration::from_millis(50));
    assert!(read.is_sorted(), "{read:?}");
    assert!(stand.links.met(THERE).delayed > 0);
    // The other direction is as fast as ever.
    send(&mut stand.callee).await;
    assert!(comes(&mut stand.caller).await);
}

#[tokio::test]
async fn what_is_lost_stalls_or_resets_the_connection() {
    let mut stand = Stand::new().await;
    stand.links.hinder(THERE, |now| now.loss = Some(Loss(999)));
    send(&mut stand.caller).await;
    // Given up at once rather than after 12.6 s: nobody waits so long.
    let ended = timeout(Duration::from_secs(30), stand.caller.read(&mut [0])).await;
    assert!(matches!(ended.unwrap(), Ok(0) | Err(_)));
    assert!(stand.links.met(THERE).lost > 0);
}

#[tokio::test]
async fn a_node_that_does_not_listen_is_told_by_a_closed_connection() {
    let stand = Stand::new().await;
    drop(stand.listener);
    let mut caller = call(&stand.links).await;
    let ended = timeout(Duration::from_secs(30), caller.read(&mut [0])).await;
    assert!(matches!(ended.unwrap(), Ok(0) | Err(_)));
}
