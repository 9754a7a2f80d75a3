//! The pages of nodes.

use bucketry_control::presence::NodeView;
use bucketry_model::role::OrgRole;
use http::{Method, StatusCode};

use crate::deployment::{Deployment, NODE_ADDRESS, OWNER};
use crate::refreshed_parts::refreshed_parts;

/// The nodes that the owner sees, by name.
async fn nodes(deployment: &Deployment) -> Vec<NodeView> {
    deployment.control.nodes(&deployment.owner).await.unwrap()
}

#[tokio::test]
async fn an_owner_approves_a_node_by_the_key_on_its_page() {
    let deployment = Deployment::new().await;
    let (id, recipient) = deployment.pending_node("far-away").await;
    let cookie = deployment.sign_in(OWNER).await;
    let list = deployment.get(&cookie, "/ui/nodes").await.text;
    let here = format!("/ui/nodes/{id}");
    assert!(list.contains("Waits for approval") && list.contains(&format!("href=\"{here}\"")), "{list}");
    assert!(list.contains("2 nodes: 2 connected, 1 waits for approval."), "{list}");
    let (pending, other) = (list.find(">far-away<").unwrap(), list.find(">node-1<").unwrap());
    assert!(pending < other, "those that wait come first: {list}");
    let page = deployment.get(&cookie, &here).await.text;
    assert!(page.contains("the buckets and repositories of all organizations"), "{page}");

    assert!(page.contains(&format!("last from the address <code>{NODE_ADDRESS}</code>")), "{page}");
    let path = format!("{here}/approval");
    assert!(page.contains(&recipient) && page.contains(&path), "{page}");
    let approved = deployment.post(&cookie, &path, &[("recipient", &recipient)]).await;
    assert_eq!(approved.location(), format!("{here}?done=node-approved"));
    let page = deployment.get(&cookie, approved.location()).await.text;
    assert!(page.contains("The node was approved.") && !page.contains("Waits for approval"), "{page}");
    assert!(page.contains("Secrets are being sealed to it: 0 %"), "{page}");
}

#[tokio::test]
async fn a_key_that_changes_while_the_page_is_open_stays_off_the_page_and_is_not_approved() {
    let deployment = Deployment::new().await;
    let (id, compared) = deployment.pending_node("far-away").await;
    let cookie = deployment.sign_in(OWNER).await;
    let here = format!("/ui/nodes/{id}");
    let page = deployment.get(&cookie, &here).await.text;
    assert!(page.contains(&compared), "{page}");
    // Somebody who has a copy of node.pem registers under the same name.
    let (same, other) = deployment.pending_node("far-away").await;
    assert!(same == id && other != compared);
    let headers = [("cookie", cookie.as_str()), ("bucketry-fragment", "main")];
    let again = deployment.send(Method::GET, &here, &headers, "").await.text;
    let parts = refreshed_parts(&again);
    assert!(parts.len() == 2 && again.contains(&other), "{again}");
    assert!(!parts.iter().any(|part| part.contains(&other)), "the open page stays as it is: {parts:#?}");
    let refused = deployment.post(&cookie, &format!("{here}/approval"), &[("recipient", &compared)]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        refused.text.contains("has registered with another public key since this page was opened"),
        "{}",
        refused.text
    );
    assert!(refused.text.contains(&other) && !refused.text.contains(&compared), "{}", refused.text);
    let stored = nodes(&deployment).await;
    let stored = stored.iter().find(|view| view.node.id == id).unwrap();
    assert!(stored.node.is_pending() && stored.node.approved.is_empty(), "{stored:?}");
}

/// The contents of the panel "Needs attention" on the overview, and the entry of the page of nodes in the side bar.
async fn attention(deployment: &Deployment, cookie: &str) -> (String, String) {
    let page = deployment.get(cookie, "/ui").await.text;
    let panel =
        page.split_once("id=\"attention\"").map_or("", |(_, rest)| rest.split("</section>").next().unwrap());
    let entry = page.split_once("href=\"/ui/nodes\"").unwrap().1.split("</a>").next().unwrap();
    (panel.to_owned(), entry.to_owned())
}

