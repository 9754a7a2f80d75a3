//! What a file changes about a bucket that is registered.

use bucketry_model::endpoint::Endpoint;
use bucketry_model::paste::clean;
use bucketry_model::paste::fields::PastedFields;
use bucketry_model::same_bucket::aws_partition;

use super::current::CurrentBucket;
use super::field_difference::FieldDifference;
use crate::registry_file::{FileBucket, FilePins, SecretSource};

/// The fields whose stored secret is for their stored values only. A region is one of them if it is in another partition
/// of AWS (China, GovCloud), which has its own accounts.
const MOVING: [&str; 4] = ["bucket", "type", "endpoint", "key"];

/// The fields that differ, and the change to send. `None` if the registered bucket matches the file. A field that the
/// file leaves out doesn't differ.
pub(super) struct BucketDifference {
    pub(super) fields: Vec<FieldDifference>,
    /// Only what changes. The secret is in it if it must be sent.
    pub(super) change: FileBucket,
}

pub(super) fn bucket_difference(
    wanted: &FileBucket,
    current: &CurrentBucket,
    current_workspace: &str,
    update_secret: bool,
) -> Option<BucketDifference> {
    let read = as_stored(wanted);
    let mut change = FileBucket { line: wanted.line, name: current.name.clone(), ..FileBucket::default() };
    change.read_only = wanted.read_only;
    let mut fields = Vec::new();
    let mut differs = |field: &'static str, from: Option<&str>, to: Option<&str>| {
        let Some(to) = to else { return false };
        let is_different = from.unwrap_or_default() != to;
        if is_different {
            let to = Some(to).filter(|to| !to.is_empty());
            fields.push(FieldDifference::new(field, from, to));
        }
        is_different
    };
    if differs("name", Some(&current.name), Some(&wanted.name)) {
        change.name.clone_from(&wanted.name);
    }
    let folded = current_workspace.to_lowercase();
    change.workspace = wanted.workspace.clone().filter(|name| name.to_lowercase() != folded);
    differs("workspace", Some(current_workspace), change.workspace.as_deref());
    if differs("bucket", Some(&current.bucket), read.bucket.as_deref()) {
        change.bucket.clone_from(&wanted.bucket);
    }
    let storage_type = wanted.storage_type.map(|name| name.storage_type.as_str());
    if differs("type", Some(current.storage_type.as_str()), storage_type) {
        change.storage_type = wanted.storage_type;
    }
    if differs("endpoint", current.endpoint.as_deref(), read.endpoint.as_deref()) {
        change.endpoint.clone_from(&wanted.endpoint);
    }
    if differs("region", current.region.as_deref(), read.region.as_deref()) {
        change.region.clone_from(&wanted.region);
    }
    if differs("key", current.key.as_deref(), read.key.as_deref()) {
        change.key.clone_from(&wanted.key);
    }
    let pins = wanted.pinned_to.as_ref().map(FilePins::text);
    let present = Some(current.pinned_to.text()).filter(|text| !text.is_empty());
    if differs("pinnedTo", present.as_deref(), pins.as_deref()) {
        change.pinned_to.clone_from(&wanted.pinned_to);
    }
    let leaves_partition = change.region.is_some()
        && aws_partition(current.region.as_deref()) != aws_partition(read.region.as_deref());
    let is_moving = leaves_partition || fields.iter().any(|one| MOVING.contains(&one.field));
    if let Some(source) = wanted.secret.as_ref().filter(|_| is_moving || update_secret) {
        change.secret = Some(source.clone());
        let from = current.has_secret.then_some("(hidden)");
        fields.push(FieldDifference::new("secret", from, Some(source_text(source).as_str())));
    }
    (!fields.is_empty()).then_some(BucketDifference { fields, change })
}

/// A reference as a difference shows it.
pub(super) fn source_text(source: &SecretSource) -> String {
    match source {
        SecretSource::File(path) => format!("(from the file {})", path.display()),
        SecretSource::Variable(name) => format!("(from the variable {name})"),
    }
}

/// The fields as the server stores them: it also reads addresses, and writes endpoints in one form.
fn as_stored(wanted: &FileBucket) -> PastedFields {
    let bare = |text: &Option<String>| text.as_deref().map(clean::value);
    let entered = PastedFields {
        storage_type: wanted.storage_type.map(|name| name.storage_type),
        bucket: bare(&wanted.bucket),
        key: bare(&wanted.key),
        secret: None,
        region: bare(&wanted.region),
        endpoint: bare(&wanted.endpoint),
    };
    let mut read = entered.clone().read(None).fields;
    // An address says more than its field. What the file leaves out is not compared all the same.
    read.key = read.key.filter(|_| entered.key.is_some());
    read.region = read.region.filter(|_| entered.region.is_some());
    read.endpoint = read.endpoint.filter(|_| entered.endpoint.is_some());
    if let Some(endpoint) = read.endpoint.as_deref().and_then(|text| Endpoint::parse(text).ok()) {
        read.endpoint = Some(endpoint.to_string());
    }
    read
}
