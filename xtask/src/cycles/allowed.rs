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
        edges: &[("execute::resolved_bucket", "execute::context")],
    },
    Allowed {
        of: "crates/gateway",
        reason: "the trailer is the last part of a chunked payload, and is read line by line like the chunks",
        edges: &[("payload::chunked", "payload::trailer")],
    },
    Allowed {
        of: "crates/store",
        reason: "an engine's rows are made of its queries and the other way round",
        edges: &[
            ("postgres::dialect", "postgres::row_values"),
            ("sqlite::dialect", "sqlite::row_values"),
            ("sql::rows", "sql::statement"),
        ],
    },
    Allowed {
        of: "crates/store",
        reason: "statements about one aggregate read or note something in the table of the other",
        edges: &[
            ("sql::attachment", "sql::repository"),
            ("sql::bucket_list", "sql::status"),
            ("sql::status", "sql::bucket_list"),
            ("sql::member", "sql::workspace"),
            ("sql::repository", "sql::repository_key"),
        ],
    },
    Allowed {
        of: "e2e",
        reason: "a person calls the server and the server makes its first person; both only serve tests",
        edges: &[("person", "server"), ("server", "person"), ("environment", "postgres")],
    },
];
