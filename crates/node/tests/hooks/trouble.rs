//! What a hook can do to a node: nothing but be reported.

use std::{fs, time::Duration};

use crate::lab::{Lab, PATIENCE};
use node::publish::hooks::{Facts, HookResult, RealShell, Shell as _};
use tokio::time::timeout;

const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_hook_gets_the_facts_and_no_input() {
    let mut lab = Lab::of(
        "cat > $D/input; env | grep ^ROUTER_HOSTS_ | grep -v ^ROUTER_HOSTS_REQUIRE > $D/facts",
        PATIENCE,
    );
    let run = lab.run().await;
    assert_eq!(run.result, HookResult::Succeeded);
    let facts = fs::read_to_string(lab.path("facts")).unwrap();
    let mut facts: Vec<_> = facts.lines().collect();
    facts.sort_unstable();
    let file = format!("ROUTER_HOSTS_FILE={}", lab.path("hosts").display());
    assert_eq!(
        facts,
        [
            "ROUTER_HOSTS_ENTRY_COUNT=",
            "ROUTER_HOSTS_ERROR=",
            "ROUTER_HOSTS_EVENT=success",
            &file,
            "ROUTER_HOSTS_NODE=attic",
            "ROUTER_HOSTS_REVISION=1",
        ]
    );
    assert_eq!(fs::read(lab.path("input")).unwrap(), b"");
}

#[tokio::test]
async fn how_a_hook_ends_is_reported() {
    for (command, result, words) in [
        ("true", HookResult::Succeeded, "succeeded"),
        ("exit 3", HookResult::Exited(3), "exit status 3"),
        (
            "kill -TERM $$",
            HookResult::Killed(15),
            "killed by signal 15",
        ),
        (
            "/nowhere/reload",
            HookResult::Exited(127),
            "exit status 127: a command was not found",
        ),
        (
            "$ROUTER_HOSTS_FILE/..",
            HookResult::Exited(127),
            "exit status 127: a command was not found",
        ),
        (
            "/dev/null",
            HookResult::Exited(126),
            "exit status 126: a command could not be executed",
        ),
        ("if", HookResult::Exited(2), "exit status 2"),
    ] {
        let run = Lab::of(command, PATIENCE).run().await;
        assert_eq!(
            (&run.result, run.to_string().as_str()),
            (&result, words),
            "{command}"
        );
    }
}

#[tokio::test]
async fn a_hook_that_hangs_is_killed_with_all_that_it_started() {
    let command = "sleep 1000 & echo $! > $D/child\necho $$ > $D/shell\ntrap '' TERM\nwait";
    let mut lab = Lab::of(command, SHORT);
    let run = lab.run().await;
    assert_eq!(run.result, HookResult::TimedOut(SHORT));
    for name in ["child", "shell"] {
        lab.process(name).await.until_dead().await;
    }
}

#[tokio::test]
async fn a_node_that_stops_kills_a_hook_with_all_that_it_started() {
    let command = "sleep 1000 & echo $! > $D/child\nwait";
    let mut lab = Lab::of(command, PATIENCE);
    lab.write();
    let child = lab.process("child").await;
    assert!(child.is_alive());
    lab.stop().await;
    child.until_dead().await;
    assert_eq!(lab.until_run(1).await.result, HookResult::Stopped);
}

#[tokio::test]
async fn a_flood_is_drained_to_its_end() {
    // More than any pipe holds, and more than is read at full speed.
    let mut lab = Lab::of(
        "head -c 3000000 /dev/zero; head -c 300000 /dev/zero >&2",
        PATIENCE,
    );
    assert_eq!(lab.run().await.result, HookResult::Succeeded);
}

#[tokio::test]
async fn an_endless_flood_ends_at_the_timeout() {
    let mut lab = Lab::of("echo $$ > $D/shell; yes", SHORT);
    assert_eq!(lab.run().await.result, HookResult::TimedOut(SHORT));
    lab.process("shell").await.until_dead().await;
}

#[tokio::test]
async fn what_a_hook_leaves_in_its_group_is_ended_with_it() {
    let mut lab = Lab::of("sleep 1000 & echo $! > $D/child", PATIENCE);
    let run = lab.run().await;
    assert_eq!(
        (run.result, run.left_behind),
        (HookResult::Succeeded, false)
    );
    lab.process("child").await.until_dead().await;
}

#[tokio::test]
async fn a_daemon_is_neither_waited_for_nor_killed() {
    let command = "setsid sh -c 'echo $$ > $D/daemon; exec sleep 1000' &\n\
                   until [ -s $D/daemon ]; do sleep 0.01; done";
    let mut lab = Lab::of(&format!("export D\n{command}"), PATIENCE);
    let run = lab.run().await;
    assert_eq!(run.result, HookResult::Succeeded);
    assert_eq!(
        run.to_string(),
        "succeeded, and left a process running outside its group"
    );
    let daemon = lab.process("daemon").await;
    assert!(daemon.is_alive());
    daemon.kill();
}

#[tokio::test]
async fn after_trouble_the_next_write_is_told_as_ever() {
    let command = "echo run >> $D/runs\n[ $(wc -l < $D/runs) -gt 1 ] || kill -KILL $$";
    let mut lab = Lab::of(command, PATIENCE);
    assert_eq!(lab.run().await.result, HookResult::Killed(9));
    lab.write();
    assert_eq!(lab.until_run(2).await.result, HookResult::Succeeded);
    let runs = fs::read_to_string(lab.path("runs")).unwrap();
    assert_eq!(runs.lines().count(), 2);
}

#[tokio::test]
async fn the_last_of_the_output_is_kept_on_one_line() {
    for (command, output) in [
        ("", "".to_owned()),
        (
            "echo out; echo err >&2; printf 'a\\tb\\033[0m'",
            "out err a b [0m".to_owned(),
        ),
        (
            "head -c 100000 /dev/zero | tr '\\0' x; echo the end",
            format!("[100008 bytes, the last:] {}the end", "x".repeat(4096 - 8)),
        ),
    ] {
        let facts: Facts = std::array::from_fn(|_| ("FACT", String::new()));
        let mut running = RealShell.start(command, &facts).unwrap();
        let ended = timeout(PATIENCE, running.ended()).await.unwrap().unwrap();
        assert_eq!(ended.output, output, "{command}");
    }
}