#[tokio::test]
async fn a_node_that_waits_is_shown_to_those_who_may_approve_it_and_nobody_else() {
    let deployment = Deployment::new().await;
    deployment.user("admin@example.com", OrgRole::Administrators, None).await;
    let (owner, admin) = (deployment.sign_in(OWNER).await, deployment.sign_in("admin@example.com").await);
    let (panel, entry) = attention(&deployment, &owner).await;
    assert!(!panel.contains("waits for approval") && !entry.contains("count"), "{panel} {entry}");

    // Before there is a bucket, and then beside findings.
    let (id, recipient) = deployment.pending_node("far-away").await;
    for has_bucket in [false, true] {
        if has_bucket {
            deployment.bucket("photos").await;
        }
        let (panel, entry) = attention(&deployment, &owner).await;
        for part in ["Node far-away waits for approval", &format!("href=\"/ui/nodes/{id}#approval\"")] {
            assert!(panel.contains(part), "{part}: {panel}");
        }
        assert!(!panel.contains(&recipient) && !panel.contains("Nothing needs"), "{panel}");
        assert!(entry.contains("1<span class=\"vh\"> waits for approval</span>"), "{entry}");
        let (panel, entry) = attention(&deployment, &admin).await;
        assert!(!panel.contains("waits for approval") && !entry.contains("count"), "{panel} {entry}");
    }

    for number in 0..3 {
        deployment.pending_node(&format!("zone-{number}")).await;
    }
    let (panel, entry) = attention(&deployment, &owner).await;
    assert!(panel.contains("1 more node waits for approval") && !panel.contains("zone-2"), "{panel}");
    assert!(entry.contains("4<span class=\"vh\"> wait for approval</span>"), "{entry}");
    let page = deployment.get(&owner, &format!("/ui/nodes/{id}")).await.text;
    assert!(page.contains("id=\"approval\""), "{page}");
}

