//! What the demo creates in its deployment: registered buckets, a repository, a key, and a token.

use bucketry_api_types::bucket_fields::{NewBucketRequest, TrialFields};
use bucketry_api_types::repository::{BucketPlace, NewRepo};
use bucketry_api_types::repository_key::RepoKeyMade;
use bucketry_api_types::token::NewTokenRequest;
use bucketry_client::{ApiClient, ClientError};
use bucketry_model::bucket::StorageType;
use bucketry_model::id::{BucketId, RepoId};
use bucketry_model::repository::{KeyAccess, RepositoryMode};
use bucketry_model::secret::Secret;
use bucketry_model::time::to_wire;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::ACCESS_KEY;
use super::buckets::{ARCHIVE, BACKUPS, DOCUMENTS, DemoBucket, PARTNERS, PHOTOS};
use super::clouds::DemoCloud;
use super::store::DemoStore;
use crate::connect::new_secret;
use crate::failure::{Failure, Result};

/// The repository through which applications reach the buckets.
pub(crate) const REPOSITORY: &str = "Demo";
/// The workspace of all buckets.
const WORKSPACE: &str = "Demo";
/// How long the temporary credential is valid.
const CREDENTIAL_LASTS: SignedDuration = SignedDuration::from_hours(3 * 24 + 1);

/// What the demo created in its deployment.
pub(crate) struct DemoContents {
    pub(crate) token: Secret,
    pub(crate) key: RepoKeyMade,
    pub(crate) key_secret: Secret,
    pub(crate) repo_id: RepoId,
    /// The registered buckets, with their ids.
    pub(crate) buckets: Vec<(&'static DemoBucket, BucketId)>,
}

impl DemoContents {
    /// Registers the buckets through the API without validating them, and creates the repository, its key and a token.
    pub(crate) async fn create(
        client: &ApiClient,
        storage: &DemoStore,
        secret: &Secret,
        clouds: &[DemoCloud],
        now: Timestamp,
    ) -> Result<Self> {
        let workspaces = client.workspaces().await?;
        let workspace = workspaces.first().ok_or_else(|| Failure::failed("the demo has no workspace"))?;
        let workspace = client.rename_workspace(workspace.workspace.id, WORKSPACE).await?;
        let workspace_id = workspace.id.to_string();
        let wrong = Secret::new("the-secret-before-it-was-changed");
        let session = Secret::new(session_of(secret, now));
        let mut buckets = Vec::new();
        for bucket in [&PHOTOS, &DOCUMENTS, &BACKUPS, &ARCHIVE, &PARTNERS] {
            let in_cloud = clouds.iter().find(|cloud| cloud.bucket == bucket);
            let fields = match in_cloud {
                Some(cloud) => cloud.fields.clone(),
                None if *bucket == ARCHIVE => storage.fields(bucket, &wrong),
                None if *bucket == PARTNERS => storage.fields(bucket, &session),
                None => storage.fields(bucket, secret),
            };
            let fields = NewBucketRequest {
                workspace_id: Some(workspace_id.clone()),
                // No node runs yet.
                skip_validation: Some(true),
                ..fields
            };
            buckets.push((bucket, client.create_bucket(&fields, None).await?.bucket_id));
        }
        let place = |id: BucketId| BucketPlace { bucket_id: Some(id.to_string()), ..BucketPlace::default() };
        let repository = NewRepo {
            name: Some(REPOSITORY.to_owned()),
            storage_type: Some(StorageType::S3),
            mode: Some(RepositoryMode::Normal.as_str().to_owned()),
            workspace_id: Some(workspace_id),
            repo_buckets: Some(buckets.iter().take(3).map(|(_, id)| place(*id)).collect()),
            repo_units: None,
        };
        let repo_id = client.create_repository(&repository, None).await?.repo_id;
        let key = client.create_repository_key(repo_id, "demo", KeyAccess::Write).await?;
        let token =
            NewTokenRequest { name: "demo".to_owned(), expires_at: None, workspace_id: None, role: None };
        let token = client.create_token(&token).await?.token;
        let token = token.ok_or_else(|| Failure::failed("the demo got no token"))?;
        let key_secret = new_secret(&key)?.clone();
        Ok(Self { token, key, key_secret, repo_id, buckets })
    }

    /// Validates all buckets, so that each has a diagnosis to look at. The one that is broken on purpose may fail.
    pub(crate) async fn validate(&self, client: &ApiClient) -> Result<()> {
        for (bucket, id) in &self.buckets {
            match client.validate_bucket(*id, &TrialFields::default()).await {
                Err(ClientError::Refused(_)) if **bucket == ARCHIVE => {}
                other => drop(other?),
            }
        }
        Ok(())
    }
}

/// A temporary credential as `aws configure export-credentials` prints it.
fn session_of(secret: &Secret, now: Timestamp) -> String {
    let ends = now.checked_add(CREDENTIAL_LASTS).unwrap_or(now);
    json!({
        "Version": 1, "AccessKeyId": ACCESS_KEY, "SecretAccessKey": secret.expose(), "Expiration": to_wire(ends),
    })
    .to_string()
}
