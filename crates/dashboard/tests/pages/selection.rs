//! What is done with selected rows of the list of buckets.

use bucketry_model::role::{OrgRole, WorkspaceRole};
use http::StatusCode;

use crate::deployment::{Deployment, OWNER};

const PATH: &str = "/ui/buckets/selected";

#[tokio::test]
async fn selected_buckets_are_removed_after_a_question() {
    let deployment = Deployment::new().await;
    let [one, two] =
        [deployment.bucket("alpha").await, deployment.bucket("beta").await].map(|id| id.to_string());
    deployment.bucket("gamma").await;
    let cookie = deployment.sign_in(OWNER).await;
    let list = deployment.get(&cookie, "/ui/buckets?state=unseen").await.text;
    assert!(list.contains(&format!("value=\"{one}\"")) && list.contains("name=\"action\" value=\"remove\""));
    let mut fields = vec![
        ("action", "remove"),
        ("id", one.as_str()),
        ("id", two.as_str()),
        ("back", "/ui/buckets?state=unseen"),
    ];
    let asked = deployment.post(&cookie, PATH, &fields).await;
    assert_eq!(asked.status, StatusCode::OK, "{}", asked.text);
    assert!(
        asked.text.contains("Remove 2 buckets") && asked.text.contains("Type 2 to confirm"),
        "{}",
        asked.text
    );
    fields.push(("confirm", "3"));
    let wrong = deployment.post(&cookie, PATH, &fields).await;
    assert!(
        wrong.status == StatusCode::UNPROCESSABLE_ENTITY
            && wrong.text.contains("Enter 2 to remove 2 buckets.")
    );
    fields.pop();
    fields.push(("confirm", "2"));
    let removed = deployment.post(&cookie, PATH, &fields).await;
    assert_eq!(removed.location(), "/ui/buckets?state=unseen&done=buckets-removed");
    let list = deployment.get(&cookie, "/ui/buckets?done=buckets-removed").await.text;
    assert!(list.contains("gamma") && !list.contains("alpha") && !list.contains("beta"));
    assert!(list.contains("The buckets were removed from the registry."));
}

#[tokio::test]
async fn selected_buckets_are_moved_to_a_workspace() {
    let deployment = Deployment::new().await;
    let id = deployment.bucket("photos").await;
    let archive = deployment.control.create_workspace(&deployment.owner, "Archive").await.unwrap().id;
    let cookie = deployment.sign_in(OWNER).await;
    let (id_text, to) = (id.to_string(), archive.to_string());
    let asked = deployment.post(&cookie, PATH, &[("action", "move"), ("id", &id_text)]).await;
    assert!(asked.text.contains("Move 1 bucket") && asked.text.contains(">Archive<"), "{}", asked.text);
    let fields = [("action", "move"), ("id", id_text.as_str()), ("workspaceId", to.as_str())];
    let moved = deployment.post(&cookie, PATH, &fields).await;
    assert_eq!(moved.location(), "/ui/buckets?done=buckets-moved", "{}", moved.text);
    let view = deployment.control.bucket(&deployment.owner, id).await.unwrap();
    assert_eq!(view.bucket.workspace_id, archive);
    let nowhere = [("action", "move"), ("id", id_text.as_str()), ("workspaceId", "nowhere")];
    let refused = deployment.post(&cookie, PATH, &nowhere).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("1 of 1 bucket could not be changed"), "{}", refused.text);
}

#[tokio::test]
async fn only_buckets_that_the_viewer_may_change_can_be_selected() {
    let deployment = Deployment::new().await;
    let id = deployment.bucket("photos").await.to_string();
    deployment.user("reader@example.com", OrgRole::User, Some(WorkspaceRole::Read)).await;
    let reader = deployment.sign_in("reader@example.com").await;
    let list = deployment.get(&reader, "/ui/buckets").await.text;
    assert!(list.contains("photos") && !list.contains("type=\"checkbox\""), "{list}");
    let fields =
        [("action", "remove"), ("id", id.as_str()), ("confirm", "1"), ("back", "https://evil.example.com/")];
    let refused = deployment.post(&reader, PATH, &fields).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("Select at least one bucket that you may change."), "{}", refused.text);
    assert!(!refused.text.contains("evil.example.com"), "a form can't send people elsewhere");
    let owner = deployment.sign_in(OWNER).await;
    let unknown = deployment.post(&owner, PATH, &[("action", "paint"), ("id", &id)]).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    let many: Vec<(&str, &str)> = std::iter::repeat_n(("id", id.as_str()), 500).collect();
    let page = deployment.post(&owner, PATH, &[&[("action", "remove")], &many[..]].concat()).await;
    assert!(page.text.contains("Remove 1 bucket"), "one bucket, however often it is named");
}