#[tokio::test]
async fn others_see_that_a_node_waits_and_can_neither_approve_nor_remove_it() {
    let deployment = Deployment::new().await;
    let (id, recipient) = deployment.pending_node("far-away").await;
    deployment.user("admin@example.com", OrgRole::Administrators, None).await;
    let admin = deployment.sign_in("admin@example.com").await;
    let page = deployment.get(&admin, &format!("/ui/nodes/{id}")).await.text;
    assert!(page.contains("first organization has to approve it.") && !page.contains(&recipient), "{page}");
    assert!(page.contains("first organization can remove this node.") && !page.contains("/remove"), "{page}");
    for (form, fields) in
        [("approval", ("recipient", recipient.as_str())), ("remove", ("confirm", "far-away"))]
    {
        let refused = deployment.post(&admin, &format!("/ui/nodes/{id}/{form}"), &[fields]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{form}");
        assert!(refused.text.contains("role OWNER"), "{}", refused.text);
    }
    assert_eq!(nodes(&deployment).await.len(), 2);
}

#[tokio::test]
async fn an_owner_removes_a_node_by_typing_its_name() {
    let deployment = Deployment::new().await;
    let (id, _) = deployment.pending_node("far-away").await;
    let cookie = deployment.sign_in(OWNER).await;
    let path = format!("/ui/nodes/{id}/remove");
    let page = deployment.get(&cookie, &format!("/ui/nodes/{id}")).await.text;
    assert!(page.contains("it registers again, and waits for approval again"), "{page}");
    let mistyped = deployment.post(&cookie, &path, &[("confirm", "far-way")]).await;
    assert_eq!(mistyped.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(mistyped.text.contains("Name is not the name of this node."), "{}", mistyped.text);
    assert!(!mistyped.text.contains("Remove it all the same"), "{}", mistyped.text);
    let removed = deployment.post(&cookie, &path, &[("confirm", "far-away")]).await;
    assert_eq!(removed.location(), "/ui/nodes?done=node-removed");
    let list = deployment.get(&cookie, removed.location()).await.text;
    assert!(list.contains("The node was removed.") && !list.contains("far-away"), "{list}");
    assert_eq!(
        deployment.post(&cookie, &path, &[("confirm", "far-away")]).await.status,
        StatusCode::NOT_FOUND
    );
    let audit = deployment.get(&cookie, "/ui/audit?kind=node&action=deleted").await.text;
    assert!(audit.contains("far-away") && audit.contains("owner@example.com"), "{audit}");
}

#[tokio::test]
async fn a_node_that_may_be_the_only_one_to_open_secrets_is_removed_only_on_purpose() {
    let deployment = Deployment::new().await;
    deployment.bucket("photos").await;
    let id = nodes(&deployment).await[0].node.id;
    let cookie = deployment.sign_in(OWNER).await;
    let page = deployment.get(&cookie, &format!("/ui/nodes/{id}")).await.text;
    assert!(page.contains("Buckets that are pinned only to this node are then served by none."), "{page}");
    assert!(!page.contains("Remove it all the same"), "{page}");
    let path = format!("/ui/nodes/{id}/remove");
    let refused = deployment.post(&cookie, &path, &[("confirm", "node-1")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    for part in ["approve another one first", "tick the box below", "Remove it all the same"] {
        assert!(refused.text.contains(part), "{part}: {}", refused.text);
    }
    assert!(!refused.text.contains("--force"), "{}", refused.text);
    let mistyped = deployment.post(&cookie, &path, &[("asked", "yes"), ("force", "yes")]).await;
    assert!(mistyped.text.contains("Remove it all the same"), "it still asks: {}", mistyped.text);
    assert_eq!(nodes(&deployment).await.len(), 1);
    let removed = deployment.post(&cookie, &path, &[("confirm", "node-1"), ("force", "yes")]).await;
    assert_eq!(removed.location(), "/ui/nodes?done=node-removed");
    assert!(nodes(&deployment).await.is_empty());
}

#[tokio::test]
async fn an_administrator_removes_a_node_of_the_organization() {
    let deployment = Deployment::new().await;
    let id = deployment.own_node("ours").await;
    deployment.user("admin@example.com", OrgRole::Administrators, None).await;
    deployment.user("user@example.com", OrgRole::User, None).await;
    let path = format!("/ui/nodes/{id}/remove");
    let user = deployment.sign_in("user@example.com").await;
    let page = deployment.get(&user, &format!("/ui/nodes/{id}")).await.text;
    assert!(page.contains("An administrator of your organization can remove this node."), "{page}");
    assert_eq!(deployment.post(&user, &path, &[("confirm", "ours")]).await.status, StatusCode::FORBIDDEN);
    let admin = deployment.sign_in("admin@example.com").await;
    let page = deployment.get(&admin, &format!("/ui/nodes/{id}")).await.text;
    assert!(page.contains("only with one that is created later"), "{page}");
    assert!(page.contains("<dt>Serves</dt><dd>only "), "{page}");
    let removed = deployment.post(&admin, &path, &[("confirm", "ours")]).await;
    assert_eq!(removed.location(), "/ui/nodes?done=node-removed");
    assert_eq!(nodes(&deployment).await.len(), 1);
}

#[tokio::test]
async fn many_nodes_are_shown_in_pages() {
    let deployment = Deployment::new().await;
    for number in 0..60 {
        deployment.pending_node(&format!("node-of-the-shop-{number:02}")).await;
    }
    let cookie = deployment.sign_in(OWNER).await;
    let first = deployment.get(&cookie, "/ui/nodes").await.text;
    assert!(first.contains("61 nodes: 61 connected, 60 wait for approval."), "{first}");
    assert_eq!(first.matches("<td class=\"name\">").count(), 50);
    assert!(first.contains("href=\"/ui/nodes?after=50\""), "{first}");
    let second = deployment.get(&cookie, "/ui/nodes?after=50").await.text;
    assert_eq!(second.matches("<td class=\"name\">").count(), 11);
    assert!(second.contains("First page") && second.contains(">node-1<"), "{second}");
    for odd in ["-1", "x", "99999999999999999999", "18446744073709551615", "61"] {
        let page = deployment.get(&cookie, &format!("/ui/nodes?after={odd}")).await;
        assert_eq!(page.status, StatusCode::OK, "{odd}");
    }
}
