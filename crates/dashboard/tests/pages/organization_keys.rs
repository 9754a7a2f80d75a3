//! Keys of the organization on the page of nodes.

use bucketry_model::role::OrgRole;
use http::StatusCode;

use crate::deployment::{Deployment, OWNER};

#[tokio::test]
async fn a_key_is_shown_once_and_deleted_with_the_nodes_that_use_it() {
    let deployment = Deployment::new().await;
    deployment.user("admin@example.com", OrgRole::Administrators, None).await;
    let admin = deployment.sign_in("admin@example.com").await;
    let made = deployment.post(&admin, "/ui/nodes/keys", &[]).await;
    assert_eq!((made.status, made.headers["cache-control"].to_str().unwrap()), (StatusCode::OK, "no-store"));
    assert!(made.text.contains("-----BEGIN RSA PRIVATE KEY-----"), "{}", made.text);
    assert!(made.text.contains(&deployment.owner.org_id.to_string()), "{}", made.text);
    let list = deployment.get(&admin, "/ui/nodes").await.text;
    assert!(!list.contains("PRIVATE KEY") && list.contains("No registered node signs with it."), "{list}");

    deployment.own_node("ours").await;
    let list = deployment.get(&admin, "/ui/nodes").await.text;
    assert!(list.contains("<bdi>ours</bdi> is removed too"), "{list}");
    let keys =
        deployment.control.organization_keys(&deployment.owner, deployment.owner.org_id).await.unwrap();
    let used = keys.iter().find(|key| !key.nodes.is_empty()).unwrap();
    let deleted = deployment.post(&admin, &format!("/ui/nodes/keys/{}/delete", used.id), &[]).await;
    assert_eq!(deleted.location(), "/ui/nodes?done=node-key-deleted");
    let list = deployment.get(&admin, deleted.location()).await.text;
    assert!(list.contains("The key was deleted.") && !list.contains("ours"), "{list}");
    for wrong in ["not-an-id".to_owned(), used.id.to_string()] {
        let missing = deployment.post(&admin, &format!("/ui/nodes/keys/{wrong}/delete"), &[]).await;
        assert_eq!(missing.status, StatusCode::NOT_FOUND, "{wrong}");
    }
    let audit = deployment.get(&admin, "/ui/audit?kind=orgkey&action=deleted").await.text;
    assert!(audit.contains("admin@example.com") && audit.contains("the node key"), "{audit}");
}

#[tokio::test]
async fn too_many_keys_are_refused_on_the_page() {
    let deployment = Deployment::new().await;
    let cookie = deployment.sign_in(OWNER).await;
    for _ in 0..5 {
        assert_eq!(deployment.post(&cookie, "/ui/nodes/keys", &[]).await.status, StatusCode::OK);
    }
    let refused = deployment.post(&cookie, "/ui/nodes/keys", &[]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("The key was not created"), "{}", refused.text);
    assert!(refused.text.contains("at most 5 keys") && refused.text.contains("node-1"), "{}", refused.text);
}

#[tokio::test]
async fn only_administrators_see_keys() {
    let deployment = Deployment::new().await;
    let key = deployment.organization_key().await;
    deployment.user("user@example.com", OrgRole::User, None).await;
    let user = deployment.sign_in("user@example.com").await;
    let list = deployment.get(&user, "/ui/nodes").await;
    assert_eq!(list.status, StatusCode::OK);
    let list = list.text;
    assert!(!list.contains("Keys of the organization") && !list.contains(&key.to_string()), "{list}");
    for path in ["/ui/nodes/keys".to_owned(), format!("/ui/nodes/keys/{key}/delete")] {
        let refused = deployment.post(&user, &path, &[]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
        assert!(refused.text.contains("ADMINISTRATORS"), "{}", refused.text);
    }
}
