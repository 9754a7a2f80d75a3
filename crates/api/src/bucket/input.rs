//! Request bodies about buckets, as input of `control`.

use bucketry_api_types::bucket_fields::{BucketChanges, NewBucketRequest, TrialFields};
use bucketry_api_types::pinned_to::PinnedTo;
use bucketry_control::buckets::{BucketInput, PinsInput};

fn pins(pins: PinnedTo) -> PinsInput {
    PinsInput { nodes: pins.nodes, regions: pins.regions }
}

pub(super) fn new_bucket(new: NewBucketRequest) -> BucketInput {
    BucketInput {
        name: new.name,
        bucket: new.bucket,
        storage_type: new.storage_type.map(|name| name.storage_type),
        named: new.storage_type,
        key: new.key,
        secret: new.secret,
        region: new.region,
        endpoint: new.endpoint,
        workspace_id: new.workspace_id,
        api_key_uuid: new.api_key_uuid,
        skip_validation: new.skip_validation.unwrap_or(false),
        scope: new.checks.unwrap_or_default(),
        pinned_to: new.pinned_to.map(pins),
    }
}

pub(super) fn bucket_changes(changes: BucketChanges) -> BucketInput {
    BucketInput {
        name: changes.name,
        bucket: changes.bucket,
        storage_type: changes.storage_type.map(|name| name.storage_type),
        named: changes.storage_type,
        key: changes.key,
        secret: changes.secret,
        region: changes.region,
        endpoint: changes.endpoint,
        workspace_id: changes.workspace_id,
        api_key_uuid: changes.api_key_uuid,
        skip_validation: changes.skip_validation.unwrap_or(false),
        scope: changes.checks.unwrap_or_default(),
        pinned_to: changes.pinned_to.map(pins),
    }
}

pub(super) fn trial(fields: TrialFields) -> BucketInput {
    BucketInput {
        bucket: fields.bucket,
        storage_type: fields.storage_type.map(|name| name.storage_type),
        named: fields.storage_type,
        key: fields.key,
        secret: fields.secret,
        region: fields.region,
        endpoint: fields.endpoint,
        api_key_uuid: fields.api_key_uuid,
        scope: fields.checks.unwrap_or_default(),
        pinned_to: fields.pinned_to.map(pins),
        ..BucketInput::default()
    }
}
