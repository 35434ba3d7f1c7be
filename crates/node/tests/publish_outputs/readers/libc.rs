//! glibc and musl, each asked by a small program of its own.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    net::IpAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use super::Answers;

/// A program that looks names up in `/etc/hosts`.
pub(super) struct Libc {
    pub(super) name: &'static str,
    program: PathBuf,
}

impl Libc {
    /// Compiles the program for both libcs in `dir`.
    pub(super) fn both(dir: &Path) -> [Self; 2] {
        let source = dir.join("lookup.c");
        fs::write(&source, include_str!("lookup.c")).unwrap();
        [("glibc", "cc", ""), ("musl", "musl-gcc", "-static")].map(|(name, compiler, how)| {
            let program = dir.join(name);
            let mut command = Command::new(compiler);
            command.args(["-O1", "-o"]).arg(&program).arg(&source);
            command.args(Some(how).filter(|how| !how.is_empty()));
            let status = command.status().unwrap();
            assert!(status.success(), "{command:?}: {status}");
            Self { name, program }
        })
    }

    /// What it finds for `names`. An address that is found twice is a failure.
    pub(super) fn find<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Answers {
        let names: Vec<_> = names.into_iter().collect();
        let input = names.join("\n") + "\n";
        let mut child = Command::new(&self.program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let feed = thread::spawn(move || stdin.write_all(input.as_bytes()).unwrap());
        let output = child.wait_with_output().unwrap();
        feed.join().unwrap();
        assert!(output.status.success(), "{}", self.name);
        let text = String::from_utf8(output.stdout).unwrap();
        let answers: BTreeMap<_, _> = text.lines().map(|line| self.line(line)).collect();
        assert_eq!(answers.len(), names.len(), "{}", self.name);
        answers
    }

    fn line(&self, line: &str) -> (String, std::collections::BTreeSet<IpAddr>) {
        let mut words = line.split(' ');
        let name = words.next().unwrap().to_owned();
        let found: Vec<IpAddr> = words.map(|word| word.parse().unwrap()).collect();
        let set: std::collections::BTreeSet<_> = found.iter().copied().collect();
        assert_eq!(
            set.len(),
            found.len(),
            "{} finds one twice: {line}",
            self.name
        );
        (name, set)
    }
}
