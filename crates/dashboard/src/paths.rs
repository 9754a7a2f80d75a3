//! All addresses, for the tests of what each role may open.

/// An address with its method. `{id}` stands for the id of a bucket, `{repository}`, `{key}` and
/// `{token}` for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PagePath {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The path as the router has it.
    pub path: &'static str,
}

const fn get(path: &'static str) -> PagePath {
    PagePath { method: "GET", path }
}

const fn post(path: &'static str) -> PagePath {
    PagePath { method: "POST", path }
}

/// Every address of the dashboard.
pub fn page_paths() -> &'static [PagePath] {
    const ALL: &[PagePath] = &[
        get("/ui"),
        get("/ui/"),
        get("/ui/traffic.csv"),
        get("/ui/sign-in"),
        post("/ui/sign-in"),
        post("/ui/sign-out"),
        get("/ui/password"),
        post("/ui/password"),
        get("/ui/settings"),
        post("/ui/settings"),
        post("/ui/theme"),
        get("/ui/buckets"),
        get("/ui/buckets/add"),
        post("/ui/buckets/add"),
        post("/ui/buckets/selected"),
        get("/ui/buckets/{id}"),
        get("/ui/buckets/{id}/traffic.csv"),
        get("/ui/buckets/{id}/latency.csv"),
        get("/ui/buckets/{id}/availability.csv"),
        get("/ui/buckets/{id}/activity"),
        get("/ui/buckets/{id}/connect"),
        get("/ui/buckets/{id}/inventory"),
        post("/ui/buckets/{id}/inventory"),
        get("/ui/buckets/{id}/settings"),
        post("/ui/buckets/{id}/settings"),
        post("/ui/buckets/{id}/check"),
        post("/ui/buckets/{id}/delete"),
        get("/ui/repositories"),
        post("/ui/repositories"),
        get("/ui/repositories/new"),
        get("/ui/repositories/{repository}"),
        post("/ui/repositories/{repository}/keys"),
        post("/ui/repositories/{repository}/keys/{key}/revoke"),
        get("/ui/nodes"),
        get("/ui/tokens"),
        post("/ui/tokens"),
        post("/ui/tokens/{token}/revoke"),
        get("/ui/live"),
        get("/ui/{*missing}"),
    ];
    ALL
}
