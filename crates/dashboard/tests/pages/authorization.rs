//! What each role gets from each address. The table is in `authorization.golden`; `UPDATE_SNAPSHOTS=1` rewrites it.

use std::fmt::Write as _;
use std::path::Path;

use bucketry_dashboard::page_paths;
use bucketry_model::role::{OrgRole, WorkspaceRole};
use http::Method;

use crate::deployment::{Deployment, OWNER};

const ROLES: [(&str, OrgRole, Option<WorkspaceRole>); 6] = [
    ("USER", OrgRole::User, None),
    ("READ", OrgRole::User, Some(WorkspaceRole::Read)),
    ("WRITE", OrgRole::User, Some(WorkspaceRole::Write)),
    ("ADMIN", OrgRole::User, Some(WorkspaceRole::Admin)),
    ("WORKSPACES", OrgRole::Workspaces, None),
    ("ADMINISTRATORS", OrgRole::Administrators, None),
];

#[tokio::test]
async fn each_role_opens_what_the_table_says() {
    let deployment = Deployment::new().await;
    let mut cookies = vec![("anonymous", String::new())];
    for (name, org_role, role) in ROLES {
        let email = format!("{}@example.com", name.to_lowercase());
        deployment.user(&email, org_role, role).await;
        cookies.push((name, deployment.sign_in(&email).await));
    }
    cookies.push(("OWNER", deployment.sign_in(OWNER).await));
    let mut table =
        String::from("# What each role gets from each address: the status, and for redirects where to.\n");
    // Signing out would end the session that the next rows need.
    for path in page_paths().iter().filter(|path| path.path != "/ui/sign-out") {
        let _ = writeln!(table, "\n{} {}", path.method, path.path);
        for (role, cookie) in &cookies {
            let id = deployment.bucket(&format!("{role}-{}", table.len())).await.to_string();
            let (repository, key) = deployment.repository(&format!("repo-{role}-{}", table.len())).await;
            let address = path.path.replace("{id}", &id).replace("{*missing}", "nothing");
            let address = address.replace("{repository}", &repository).replace("{key}", &key);
            let address = address.replace("{token}", "not-an-id");
            let page = match path.method {
                // Its body doesn't end.
                "GET" if path.path == "/ui/live" => {
                    deployment.send(Method::HEAD, &address, &[("cookie", cookie)], "").await
                }
                "GET" => deployment.get(cookie, &address).await,
                _ => deployment.post(cookie, &address, &[]).await,
            };
            let to = page.location().replace(&id, "{id}").replace(&repository, "{repository}");
            let to = if to.is_empty() { to } else { format!(" → {to}") };
            let _ = writeln!(table, "  {role:15}{}{to}", page.status.as_u16());
        }
    }
    compare(&table);
}

fn compare(table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/authorization.golden");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, table).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(stored, table, "UPDATE_SNAPSHOTS=1 rewrites {}", path.display());
}
