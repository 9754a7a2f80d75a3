//! Registers one bucket, unless it is registered already.
//!
//! A bucket is registered already if the workspace has a bucket that is the same one at the provider
//! (`model::same_bucket`), whatever its name and credential are. Two imports of one file at the same time give buckets the
//! same names, and the server stores a name only once; the later one then finds the bucket of the earlier.

use std::collections::HashMap;
use std::sync::Arc;

use bucketry_api_types::bucket::BucketInfo;
use bucketry_api_types::bucket_fields::NewBucketRequest;
use bucketry_api_types::node::RegisteredNode;
use bucketry_api_types::pinned_to::PinnedTo;
use bucketry_client::api::bucket::BucketListSelection;
use bucketry_client::{ApiClient, ClientError};
use bucketry_model::bucket::{BucketLocation, StorageType};
use bucketry_model::diagnosis::CheckScope;
use bucketry_model::endpoint::Endpoint;
use bucketry_model::id::WorkspaceId;
use bucketry_model::paste::clean;
use bucketry_model::paste::fields::PastedFields;
use bucketry_model::same_bucket::is_same_bucket;
use bucketry_model::storage_name::StorageName;

use super::ImportOptions;
use super::candidate::ImportCandidate;
use super::credential_files::ImportCredentials;
use crate::apply::{FILE_FIELDS, in_file_terms};
use crate::bucket_pins;
use crate::busy_server::{BusyServer, lacks_node};
use crate::failure::Result;
use crate::named::search_for;
use crate::refusal;
use crate::secret_source::SecretReader;

/// Buckets per request.
const PAGE: u32 = 100;

/// What became of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ImportOutcome {
    /// It is registered now, or would be without `--dry-run`.
    Registered {
        name: String,
        /// A folder that the file names and that isn't stored.
        folder: String,
    },
    /// It was registered before.
    Already {
        /// The name that it would have got.
        wanted: String,
        /// The name that it has.
        name: String,
    },
    Failed {
        /// The name that it would have got, if the file could be read so far.
        name: Option<String>,
        /// Why it can't be registered.
        why: String,
    },
    /// Nothing to register: why.
    LeftOut(String),
}

/// Registers buckets. Clones share the connection.
#[derive(Clone)]
pub(super) struct Registrar {
    client: ApiClient,
    settings: Arc<RegistrarSettings>,
}

#[derive(Clone)]
struct RegistrarSettings {
    default: WorkspaceId,
    /// By name in lower case. `None` if several have the name.
    workspaces: HashMap<String, Option<WorkspaceId>>,
    credentials: ImportCredentials,
    secrets: SecretReader,
    nodes: Vec<RegisteredNode>,
    dry_run: bool,
    skip_validation: bool,
    read_only: bool,
}

/// A bucket whose fields have been read.
struct ReadBucket {
    workspace: WorkspaceId,
    names: Vec<String>,
    location: BucketLocation,
    named: StorageName,
    fields: PastedFields,
    read_only: bool,
    folder: String,
    pinned_to: Option<PinnedTo>,
}

impl Registrar {
    pub(super) async fn new(
        client: ApiClient,
        default: WorkspaceId,
        options: &ImportOptions,
        credentials: ImportCredentials,
    ) -> Result<Self> {
        let mut workspaces = HashMap::new();
        for entry in client.workspaces().await? {
            let id = entry.workspace.id;
            let known = workspaces.entry(entry.workspace.name.to_lowercase());
            known.and_modify(|known| *known = None).or_insert(Some(id));
        }
        let settings = RegistrarSettings {
            default,
            workspaces,
            credentials,
            secrets: SecretReader::beside(&options.file),
            nodes: client.nodes().await?,
            dry_run: options.dry_run,
            skip_validation: options.skip_validation,
            read_only: options.read_only,
        };
        Ok(Self { client, settings: Arc::new(settings) })
    }

    /// Registers a bucket. Fails only if no other bucket could be registered either.
    pub(super) async fn register(&self, candidate: ImportCandidate) -> Result<ImportOutcome> {
        let name = candidate.names.first().cloned();
        let bucket = match self.read(candidate) {
            Ok(bucket) => bucket,
            Err(why) => return Ok(ImportOutcome::Failed { name, why }),
        };
        match self.store(&bucket).await {
            Ok(outcome) => Ok(outcome),
            Err(error) if stops(&error, &bucket) => Err(error.into()),
            Err(error) => {
                let why = in_file_terms(error).message().to_owned();
                Ok(ImportOutcome::Failed { name, why })
            }
        }
    }

