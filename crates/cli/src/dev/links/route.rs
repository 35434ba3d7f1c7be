//! The connections that one node makes to another one, carried there and back.
//!
//! A connection needs both directions to come about, as in TCP: while either is cut, a new one is taken and then left
//! without an answer, until its caller gives up or the cut is over. On an established one each direction goes its own
//! way: what a cut or a delay holds back is held here, and comes in its order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::hindrance::{Dice, Fate, Line};

/// Carries what is connected to `listener` to `target`: `there` is the line of the caller's bytes, `back` that of the
/// answers.
pub(super) async fn serve(
    listener: TcpListener,
    target: SocketAddr,
    there: Arc<Line>,
    back: Arc<Line>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => {
                let Ok((stream, _)) = accepted else {
                    // Without a free descriptor it fails at once, again and again.
                    sleep(ACCEPT_REST).await;
                    continue;
                };
                let (there, back) = (Arc::clone(&there), Arc::clone(&back));
                connections.spawn(async move {
                    // How a connection ends, its ends are told by their sockets.
                    carry(stream, target, &there, &back).await.ok();
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// After a connection that could not be taken.
const ACCEPT_REST: Duration = Duration::from_millis(50);

async fn carry(
    mut caller: TcpStream,
    target: SocketAddr,
    there: &Line,
    back: &Line,
) -> io::Result<()> {
    caller.set_nodelay(true)?;
    let (mut out, mut home) = (there.dice(), back.dice());
    let Some(first) = until_served(&mut caller, there, back, (&mut out, &mut home)).await? else {
        return Ok(());
    };
    let mut callee = TcpStream::connect(target).await?;
    callee.set_nodelay(true)?;
    callee.write_all(&first).await?;
    let (caller_reads, caller_writes) = caller.into_split();
    let (callee_reads, callee_writes) = callee.into_split();
    tokio::try_join!(
        one_way(caller_reads, callee_writes, there, out),
        one_way(callee_reads, caller_writes, back, home),
    )?;
    Ok(())
}

/// Waits until the connection comes about; gives what the caller has said meanwhile. None: it gave up first.
async fn until_served(
    caller: &mut TcpStream,
    there: &Line,
    back: &Line,
    (out, home): (&mut Dice, &mut Dice),
) -> io::Result<Option<BytesMut>> {
    let mut said = BytesMut::new();
    let late = match (there.fate_of_connection(out), back.fate_of_connection(home)) {
        (Fate::Late(one), Fate::Late(other)) => one + other,
        (Fate::Reset, _) | (_, Fate::Reset) => return Ok(None),
    };
    let due = Instant::now() + late;
    for line in [there, back] {
        if line.hindrance().cut {
            line.note_unserved();
        }
    }
    let served = async {
        sleep_until(due).await;
        // One may be cut again while the other is waited for.
        while there.hindrance().cut || back.hindrance().cut {
            there.whole().await;
            back.whole().await;
        }
    };
    tokio::pin!(served);
    loop {
        tokio::select! {
            // What need not wait does not: the usual case reads nothing here.
            biased;
            () = &mut served => return Ok(Some(said)),
            read = caller.read_buf(&mut said), if said.len() < FIRST_BYTES_MAX => {
                if read? == 0 {
                    return Ok(None);
                }
            }
        }
    }
}

/// Carries bytes along one line until they end.
async fn one_way(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    line: &Line,
    mut dice: Dice,
) -> io::Result<()> {
    let (queue, mut queued) = mpsc::channel::<(Instant, BytesMut)>(PIECES_MAX);
    let take = async move {
        let mut due = Instant::now();
        loop {
            let mut piece = BytesMut::with_capacity(PIECE_BYTES);
            if from.read_buf(&mut piece).await? == 0 {
                return Ok(());
            }
            let Fate::Late(late) = line.fate(&mut dice) else {
                return Err(io::Error::from(io::ErrorKind::ConnectionReset));
            };
            // Nothing overtakes what was sent before it.
            due = due.max(Instant::now() + late);
            if queue.send((due, piece)).await.is_err() {
                return Ok(());
            }
        }
    };
    let give = async move {
        while let Some((due, piece)) = queued.recv().await {
            if due > Instant::now() {
                sleep_until(due).await;
            }
            if line.hindrance().cut {
                line.note_held();
                line.whole().await;
            }
            to.write_all(&piece).await?;
        }
        to.shutdown().await
    };
    tokio::try_join!(take, give)?;
    Ok(())
}

/// A node has three to another one; those beyond are of callers that have given up.
const CONNECTIONS_MAX: usize = 256;

/// What one read takes at most.
const PIECE_BYTES: usize = 16 * 1024;

/// Pieces on their way: with more, the sender waits, as with a full window of TCP.
const PIECES_MAX: usize = 64;

/// Far more than a caller says before it is answered: the greeting of TLS.
const FIRST_BYTES_MAX: usize = 64 * 1024;
