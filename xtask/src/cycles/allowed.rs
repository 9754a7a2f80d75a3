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
pub(crate) const ALLOWED: &[Allowed] = &[
    Allowed {
        of: "crates/gateway",
        reason: "a context resolves names to buckets, and a bucket seals its upload ids with the context's key",
        edges: &[("object", "routing")],
    },
    Allowed {
        of: "crates/gateway",
        reason: "the trailer is the last part of a chunked payload, and is read line by line like the chunks",
        edges: &[("payload::chunked", "payload::trailer")],
    },
];
