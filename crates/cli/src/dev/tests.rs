//! The parts of the story that need no running node.

use super::*;
use crate::output::Copy;

fn copies(hashes: &[Option<&str>]) -> Copies {
    let copy = |hash: &Option<&str>| Copy {
        node: "n".to_owned(),
        revision: 1,
        sha256: hash.map(str::to_owned),
        path: PathBuf::from("hosts"),
    };
    Copies::of(hashes.iter().map(copy).collect())
}

#[test]
fn once_fails_for_files_that_differ_only() {
    assert_eq!(once(Some(&copies(&[Some("a"), Some("a")]))), Ok(0));
    assert_eq!(once(Some(&copies(&[None, None]))), Ok(0));
    assert!(once(Some(&copies(&[Some("a"), Some("b")]))).is_err());
    assert!(once(Some(&copies(&[Some("a"), None]))).is_err());
}

#[test]
fn the_status_of_a_command_is_as_in_a_shell() {
    assert_eq!(status_of(ExitStatus::from_raw(0)), 0);
    assert_eq!(status_of(ExitStatus::from_raw(7 << 8)), 7);
    assert_eq!(status_of(ExitStatus::from_raw(9)), 137);
}

#[test]
fn our_program_is_found_first() {
    let path = path_with_us(Path::new("/opt/router hosts/bin/router-hosts")).unwrap();
    let first = env::split_paths(&path).next();
    assert_eq!(first, Some(PathBuf::from("/opt/router hosts/bin")));
}

#[test]
fn every_refusal_of_a_directory_says_what_next() {
    let dir = tempfile::tempdir().unwrap();
    let _held = Lock::take(dir.path()).unwrap();
    let failure = refused(Lock::take(dir.path()).unwrap_err());
    assert_eq!(failure.exit, Exit::Conflict);
    assert!(failure.hint.unwrap().contains("--dir"));
}
