//! An error and its causes on one line, for whoever logs it. What the line has said already, it does not say again:
//! some errors of libraries repeat their cause in their own words.

use std::error::Error;
use std::fmt;

/// Displays an error, then each cause after a colon.
#[derive(Debug)]
pub struct Chain<'a>(pub &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = self.0.to_string();
        let mut cause = self.0.source();
        while let Some(error) = cause {
            let words = error.to_string();
            if !line.contains(&words) {
                line = format!("{line}: {words}");
            }
            cause = error.source();
        }
        f.write_str(&line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{words}")]
    struct Link {
        words: &'static str,
        #[source]
        cause: Option<Box<Self>>,
    }

    fn link(words: &'static str, cause: Option<Link>) -> Link {
        Link {
            words,
            cause: cause.map(Box::new),
        }
    }

    #[test]
    fn a_cause_is_said_once() {
        let disk = link("no space", None);
        let log = link("cannot write the log", Some(disk));
        let library = link("when writing: cannot write the log", Some(log));
        let part = link("the part ended", Some(library));
        assert_eq!(
            Chain(&part).to_string(),
            "the part ended: when writing: cannot write the log: no space"
        );
    }
}
