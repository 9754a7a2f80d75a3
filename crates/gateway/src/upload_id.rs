//! The ids of multipart uploads as clients know them: the provider's, sealed with the repository's key and bound to
//! repository, bucket and object.
//!
//! Some providers take an upload id for a path, and most take any upload's id that their credential may use. Sealed ids
//! can't be made up, and one of another object, bucket or repository doesn't open. They depend on nothing but the
//! repository's key: the same upload has the same id at every node, through every access key, and after a restart.

use bucketry_model::id::{BucketId, RepoId};
use bucketry_model::secret::Secret;
use bucketry_provider::driver::UploadId;

use crate::error::{Code, Result, S3Error};
use crate::sealer::Sealer;

/// What sealed ids begin with.
const MARK: &str = "bku1.";

/// An upload id as a client sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedUploadId(String);

impl SealedUploadId {
    /// Takes any text: whether it is an id shows when it is opened.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What an upload id is bound to.
#[derive(Debug, Clone, Copy)]
pub struct UploadScope<'a> {
    /// The repository.
    pub repository: RepoId,
    /// The bucket.
    pub bucket: BucketId,
    /// The object that the upload becomes, by its key in the bucket.
    pub key: &'a str,
}

impl UploadScope<'_> {
    fn bytes(self) -> Vec<u8> {
        // Ids have one length, so no two scopes are written alike.
        format!("{} {} {}", self.repository, self.bucket, self.key).into_bytes()
    }
}

/// Seals and opens the upload ids of a repository.
#[derive(Debug)]
pub struct UploadIds(Sealer);

impl UploadIds {
    /// Takes the repository's sealing key. It fails only where the machine's cryptography does.
    pub fn new(sealing_key: &Secret) -> Result<Self> {
        Sealer::new(sealing_key.expose().as_bytes(), "bucketry upload id").map(Self)
    }

    /// The id that clients are given for an upload.
    pub fn seal(&self, scope: UploadScope<'_>, upload: &UploadId) -> Result<String> {
        let sealed = self.0.seal(&scope.bytes(), upload.as_str().as_bytes().to_vec())?;
        Ok([MARK, &sealed].concat())
    }

    /// The provider's id of an upload; everything that isn't the id of an upload of this object is `NoSuchUpload`.
    pub fn open(&self, scope: UploadScope<'_>, sealed: &SealedUploadId) -> Result<UploadId> {
        let Some(sealed) = sealed.0.strip_prefix(MARK) else { return Err(no_such_upload(UNSEALED)) };
        let opened = || {
            let text = String::from_utf8(self.0.open(&scope.bytes(), sealed)?).ok()?;
            UploadId::new(text).ok()
        };
        opened().ok_or_else(|| no_such_upload(FOREIGN))
    }
}

const UNSEALED: &str = "There is no such multipart upload: the uploadId is not one that this gateway gives. An upload that \
                        was begun before Bucketry was updated to sealed upload ids, or not through the gateway, can't be \
                        continued here: begin it again.";
const FOREIGN: &str = "There is no such multipart upload: the uploadId belongs to another object, bucket or repository, or \
                       was changed on its way.";

fn no_such_upload(sentence: &str) -> S3Error {
    S3Error::new(Code::NoSuchUpload, sentence)
}

/// The answer where the node has not got the repository's sealing key: an older control plane sends none, and one that
/// was sealed to other nodes doesn't open.
pub(crate) fn no_sealing_key() -> S3Error {
    S3Error {
        retry_after: Some(2),
        ..S3Error::new(
            Code::ServiceUnavailable,
            "This node can't read or give upload ids of the repository yet: it waits for the repository's sealing key. Try \
             again soon; where it stays so, `bucketry vault rotate` seals all keys to all nodes.",
        )
    }
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
        assert_eq!(ids("one").seal(scope(1, 1, "a"), &upload).unwrap(), sealed, "after a restart, too");
        assert!(sealed.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)), "{sealed}");
        let sealed = SealedUploadId::new(sealed);
        assert_eq!(ids("one").open(scope(1, 1, "a"), &sealed), Ok(upload));
        for elsewhere in [scope(2, 1, "a"), scope(1, 2, "a"), scope(1, 1, "b"), scope(1, 1, "")] {
            assert_eq!(ids("one").open(elsewhere, &sealed).unwrap_err().code, Code::NoSuchUpload);
        }
        assert_eq!(ids("two").open(scope(1, 1, "a"), &sealed).unwrap_err().code, Code::NoSuchUpload);
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
            assert_eq!(error.code, Code::NoSuchUpload, "{wrong}");
            assert!(error.message.contains("begin it again"), "{error}");
        }
    }
}
