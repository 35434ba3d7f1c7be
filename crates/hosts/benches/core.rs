//! The core at the size of a block list: read a file, decide its import,
//! apply it, render it; and one add beside it.
#![expect(clippy::unwrap_used, reason = "a benchmark stops where it fails")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use hosts::{
    Actor, ActorName, Address, Change, Command, ConflictMode, Decision, HostPatch, Hostname,
    NewHost, Projection, RequestId, Revision, Role, Stamp, Timestamp, View, decide,
    format::{Export, FileFormat, hosts_file, parse, render::render},
};
use std::fmt::Write as _;

const LINES: u32 = 100_000;

fn file() -> String {
    (0..LINES).fold(String::new(), |mut file, n| {
        let [_, b, c, d] = n.to_be_bytes();
        writeln!(
            file,
            "10.{b}.{c}.{d} host-{n}.example.net alias-{n}.example.net"
        )
        .unwrap();
        file
    })
}

fn stamp(n: u32, command: &Command) -> Stamp {
    Stamp {
        at: Timestamp::from_millis(1_700_000_000_000),
        by: Actor {
            role: Role::Admin,
            name: ActorName::parse("bench").unwrap(),
        },
        request: RequestId::parse(&format!("r{n}")).unwrap(),
        since: None,
        fingerprint: command.fingerprint(),
        seed: u128::from(n) << 40,
    }
}

fn change(hosts: &Projection, n: u32, command: &Command) -> Change {
    match decide(hosts, command, stamp(n, command)).unwrap() {
        Decision::Commit(change) => change,
        other => unreachable!("{other:?}"),
    }
}

/// The same with so many hosts disabled since a snapshot, and the command that goes back to it.
fn changed_since(hosts: &Projection, count: u32) -> (Projection, Command) {
    let mut hosts = hosts.clone();
    let mut revision = hosts.revision().get();
    let mut run = |hosts: &mut Projection, command: &Command| {
        revision += 1;
        let change = change(hosts, 100 + u32::try_from(revision).unwrap(), command);
        hosts.apply(Revision::new(revision), &change).unwrap();
    };
    let create = Command::CreateSnapshot {
        name: None,
        trigger: None,
    };
    run(&mut hosts, &create);
    let to = hosts.snapshots().next().unwrap().id;
    let ids: Vec<_> = hosts.hosts().step_by(100).map(|host| host.id).collect();
    for id in ids.into_iter().take(usize::try_from(count).unwrap()) {
        let patch = HostPatch {
            enabled: Some(false),
            ..HostPatch::default()
        };
        let expected = None;
        let command = Command::UpdateHost {
            id,
            patch,
            expected,
        };
        run(&mut hosts, &command);
    }
    (hosts, Command::RollBack { to })
}

fn core(c: &mut Criterion) {
    let file = file();
    let rows = hosts_file::parse(file.as_bytes()).unwrap().rows;
    let rows: Vec<NewHost> = rows.into_iter().map(|row| row.host).collect();
    let import = Command::ImportHosts {
        rows,
        mode: ConflictMode::Strict,
    };
    let empty = Projection::new();
    let imported = change(&empty, 0, &import);
    let mut full = empty.clone();
    full.apply(Revision::new(1), &imported).unwrap();

    let mut group = c.benchmark_group("100,000 lines");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(LINES.into()));
    group.bench_function("parse", |b| {
        b.iter(|| hosts_file::parse(file.as_bytes()).unwrap())
    });
    for format in [FileFormat::Json, FileFormat::Csv] {
        let export = || Export::new(full.clone(), format);
        let file: Vec<u8> = export().flatten().collect();
        group.bench_function(format!("parse {format}"), |b| {
            b.iter(|| parse(format, &file).unwrap())
        });
        group.bench_function(format!("export {format}"), |b| {
            b.iter(|| export().map(|piece| piece.len()).sum::<usize>())
        });
    }
    group.bench_function("decide import", |b| b.iter(|| change(&empty, 0, &import)));
    group.bench_function("apply import", |b| {
        b.iter_batched_ref(
            || empty.clone(),
            |hosts| hosts.apply(Revision::new(1), &imported).unwrap(),
            BatchSize::PerIteration,
        );
    });
    let (changed, roll_back) = changed_since(&full, LINES / 100);
    group.bench_function("roll back 1 %", |b| {
        b.iter_batched_ref(
            || changed.clone(),
            |hosts| {
                let change = change(hosts, 9, &roll_back);
                hosts.apply(Revision::new(1_000_000), &change).unwrap()
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("render", |b| b.iter(|| render(&full, &View::default())));
    group.finish();

    let add = Command::AddHost(NewHost {
        address: Address::parse("192.0.2.7").unwrap(),
        hostname: Hostname::parse("nas.example.net").unwrap(),
        aliases: Default::default(),
        tags: Default::default(),
        comment: None,
        enabled: true,
    });
    for (name, hosts) in [("add to none", &empty), ("add to 100,000", &full)] {
        c.bench_function(name, |b| {
            b.iter_batched_ref(
                || hosts.clone(),
                |hosts| {
                    let change = change(hosts, 7, &add);
                    hosts.apply(Revision::new(2), &change).unwrap()
                },
                BatchSize::SmallInput,
            );
        });
    }
}

criterion_group!(benches, core);
criterion_main!(benches);
