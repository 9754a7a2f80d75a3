//! Repositories and what can be changed about them.

use bucketry_control::buckets::{BucketInput, PinsInput};
use bucketry_control::repositories::{RepositoryBucketInput, RepositoryInput};
use bucketry_model::bucket::StorageType;
use bucketry_model::id::BucketId;
use bucketry_model::role::{OrgRole, WorkspaceRole};
use bucketry_model::secret::Secret;
use http::StatusCode;

use crate::deployment::{Deployment, OWNER};

#[tokio::test]
async fn a_bucket_is_attached_to_a_repository_and_detached() {
    let deployment = Deployment::new().await;
    let bucket = deployment.bucket("photos").await.to_string();
    let (id, _) = deployment.repository("streaming").await;
    let cookie = deployment.sign_in(OWNER).await;
    let path = format!("/ui/repositories/{id}");
    let page = deployment.get(&cookie, &path).await.text;
    assert!(page.contains(&format!("{path}/settings")), "{page}");
    let settings = deployment.get(&cookie, &format!("{path}/settings")).await.text;
    assert!(
        settings.contains("It has no bucket yet.") && settings.contains(">photos</option>"),
        "{settings}"
    );
    let none = deployment.post(&cookie, &format!("{path}/buckets"), &[("folder", "films")]).await;
    assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        none.text.contains("Bucket must be chosen.") && none.text.contains("value=\"films\""),
        "{}",
        none.text
    );
    let fields = [("bucketId", bucket.as_str()), ("folder", "films")];
    let attached = deployment.post(&cookie, &format!("{path}/buckets"), &fields).await;
    assert_eq!(attached.location(), format!("{path}/settings?done=repository-changed"), "{}", attached.text);
    let overlapping = [("bucketId", bucket.as_str()), ("folder", "films/old")];
    let refused = deployment.post(&cookie, &format!("{path}/buckets"), &overlapping).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("The bucket was not attached"), "{}", refused.text);
    let settings = deployment.get(&cookie, &format!("{path}/settings")).await.text;
    assert!(settings.contains("/films</code>"), "{settings}");
    let detached = deployment.post(&cookie, &format!("{path}/buckets/{bucket}/detach"), &[]).await;
    assert_eq!(detached.location(), format!("{path}/settings?done=repository-changed"));
}

