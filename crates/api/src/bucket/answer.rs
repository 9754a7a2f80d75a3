//! The representation of a bucket in responses.

use std::borrow::Cow;

use bucketry_api_types::bucket::{AlsoRegistered, BucketInfo, EstimatedStorageCost, ReadField, RepoOfBucket};
use bucketry_api_types::count::Count;
use bucketry_api_types::moment::Moment;
use bucketry_api_types::pinned_to::PinnedTo;
use bucketry_control::buckets::{BucketView, OtherRegistration};
use bucketry_model::paste::fields::PasteReading;
use bucketry_model::status::Status;
use bucketry_store::repository::RepositoryOfBucket;

fn repo_of_bucket(holder: &RepositoryOfBucket) -> RepoOfBucket<'_> {
    RepoOfBucket {
        id: holder.id,
        name: holder.name.as_str().into(),
        storage_type: holder.storage_type,
        created_at: Moment(holder.created_at),
    }
}

/// A bucket as responses represent it. Its texts are borrowed: a list can have a million of them.
pub(crate) fn bucket_info(view: &BucketView) -> BucketInfo<'_> {
    let bucket = &view.bucket;
    BucketInfo {
        id: bucket.id,
        name: bucket.name.as_str().into(),
        bucket: bucket.location.bucket.as_str().into(),
        storage_type: bucket.location.storage_type,
        key: bucket.location.key.as_deref().map(Cow::Borrowed),
        has_secret: view.has_secret,
        endpoint: bucket.location.endpoint.as_ref().map(Cow::Borrowed),
        region: bucket.location.region.as_deref().map(Cow::Borrowed),
        provider: view.provider.as_str().into(),
        status: view.status,
        last_status_at: view.last_status_at.map(Moment),
        latency_ms: view.latency_ms,
        last_error: view.last_error.as_ref().map(|failure| failure.code.as_str().into()),
        status_reason: view.last_error.as_ref().map(|failure| failure.message.as_str().into()),
        online_since: view.since.filter(|_| view.status == Status::Online).map(Moment),
        offline_since: view.since.filter(|_| view.status == Status::Offline).map(Moment),
        credential_set_at: bucket.credential.set_at.map(Moment),
        credential_expires_at: bucket.credential.expires_at.map(Moment),
        stored_bytes: view.size.map(|size| Count(size.bytes)),
        objects: view.size.map(|size| Count(size.objects)),
        inventory_at: view.size.map(|size| Moment(size.measured_at)),
        estimated_storage_cost: view.storage_cost.as_ref().map(|cost| EstimatedStorageCost {
            currency: cost.currency.to_string().into(),
            per_month: cost.amount,
        }),
        created_at: Moment(bucket.created_at),
        updated_at: Moment(bucket.updated_at),
        workspace_id: bucket.workspace_id,
        repos: view.repositories.iter().map(repo_of_bucket).collect(),
        pinned_to: PinnedTo::of(&bucket.pinned_to),
    }
}

/// The other registrations of a bucket.
pub(super) fn also_registered(others: Vec<OtherRegistration>) -> Vec<AlsoRegistered> {
    let other =
        |other: OtherRegistration| AlsoRegistered { bucket_id: other.id, name: other.name.to_string() };
    others.into_iter().map(other).collect()
}

/// What was read from pasted fields.
pub(super) fn read_fields(readings: Vec<PasteReading>) -> Vec<ReadField> {
    let field = |read: PasteReading| ReadField {
        field: read.field.into(),
        from: read.from.into(),
        value: read.value,
    };
    readings.into_iter().map(field).collect()
}
