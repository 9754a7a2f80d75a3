//! Multipart upload ids as clients see them: the provider's id, sealed with the repository's key and bound to
//! repository, bucket and object.
//!
//! Some providers interpret an upload id as a path, and most accept the id of any upload that their credential may
//! access. Sealed ids can't be forged, and an id of another object, bucket or repository doesn't open. They depend
//! only on the repository's sealing key: an upload has the same id at every node, for every access key, and after a
//! restart.

use bucketry_model::id::{BucketId, RepoId};
use bucketry_model::secret::Secret;
use bucketry_provider::driver::UploadId;

use crate::failure::{Failure, FailureKind};
use crate::routing::sealer::Sealer;

/// Prefix of sealed ids.
const MARK: &str = "bku1.";

/// An upload id as a client sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedUploadId(String);

impl SealedUploadId {
    /// Accepts any text. Opening it shows whether it is an id.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The object that an upload id is bound to.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the fields are what the id is bound to")]
pub struct UploadScope<'a> {
    pub repository: RepoId,
    pub bucket: BucketId,
    /// The key of the object in the bucket, with the folder.
    pub key: &'a str,
}

impl UploadScope<'_> {
    fn bytes(self) -> Vec<u8> {
        // Ids have a fixed length, so different scopes never have the same bytes.
        format!("{} {} {}", self.repository, self.bucket, self.key).into_bytes()
    }
}

/// Seals and opens the upload ids of a repository.
#[derive(Debug)]
pub struct UploadIds(Sealer);

impl UploadIds {
    /// Takes the repository's sealing key. Fails only if the cryptography library does.
    pub fn new(sealing_key: &Secret) -> Result<Self, Failure> {
        Sealer::new(sealing_key.expose().as_bytes(), "bucketry upload id").map(Self)
    }

    /// The id that clients get for an upload.
    pub fn seal(&self, scope: UploadScope<'_>, upload: &UploadId) -> Result<String, Failure> {
        let sealed = self.0.seal(&scope.bytes(), upload.as_str().as_bytes().to_vec())?;
        Ok([MARK, &sealed].concat())
    }

    /// The provider's id of an upload. Anything that isn't an id of an upload of this object is `NoSuchUpload`.
    pub fn open(&self, scope: UploadScope<'_>, sealed: &SealedUploadId) -> Result<UploadId, Failure> {
        let Some(sealed) = sealed.0.strip_prefix(MARK) else { return Err(no_such_upload(UNSEALED)) };
        let opened = || {
            let text = String::from_utf8(self.0.open(&scope.bytes(), sealed)?).ok()?;
            UploadId::new(text).ok()
        };
        opened().ok_or_else(|| no_such_upload(FOREIGN))
    }
}

const UNSEALED: &str = "There is no such multipart upload: the uploadId was not issued by this gateway. An upload \
                        that was started before Bucketry sealed upload ids, or outside the gateway, can't be \
                        continued here. Start a new upload.";
const FOREIGN: &str = "There is no such multipart upload: the uploadId belongs to another object, bucket or \
                       repository, or was altered. Use the uploadId that CreateMultipartUpload returned for this \
                       object.";

fn no_such_upload(sentence: &str) -> Failure {
    Failure::new(FailureKind::UploadNotFound, sentence)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn scope(repository: u8, bucket: u8, key: &str) -> UploadScope<'_> {
        let at = Timestamp::UNIX_EPOCH;
        UploadScope {
            repository: RepoId::new(at, [repository; 10]),
            bucket: BucketId::new(at, [bucket; 10]),
            key,
        }
    }

    fn ids(key: &str) -> UploadIds {
        UploadIds::new(&Secret::new(key)).unwrap()
    }

    #[test]
    fn an_id_opens_for_its_own_object_only_and_is_the_same_each_time() {
        let upload = UploadId::new("hash_0a1b").unwrap();
        let sealed = ids("one").seal(scope(1, 1, "a"), &upload).unwrap();
        assert_eq!(ids("one").seal(scope(1, 1, "a"), &upload).unwrap(), sealed, "also after a restart");
        assert!(sealed.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)), "{sealed}");
        let sealed = SealedUploadId::new(sealed);
        assert_eq!(ids("one").open(scope(1, 1, "a"), &sealed), Ok(upload));
        for elsewhere in [scope(2, 1, "a"), scope(1, 2, "a"), scope(1, 1, "b"), scope(1, 1, "")] {
            assert_eq!(ids("one").open(elsewhere, &sealed).unwrap_err().kind, FailureKind::UploadNotFound);
        }
        assert_eq!(ids("two").open(scope(1, 1, "a"), &sealed).unwrap_err().kind, FailureKind::UploadNotFound);
    }

    #[test]
    fn the_longest_id_of_a_provider_stays_below_two_thousand_characters() {
        let upload = UploadId::new("x".repeat(1_024)).unwrap();
        assert!(ids("one").seal(scope(1, 1, "a"), &upload).unwrap().len() < 2_000);
    }

    #[test]
    fn a_providers_own_id_is_refused_and_the_sentence_says_why() {
        for wrong in ["", "hash_0a1b", "hash/..", "hash/../../folder", "bku1", "BKU1.AAAA"] {
            let error = ids("one").open(scope(1, 1, "a"), &SealedUploadId::new(wrong)).unwrap_err();
            assert_eq!(error.kind, FailureKind::UploadNotFound, "{wrong}");
            assert!(error.message.contains("Start a new upload"), "{error}");
        }
    }
}
