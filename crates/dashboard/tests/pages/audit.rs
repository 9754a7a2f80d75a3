//! The audit.

use bucketry_model::role::{OrgRole, WorkspaceRole};
use http::StatusCode;

use crate::deployment::{Deployment, OWNER};

fn rows(page: &str) -> usize {
    page.matches("<details id=\"record-").count()
}

#[tokio::test]
async fn a_record_opens_to_the_state_before_and_after() {
    let deployment = Deployment::new().await;
    let cookie = deployment.sign_in(OWNER).await;
    let workspace = deployment.workspace;
    deployment.post(&cookie, &format!("/ui/workspaces/{workspace}"), &[("name", "films")]).await;
    let page = deployment.get(&cookie, "/ui/audit?kind=workspace&action=updated").await.text;
    assert_eq!(rows(&page), 1, "{page}");
    for part in [
        "changed the workspace",
        "owner@example.com",
        "<th scope=\"row\">name</th>",
        "default",
        "films",
        "(changed)",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[tokio::test]
async fn records_are_filtered_by_person_event_result_and_time() {
    let deployment = Deployment::new().await;
    deployment.user("reader@example.com", OrgRole::User, Some(WorkspaceRole::Read)).await;
    let cookie = deployment.sign_in(OWNER).await;
    let reader = deployment.sign_in("reader@example.com").await;
    drop(reader);
    let count = async |query: &str| {
        let page = deployment.get(&cookie, &format!("/ui/audit?{query}")).await;
        assert_eq!(page.status, StatusCode::OK, "{query}: {}", page.text);
        rows(&page.text)
    };
    assert!(count("user=READER@example.com&action=signed-in").await >= 1);
    assert_eq!(count("user=reader@example.com&kind=workspace").await, 0);
    assert!(count("since=2026-03-01&until=2026-03-01").await > 3);
    assert_eq!(count("since=2026-03-02").await, 0);
    assert_eq!(count("until=2026-02-28").await, 0);
    assert_eq!(count("result=refused").await, 0);
    let none = deployment.get(&cookie, "/ui/audit?kind=bucket&since=2026-03-02").await.text;
    assert!(none.contains("There are no records about “Buckets” from 2026-03-02 on."), "{none}");
    for (query, sentence) in [
        ("since=yesterday", "From must be a day such as 2026-03-01."),
        ("kind=planet", "About must be one of workspace"),
        ("user=nobody@example.com", "Person is not the e-mail address of an account"),
    ] {
        let wrong = deployment.get(&cookie, &format!("/ui/audit?{query}")).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
        assert!(
            wrong.text.contains(sentence) && !wrong.text.contains("Export CSV"),
            "{query}: {}",
            wrong.text
        );
    }
}

#[tokio::test]
async fn what_a_removed_person_did_is_found_by_the_address_in_the_records() {
    let deployment = Deployment::new().await;
    deployment.user("grace@example.com", OrgRole::User, Some(WorkspaceRole::Admin)).await;
    let grace = deployment.sign_in("grace@example.com").await;
    let path = format!("/ui/workspaces/{}", deployment.workspace);
    deployment.post(&grace, &path, &[("name", "films")]).await;
    let cookie = deployment.sign_in(OWNER).await;
    let search = "/ui/audit?user=Grace@Example.com&kind=workspace";
    let before = deployment.get(&cookie, search).await.text;
    let users = deployment.control.users(&deployment.owner, None, 10).await.unwrap();
    let id = users.iter().find(|user| user.email == "grace@example.com").unwrap().id;
    deployment.control.delete_user(&deployment.owner, id).await.unwrap();
    let after = deployment.get(&cookie, search).await.text;
    assert_eq!((rows(&before), rows(&after)), (1, 1), "{after}");
    assert!(after.contains("grace@example.com") && after.contains("films"), "{after}");
}

#[tokio::test]
async fn records_are_paged_and_exported_whole() {
    let deployment = Deployment::new().await;
    for number in 0..60 {
        let name = format!("space-{number}");
        deployment.control.create_workspace(&deployment.owner, &name).await.unwrap();
    }
    let cookie = deployment.sign_in(OWNER).await;
    let first = deployment.get(&cookie, "/ui/audit?kind=workspace").await.text;
    assert_eq!(rows(&first), 50);
    let start = first.find("/ui/audit?kind=workspace&amp;after=").unwrap();
    let next: String = first[start..].chars().take_while(|letter| *letter != '"').collect();
    let second = deployment.get(&cookie, &next.replace("&amp;", "&")).await.text;
    assert!(rows(&second) >= 10 && second.contains("First page"), "{second}");

    let csv = deployment.get(&cookie, "/ui/audit/export?format=csv&kind=workspace").await;
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8; header=present");
    assert_eq!(csv.headers["content-disposition"], "attachment; filename=\"audit.csv\"");
    assert!(csv.text.starts_with("id,timestamp,") && csv.text.contains("\"space-59\""), "{}", csv.text);
    let lines = deployment.get(&cookie, "/ui/audit/export?format=jsonl&kind=workspace").await;
    assert_eq!(lines.headers["content-type"], "application/x-ndjson");
    assert_eq!(lines.text.lines().count() + 1, csv.text.lines().count());
    let line: serde_json::Value = serde_json::from_str(lines.text.lines().next().unwrap()).unwrap();
    assert_eq!((&line["kind"], &line["targetName"]), (&"workspace".into(), &"space-59".into()));
}

#[tokio::test]
async fn only_administrators_read_and_export_the_audit() {
    let deployment = Deployment::new().await;
    deployment.user("clerk@example.com", OrgRole::Workspaces, Some(WorkspaceRole::Admin)).await;
    let clerk = deployment.sign_in("clerk@example.com").await;
    for path in ["/ui/audit", "/ui/audit/export?format=csv", "/ui/audit?since=yesterday"] {
        let refused = deployment.get(&clerk, path).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
        assert!(refused.text.contains("role ADMINISTRATORS"), "{path}: {}", refused.text);
    }
}