    async fn store(&self, bucket: &ReadBucket) -> std::result::Result<ImportOutcome, ClientError> {
        let first = bucket.names.first().cloned();
        if let Some(name) = self.registered_as(bucket).await? {
            return Ok(ImportOutcome::Already { wanted: first.unwrap_or_default(), name });
        }
        let registered =
            |name: &str| ImportOutcome::Registered { name: name.to_owned(), folder: bucket.folder.clone() };
        for name in &bucket.names {
            if self.settings.dry_run {
                // The server decides on names. Here, only the one that is tried first can be shown.
                return Ok(registered(name));
            }
            let request = self.request(bucket, name);
            match self.create(&request).await {
                Ok(()) => return Ok(registered(name)),
                Err(error) if error.code() != Some(NAME_TAKEN) => return Err(error),
                Err(_) => {}
            }
            // Perhaps another import has just registered it.
            let found = self.named(name).await?;
            if found.is_some_and(|found| is_registration(&found, bucket)) {
                let wanted = first.unwrap_or_default();
                return Ok(ImportOutcome::Already { wanted, name: name.clone() });
            }
        }
        let names = bucket.names.join(" and ");
        let why = format!(
            "another bucket of the organization is already named {names}: rename it, or choose a name"
        );
        Ok(ImportOutcome::Failed { name: first, why })
    }

    /// Reads the fields of a bucket. The error says what is wrong.
    fn read(&self, candidate: ImportCandidate) -> std::result::Result<ReadBucket, String> {
        let settings = &self.settings;
        let workspace = match &candidate.workspace {
            None => settings.default,
            Some(name) => match settings.workspaces.get(&name.to_lowercase()) {
                Some(Some(id)) => *id,
                Some(None) => return Err(format!("several workspaces are named {name}")),
                None => return Err(format!("there is no workspace {name} that you have access to")),
            },
        };
        let mut entered = candidate.fields;
        for text in [&mut entered.bucket, &mut entered.key, &mut entered.region, &mut entered.endpoint] {
            *text = text.as_deref().map(clean::value);
        }
        if let Some(source) = &candidate.secret {
            let secret = settings.secrets.read(source).map_err(|failure| failure.message().to_owned())?;
            entered.secret = Some(secret);
        }
        let outcome = entered.read(None);
        if !outcome.problems.is_empty() {
            let lines = outcome.problems.iter();
            let lines = lines.map(|problem| refusal::line(problem.field, &problem.message, FILE_FIELDS));
            return Err(lines.collect::<Vec<_>>().join("\n  "));
        }
        let mut fields = outcome.fields;
        let storage_type = *fields.storage_type.get_or_insert(StorageType::S3);
        let needs_secret =
            fields.secret.is_none() && (fields.key.is_none() || storage_type == StorageType::Blob);
        let needs_none = storage_type == StorageType::Gcs && fields.endpoint.is_some();
        if needs_secret && !settings.credentials.add_to(&mut fields) && !needs_none {
            return Err("no credential: add one to the file, or pass --credentials FILE".to_owned());
        }
        let location = location(&fields)?;
        let named = candidate.named.unwrap_or_else(|| storage_type.into());
        let read_only = candidate.read_only || settings.read_only;
        let pins = candidate.pinned_to.as_ref();
        let pins = pins.map(|pins| bucket_pins::of_file(pins, &settings.nodes)).transpose();
        let pinned_to = pins.map_err(|failure| failure.message().to_owned())?;
        let (names, folder) = (candidate.names, candidate.folder);
        Ok(ReadBucket { workspace, names, location, named, fields, read_only, folder, pinned_to })
    }

    fn request(&self, bucket: &ReadBucket, name: &str) -> NewBucketRequest {
        let fields = bucket.fields.clone();
        NewBucketRequest {
            name: Some(name.to_owned()),
            bucket: fields.bucket,
            storage_type: Some(bucket.named),
            key: fields.key,
            secret: fields.secret,
            region: fields.region,
            endpoint: fields.endpoint.filter(|endpoint| !endpoint.is_empty()),
            workspace_id: Some(bucket.workspace.to_string()),
            api_key_uuid: None,
            skip_validation: self.settings.skip_validation.then_some(true),
            checks: bucket.read_only.then_some(CheckScope::ReadOnly),
            pinned_to: bucket.pinned_to.clone(),
        }
    }

