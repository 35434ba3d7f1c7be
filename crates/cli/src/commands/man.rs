//! `man`: manual pages, from the same definition as the help.

use crate::args::Cli;
use crate::exit::{Failure, reasons};
use crate::output::{Output, Written};
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use std::fs;
use std::io;
use std::path::Path;

/// Writes a page for the program and one for every command into a directory,
/// which is made if it is missing.
pub(super) fn run(directory: &Path, output: &Output) -> Result<(), Failure> {
    let cannot = |path: &Path, cause: &io::Error| {
        let path = path.display();
        Failure::of(
            reasons::OUTPUT_DIRECTORY,
            format!("cannot write {path}: {cause}"),
        )
    };
    fs::create_dir_all(directory).map_err(|cause| cannot(directory, &cause))?;
    let mut files = Vec::new();
    for (name, page) in pages().map_err(|cause| cannot(directory, &cause))? {
        let path = directory.join(name);
        fs::write(&path, page).map_err(|cause| cannot(&path, &cause))?;
        files.push(path.display().to_string());
    }
    output.report(&Written { files })
}

/// File names and pages: `router-hosts.1`, `router-hosts-host.1`,
/// `router-hosts-host-add.1`, …
fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut definition = Cli::command();
    // So that every command knows its full name and the global flags.
    definition.build();
    let mut pages = Vec::new();
    collect(&definition, definition.get_name(), &mut pages)?;
    Ok(pages)
}

fn collect(command: &Command, name: &str, into: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    let mut page = Vec::new();
    Man::new(command.clone())
        .title(name)
        .manual("router-hosts")
        .source(concat!("router-hosts ", env!("CARGO_PKG_VERSION")))
        .render(&mut page)?;
    into.push((format!("{name}.1"), page));
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        collect(sub, &format!("{name}-{}", sub.get_name()), into)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::vocabulary;

    #[test]
    fn every_command_has_a_page_with_its_flags_and_examples() {
        let pages = pages().unwrap();
        let page = |name: &str| {
            let found = pages.iter().find(|(file, _)| file == name);
            let (_, page) = found.unwrap_or_else(|| panic!("no page {name}"));
            String::from_utf8(page.clone()).unwrap()
        };
        for (path, command) in vocabulary::commands() {
            let text = page(&format!("{}.1", path.replace(' ', "-")));
            for section in [".TH", "NAME", "SYNOPSIS", "Example"] {
                assert!(text.contains(section), "{path} has no {section}: {text}");
            }
            let flags = command.get_arguments().filter_map(|arg| arg.get_long());
            for flag in flags {
                let flag = format!("\\-\\-{}", flag.replace('-', "\\-"));
                assert!(text.contains(&flag), "{path} has no {flag}");
            }
        }
        assert_eq!(pages.len(), vocabulary::commands().len());
    }

    #[test]
    fn no_page_has_a_line_that_begins_with_a_stray_control_character() {
        const MACROS: [&str; 13] = [
            ".ie", ".el", ".TH", ".SH", ".TP", ".br", ".RS", ".RE", ".nf", ".fi", ".SS", ".PP",
            ".IP",
        ];
        for (name, page) in pages().unwrap() {
            let text = String::from_utf8(page).unwrap();
            for line in text.lines().filter(|line| line.starts_with(['.', '\''])) {
                let known = MACROS.iter().any(|known| line.starts_with(known));
                assert!(known, "{name}: {line}");
            }
        }
    }
}
