//! What the demo's buckets went through: latencies, outages, traffic.

use bucketry_model::diagnosis::CheckCode;

use super::buckets::{ARCHIVE, BACKUPS, DOCUMENTS, DemoBucket, PARTNERS, PHOTOS};
use super::contents::DemoContents;
use super::history::{PastBucket, PastOutage, PastProfile};

const TIMED_OUT: &str = "The provider did not answer in time.";
const FAILED: &str = "The provider failed with status 503.";

static OF_PHOTOS: PastProfile = PastProfile {
    latency_ms: 18,
    outages: &[
        outage(9_400, 14, CheckCode::ConnectTimeout, TIMED_OUT),
        outage(31_000, 45, CheckCode::ProviderError, FAILED),
    ],
    requests: 2_400,
    object_bytes: 180_000,
};

static OF_DOCUMENTS: PastProfile = PastProfile {
    latency_ms: 34,
    outages: &[outage(16_800, 190, CheckCode::ProviderError, FAILED)],
    requests: 640,
    object_bytes: 60_000,
};

static OF_BACKUPS: PastProfile =
    PastProfile { latency_ms: 61, outages: &[], requests: 90, object_bytes: 6_000_000 };

/// Went down two hours before the demo's start, and still is.
static OF_ARCHIVE: PastProfile = PastProfile {
    latency_ms: 22,
    outages: &[PastOutage {
        began: 130,
        lasted: None,
        code: CheckCode::SecretWrong,
        message: "The secret does not match the access key.",
    }],
    requests: 40,
    object_bytes: 90_000,
};

static OF_PARTNERS: PastProfile = PastProfile {
    latency_ms: 27,
    outages: &[outage(3_000, 32, CheckCode::ConnectTimeout, TIMED_OUT)],
    requests: 130,
    object_bytes: 240_000,
};

const fn outage(began: i64, minutes: i64, code: CheckCode, message: &'static str) -> PastOutage {
    PastOutage { began, lasted: Some(minutes), code, message }
}

/// The past of what the demo created.
pub(crate) fn of(contents: &DemoContents) -> Vec<PastBucket> {
    let of_bucket = |(bucket, id): &(&'static DemoBucket, _)| {
        let is = |other: &DemoBucket| *bucket == other;
        let profiles = [
            (&PHOTOS, &OF_PHOTOS),
            (&DOCUMENTS, &OF_DOCUMENTS),
            (&BACKUPS, &OF_BACKUPS),
            (&ARCHIVE, &OF_ARCHIVE),
            (&PARTNERS, &OF_PARTNERS),
        ];
        let (_, profile) = profiles.into_iter().find(|(other, _)| is(other))?;
        let in_repository = [&PHOTOS, &DOCUMENTS, &BACKUPS].into_iter().any(is);
        Some(PastBucket { id: *id, repo_id: in_repository.then_some(contents.repo_id), profile })
    };
    contents.buckets.iter().filter_map(of_bucket).collect()
}
