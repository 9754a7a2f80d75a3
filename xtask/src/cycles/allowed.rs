//! Cycles that stay for now, by the reason.

/// Imports of one crate that close a cycle and may stay.
#[derive(Debug)]
pub(crate) struct Allowed {
    /// The crate's folder.
    pub(crate) of: &'static str,
    /// Why they stay. For readers only.
    #[expect(dead_code, reason = "only people read it")]
    pub(crate) reason: &'static str,
    /// The module that imports, and the one that it should not import.
    pub(crate) edges: &'static [(&'static str, &'static str)],
}

/// Every allowed cycle.
pub(crate) const ALLOWED: &[Allowed] = &[];
