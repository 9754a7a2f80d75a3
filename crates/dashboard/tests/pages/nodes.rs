//! The page of nodes.

use bucketry_model::role::OrgRole;
use http::StatusCode;

use crate::deployment::{Deployment, OWNER};

#[tokio::test]
async fn an_owner_approves_a_node_by_the_key_on_the_page() {
    let deployment = Deployment::new().await;
    let (id, recipient) = deployment.pending_node("far-away").await;
    let cookie = deployment.sign_in(OWNER).await;
    let page = deployment.get(&cookie, "/ui/nodes").await.text;
    assert!(page.contains("Waits for approval") && page.contains(&recipient), "{page}");
    let path = format!("/ui/nodes/{id}/approval");
    assert!(page.contains(&path), "{page}");

    let other = deployment.post(&cookie, &path, &[("recipient", "age1another")]).await;
    assert!(other.status.is_client_error(), "{}", other.text);
    let approved = deployment.post(&cookie, &path, &[("recipient", &recipient)]).await;
    assert_eq!(approved.location(), "/ui/nodes?done=node-approved");
    let page = deployment.get(&cookie, "/ui/nodes?done=node-approved").await.text;
    assert!(page.contains("The node was approved.") && !page.contains("Waits for approval"), "{page}");
    assert!(page.contains("Secrets are being sealed to it: 0 %"), "{page}");
}

#[tokio::test]
async fn others_see_that_a_node_waits_and_cannot_approve_it() {
    let deployment = Deployment::new().await;
    let (id, recipient) = deployment.pending_node("far-away").await;
    deployment.user("admin@example.com", OrgRole::Administrators, None).await;
    let admin = deployment.sign_in("admin@example.com").await;
    let page = deployment.get(&admin, "/ui/nodes").await.text;
    assert!(page.contains("An owner has to approve it.") && !page.contains(&recipient), "{page}");
    let path = format!("/ui/nodes/{id}/approval");
    let refused = deployment.post(&admin, &path, &[("recipient", &recipient)]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.text.contains("role OWNER"), "{}", refused.text);
}
