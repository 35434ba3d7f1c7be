//! The same seed gives the same run: what happens in two processes is the same, byte for byte.

use std::{fs, path::Path, process::Command};

#[test]
fn a_seed_gives_the_same_trace_in_every_process() {
    let directory = tempfile::tempdir().unwrap();
    for seed in [3, 5] {
        // Both at once: nothing that they share may tell them apart.
        let traces = ["one", "two"].map(|name| directory.path().join(format!("{seed}-{name}")));
        let runs = traces.each_ref().map(|trace| begin(seed, trace));
        let reports = runs.map(|run| {
            let output = run.wait_with_output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(output.status.success(), "seed {seed}: {text}");
            serde_json::from_str::<serde_json::Value>(&text).unwrap()
        });
        let [one, two] = traces.each_ref().map(|trace| fs::read(trace).unwrap());
        assert!(
            one.len() > 100_000,
            "a run is longer than {} bytes",
            one.len()
        );
        if one != two {
            let lines = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let (one, two) = (lines(&one), lines(&two));
            let differ = one.lines().zip(two.lines()).find(|(one, two)| one != two);
            panic!("seed {seed} went two ways: {differ:?}");
        }
        assert_eq!(reports[0]["trace"], reports[1]["trace"]);
    }
}

fn begin(seed: u64, trace: &Path) -> std::process::Child {
    Command::new(env!("CARGO_BIN_EXE_sim"))
        .args(["--seed", &seed.to_string(), "--trace"])
        .arg(trace)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap()
}
