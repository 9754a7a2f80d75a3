//! Statements over several rows.

/// A statement that takes several rows: `before`, the rows with `columns` values each, `after`.
pub(super) struct Rows<'a> {
    pub(super) before: &'a str,
    pub(super) columns: usize,
    pub(super) after: &'a str,
}
