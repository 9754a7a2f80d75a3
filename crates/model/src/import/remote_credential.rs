//! What opens the buckets of a section: a remote of rclone, or a profile of AWS.
//!
//! The options of rclone are those of version 1.75 (`rclone config providers`). None that is read here is obscured: rclone
//! obscures only passwords, and no credential of Bucketry is one.

use serde_json::json;

use super::sections::FileSection;
use crate::bucket::StorageType;
use crate::paste::fields::PastedFields;
use crate::paste::pasted_credential::PastedCredential;
use crate::secret::Secret;

/// The part of a bucket's fields that its section determines.
#[derive(Debug, Clone, Default)]
pub(super) struct RemoteCredential {
    pub(super) fields: PastedFields,
    /// The file of a Google service account.
    pub(super) secret_file: Option<String>,
}

/// Reads a section. The error says why its buckets can't be registered.
pub(super) fn read(section: &FileSection) -> Result<RemoteCredential, String> {
    match section.get("type") {
        None | Some("s3") => s3(section),
        Some("azureblob") => azure(section),
        Some("google cloud storage") => google(section),
        Some("b2") => Err(
            "is a remote of type b2: register its buckets by the S3-compatible endpoint that Backblaze shows for them".to_owned(),
        ),
        Some(_) => Err("is a remote of a type that has no buckets".to_owned()),
    }
}

/// Values that only say how rclone works.
const NO_REGIONS: [&str; 2] = ["other-v2-signature", "other-v4-signature"];

fn s3(section: &FileSection) -> Result<RemoteCredential, String> {
    let is_remote = section.get("type").is_some();
    let provider = section.get("provider").unwrap_or("AWS");
    let (id, secret, token) = if is_remote {
        ("access_key_id", "secret_access_key", "session_token")
    } else {
        ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    };
    let endpoint = section.get("endpoint").or_else(|| section.get("endpoint_url"));
    if is_remote && endpoint.is_none() && !provider.eq_ignore_ascii_case("AWS") {
        return Err("has no endpoint: add the address of the provider".to_owned());
    }
    let lines: Vec<String> = [id, secret, token]
        .into_iter()
        .filter_map(|key| Some(format!("{} = {}", key.trim_start_matches("aws_"), section.get(key)?)))
        .collect();
    if section.get(secret).is_none() || section.get(id).is_none() {
        return Err(missing(section, is_remote).to_owned());
    }
    let read = credential(&lines.join("\n"))?;
    let region = section.get("region").filter(|region| !NO_REGIONS.contains(region));
    Ok(RemoteCredential {
        fields: PastedFields {
            endpoint: endpoint.map(str::to_owned),
            region: region.map(str::to_owned),
            ..fields_of(read)
        },
        secret_file: None,
    })
}

/// Why a section without an access key has none.
fn missing(section: &FileSection, is_remote: bool) -> &'static str {
    if is_remote && section.is_set("env_auth") {
        return "takes its credential from the environment of rclone (env_auth): add the access key to it";
    }
    let has = |keys: &[&str]| keys.iter().any(|key| section.get(key).is_some());
    if has(&["role_arn"]) {
        return "assumes a role: register its buckets with the ARN of the role as `key`";
    }
    if has(&["sso_session", "sso_start_url", "credential_process", "login_session"]) {
        return "has temporary credentials, which expire: register its buckets with an access key or a role";
    }
    if is_remote {
        "has no access_key_id and secret_access_key: add them"
    } else {
        "has no aws_access_key_id and aws_secret_access_key: add them"
    }
}

fn azure(section: &FileSection) -> Result<RemoteCredential, String> {
    let mut fields = if let Some(connection) = section.get("connection_string") {
        fields_of(credential(connection)?)
    } else if let Some(url) = section.get("sas_url") {
        fields_of(credential(url)?)
    } else if let Some(key) = section.get("key") {
        with_secret(section, key.to_owned())
    } else if let Some(secret) = section.get("client_secret") {
        let (Some(client), Some(tenant)) = (section.get("client_id"), section.get("tenant")) else {
            return Err("has a client_secret without client_id and tenant: add them".to_owned());
        };
        with_secret(section, json!({ "appId": client, "password": secret, "tenant": tenant }).to_string())
    } else {
        return Err(
            "has no key, sas_url, connection_string or client_secret, which are the credentials that Bucketry can use: add one"
                .to_owned(),
        );
    };
    fields.key = section.get("account").map(str::to_owned).or(fields.key);
    // A shared access signature may be that of one container, which the list names.
    fields.bucket = None;
    fields.endpoint = section.get("endpoint").map(str::to_owned).or(fields.endpoint);
    Ok(RemoteCredential { fields, secret_file: None })
}

fn with_secret(section: &FileSection, secret: String) -> PastedFields {
    PastedFields {
        storage_type: Some(StorageType::Blob),
        key: section.get("account").map(str::to_owned),
        secret: Some(Secret::new(secret)),
        ..PastedFields::default()
    }
}

fn google(section: &FileSection) -> Result<RemoteCredential, String> {
    let mut fields = PastedFields { storage_type: Some(StorageType::Gcs), ..PastedFields::default() };
    let mut secret_file = None;
    if let Some(document) = section.get("service_account_credentials") {
        fields = fields_of(credential(document)?);
    } else if let Some(path) = section.get("service_account_file") {
        secret_file = Some(path.to_owned());
    } else if !section.is_set("anonymous") {
        return Err(
            "has no service_account_file and no service_account_credentials, which are the credentials that Bucketry can use: add \
             one"
                .to_owned(),
        );
    }
    fields.endpoint = section.get("endpoint").map(str::to_owned);
    Ok(RemoteCredential { fields, secret_file })
}

fn credential(text: &str) -> Result<PastedCredential, String> {
    match PastedCredential::read(text) {
        Some(Ok(read)) => Ok(read),
        Some(Err(error)) => Err(format!("has a credential that {error}")),
        None => Err("has a credential in an unknown form".to_owned()),
    }
}

fn fields_of(read: PastedCredential) -> PastedFields {
    PastedFields {
        storage_type: Some(read.storage_type),
        bucket: None,
        key: read.key,
        secret: Some(read.secret),
        region: read.region,
        endpoint: read.endpoint,
    }
}
