//! What people and programs see: tables or JSON on standard output, errors on standard error.

use std::io::Write as _;

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;

use crate::failure::{Failure, Result};

/// A line on standard output. A reader that went away is no failure of ours, but nothing more can be said then.
pub(crate) fn line(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(|error| Failure::failed(format!("standard output is closed: {error}")))
}

/// An error on standard error, where nothing can be done if that fails too.
pub(crate) fn error(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "error: {text}"));
}

/// A remark on standard error, which leaves standard output to results.
pub(crate) fn remark(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

/// A value as JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::failed(error.to_string()))?;
    line(&text)
}

/// Labels with their values, one a line.
pub(crate) fn pairs(rows: &[(&str, String)]) -> Result<()> {
    let width = rows.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
    let lines: Vec<String> = rows.iter().map(|(label, value)| format!("{label:width$}  {value}")).collect();
    line(&lines.join("\n"))
}

/// Rows as a table.
pub(crate) fn table(header: &[&str], rows: Vec<Vec<String>>) -> Result<()> {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(header);
    for row in rows {
        table.add_row(row);
    }
    line(&table.to_string())
}
