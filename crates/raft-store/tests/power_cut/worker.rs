//! The process that works until its power is cut.

use std::{
    env,
    io::{self, BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    log,
    machine::{Machine, dies_with_parent},
    store,
    told::{Line, Told},
};

/// Where the process works, and at what; set for it only.
const DIR: &str = "ROUTER_HOSTS_TEST_WORK_DIR";
const WORK: &str = "ROUTER_HOSTS_TEST_WORK";

/// How long a process may take to do something.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a process works at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    pub(crate) on: On,
    /// The size of an entry's content.
    pub(crate) entry_bytes: usize,
    /// How many entries are appended in one call.
    pub(crate) batch: u64,
    pub(crate) segment_bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    /// The log alone.
    Log,
    /// The log alone, on a disk whose flushes do nothing.
    UnflushedLog,
    /// Log, state and snapshots.
    Store,
}

impl Work {
    fn to_text(self) -> String {
        let Self {
            on,
            entry_bytes,
            batch,
            segment_bytes,
        } = self;
        format!("{on:?} {entry_bytes} {batch} {segment_bytes}")
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let on = match words.next()? {
            "Log" => On::Log,
            "UnflushedLog" => On::UnflushedLog,
            "Store" => On::Store,
            _ => return None,
        };
        Some(Self {
            on,
            entry_bytes: words.next()?.parse().ok()?,
            batch: words.next()?.parse().ok()?,
            segment_bytes: words.next()?.parse().ok()?,
        })
    }
}

/// How the cut meets the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meets {
    /// It was stopped, and all it has said counts.
    Stopped,
    /// It runs, and what it had said when the cut began counts.
    Running,
}

#[derive(Default)]
struct Said {
    lines: Vec<Line>,
    /// Nothing follows: the process has ended.
    ended: bool,
}

/// The process; dropping it kills it.
pub(crate) struct Worker {
    process: Child,
    said: Arc<(Mutex<Said>, Condvar)>,
    reader: Option<thread::JoinHandle<()>>,
}

impl Worker {
    pub(crate) fn start(dir: &Path, work: Work) -> Self {
        let mut process = Command::new(env::current_exe().unwrap())
            .args(["--exact", "worker::a_process_works", "--nocapture"])
            .env(DIR, dir)
            .env(WORK, work.to_text())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::new((Mutex::new(Said::default()), Condvar::new()));
        let (out, to) = (process.stdout.take().unwrap(), Arc::clone(&said));
        let reader = thread::spawn(move || {
            let (said, more) = &*to;
            for line in BufReader::new(out).lines() {
                if let Ok(line) = line.unwrap().parse() {
                    said.lock().unwrap().lines.push(line);
                    more.notify_all();
                }
            }
            said.lock().unwrap().ended = true;
            more.notify_all();
        });
        Self {
            process,
            said,
            reader: Some(reader),
        }
    }

    /// Waits until it was answered so often.
    pub(crate) fn until_answered(&self, answers: usize) {
        self.until_said(answers, |line| matches!(line, Line::Acked { .. }));
    }

    /// Waits until it has purged so often.
    pub(crate) fn until_purged(&self, times: usize) {
        self.until_said(times, |line| matches!(line, Line::Purged(_)));
    }

    fn until_said(&self, times: usize, is_it: impl Fn(&Line) -> bool) {
        let (said, more) = &*self.said;
        let count = |said: &Said| said.lines.iter().filter(|line| is_it(line)).count();
        let (said, _) = more
            .wait_timeout_while(said.lock().unwrap(), PATIENCE, |said| {
                count(said) < times && !said.ended
            })
            .unwrap();
        assert!(count(&said) >= times, "the process does not get on");
    }

    /// Cuts the power of the machine while it works there, and adds to `told`
    /// what that must not undo.
    pub(crate) fn cut(mut self, machine: &Machine, meets: Meets, told: &mut Told) {
        let counted = match meets {
            Meets::Stopped => {
                self.stop();
                None
            }
            Meets::Running => Some(self.said.0.lock().unwrap().lines.len()),
        };
        machine.cut();
        let lines = self.kill();
        let (counted, late) = lines.split_at(counted.unwrap_or(lines.len()));
        told.take(counted, late);
    }

    /// Kills it, and gives all it has said.
    pub(crate) fn kill(&mut self) -> Vec<Line> {
        // It may have ended by itself, its disk gone.
        drop(self.process.kill());
        self.process.wait().unwrap();
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        std::mem::take(&mut self.said.0.lock().unwrap().lines)
    }

    /// Stops all its threads, those in the middle of a call after it.
    fn stop(&self) {
        let pid = Pid::from_child(&self.process);
        kill_process(pid, Signal::STOP).unwrap();
        let tasks = PathBuf::from(format!("/proc/{}/task", self.process.id()));
        let begun = Instant::now();
        while !all_stopped(&tasks).unwrap() {
            assert!(begun.elapsed() < PATIENCE, "the process does not stop");
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn all_stopped(tasks: &Path) -> io::Result<bool> {
    for task in tasks.read_dir()? {
        let stat = std::fs::read_to_string(task?.path().join("stat"))?;
        // The state comes after the name, which may hold anything.
        let state = stat.rsplit(") ").next().and_then(|rest| rest.get(..1));
        if state != Some("T") {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The process of the other tests; alone, a short run of the same work.
#[test]
fn a_process_works() {
    if let Some(dir) = env::var_os(DIR) {
        dies_with_parent();
        let work = Work::parse(&env::var(WORK).unwrap()).unwrap();
        let dir = Path::new(&dir);
        let say = |line: Line| {
            // Nobody may be listening any more.
            drop(io::stdout().lock().write_all(line.to_string().as_bytes()));
        };
        match work.on {
            On::Log | On::UnflushedLog => log::work(dir, work, usize::MAX, say),
            On::Store => store::work(dir, work, usize::MAX, say),
        }
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let work = Work {
        on: On::Log,
        entry_bytes: 200,
        batch: 3,
        segment_bytes: 16 << 10,
    };
    let lines = Arc::new(Mutex::new(Vec::new()));
    let to = Arc::clone(&lines);
    log::work(dir.path(), work, 60, move |line| {
        to.lock().unwrap().push(line);
    });
    let mut told = Told::default();
    told.take(&lines.lock().unwrap(), &[]);
    assert!(told.count >= 180, "{told:?}");
    log::check(dir.path(), work, &mut told).unwrap();
}
