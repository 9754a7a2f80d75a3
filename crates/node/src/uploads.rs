//! Multipart uploads that nobody completed: finding them, and aborting them. Their parts use storage until then.

use std::time::Duration;

use bucketry_model::node_protocol::UploadsFound;
use bucketry_provider::driver::{Driver, ListedUpload, UploadId, UploadsMarker, UploadsRequest};
use bucketry_provider::error::{ErrorKind, ProviderError};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

/// The most uploads that are looked at.
const MAX_LOOKED_AT: usize = 10_000;
/// Uploads per page.
const PAGE: u16 = 1_000;
/// For how many uploads their parts are added up. That costs a request for each.
const MAX_MEASURED: usize = 100;

/// The uploads of a bucket that began before some time.
pub(crate) struct OldUploads {
    uploads: Vec<ListedUpload>,
    complete: bool,
}

impl OldUploads {
    /// Looks for them until the deadline.
    pub(crate) async fn find(
        driver: &dyn Driver,
        begun_before: Timestamp,
        deadline: Instant,
    ) -> Result<Self, ProviderError> {
        let mut found = Self { uploads: Vec::new(), complete: false };
        let mut after = UploadsMarker::default();
        let mut looked_at = 0;
        while looked_at < MAX_LOOKED_AT {
            let request =
                UploadsRequest { after: after.clone(), max_uploads: PAGE, ..UploadsRequest::default() };
            let Ok(page) = timeout_at(deadline, driver.list_uploads(&request)).await else { break };
            let page = page?;
            looked_at += page.uploads.len();
            // One without a time may have just begun.
            let is_old = |upload: &ListedUpload| upload.initiated.is_some_and(|at| at < begun_before);
            found.uploads.extend(page.uploads.into_iter().filter(is_old));
            match page.next {
                None => {
                    found.complete = true;
                    break;
                }
                // A provider that repeats a page would never end.
                Some(next) if next == after => break,
                Some(next) => after = next,
            }
        }
        Ok(found)
    }

    /// How many there are, how old and how large, as far as that is found out until the deadline.
    pub(crate) async fn describe(&self, driver: &dyn Driver, deadline: Instant) -> UploadsFound {
        let bytes = if self.uploads.len() <= MAX_MEASURED {
            timeout_at(deadline, self.bytes(driver)).await.ok().flatten()
        } else {
            None
        };
        UploadsFound {
            count: self.uploads.len() as u64,
            oldest: self.uploads.iter().filter_map(|upload| upload.initiated).min(),
            bytes,
            complete: self.complete,
        }
    }

    async fn bytes(&self, driver: &dyn Driver) -> Option<u64> {
        let mut bytes: u64 = 0;
        for upload in &self.uploads {
            let id = UploadId::new(upload.upload.as_str()).ok()?;
            let mut after = 0;
            loop {
                match driver.list_parts(&upload.key, &id, after).await {
                    Ok(page) => {
                        bytes = page.parts.iter().fold(bytes, |sum, part| sum.saturating_add(part.size));
                        match page.next {
                            Some(next) if next > after => after = next,
                            _ => break,
                        }
                    }
                    // It has ended in the meantime.
                    Err(error) if error.kind() == Some(ErrorKind::UploadNotFound) => break,
                    Err(_) => return None,
                }
            }
        }
        Some(bytes)
    }

    /// Aborts them until the deadline, or until the provider refuses. Returns how many, and why it refused.
    pub(crate) async fn abort(&self, driver: &dyn Driver, deadline: Instant) -> (u64, Option<ProviderError>) {
        let mut aborted = 0;
        for upload in &self.uploads {
            let Ok(id) = UploadId::new(upload.upload.as_str()) else { continue };
            match timeout_at(deadline, driver.abort_multipart(&upload.key, &id)).await {
                Ok(Ok(())) => aborted += 1,
                // It has ended in the meantime.
                Ok(Err(error)) if error.kind() == Some(ErrorKind::UploadNotFound) => {}
                Ok(Err(error)) => return (aborted, Some(error)),
                Err(_) => return (aborted, Some(ProviderError::TimedOut)),
            }
        }
        (aborted, None)
    }
}

