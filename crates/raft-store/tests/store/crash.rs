//! The power is cut at every step of a life with everything in it.

use raft_store::disk::Disk as _;
use raft_store::raft::RaftLogId;

use crate::driver::{Machine, Node};
use crate::history::{History, import};

/// The entries of the life; parts, a refused change, named snapshots and two
/// terms included.
fn history() -> History {
    let mut history = History::new();
    for number in 0..6 {
        history.add(number);
    }
    let large = import(&history.model, 100, 60);
    history.change_in_parts(7, &large, 900);
    // Decided on the same state as the one before it: refused.
    let late = history.adding(200);
    history.change(late.clone());
    history.change(late);
    history.term = 2;
    history.blank();
    history.snapshots(1000);
    for number in 300..306 {
        history.add(number);
    }
    history
}

/// What a life was told before it was cut off.
#[derive(Default)]
struct Told {
    durable: Option<u64>,
    vote: Option<u64>,
    snapshot: Option<RaftLogId>,
}

/// Lives through the history until the first failure.
fn live(node: &mut Node, history: &History, told: &mut Told) -> std::io::Result<()> {
    for entry in &history.entries {
        let RaftLogId { leader_id, index } = entry.log_id;
        if told.vote != Some(leader_id.term) {
            node.vote(leader_id.term)?;
            told.vote = Some(leader_id.term);
        }
        node.append(std::slice::from_ref(entry))?;
        told.durable = Some(index);
        node.commit(entry.log_id)?;
        if index % 3 == 0 {
            node.apply_committed()?;
        }
        if index % 8 == 5 {
            let snapshot = node.snapshot()?;
            let last = snapshot.meta.last_log_id.expect("something is applied");
            told.snapshot = Some(last);
            if last.index > 2 {
                let upto = history.after(Some(last.index - 3))[0].log_id;
                node.purge(upto)?;
            }
        }
    }
    node.apply_committed()
}

#[test]
fn a_power_cut_at_any_step_loses_nothing_that_was_answered() {
    let history = history();
    let whole = Machine::default();
    let mut told = Told::default();
    live(&mut whole.open().unwrap(), &history, &mut told).unwrap();
    let steps = whole.disk.counts().changes();
    assert!(steps > 80, "a life with many steps, not {steps}");

    for (cut, seed) in (0..steps).flat_map(|cut| (0..3).map(move |seed| (cut, seed))) {
        let machine = Machine::default();
        machine.disk.cut_after(cut);
        let mut told = Told::default();
        if let Ok(mut node) = machine.open() {
            // Nobody waits for the last change, a mark in the log.
            let felt = live(&mut node, &history, &mut told).is_err()
                || machine.disk.list(Machine::dir()).is_err();
            assert!(felt, "the cut {cut} was not felt");
        }
        machine.crash(cut * 3 + seed);

        let mut node = machine
            .open()
            .unwrap_or_else(|error| panic!("cut {cut}: {error:?}"));
        assert_eq!(
            node.saved_vote()
                .map(|vote| vote.leader_id.term)
                .max(told.vote),
            node.saved_vote().map(|vote| vote.leader_id.term),
            "cut {cut}: a vote was forgotten"
        );
        node.apply_committed().unwrap();
        let applied = node.applied();
        if let Some(index) = applied.index() {
            assert_eq!(applied.digest(), history.digests[&index], "cut {cut}");
        }
        let newest = node
            .store
            .snapshots
            .newest()
            .and_then(|(meta, _)| meta.last_log_id);
        assert!(
            newest >= told.snapshot,
            "cut {cut}: a snapshot was forgotten"
        );

        // The rest of the log can be applied, and leads to the same state.
        let log = node.entries_from(0);
        let last = log
            .last()
            .map(|entry| entry.log_id.index)
            .max(applied.index());
        assert!(
            last >= told.durable,
            "cut {cut}: {last:?}, and {:?} was answered",
            told.durable
        );
        let rest = history.after(last);
        let in_log = history.after(applied.index());
        node.apply(&in_log[..in_log.len() - rest.len()]).unwrap();
        if !rest.is_empty() {
            node.run(rest).unwrap();
        }
        assert_eq!(node.applied().digest(), history.model.digest(), "cut {cut}");
        assert_eq!(node.applied().applied, Some(history.last()), "cut {cut}");
    }
}

#[test]
fn a_node_that_closes_finds_everything_again() {
    let history = history();
    let machine = Machine::default();
    let mut node = machine.open().unwrap();
    live(&mut node, &history, &mut Told::default()).unwrap();
    let before = node.applied();
    node.close();
    machine.crash(0);

    let node = machine.open().unwrap();
    let after = node.applied();
    assert_eq!(after.applied, before.applied);
    assert_eq!(after.membership, before.membership);
    assert_eq!(after.projection, before.projection);
}

#[test]
fn what_is_applied_twice_takes_effect_once() {
    let history = history();
    let machine = Machine::default();
    let mut node = machine.open().unwrap();
    node.run(&history.entries).unwrap();
    node.apply(&history.entries[3..9]).unwrap();
    assert_eq!(node.applied().applied, Some(history.last()));
    assert_eq!(node.applied().digest(), history.model.digest());
}

#[test]
fn a_cut_between_the_writes_of_a_large_change_is_marked_and_mended() {
    let mut marked = 0;
    for seed in 0..20 {
        let machine = Machine::default();
        let mut history = History::new();
        let large = import(&history.model, 0, 300);
        history.change_in_parts(7, &large, 2000);
        let mut node = machine.open().unwrap();
        node.vote(1).unwrap();
        node.run(&history.entries).unwrap();
        node.vote(2).unwrap(); // flushes what is committed
        machine.crash(seed);
        drop(node);

        let (mut hosts, mut mark) = (0, false);
        machine.states.edit(&machine.state_path(), |rows| {
            hosts = rows.keys().filter(|key| key.starts_with(b"h/")).count();
            mark = rows.contains_key(&b"b"[..]);
        });
        assert_eq!(
            mark,
            hosts != 0 && hosts != 300,
            "seed {seed}: {hosts} hosts"
        );
        marked += u32::from(mark);

        let mut node = machine.open().unwrap();
        node.apply_committed().unwrap();
        assert_eq!(
            node.applied().digest(),
            history.model.digest(),
            "seed {seed}"
        );
    }
    assert!(marked > 3, "only {marked} of 20 cuts were in between");
}
