//! Any hosts, exported in every format and read again, and rendered.

use arbitrary::Unstructured;
use hosts::format::{FileFormat, Place, Row};

use crate::hosts_file::rendered;
use crate::made;
use crate::same::{an_export_is_read_back, imported};

/// Makes hosts of the input.
pub fn run(bytes: &[u8]) {
    let Ok(made) = made::hosts(&mut Unstructured::new(bytes)) else {
        return;
    };
    let rows: Vec<Row> = (1..)
        .zip(made)
        .map(|(line, host)| Row {
            place: Place { line, record: None },
            host,
        })
        .collect();
    let hosts = imported(&rows);
    for format in [FileFormat::Json, FileFormat::Csv] {
        an_export_is_read_back(&hosts, format);
    }
    for comments in [false, true] {
        rendered(&hosts, comments);
    }
}
