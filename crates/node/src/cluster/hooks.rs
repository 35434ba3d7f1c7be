//! Hooks as other nodes and clients see them: by name, without what they run.

use proto::cluster::{Hook, NodeStatus, hook};

use crate::publish::hooks::{Event, HookReport, HookResult};

/// A report as it leaves the node.
pub(super) fn to_wire(report: &HookReport) -> Hook {
    let HookReport {
        name,
        event,
        last,
        runs,
        failures,
    } = report;
    let event = match event {
        Event::Success => hook::Event::Success,
        Event::Failure => hook::Event::Failure,
    };
    let result = match last.as_ref().map(|run| &run.result) {
        None => hook::Result::NeverRun,
        Some(HookResult::Succeeded) => hook::Result::Succeeded,
        Some(HookResult::TimedOut(_)) => hook::Result::TimedOut,
        Some(HookResult::Stopped) => hook::Result::Stopped,
        Some(HookResult::Exited(_) | HookResult::Killed(_) | HookResult::NotRun(_)) => {
            hook::Result::Failed
        }
    };
    let mut wire = Hook {
        name: name.clone(),
        event: event.into(),
        result: result.into(),
        runs: *runs,
        failures: *failures,
        ..Hook::default()
    };
    if let Some(run) = last {
        wire.detail = run.to_string();
        wire.revision = run.revision.get();
        wire.duration_ms = u64::try_from(run.took.as_millis()).unwrap_or(u64::MAX);
        wire.coalesced = run.coalesced;
    }
    wire
}

/// What an operator has to look at: hooks whose last run failed.
pub(super) fn troubles(node: &NodeStatus) -> impl Iterator<Item = String> + '_ {
    let failed = node
        .hooks
        .iter()
        .filter(|hook| matches!(hook.result(), hook::Result::Failed | hook::Result::TimedOut));
    failed.map(|hook| {
        format!(
            "{}: the hook `{}` failed at revision {}: {}",
            node.name, hook.name, hook.revision, hook.detail
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::hooks::HookRun;
    use hosts::Revision;
    use std::time::Duration;

    fn report(result: Option<HookResult>) -> HookReport {
        HookReport {
            name: "reload".into(),
            event: Event::Success,
            last: result.map(|result| HookRun {
                revision: Revision::new(41),
                result,
                left_behind: false,
                took: Duration::from_millis(12),
                coalesced: 3,
            }),
            runs: 7,
            failures: 2,
        }
    }

    #[test]
    fn only_a_last_run_that_failed_is_a_trouble() {
        for (result, wire, trouble) in [
            (None, hook::Result::NeverRun, None),
            (Some(HookResult::Succeeded), hook::Result::Succeeded, None),
            (Some(HookResult::Stopped), hook::Result::Stopped, None),
            (
                Some(HookResult::Exited(3)),
                hook::Result::Failed,
                Some("exit status 3"),
            ),
            (
                Some(HookResult::Killed(9)),
                hook::Result::Failed,
                Some("killed by signal 9"),
            ),
            (
                Some(HookResult::NotRun("no memory".into())),
                hook::Result::Failed,
                Some("not run: no memory"),
            ),
            (
                Some(HookResult::TimedOut(Duration::from_secs(30))),
                hook::Result::TimedOut,
                Some("not done within 30s and killed with its group"),
            ),
        ] {
            let node = NodeStatus {
                name: "attic".into(),
                hooks: vec![to_wire(&report(result.clone()))],
                ..NodeStatus::default()
            };
            assert_eq!(node.hooks[0].result(), wire, "{result:?}");
            let expected =
                trouble.map(|why| format!("attic: the hook `reload` failed at revision 41: {why}"));
            assert_eq!(troubles(&node).next(), expected, "{result:?}");
        }
    }

    #[test]
    fn a_report_keeps_its_numbers() {
        let Hook {
            revision,
            duration_ms,
            coalesced,
            runs,
            failures,
            ..
        } = to_wire(&report(Some(HookResult::Succeeded)));
        assert_eq!(
            (revision, duration_ms, coalesced, runs, failures),
            (41, 12, 3, 7, 2)
        );
    }
}
