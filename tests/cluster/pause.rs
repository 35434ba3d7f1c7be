//! SIGSTOP: a node that sleeps through an election wakes up as what it no longer is.

use tonic::Code;

use crate::support::{Cluster, Hand, Line, Writers, until};

#[test]
fn a_paused_leader_is_replaced_and_follows_when_it_goes_on() {
    let cluster = Cluster::of(3);
    let old = cluster.leader();
    let writers = Writers::start(0, cluster.hands(6));
    writers.until_more(12);
    let term = cluster.status().leader().unwrap().term;
    cluster.pause([&old]);
    let new = cluster.leader();
    assert_ne!(new, old);
    writers.until_more(24);
    cluster.resume([&old]);
    until(&format!("{old} follows"), || {
        let seen = cluster.via(&old).status()?;
        let node = seen.node(&old);
        match node.role == "voter" && node.term > term {
            true => Ok(()),
            false => Err(format!("{seen:?}")),
        }
    });
    writers.until_more(12);
    let written = writers.stop();
    cluster.assert_true_everywhere(&written);
}

/// A deposed leader that answered from what it knows would be caught here: the reads wait for it while it sleeps, and
/// are the first thing it finds when it wakes up.
#[test]
fn a_resumed_leader_reads_nothing_that_was_overwritten_while_it_slept() {
    let cluster = Cluster::of(3);
    let added = cluster.via_any().try_add("nas.lan", "10.0.0.1", &[]).json();
    let id = added["id"].as_str().unwrap();
    for round in 2..6 {
        let old = cluster.leader();
        let line = Line::open(&cluster.dir(), &cluster.address(&old));
        assert!(line.read(id, 1).finish()[0].is_ok());
        cluster.pause([&old]);
        let newest = format!("10.0.0.{round}");
        let others = cluster.via_all(&cluster.others(&old));
        let revision = others.update("nas.lan", &newest);

        let waiting = line.read(id, 64);
        cluster.resume([&old]);
        for read in waiting.finish() {
            match read {
                Ok(address) => assert_eq!(address, newest),
                // It may say that it cannot tell. What it tells is true.
                Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status:?}"),
            }
        }
        let read = until(&format!("{old} reads"), || {
            let read = cluster.via(&old).get("nas.lan");
            match read.status {
                5 => Err(read.stderr),
                _ => Ok(read.json()),
            }
        });
        assert_eq!(read["ip_address"], newest);
        cluster.until_all_at(revision);
        cluster.assert_same_file_everywhere();
    }
}

#[test]
fn a_write_that_loses_its_majority_is_unknown_and_is_done_once_when_it_is_repeated() {
    let cluster = Cluster::of(3);
    let request = until("a write is in flight when the majority goes", || {
        let leader = cluster.leader();
        let followers = cluster.others(&leader);
        cluster.pause(&followers);
        let add = cluster.via(&leader);
        let ended = add.try_add("nas.lan", "10.0.0.7", &["--timeout", "2s"]);
        cluster.resume(&followers);
        if ended.status == 5 {
            // The leader was faster than this test: it stepped down, and nothing was sent.
            cluster.until_healthy();
            return Err(ended.stderr);
        }
        let refusal = ended.refused(7, "OUTCOME_UNKNOWN");
        assert!(refusal.message.contains("nas.lan"), "{refusal:?}");
        let (_, after) = refusal.hint.split_once("--request-id ").unwrap();
        let end = after.find([':', ' ', ',']).unwrap_or(after.len());
        Ok(after[..end].to_owned())
    });

    let repeat = |hand: Hand| hand.try_add("nas.lan", "10.0.0.7", &["--request-id", &request]);
    let first = until("the repeated write is done", || {
        let ended = repeat(cluster.via_any());
        match ended.status {
            5 | 7 => Err(ended.stderr),
            _ => Ok(ended.json()),
        }
    });
    for name in cluster.names() {
        let again = repeat(cluster.via(&name)).json();
        assert_eq!(
            (&again["id"], &again["revision"]),
            (&first["id"], &first["revision"])
        );
        assert_eq!(cluster.via(&name).list("linearizable").len(), 1);
    }
    let status = cluster.until_all_at(first["revision"].as_u64().unwrap());
    assert!(
        status.nodes.iter().all(|node| node.hosts == 1),
        "{status:?}"
    );
}
