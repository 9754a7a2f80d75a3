//! Workspaces and their members.

use bucketry_model::audit::{AuditAction, AuditActor, AuditEntry, AuditKind};
use bucketry_model::id::UserId;
use bucketry_model::name::Name;
use bucketry_model::role::{OrgRole, WorkspaceRole};
use bucketry_model::time::Clock as _;
use bucketry_store::user::NewUser;
use http::StatusCode;

use crate::deployment::{Deployment, OWNER};

#[tokio::test]
async fn a_workspace_is_created_renamed_and_deleted() {
    let deployment = Deployment::new().await;
    let cookie = deployment.sign_in(OWNER).await;
    let refused = deployment.post(&cookie, "/ui/workspaces", &[("name", "")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        refused.text.contains("The workspace was not created") && refused.text.contains("href=\"#name\"")
    );
    let made = deployment.post(&cookie, "/ui/workspaces", &[("name", "media")]).await;
    let path = made.location().split('?').next().unwrap().to_owned();
    assert!(path.starts_with("/ui/workspaces/") && made.location().ends_with("done=workspace-created"));
    let renamed = deployment.post(&cookie, &path, &[("name", "films")]).await;
    assert_eq!(renamed.location(), format!("{path}?done=workspace-changed"));
    let page = deployment.get(&cookie, renamed.location()).await.text;
    assert!(page.contains("The workspace was changed.") && page.contains("Your role: ADMIN"), "{page}");
    let list = deployment.get(&cookie, "/ui/workspaces").await.text;
    assert!(list.contains("films") && list.contains("Buckets in all workspaces"), "{list}");
    let delete = format!("{path}/delete");
    let wrong = deployment.post(&cookie, &delete, &[("confirm", "film")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("Name is not the name of this workspace."), "{}", wrong.text);
    let gone = deployment.post(&cookie, &delete, &[("confirm", "films")]).await;
    assert_eq!(gone.location(), "/ui/workspaces?done=workspace-deleted");
    assert_eq!(deployment.get(&cookie, &path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_workspace_with_contents_names_them_instead_of_a_way_to_delete_it() {
    let deployment = Deployment::new().await;
    deployment.bucket("photos").await;
    deployment.repository("streaming").await;
    let cookie = deployment.sign_in(OWNER).await;
    let path = format!("/ui/workspaces/{}", deployment.workspace);
    let page = deployment.get(&cookie, &path).await.text;
    assert!(page.contains("First move or remove the bucket photos, and the repository streaming."), "{page}");
    assert!(!page.contains("Delete workspace"));
    let filtered = format!("workspace={}", deployment.workspace);
    assert!(
        page.contains(&format!("/ui/buckets?{filtered}"))
            && page.contains(&format!("/ui/repositories?{filtered}"))
    );
    let repositories = deployment.get(&cookie, &format!("/ui/repositories?{filtered}")).await.text;
    assert!(repositories.contains("streaming"));
    let none = deployment.get(&cookie, &format!("/ui/repositories?{filtered}&q=nothing")).await.text;
    assert!(
        none.contains("Nothing found") && none.contains("with “nothing” in the name in the workspace"),
        "{none}"
    );
    let sent = deployment.post(&cookie, &format!("{path}/delete"), &[("confirm", "default")]).await;
    assert_eq!(sent.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(sent.text.contains("still contains buckets or repositories"), "{}", sent.text);
}

#[tokio::test]
async fn a_forbidden_page_names_those_who_can_grant_the_role_and_may_be_seen() {
    let deployment = Deployment::new().await;
    let bucket = deployment.bucket("photos").await;
    deployment.user("admin@example.com", OrgRole::User, Some(WorkspaceRole::Admin)).await;
    deployment.user("writer@example.com", OrgRole::User, Some(WorkspaceRole::Write)).await;
    deployment.user("reader@example.com", OrgRole::User, Some(WorkspaceRole::Read)).await;
    deployment.user("guest@example.com", OrgRole::User, None).await;
    deployment.user("clerk@example.com", OrgRole::Workspaces, None).await;
    let settings = format!("/ui/buckets/{bucket}/settings");
    let named = async |person: &str, path: &str| {
        let cookie = deployment.sign_in(person).await;
        let page = deployment.get(&cookie, path).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{path}: {}", page.text);
        let all = ["admin@", "owner@", "writer@", "reader@"];
        all.into_iter()
            .filter(|name| page.text.contains(&format!(" ({name}example.com)")))
            .collect::<Vec<_>>()
    };
    // The owner has made the workspace, and so is one of its members.
    assert_eq!(named("reader@example.com", &settings).await, ["admin@", "owner@"]);
    assert_eq!(named("reader@example.com", "/ui/buckets/add").await, ["admin@", "owner@"]);
    assert_eq!(named("reader@example.com", "/ui/audit").await, ["owner@"], "a role in the organization");
    assert!(named("guest@example.com", "/ui/buckets/add").await.is_empty(), "nobody is visible");
    assert_eq!(named("clerk@example.com", &settings).await, ["owner@"]);
    assert_eq!(named("clerk@example.com", "/ui/audit").await, ["owner@"]);
}

#[tokio::test]
async fn an_admin_of_a_workspace_adds_people_by_their_address() {
    let deployment = Deployment::new().await;
    deployment.user("admin@example.com", OrgRole::User, Some(WorkspaceRole::Admin)).await;
    let grace = deployment.account("grace@example.com", OrgRole::User).await;
    let cookie = deployment.sign_in("admin@example.com").await;
    let path = format!("/ui/workspaces/{}", deployment.workspace);
    let members = format!("{path}/members");
    let unknown =
        deployment.post(&cookie, &members, &[("email", "nobody@example.com"), ("role", "WRITE")]).await;
    assert_eq!(unknown.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(unknown.text.contains("is not that of a user of your organization"), "{}", unknown.text);
    assert!(unknown.text.contains("value=\"nobody@example.com\""), "what was entered stays");
    let added =
        deployment.post(&cookie, &members, &[("email", "Grace@Example.com "), ("role", "READ")]).await;
    assert_eq!(added.location(), format!("{path}?done=member-added"));
    let again = deployment.post(&cookie, &members, &[("email", "grace@example.com"), ("role", "READ")]).await;
    assert!(again.text.contains("This user is already a member"), "{}", again.text);
    let member = format!("{members}/{grace}");
    let changed = deployment.post(&cookie, &member, &[("role", "WRITE")]).await;
    assert_eq!(changed.location(), format!("{path}?done=member-changed"));
    let view = deployment.control.workspace(&deployment.owner, deployment.workspace).await.unwrap();
    let role = view.members.iter().find(|one| one.user.id == grace).map(|one| one.role);
    assert_eq!(role, Some(WorkspaceRole::Write));
    let removed = deployment.post(&cookie, &format!("{member}/remove"), &[]).await;
    assert_eq!(removed.location(), format!("{path}?done=member-removed"));
    assert!(!deployment.get(&cookie, &path).await.text.contains("grace@example.com"));
}

#[tokio::test]
async fn the_last_admin_of_a_workspace_stays_and_is_told_why() {
    let deployment = Deployment::new().await;
    let cookie = deployment.sign_in(OWNER).await;
    let owner = deployment.owner.user_id;
    let member = format!("/ui/workspaces/{}/members/{owner}", deployment.workspace);
    for (path, fields) in [(member.clone(), vec![("role", "READ")]), (format!("{member}/remove"), vec![])] {
        let refused = deployment.post(&cookie, &path, &fields).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.text.contains("This is the last ADMIN of the workspace"), "{}", refused.text);
    }
}

#[tokio::test]
async fn a_reader_sees_members_without_controls_and_a_stranger_which_role_is_needed() {
    let deployment = Deployment::new().await;
    deployment.user("reader@example.com", OrgRole::User, Some(WorkspaceRole::Read)).await;
    deployment.user("stranger@example.com", OrgRole::User, None).await;
    let path = format!("/ui/workspaces/{}", deployment.workspace);
    let reader = deployment.sign_in("reader@example.com").await;
    let page = deployment.get(&reader, &path).await.text;
    assert!(page.contains("reader@example.com") && page.contains("Your role: READ"), "{page}");
    for control in ["Add a member", "Rename", "Delete", "/remove"] {
        assert!(!page.contains(control), "{control}");
    }
    let refused = deployment.post(&reader, &path, &[("name", "mine")]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.text.contains("role ADMIN in the workspace"), "{}", refused.text);
    let stranger = deployment.sign_in("stranger@example.com").await;
    let refused = deployment.get(&stranger, &path).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.text.contains("This needs the role READ in the workspace"), "{}", refused.text);
    let list = deployment.get(&stranger, "/ui/workspaces").await.text;
    assert!(list.contains("You are not a member of a workspace yet") && !list.contains("Create workspace"));
}

#[tokio::test]
async fn members_are_paged() {
    let deployment = Deployment::new().await;
    let store = deployment.control.store();
    let now = deployment.clock.now();
    for number in 0..60_u8 {
        let new = NewUser {
            id: UserId::new(now, [number; 10]),
            email: format!("member-{number}@example.com"),
            first_name: Name::parse("Member").unwrap(),
            last_name: Name::parse(&number.to_string()).unwrap(),
            org_role: OrgRole::User,
            validated: true,
            password_hash: None,
            must_change_password: false,
        };
        let audit = AuditEntry::new(now, AuditActor::System, AuditKind::User, AuditAction::Created);
        store.insert_user(deployment.owner.org_id, &new, &audit).await.unwrap();
        let (org, workspace) = (deployment.owner.org_id, deployment.workspace);
        store.add_member(org, workspace, new.id, WorkspaceRole::Read, &audit).await.unwrap();
    }
    let cookie = deployment.sign_in(OWNER).await;
    let path = format!("/ui/workspaces/{}", deployment.workspace);
    let rows = |page: &str| page.matches("<details id=\"member-").count();
    let first = deployment.get(&cookie, &path).await.text;
    assert_eq!(rows(&first), 50);
    let start = first.find(&format!("{path}?after=")).unwrap();
    let next: String = first[start..].chars().take_while(|letter| *letter != '"').collect();
    let second = deployment.get(&cookie, &next).await.text;
    assert_eq!(rows(&second), 11, "the others and the owner");
    assert!(second.contains("First page") && second.contains("End of the list"));
    let people = deployment.get(&cookie, "/ui/people").await.text;
    assert_eq!(people.matches("<td class=\"name\">").count(), 50);
    assert!(people.contains("/ui/people?after="));
}
