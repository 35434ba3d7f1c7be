//! JUnit files, as CI systems read them: one suite of one test for every assertion, all in one file.
//!
//! These few lines of XML are written here: a crate for it brings a parser, a calendar and random ids with it, and this
//! program has to fit a router. The file is whole at any time, and one that is not of this making is left alone.

use crate::exit::{Failure, reasons};
use crate::replace::replace;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

/// A test and how it ended.
#[derive(Clone, Debug)]
pub(crate) struct Case<'a> {
    /// By which CI systems tell tests apart.
    pub(crate) name: &'a str,
    pub(crate) time: Duration,
    pub(crate) end: End<'a>,
}

#[derive(Copy, Clone, Debug)]
pub(crate) enum End<'a> {
    Passed,
    /// It does not hold: a line that sums it up, and all of it.
    Failed {
        message: &'a str,
        text: &'a str,
    },
    /// Nobody can say whether it holds.
    Unknown {
        message: &'a str,
    },
}

/// What is in `path` before the next test, which must end as these files do; nothing, if there is no file.
///
/// # Errors
/// It is another file, or cannot be read.
pub(crate) fn begun(path: &Path) -> Result<String, Failure> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(HEAD.to_owned()),
        Err(cause) => {
            return Err(Failure::usage(format!(
                "cannot read {}: {cause}",
                path.display()
            )));
        }
    };
    match text
        .strip_suffix(TAIL)
        .filter(|text| text.starts_with(HEAD))
    {
        Some(begun) => Ok(begun.to_owned()),
        None => Err(Failure::of(
            reasons::JUNIT_FOREIGN,
            format!("{} is not a file of `router-hosts assert`", path.display()),
        )),
    }
}

/// Writes what was [`begun`] with one more test.
///
/// # Errors
/// The file cannot be written; what was there before is unchanged.
pub(crate) fn add(path: &Path, begun: &str, case: &Case<'_>) -> Result<(), Failure> {
    let text = format!("{begun}{}{TAIL}", suite(case));
    replace(path, text.as_bytes()).map_err(|cause| {
        Failure::of(
            reasons::OUTPUT_FILE,
            format!("cannot write {}: {cause}", path.display()),
        )
    })
}

fn suite(Case { name, time, end }: &Case<'_>) -> String {
    let name = escaped(name);
    let time = format!("{:.3}", time.as_secs_f64());
    let (failures, errors, body) = match end {
        End::Passed => (0, 0, String::new()),
        End::Failed { message, text } => {
            let (message, text) = (escaped(message), escaped(text));
            let body = format!("    <failure message=\"{message}\">{text}</failure>\n");
            (1, 0, body)
        }
        End::Unknown { message } => {
            let message = escaped(message);
            (0, 1, format!("    <error message=\"{message}\"/>\n"))
        }
    };
    format!(
        "<testsuite name=\"router-hosts assert\" tests=\"1\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"0\" time=\"{time}\">\n  \
         <testcase classname=\"router-hosts.assert\" name=\"{name}\" time=\"{time}\">\n{body}  </testcase>\n</testsuite>\n"
    )
}

/// As text between tags and in attributes. XML 1.0 has no place for most control characters.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

const HEAD: &str =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"router-hosts\">\n";
const TAIL: &str = "</testsuites>\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn case<'a>(name: &'a str, end: End<'a>) -> Case<'a> {
        Case {
            name,
            time: Duration::from_millis(1234),
            end,
        }
    }

    #[test]
    fn tests_of_one_file_stand_one_behind_the_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.xml");
        let failed = End::Failed {
            message: "2 nodes differ",
            text: "n2 < n1 & \"n3\"\nn3 \u{1b}[2J",
        };
        let unknown = End::Unknown {
            message: "nobody answers",
        };
        for (name, end) in [
            ("converged", End::Passed),
            ("equal", failed),
            ("kept", unknown),
        ] {
            add(&path, &begun(&path).unwrap(), &case(name, end)).unwrap();
        }
        let written = fs::read_to_string(&path).unwrap();
        assert_eq!(written, include_str!("junit.golden.xml"));
    }

    #[test]
    fn a_file_of_others_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.xml");
        for text in ["", "<testsuites>\n</testsuites>\n", HEAD, "a letter\n"] {
            fs::write(&path, text).unwrap();
            let failure = begun(&path).unwrap_err();
            assert_eq!(failure.exit as u8, 2, "{text}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert!(begun(dir.path()).is_err());
    }
}
