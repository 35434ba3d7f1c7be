//! Without a majority nothing is changed, and everything that was is still served.

use crate::support::{Cluster, until};

#[test]
fn without_a_majority_writes_are_refused_and_the_last_state_is_still_served() {
    let cluster = Cluster::of(3);
    let revision = cluster.via_any().add("nas.lan", "10.0.0.7");
    cluster.until_all_at(revision);
    let file = cluster.assert_same_file_everywhere();
    let leader = cluster.leader();
    let followers = cluster.others(&leader);
    let (left, second) = (&followers[0], &followers[1]);
    let missing = [leader.clone(), second.clone()];
    cluster.kill(&missing);

    let said = until("the one that is left says that it is alone", || {
        let status = cluster.via(left).status()?;
        match status.verdict.as_str() {
            "no quorum" => Ok(status.explanation),
            _ => Err(format!("{status:?}")),
        }
    });
    let refused = until("a write is refused", || {
        let ended = cluster.via(left).try_add("tv.lan", "10.0.0.8", &[]);
        // A follower that does not yet know that its leader is gone may have tried to hand it over.
        match ended.status {
            7 => Err(ended.stderr),
            _ => Ok(ended.refused(5, "NO_QUORUM").message),
        }
    });
    for name in &missing {
        assert!(said.contains(name), "{name} is missing: {said}");
        assert!(refused.contains(name), "{name} is missing: {refused}");
    }
    let read = cluster.via(left).get("nas.lan");
    read.refused(5, "NO_QUORUM");
    let there = [("nas.lan".to_owned(), "10.0.0.7".to_owned())];
    assert_eq!(cluster.via(left).list("local"), there);
    for name in cluster.names() {
        assert_eq!(cluster.file(&name), file, "{name}");
    }

    cluster.restart(&missing);
    cluster.until_healthy();
    let revision = cluster.via(left).add("tv.lan", "10.0.0.8");
    cluster.until_all_at(revision);
    assert!(cluster.assert_same_file_everywhere().contains("tv.lan"));
}

#[test]
fn a_degraded_cluster_says_which_node_and_since_when() {
    let cluster = Cluster::of(3);
    cluster.until_healthy();
    let down = cluster.others(&cluster.leader()).remove(0);
    cluster.kill([&down]);
    let missed = |explanation: &str| {
        let since = explanation
            .split(&format!("{down} cannot be reached since "))
            .nth(1)?;
        Some(since.split(';').next()?.to_owned())
    };
    let others = cluster.others(&down);
    let first = until("the others say since when", || {
        let status = cluster.via(&others[0]).status()?;
        missed(&status.explanation).ok_or(status.explanation)
    });
    assert!(first.ends_with('Z') && first.contains('T'), "{first}");
    // It is the first moment, not the last one.
    let revision = cluster.via(&others[0]).add("nas.lan", "10.0.0.7");
    until("more looks have found nobody", || {
        let status = cluster.via(&others[0]).status()?;
        match status
            .nodes
            .iter()
            .filter(|node| node.published() >= Some(revision))
            .count()
        {
            2 => Ok(()),
            _ => Err(format!("{status:?}")),
        }
    });
    let status = cluster.via(&others[0]).status().unwrap();
    assert_eq!(missed(&status.explanation), Some(first), "{status:?}");
    cluster.restart([&down]);
    cluster.until_healthy();
}

#[test]
fn a_leader_that_loses_its_followers_stops_taking_writes() {
    let cluster = Cluster::of(3);
    let revision = cluster.via_any().add("nas.lan", "10.0.0.7");
    cluster.until_all_at(revision);
    let leader = cluster.leader();
    let followers = cluster.others(&leader);
    cluster.kill(&followers);
    // What it took before it noticed may be done when a follower comes back, and is said to be unknown.
    let mut count = 0;
    let (name, refused) = until("a write is refused", || {
        let name = format!("u{count}.lan");
        count += 1;
        let ended = cluster
            .via(&leader)
            .try_add(&name, "10.9.0.1", &["--timeout", "2s"]);
        match ended.status {
            7 => Err(ended.stderr),
            _ => Ok((name, ended.refused(5, "NO_QUORUM").message)),
        }
    });
    for follower in &followers {
        assert!(
            refused.contains(follower),
            "{follower} is missing: {refused}"
        );
    }
    assert_eq!(cluster.via(&leader).list("local").len(), 1);

    // One is enough.
    cluster.restart(&followers[..1]);
    let revision = cluster.via(&leader).add("tv.lan", "10.0.0.9");
    cluster.restart(&followers[1..]);
    cluster.until_all_at(revision);
    let file = cluster.assert_same_file_everywhere();
    assert!(file.contains("10.0.0.9 tv.lan"), "{file}");
    assert!(
        !file.contains(&name),
        "{name} was refused, and is there:\n{file}"
    );
}
