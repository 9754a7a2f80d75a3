//! Accounts of the organization.

use bucketry_model::role::OrgRole;
use http::StatusCode;

use crate::deployment::{Deployment, OWNER};

/// The value of a field that is shown to be copied.
fn shown(page: &str, id: &str) -> String {
    let start = page.find(&format!("id=\"{id}\"")).unwrap();
    let value = page[start..].find("value=\"").unwrap() + start + 7;
    page[value..].chars().take_while(|letter| *letter != '"').collect()
}

const ADA: [(&str, &str); 4] =
    [("email", "ada@example.com"), ("firstName", "Ada"), ("lastName", "Lovelace"), ("role", "USER")];

#[tokio::test]
async fn a_new_account_has_a_one_time_password_that_is_shown_once() {
    let deployment = Deployment::new().await;
    let cookie = deployment.sign_in(OWNER).await;
    let made = deployment.post(&cookie, "/ui/people", &ADA).await;
    assert_eq!((made.status, made.headers["cache-control"].to_str().unwrap()), (StatusCode::OK, "no-store"));
    let password = shown(&made.text, "password");
    let list = deployment.get(&cookie, "/ui/people").await.text;
    assert!(list.contains("ada@example.com") && !list.contains(&password));
    let fields = [("email", "ada@example.com"), ("password", password.as_str())];
    let signed_in = deployment.post("", "/ui/sign-in", &fields).await;
    assert_eq!(signed_in.status, StatusCode::SEE_OTHER, "{}", signed_in.text);
    let ada = signed_in.cookie().unwrap();
    let sent_on = deployment.get(&ada, "/ui/buckets").await;
    assert!(sent_on.location().starts_with("/ui/password"), "it must be changed first");
    let again = deployment.post(&cookie, "/ui/people", &ADA).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(again.text.contains("A user with this e-mail address already exists."), "{}", again.text);
}

#[tokio::test]
async fn what_is_wrong_with_an_account_is_said_at_its_fields() {
    let deployment = Deployment::new().await;
    let cookie = deployment.sign_in(OWNER).await;
    let fields = [("email", "not an address"), ("firstName", ""), ("lastName", "Lovelace"), ("role", "USER")];
    let refused = deployment.post(&cookie, "/ui/people", &fields).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    for part in ["E-mail address must be an e-mail address", "href=\"#firstName\"", "value=\"Lovelace\""] {
        assert!(refused.text.contains(part), "{part}: {}", refused.text);
    }
    let unchosen = deployment.post(&cookie, "/ui/people", &ADA[..3]).await;
    assert!(unchosen.text.contains("Role must be chosen."), "{}", unchosen.text);
}

#[tokio::test]
async fn names_and_role_are_changed_by_those_with_a_higher_role() {
    let deployment = Deployment::new().await;
    let grace = deployment.account("grace@example.com", OrgRole::User).await;
    let path = format!("/ui/people/{grace}");
    let cookie = deployment.sign_in(OWNER).await;
    let fields = [("name", "Grace"), ("lastName", "Murray"), ("role", "ADMINISTRATORS")];
    let changed = deployment.post(&cookie, &path, &fields).await;
    assert_eq!(changed.location(), format!("{path}?done=person-changed"));
    let page = deployment.get(&cookie, &path).await.text;
    assert!(
        page.contains("Grace Murray") && page.contains("Does everything in the organization, except"),
        "{page}"
    );

    deployment.user("clerk@example.com", OrgRole::Workspaces, None).await;
    let clerk = deployment.sign_in("clerk@example.com").await;
    let page = deployment.get(&clerk, &path).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("With the role WORKSPACES you can’t change an account"), "{}", page.text);
    assert!(!page.text.contains("Remove account") && !page.text.contains("Reset password"));
    for action in ["", "/reset-password", "/remove"] {
        let refused = deployment.post(&clerk, &format!("{path}{action}"), &[]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{action}");
    }
    let form = deployment.get(&clerk, "/ui/people/new").await.text;
    assert!(form.contains("value=\"BILLING\"") && !form.contains("value=\"ADMINISTRATORS\""), "{form}");
    let higher = deployment.post(&clerk, "/ui/people", &[ADA[0], ADA[1], ADA[2], ("role", "OWNER")]).await;
    assert_eq!(higher.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_lost_password_is_replaced_and_an_account_is_removed_by_its_address() {
    let deployment = Deployment::new().await;
    let grace = deployment.account("grace@example.com", OrgRole::User).await;
    let path = format!("/ui/people/{grace}");
    let cookie = deployment.sign_in(OWNER).await;
    let reset = deployment.post(&cookie, &format!("{path}/reset-password"), &[]).await;
    assert_eq!(reset.status, StatusCode::OK);
    let password = shown(&reset.text, "password");
    let fields = [("email", "grace@example.com"), ("password", password.as_str())];
    assert_eq!(deployment.post("", "/ui/sign-in", &fields).await.status, StatusCode::SEE_OTHER);
    let remove = format!("{path}/remove");
    let wrong = deployment.post(&cookie, &remove, &[("confirm", "grace")]).await;
    assert!(wrong.text.contains("E-mail address is not that of this account."), "{}", wrong.text);
    let removed = deployment.post(&cookie, &remove, &[("confirm", "grace@example.com")]).await;
    assert_eq!(removed.location(), "/ui/people?done=person-removed");
    assert_eq!(deployment.get(&cookie, &path).await.status, StatusCode::NOT_FOUND);
    let own = format!("/ui/people/{}", deployment.owner.user_id);
    let page = deployment.get(&cookie, &own).await.text;
    assert!(page.contains("Your own account") && !page.contains("Remove account"));
    let refused = deployment.post(&cookie, &format!("{own}/remove"), &[("confirm", OWNER)]).await;
    assert!(
        refused.text.contains("You can&#39;t remove yourself")
            || refused.text.contains("You can't remove yourself")
    );
}

#[tokio::test]
async fn people_are_hidden_from_those_who_may_not_read_them() {
    let deployment = Deployment::new().await;
    deployment.user("guest@example.com", OrgRole::User, None).await;
    let guest = deployment.sign_in("guest@example.com").await;
    let page = deployment.get(&guest, "/ui/people").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(
        page.text.contains("You don’t have access") && page.text.contains("role WORKSPACES"),
        "{}",
        page.text
    );
    for entry in ["href=\"/ui/people\"", "href=\"/ui/audit\"", "href=\"/ui/notifications\""] {
        assert!(!page.text.contains(entry), "{entry}");
    }
    assert!(page.text.contains("href=\"/ui/workspaces\""));
    let cookie = deployment.sign_in(OWNER).await;
    let page = deployment.get(&cookie, "/ui").await.text;
    for entry in ["href=\"/ui/people\"", "href=\"/ui/audit\"", "href=\"/ui/notifications\""] {
        assert!(page.contains(entry), "{entry}");
    }
}