/// Looks for abandoned uploads after a walk. `None` if the provider can't list them.
pub(crate) async fn abandoned(
    driver: &dyn Driver,
    begun_before: Timestamp,
    within: Duration,
) -> Option<UploadsFound> {
    let deadline = Instant::now() + within;
    match OldUploads::find(driver, begun_before, deadline).await {
        Ok(found) => Some(found.describe(driver, deadline).await),
        Err(error) => {
            tracing::debug!(%error, "can't list the multipart uploads of a bucket");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
    use bucketry_model::node_protocol::NewestSearch;
    use bucketry_model::secret::Secret;
    use bucketry_model::time::{Clock as _, SystemClock};
    use bucketry_provider::body::Payload;
    use bucketry_provider::connection::{ConnectionSettings, Connections};
    use bucketry_provider::driver::{NewUpload, PutRequest, SharedDriver};
    use bucketry_provider::open::open;

    use bucketry_provider::policy::EndpointPolicy;
    use bucketry_provider::s3::S3Driver;
    use jiff::SignedDuration;

    use super::*;
    use crate::newest::find_newest;

    /// A new bucket on the S3 server that `cargo xtask test` starts.
    async fn bucket(name: &str) -> SharedDriver {
        let setting = |name: &str| std::env::var(name).unwrap();
        let location = BucketLocation {
            storage_type: StorageType::S3,
            bucket: format!("{name}-{}", uuid::Uuid::new_v4().simple()),
            key: Some(setting("BUCKETRY_TEST_S3_KEY")),
            endpoint: Some(setting("BUCKETRY_TEST_S3_ENDPOINT").parse().unwrap()),
            region: None,
        };
        let target = BucketTarget { location, secret: Some(Secret::new(setting("BUCKETRY_TEST_S3_SECRET"))) };
        let settings = ConnectionSettings { policy: EndpointPolicy::private(), ..Default::default() };
        let connections = Connections::new(settings).unwrap();
        S3Driver::open(&target, &connections).unwrap().create_bucket().await.unwrap();
        open(&target, &connections).unwrap()
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(30)
    }

    #[tokio::test]
    async fn uploads_are_found_by_age_measured_and_aborted() {
        let driver = bucket("uploads").await;
        let driver = &*driver;
        for key in ["a/one", "b/two"] {
            let upload = driver.create_multipart(key, &NewUpload::default()).await.unwrap();
            driver.upload_part(key, &upload, 1, Payload::bytes("x".repeat(1_000))).await.unwrap();
        }
        let now = SystemClock.now();
        let young = OldUploads::find(driver, now - SignedDuration::from_hours(1), soon()).await.unwrap();
        assert_eq!(
            young.describe(driver, soon()).await,
            UploadsFound { complete: true, bytes: Some(0), ..UploadsFound::default() }
        );

        let later = now + SignedDuration::from_mins(5);
        let all = OldUploads::find(driver, later, soon()).await.unwrap();
        let found = all.describe(driver, soon()).await;
        assert_eq!((found.count, found.bytes, found.complete), (2, Some(2_000), true));
        assert!(found.oldest.is_some());
        assert_eq!(abandoned(driver, later, Duration::from_secs(30)).await, Some(found));
        let (aborted, error) = all.abort(driver, soon()).await;
        assert!(aborted == 2 && error.is_none(), "{aborted} {error:?}");
        assert_eq!(OldUploads::find(driver, later, soon()).await.unwrap().uploads.len(), 0);
        // A second attempt finds them gone.
        assert!(all.abort(driver, soon()).await.1.is_none());
    }

    #[tokio::test]
    async fn the_newest_object_is_found_under_its_prefix_if_it_is_large_enough() {
        let driver = bucket("newest").await;
        let driver = &*driver;
        for (key, size) in [("backups/marker", 0), ("backups/full", 2_000), ("other/large", 9_000)] {
            let content = Payload::bytes("x".repeat(size));
            driver.put(key, content, &PutRequest::default()).await.unwrap();
        }
        let now = SystemClock.now();
        let find = async |prefix: &str, min_bytes| {
            let search = NewestSearch {
                bucket_id: bucketry_model::id::BucketId::new(now, [1; 10]),
                prefix: prefix.to_owned(),
                min_bytes,
                fresh_since: now + SignedDuration::from_hours(1),
                deadline_ms: 0,
            };
            find_newest(driver, &search, soon()).await.unwrap()
        };
        let newest = find("backups/", 1_000).await.unwrap();
        assert!(now.duration_since(newest).abs() < SignedDuration::from_mins(5), "{newest}");
        assert_eq!(find("backups/", 5_000).await, None, "nothing is that large");
        assert_eq!(find("nothing/", 0).await, None);
        assert!(find("", 5_000).await.is_some());
    }
}
