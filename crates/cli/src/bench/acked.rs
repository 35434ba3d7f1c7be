//! The acknowledged writes of a run, one line each.
//!
//! A line is written as soon as the answer is there and before the next write
//! of that writer, in one piece: whatever ends the program, what stands in the
//! file was acknowledged. Nothing is flushed to the medium: it is the cluster
//! whose power is cut, not this machine's.

use crate::client::Answer;
use crate::exit::{Failure, reasons};
use hosts::{Address, HostId, Hostname, NewHost, RequestId, Revision};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// One acknowledged write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Acked {
    pub(crate) request: RequestId,
    pub(crate) id: HostId,
    pub(crate) hostname: Hostname,
    pub(crate) address: Address,
    pub(crate) revision: Revision,
}

impl fmt::Display for Acked {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            request,
            id,
            hostname,
            address,
            revision,
        } = self;
        let request = request.as_str();
        write!(out, "{request} {id} {hostname} {address} {revision}")
    }
}

impl FromStr for Acked {
    /// What a line should be.
    type Err = &'static str;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        const SHAPE: &str = "a request id, a host id, a name, an address and a revision";
        let words: Vec<&str> = line.split(' ').collect();
        let [request, id, hostname, address, revision] = words.as_slice() else {
            return Err(SHAPE);
        };
        Ok(Self {
            request: request.parse().map_err(|_| SHAPE)?,
            id: id.parse().map_err(|_| SHAPE)?,
            hostname: Hostname::parse(hostname).map_err(|_| SHAPE)?,
            address: address.parse().map_err(|_| SHAPE)?,
            revision: revision.parse().map_err(|_| SHAPE)?,
        })
    }
}

/// Where they are written: behind what is there.
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let file = OpenOptions::new().append(true).create(true).open(path);
        Ok(Self {
            path: path.to_owned(),
            file: file.map_err(|cause| {
                Failure::usage(format!("cannot open {}: {cause}", path.display()))
            })?,
        })
    }

    /// Writes a line. Lines of several writers do not mix: each is one write
    /// at the end of the file.
    pub(crate) fn note(
        &self,
        request: &RequestId,
        host: &NewHost,
        answer: &Answer<HostId>,
    ) -> Result<(), Failure> {
        let acked = Acked {
            request: request.clone(),
            id: answer.value,
            hostname: host.hostname.clone(),
            address: host.address,
            revision: crate::client::required(answer.revision)?,
        };
        (&self.file)
            .write_all(format!("{acked}\n").as_bytes())
            .map_err(|cause| {
                Failure::of(
                    reasons::ACKED,
                    format!("cannot write to {}: {cause}", self.path.display()),
                )
            })
    }
}

/// Reads such a file.
pub(crate) fn read(path: &Path) -> Result<Vec<Acked>, Failure> {
    let file = File::open(path).map_err(|cause| unreadable(path, &cause))?;
    parse(BufReader::new(file)).map_err(|error| match error {
        Unread::Io(cause) => unreadable(path, &cause),
        Unread::Line(number, shape) => {
            Failure::usage(format!("{}, line {number}, is not {shape}", path.display()))
        }
    })
}

enum Unread {
    Io(io::Error),
    Line(usize, &'static str),
}

fn parse(mut file: impl io::BufRead) -> Result<Vec<Acked>, Unread> {
    let mut all = Vec::new();
    let mut line = String::new();
    for number in 1.. {
        line.clear();
        file.read_line(&mut line).map_err(Unread::Io)?;
        // A line without its end was cut off with the program that wrote it.
        let Some(whole) = line.strip_suffix('\n') else {
            break;
        };
        let acked = whole.parse().map_err(|shape| Unread::Line(number, shape))?;
        all.push(acked);
    }
    Ok(all)
}

fn unreadable(path: &Path, cause: &io::Error) -> Failure {
    Failure::usage(format!("cannot read {}: {cause}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::names::Names;
    use crate::exit::Exit;

    fn journal(path: &Path, numbers: std::ops::Range<u64>) -> Vec<String> {
        let names = Names::draw("bench".parse().unwrap(), 0).unwrap();
        let journal = Journal::open(path).unwrap();
        numbers
            .map(|number| {
                let (host, request) = (names.host(number).unwrap(), names.request(number).unwrap());
                let answer = Answer {
                    value: HostId::from_u128(number.into()),
                    revision: Some(Revision::new(number + 40)),
                };
                journal.note(&request, &host, &answer).unwrap();
                host.hostname.to_string()
            })
            .collect()
    }

    #[test]
    fn what_is_noted_is_read_again_and_a_second_run_adds_to_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("acked");
        let mut names = journal(&path, 0..3);
        names.extend(journal(&path, 3..5));
        let all = read(&path).unwrap();
        let read: Vec<_> = all.iter().map(|acked| acked.hostname.to_string()).collect();
        assert_eq!(read, names);
        assert_eq!(all[4].revision, Revision::new(44));
        let line = "r-1 00000000000000000000000004 a.test 198.18.0.4 44";
        assert_eq!(line.parse::<Acked>().unwrap().to_string(), line);
    }

    #[test]
    fn a_line_that_was_cut_off_is_left_out_and_any_other_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("acked");
        journal(&path, 0..2);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 3]).unwrap();
        assert_eq!(read(&path).unwrap().len(), 1);
        std::fs::write(&path, [b"half a line\n", whole.as_slice()].concat()).unwrap();
        let failure = read(&path).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.message.contains("line 1,"), "{}", failure.message);
    }
}