    async fn create(&self, request: &NewBucketRequest) -> std::result::Result<(), ClientError> {
        let mut busy = BusyServer::default();
        loop {
            let made = self.client.create_bucket(request, None).await.map(|_| ());
            if !busy.wait(&made).await {
                return made;
            }
        }
    }

    /// The name under which the workspace has the bucket.
    async fn registered_as(&self, bucket: &ReadBucket) -> std::result::Result<Option<String>, ClientError> {
        let found = self.find(&bucket.location.bucket, Wanted::Registration(bucket)).await?;
        Ok(found.map(|found| found.name.into_owned()))
    }

    /// The bucket of this name, in any workspace that the caller sees.
    async fn named(&self, name: &str) -> std::result::Result<Option<BucketInfo<'static>>, ClientError> {
        let folded = name.to_lowercase();
        self.find(name, Wanted::Name(&folded)).await
    }

    async fn find(
        &self,
        text: &str,
        wanted: Wanted<'_>,
    ) -> std::result::Result<Option<BucketInfo<'static>>, ClientError> {
        let Some(search) = search_for(text) else { return Ok(None) };
        let workspace = match wanted {
            Wanted::Registration(bucket) => Some(bucket.workspace),
            Wanted::Name(_) => None,
        };
        let selection =
            BucketListSelection { workspace, search: Some(search), ..BucketListSelection::default() };
        let (mut cursor, mut busy) = (None::<String>, BusyServer::default());
        loop {
            let page = self.client.select_buckets(&selection, Some(PAGE), cursor.as_deref()).await;
            if busy.wait(&page).await {
                continue;
            }
            let page = page?;
            if let Some(found) = page.buckets.into_iter().find(|found| wanted.is(found)) {
                return Ok(Some(found));
            }
            if page.next_cursor.is_none() {
                return Ok(None);
            }
            cursor = page.next_cursor;
        }
    }
}

/// What is looked for among registered buckets.
#[derive(Clone, Copy)]
enum Wanted<'w> {
    Registration(&'w ReadBucket),
    /// In lower case.
    Name(&'w str),
}

impl Wanted<'_> {
    fn is(self, found: &BucketInfo<'_>) -> bool {
        match self {
            Self::Registration(bucket) => is_registration(found, bucket),
            Self::Name(name) => found.name.to_lowercase() == name,
        }
    }
}

const NAME_TAKEN: &str = "NAME_ALREADY_USED";

fn location(fields: &PastedFields) -> std::result::Result<BucketLocation, String> {
    let bucket = fields.bucket.clone().filter(|bucket| !bucket.is_empty()).ok_or("lacks the key bucket")?;
    let endpoint = fields.endpoint.as_deref().filter(|endpoint| !endpoint.is_empty()).map(Endpoint::parse);
    let endpoint = endpoint.transpose().map_err(|error| format!("endpoint {error}"))?;
    Ok(BucketLocation {
        storage_type: fields.storage_type.unwrap_or(StorageType::S3),
        bucket,
        key: fields.key.clone(),
        endpoint,
        region: fields.region.clone(),
    })
}

/// Whether a registered bucket is the one of the file.
fn is_registration(found: &BucketInfo<'_>, bucket: &ReadBucket) -> bool {
    let registered = BucketLocation {
        storage_type: found.storage_type,
        bucket: found.bucket.to_string(),
        key: found.key.as_deref().map(str::to_owned),
        endpoint: found.endpoint.as_deref().cloned(),
        // Where the region decides, the file may leave it out.
        region: bucket.location.region.clone().and(found.region.as_deref().map(str::to_owned)),
    };
    found.workspace_id == bucket.workspace && is_same_bucket(&registered, &bucket.location)
}

/// Whether an error concerns every other bucket, too.
fn stops(error: &ClientError, bucket: &ReadBucket) -> bool {
    match error {
        ClientError::Refused(refusal) => {
            let is_full = refusal.error_code.as_deref() == Some("QUOTA_EXCEEDED");
            // The nodes that a bucket is pinned to may be missing while others are online.
            let lacks_any_node = lacks_node(error) && bucket.pinned_to.is_none();
            refusal.status == 401 || is_full || lacks_any_node
        }
        ClientError::TimedOut { .. } | ClientError::TooLong { .. } => false,
        _ => true,
    }
}