#[tokio::test]
async fn a_repository_is_renamed_and_deleted_by_its_name() {
    let deployment = Deployment::new().await;
    let (id, _) = deployment.repository("streaming").await;
    deployment.repository("backups").await;
    let cookie = deployment.sign_in(OWNER).await;
    let path = format!("/ui/repositories/{id}");
    let taken = deployment.post(&cookie, &format!("{path}/settings"), &[("name", "backups")]).await;
    assert_eq!(taken.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        taken.text.contains("The repository was not renamed") && taken.text.contains("value=\"backups\"")
    );
    let renamed = deployment.post(&cookie, &format!("{path}/settings"), &[("name", "films")]).await;
    assert_eq!(renamed.location(), format!("{path}/settings?done=repository-changed"));
    let wrong = deployment.post(&cookie, &format!("{path}/delete"), &[("confirm", "streaming")]).await;
    assert!(wrong.text.contains("Name is not the name of this repository."), "{}", wrong.text);
    let deleted = deployment.post(&cookie, &format!("{path}/delete"), &[("confirm", "films")]).await;
    assert_eq!(deleted.location(), "/ui/repositories?done=repository-deleted");
    assert_eq!(deployment.get(&cookie, &path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_reader_finds_no_settings_of_a_repository() {
    let deployment = Deployment::new().await;
    let (id, _) = deployment.repository("streaming").await;
    deployment.user("reader@example.com", OrgRole::User, Some(WorkspaceRole::Read)).await;
    let reader = deployment.sign_in("reader@example.com").await;
    let path = format!("/ui/repositories/{id}");
    assert!(!deployment.get(&reader, &path).await.text.contains("/settings\">Edit"));
    let refused = deployment.get(&reader, &format!("{path}/settings")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.text.contains("role WRITE in its workspace"), "{}", refused.text);
    for action in ["/settings", "/buckets", "/delete"] {
        assert_eq!(
            deployment.post(&reader, &format!("{path}{action}"), &[]).await.status,
            StatusCode::FORBIDDEN
        );
    }
}

#[tokio::test]
async fn the_page_of_a_bucket_leads_to_a_repository_for_it() {
    let deployment = Deployment::new().await;
    let bucket = deployment.bucket("photos").await;
    let cookie = deployment.sign_in(OWNER).await;
    let page = deployment.get(&cookie, &format!("/ui/buckets/{bucket}")).await.text;
    let link = format!("/ui/repositories/new?bucketId={bucket}&workspaceId={}", deployment.workspace);
    assert!(page.contains(&link.replace('&', "&amp;")), "{page}");
    let form = deployment.get(&cookie, &link).await.text;
    assert!(form.contains(&format!("<option value=\"{bucket}\" selected>")), "{form}");
}

#[tokio::test]
async fn a_repository_names_the_endpoint_of_each_node_and_what_is_missing_there() {
    let deployment = Deployment::new().await;
    let (far, recipient) = deployment.pending_node("far").await;
    let (id, _) = deployment.repository("streaming").await;
    let cookie = deployment.sign_in(OWNER).await;
    let page = async || deployment.get(&cookie, &format!("/ui/repositories/{id}")).await.text;
    assert!(page().await.contains("No connected node that serves this repository has a gateway."));
    deployment.heartbeat("node-1", Vec::new()).await;
    deployment.heartbeat("far", Vec::new()).await;
    let alone = page().await;
    assert!(alone.contains("https://node-1.example.com"), "{alone}");
    assert!(!alone.contains("far.example.com") && !alone.contains("Endpoints by node"), "it waits: {alone}");

    deployment.control.approve_node(&deployment.owner, far, &recipient).await.unwrap();
    let bucket = deployment.bucket("photos").await;
    let fields = [("bucketId", &*bucket.to_string()), ("folder", "")];
    deployment.post(&cookie, &format!("/ui/repositories/{id}/buckets"), &fields).await;
    let both = page().await;
    for part in ["Endpoints by node", "<code>https://far.example.com</code>", "href=\"/ui/nodes/"] {
        assert!(both.contains(part), "{part}: {both}");
    }
    assert!(!both.contains("because of pins"), "{both}");
    let other = deployment.bucket("films").await;
    let pins = PinsInput { nodes: vec![far.to_string()], regions: Vec::new() };
    let location = BucketInput {
        bucket: Some("films".to_owned()),
        pinned_to: Some(pins),
        secret: Some(Secret::new("the-plain-secret")),
        skip_validation: true,
        ..BucketInput::default()
    };
    deployment.control.update_bucket(&deployment.owner, other, &location).await.unwrap();
    let fields = [("bucketId", &*other.to_string()), ("folder", "")];
    deployment.post(&cookie, &format!("/ui/repositories/{id}/buckets"), &fields).await;
    let pinned = page().await;
    assert!(pinned.contains("without films, because of pins"), "{pinned}");
    let (best, second) =
        (pinned.find("<code>https://far").unwrap(), pinned.find("<code>https://node-1").unwrap());
    assert!(best < second, "the node that serves all comes first: {pinned}");
}

#[tokio::test]
async fn a_mirror_is_reached_only_where_its_master_is_served() {
    let deployment = Deployment::new().await;
    let (far, recipient) = deployment.pending_node("far").await;
    deployment.control.approve_node(&deployment.owner, far, &recipient).await.unwrap();
    deployment.heartbeat("node-1", Vec::new()).await;
    deployment.heartbeat("far", Vec::new()).await;
    let (master, replica) = (deployment.bucket("master").await, deployment.bucket("replica").await);
    let pins = PinsInput { nodes: vec![far.to_string()], regions: Vec::new() };
    let input = BucketInput {
        bucket: Some("films".to_owned()),
        pinned_to: Some(pins),
        secret: Some(Secret::new("the-plain-secret")),
        skip_validation: true,
        ..BucketInput::default()
    };
    deployment.control.update_bucket(&deployment.owner, master, &input).await.unwrap();
    let attached = |id: BucketId, is_master| RepositoryBucketInput {
        bucket_id: Some(id.to_string()),
        folder: None,
        master: Some(is_master),
    };
    let input = RepositoryInput {
        name: Some("mirror".to_owned()),
        storage_type: Some(StorageType::S3),
        mode: Some("MIRROR".to_owned()),
        workspace_id: Some(deployment.workspace.to_string()),
        buckets: Some(vec![attached(replica, false), attached(master, true)]),
    };
    let id = deployment.control.create_repository(&deployment.owner, &input).await.unwrap().id;
    let cookie = deployment.sign_in(OWNER).await;
    // Neither of the buckets' own tabs goes by the pins of the replica, which has none.
    for path in [
        format!("/ui/repositories/{id}"),
        format!("/ui/buckets/{master}/connect"),
        format!("/ui/buckets/{replica}/connect"),
    ] {
        let page = deployment.get(&cookie, &path).await.text;
        assert!(page.contains("https://far.example.com"), "{path}: {page}");
        assert!(!page.contains("https://node-1.example.com"), "{path}: {page}");
    }
}
