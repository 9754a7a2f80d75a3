//! All addresses, for the tests of what each role may open.

/// An address with its method. `{id}` stands for the id of a bucket; `{repository}`, `{key}`, `{bucket}`, `{token}`,
/// `{workspace}`, `{user}`, `{channel}`, `{silence}`, `{validation}`, `{node}` and `{organizationKey}` for others.
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
    ALL
}

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
    get("/ui/validations/{validation}"),
    get("/ui/buckets/{id}"),
    get("/ui/buckets/{id}/traffic.csv"),
    get("/ui/buckets/{id}/latency.csv"),
    get("/ui/buckets/{id}/availability.csv"),
    get("/ui/buckets/{id}/activity"),
    get("/ui/buckets/{id}/connect"),
    get("/ui/buckets/{id}/nodes"),
    post("/ui/buckets/{id}/nodes"),
    get("/ui/buckets/{id}/inventory"),
    post("/ui/buckets/{id}/inventory"),
    get("/ui/buckets/{id}/settings"),
    post("/ui/buckets/{id}/settings"),
    post("/ui/buckets/{id}/check"),
    get("/ui/buckets/{id}/check/{validation}"),
    post("/ui/buckets/{id}/delete"),
    get("/ui/repositories"),
    post("/ui/repositories"),
    get("/ui/repositories/new"),
    get("/ui/repositories/{repository}"),
    get("/ui/repositories/{repository}/settings"),
    post("/ui/repositories/{repository}/settings"),
    post("/ui/repositories/{repository}/buckets"),
    post("/ui/repositories/{repository}/buckets/{bucket}/detach"),
    post("/ui/repositories/{repository}/delete"),
    post("/ui/repositories/{repository}/keys"),
    post("/ui/repositories/{repository}/keys/{key}/revoke"),
    get("/ui/nodes"),
    post("/ui/nodes/keys"),
    post("/ui/nodes/keys/{organizationKey}/delete"),
    get("/ui/nodes/{node}"),
    post("/ui/nodes/{node}/approval"),
    post("/ui/nodes/{node}/remove"),
    get("/ui/tokens"),
    post("/ui/tokens"),
    post("/ui/tokens/{token}/revoke"),
    get("/ui/live"),
    post("/ui/settings/rotation"),
    get("/ui/workspaces"),
    post("/ui/workspaces"),
    get("/ui/workspaces/new"),
    get("/ui/workspaces/{workspace}"),
    post("/ui/workspaces/{workspace}"),
    post("/ui/workspaces/{workspace}/delete"),
    post("/ui/workspaces/{workspace}/members"),
    post("/ui/workspaces/{workspace}/members/{user}"),
    post("/ui/workspaces/{workspace}/members/{user}/remove"),
    get("/ui/people"),
    post("/ui/people"),
    get("/ui/people/new"),
    get("/ui/people/{user}"),
    post("/ui/people/{user}"),
    post("/ui/people/{user}/reset-password"),
    post("/ui/people/{user}/remove"),
    get("/ui/audit"),
    get("/ui/audit/export"),
    get("/ui/notifications"),
    post("/ui/notifications"),
    get("/ui/notifications/new"),
    get("/ui/notifications/{channel}"),
    post("/ui/notifications/{channel}"),
    post("/ui/notifications/{channel}/test"),
    post("/ui/notifications/{channel}/delete"),
    post("/ui/notifications/silences"),
    get("/ui/notifications/silences/new"),
    post("/ui/notifications/silences/{silence}/end"),
    get("/ui/{*missing}"),
];
