//! A writer: adds hosts one after the other, and changes those it added once
//! there are enough of them.

use super::run::Shared;
use super::until::{Ask, Caller, answered};
use crate::exit::Failure;
use hosts::HostId;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Writes until the run is over.
pub(crate) async fn write(shared: Arc<Shared>, task: usize) -> Result<(), Failure> {
    let mut own = Vec::new();
    let mut turn = 0;
    while !shared.over() {
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        match own.get(turn % own.len().max(1)) {
            Some(&host) if number >= shared.hosts_max => {
                update(&shared, task, host, number).await?;
                turn += 1;
            }
            _ => own.extend(add(&shared, task, number).await?),
        }
    }
    Ok(())
}

async fn add(shared: &Shared, task: usize, number: u64) -> Result<Option<HostId>, Failure> {
    let (host, request) = (shared.names.host(number)?, shared.names.request(number)?);
    let ask = Ask::Add(&host, &request);
    let caller = caller(shared, task);
    let Some(answer) = answered(&shared.targets, &shared.tally, caller, ask).await else {
        return Ok(None);
    };
    if let Some(journal) = &shared.journal {
        journal.note(&request, &host, &answer)?;
    }
    shared.pool.offer(answer.value, number);
    Ok(Some(answer.value))
}

async fn update(shared: &Shared, task: usize, host: HostId, number: u64) -> Result<(), Failure> {
    let (patch, request) = (shared.names.patch(number)?, shared.names.request(number)?);
    let ask = Ask::Update(host, &patch, &request);
    // It is counted, and there is nothing to note down.
    answered(&shared.targets, &shared.tally, caller(shared, task), ask).await;
    Ok(())
}

fn caller(shared: &Shared, task: usize) -> Caller {
    Caller {
        task,
        first: shared.targets.first(task),
        limit: shared.limit,
    }
}
