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
            let (address, ids) = address(&deployment, path.path, &format!("{role}-{}", table.len())).await;
            let page = match path.method {
                // Its body doesn't end.
                "GET" if path.path == "/ui/live" => {
                    deployment.send(Method::HEAD, &address, &[("cookie", cookie)], "").await
                }
                "GET" => deployment.get(cookie, &address).await,
                _ => deployment.post(cookie, &address, &[]).await,
            };
            let mut to = page.location().to_owned();
            for (name, id) in &ids {
                to = to.replace(id, name);
            }
            // The id of a test message is new each time.
            to.truncate(to.find("tested=").map_or(to.len(), |start| start + "tested=".len()));
            let to = if to.is_empty() { to } else { format!(" → {to}") };
            let _ = writeln!(table, "  {role:15}{}{to}", page.status.as_u16());
        }
    }
    compare(&table);
}

/// The address with ids of new things in place of what stands for them, and these ids.
async fn address(deployment: &Deployment, path: &str, name: &str) -> (String, Vec<(&'static str, String)>) {
    let mut ids = vec![
        ("{workspace}", deployment.workspace.to_string()),
        ("{token}", "not-an-id".to_owned()),
        ("{bucket}", "not-an-id".to_owned()),
        ("{validation}", "not-an-id".to_owned()),
    ];
    if path.contains("{id}") {
        ids.push(("{id}", deployment.bucket(name).await.to_string()));
    }
    if path.contains("{repository}") {
        let (repository, key) = deployment.repository(name).await;
        ids.extend([("{repository}", repository), ("{key}", key)]);
    }
    if path.contains("{user}") {
        let user = deployment.account(&format!("{name}@example.com"), OrgRole::User).await;
        deployment
            .control
            .add_member(&deployment.owner, deployment.workspace, user, WorkspaceRole::Read)
            .await
            .unwrap();
        ids.push(("{user}", user.to_string()));
    }
    if path.contains("{node}") {
        ids.push(("{node}", deployment.pending_node(name).await.0.to_string()));
    }
    if path.contains("{organizationKey}") {
        ids.push(("{organizationKey}", deployment.organization_key().await.to_string()));
    }
    if path.contains("{channel}") {
        ids.push(("{channel}", deployment.channel(name).await.to_string()));
    }
    if path.contains("{silence}") {
        ids.push(("{silence}", deployment.silence().await.to_string()));
    }
    let mut address = path.replace("{*missing}", "nothing");
    for (name, id) in &ids {
        address = address.replace(name, id);
    }
    (address, ids)
}

fn compare(table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/authorization.golden");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, table).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(stored, table, "UPDATE_SNAPSHOTS=1 rewrites {}", path.display());
}
