//! The shapes hosts take outside: files in three formats, read and written.
//!
//! Foreign bytes are bounded before they are looked at, and serialisation is known nowhere else in this crate.

pub mod block;
mod csv;
mod export;
mod file_format;
pub mod hosts_file;
mod json;
mod parsed;
mod record;
pub mod render;
mod text;

pub use csv::guarded;
pub use export::Export;
pub use file_format::{FileFormat, UnknownFormat};
pub use parsed::{ParseError, ParseErrors, ParseFault, Parsed, Place, Row, Warning, WarningKind};

/// Reads a file in `format`.
///
/// # Errors
/// [`ParseErrors`] with all that is wrong with it; nothing of it is taken then.
pub fn parse(format: FileFormat, bytes: &[u8]) -> Result<Parsed, ParseErrors> {
    match format {
        FileFormat::Hosts => hosts_file::parse(bytes),
        FileFormat::Json => json::parse(bytes),
        FileFormat::Csv => csv::parse(bytes),
    }
}
