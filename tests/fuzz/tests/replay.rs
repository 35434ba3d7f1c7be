//! Every input that the engine kept, and every one that once broke something, run as they are.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use fuzz_targets::TARGETS;

#[test]
fn what_was_once_found_breaks_nothing() {
    let broken: Vec<String> = TARGETS
        .iter()
        .flat_map(|target| {
            let inputs = ["corpus", "regressions"].map(|kind| inputs(kind, target.name));
            inputs.into_iter().flatten().filter_map(|path| {
                let bytes = fs::read(&path).unwrap();
                let run = target.run;
                catch_unwind(|| run(&bytes))
                    .is_err()
                    .then(|| path.display().to_string())
            })
        })
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    let names: BTreeSet<_> = TARGETS
        .iter()
        .map(|target| target.name.to_owned())
        .collect();
    for target in &names {
        assert!(
            !inputs("corpus", target).is_empty(),
            "{target} has no corpus"
        );
    }
    for kind in ["corpus", "regressions"] {
        let folders = files(&root().join(kind));
        let strangers: Vec<_> = folders
            .iter()
            .filter(|path| !names.contains(path.file_name().unwrap().to_str().unwrap()))
            .collect();
        assert!(strangers.is_empty(), "{strangers:?}");
    }
    let engine = files(&root().join("engine/src/bin"));
    let engine: BTreeSet<_> = engine
        .iter()
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(engine, names, "each target has a binary of its name");
}

fn inputs(kind: &str, target: &str) -> Vec<PathBuf> {
    files(&root().join(kind).join(target))
}

/// What is in a folder, if it is there: a target without a regression has none.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}
