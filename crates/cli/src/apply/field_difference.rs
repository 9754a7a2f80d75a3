//! A field that a file changes.

/// A field with its stored and its new value. Never contains a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldDifference {
    pub(crate) field: &'static str,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
}

impl FieldDifference {
    pub(super) fn new(field: &'static str, from: Option<&str>, to: Option<&str>) -> Self {
        Self { field, from: from.map(str::to_owned), to: to.map(str::to_owned) }
    }
}
