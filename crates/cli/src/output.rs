//! What users and programs see: tables or JSON on standard output, errors on standard error.

use std::io::Write as _;

use serde::Serialize;

use crate::failure::{Failure, Result};
use crate::printable::{printable, printable_lines};

/// Prints a line on standard output. Fails if the reader is gone, such as a closed pipe. Texts from elsewhere must be
/// [`printable`].
pub(crate) fn line(text: &str) -> Result<()> {
    bytes(format!("{text}\n").as_bytes())
}

/// Writes bytes to standard output as they are.
pub(crate) fn bytes(bytes: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| Failure::of_output(&error))
}

/// Prints a failure on standard error, and ignores a failure to do so.
pub(crate) fn failure(failure: &Failure) {
    if !failure.message().is_empty() {
        drop(writeln!(std::io::stderr().lock(), "error: {}", printable_lines(failure.message())));
    }
}

/// Prints a remark on standard error, because standard output is for results.
pub(crate) fn remark(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "{}", printable_lines(text)));
}

/// Prints a sentence with texts from elsewhere, such as names.
pub(crate) fn sentence(text: &str) -> Result<()> {
    line(&printable_lines(text))
}

/// Prints a value as JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    line(&json_text(value)?)
}

/// A value as JSON.
pub(crate) fn json_text(value: &impl Serialize) -> Result<String> {
    serde_json::to_string_pretty(value).map_err(|error| Failure::failed(error.to_string()))
}

/// Prints the result of a change: as JSON for programs, as a sentence for people.
pub(crate) fn done(as_json: bool, value: &impl Serialize, sentence: &str) -> Result<()> {
    if as_json { json(value) } else { self::sentence(sentence) }
}

/// Prints labels and values, one pair per line.
pub(crate) fn pairs(rows: &[(&str, String)]) -> Result<()> {
    let width = rows.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
    let lines: Vec<String> =
        rows.iter().map(|(label, value)| format!("{label:width$}  {}", printable(value))).collect();
    line(&lines.join("\n"))
}
