//! Who is told apart, who is forgotten, who is not let in.

use super::*;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1000 * seconds)
}

fn by(name: &str) -> Actor {
    format!("viewer:{name}").parse().unwrap()
}

fn failing(times: u32) -> SinkState {
    SinkState {
        consecutive_failures: times,
        ..SinkState::default()
    }
}

/// As `instance connected failures`.
fn seen(sinks: &Sinks) -> Vec<String> {
    let one = |report: SinkReport| {
        let failures = report.state.consecutive_failures;
        format!(
            "{} {} {} {failures}",
            report.by.name, report.instance, report.connected
        )
    };
    sinks.reports().into_iter().map(one).collect()
}

#[test]
fn a_sink_is_a_certificate_and_an_instance() {
    let sinks = Sinks::default();
    let mut attic = sinks.enter(by("dns"), "attic".into()).unwrap();
    let mut cellar = sinks.enter(by("dns"), "cellar".into()).unwrap();
    let mut other = sinks.enter(by("web"), "attic".into()).unwrap();
    let silent = sinks.enter(by("dns"), "silent".into()).unwrap();
    attic.note(at(1), failing(0));
    cellar.note(at(1), failing(2));
    other.note(at(1), failing(0));
    attic.note(at(2), failing(0));
    let expected = ["dns cellar true 2", "dns attic true 0", "web attic true 0"];
    assert_eq!(seen(&sinks), expected, "those in trouble first");
    assert_eq!(sinks.watchers(), 4);
    drop((attic, cellar, other, silent));
    let expected = [
        "dns cellar false 2",
        "dns attic false 0",
        "web attic false 0",
    ];
    assert_eq!(seen(&sinks), expected, "what they said is kept");
    assert_eq!(sinks.watchers(), 0);

    // Whoever comes again has the same row.
    let mut attic = sinks.enter(by("dns"), "attic".into()).unwrap();
    attic.note(at(3), failing(1));
    let expected = [
        "dns attic true 1",
        "dns cellar false 2",
        "web attic false 0",
    ];
    assert_eq!(seen(&sinks), expected);
}

#[test]
fn two_of_one_name_are_told_apart_while_both_watch() {
    let sinks = Sinks::default();
    let enter = || sinks.enter(by("dns"), "10.0.0.5".into()).unwrap();
    let (mut one, mut two) = (enter(), enter());
    one.note(at(1), failing(0));
    two.note(at(1), failing(7));
    assert_eq!(
        seen(&sinks),
        ["dns 10.0.0.5#2 true 7", "dns 10.0.0.5 true 0"]
    );
    drop(one);
    assert_eq!(seen(&sinks), ["dns 10.0.0.5#2 true 7"], "it is there again");
    drop(two);
    assert_eq!(seen(&sinks), ["dns 10.0.0.5#2 false 7"]);
    let mut three = enter();
    three.note(at(2), failing(0));
    drop(three);
    assert_eq!(sinks.reports().len(), 2);
}

#[test]
fn whoever_left_first_is_forgotten_for_those_that_come() {
    let sinks = Sinks::default();
    let mut stays = sinks.enter(by("dns"), "stays".into()).unwrap();
    stays.note(at(0), failing(0));
    for n in 1..limits::SINKS_MAX + 10 {
        let mut sink = sinks.enter(by("dns"), n.to_string()).unwrap();
        sink.note(at(n as u64), failing(0));
    }
    let reports = sinks.reports();
    assert_eq!(reports.len(), limits::SINKS_MAX);
    assert_eq!(reports[0].instance, "stays", "it watches");
    let oldest = reports.iter().skip(1).map(|report| report.heard).min();
    assert_eq!(oldest, Some(at(11)), "the first ten are forgotten");
}

#[test]
fn nobody_has_more_than_a_share_and_a_node_no_more_than_it_can() {
    let sinks = Sinks::default();
    let mut open = Vec::new();
    while let Ok(watching) = sinks.enter(by("eve"), "x".into()) {
        open.push(watching);
    }
    assert_eq!(open.len(), limits::WATCHERS_PER_CALLER);
    let refused = sinks.enter(by("eve"), "x".into()).unwrap_err();
    assert!(refused.to_string().contains("viewer:eve"), "{refused}");
    for n in 0.. {
        match sinks.enter(by(&format!("n{n}")), "x".into()) {
            Ok(watching) => open.push(watching),
            Err(refused) => {
                assert!(matches!(refused, TooManyWatchers::Node), "{refused}");
                break;
            }
        }
    }
    assert_eq!(open.len(), limits::WATCHERS_MAX);
    open.pop();
    sinks.enter(by("alice"), "x".into()).unwrap();
}
