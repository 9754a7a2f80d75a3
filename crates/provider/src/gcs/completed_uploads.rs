//! Remembers the last completions of multipart uploads.
//!
//! A client that got no response repeats the completion, and S3 returns the same success again. The service doesn't: it
//! forgets an upload when it is completed, and nothing in the object shows which upload it comes from.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::driver::{Stored, UploadId};
use crate::payload::sha256;

/// How many completions are remembered per bucket. Clients repeat them within seconds or minutes.
const MOST: usize = 64;

/// The last completions, at this node and since it started.
#[derive(Debug, Default)]
pub(super) struct CompletedUploads(Mutex<VecDeque<Completed>>);

#[derive(Debug)]
struct Completed {
    /// The hash of the upload's id and its list of parts.
    request: [u8; 32],
    stored: Stored,
}

fn request(upload: &UploadId, parts: &[u8]) -> [u8; 32] {
    sha256(&[upload.as_str().as_bytes(), b"\n", parts].concat())
}

impl CompletedUploads {
    /// Remembers the result of a completion. `parts` is the document that lists the parts.
    pub(super) fn remember(&self, upload: &UploadId, parts: &[u8], stored: &Stored) {
        let mut completed = self.0.lock();
        if completed.len() == MOST {
            completed.pop_front();
        }
        completed.push_back(Completed { request: request(upload, parts), stored: stored.clone() });
    }

    /// The result of an earlier completion of the upload with the same parts.
    pub(super) fn recall(&self, upload: &UploadId, parts: &[u8]) -> Option<Stored> {
        let request = request(upload, parts);
        let completed = self.0.lock();
        completed.iter().rev().find(|known| known.request == request).map(|known| known.stored.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_completions_are_remembered() {
        let completed = CompletedUploads::default();
        let upload = |n: usize| UploadId::new(n.to_string()).unwrap();
        for n in 0..=MOST {
            let stored = Stored { etag: Some(n.to_string()), version: None };
            completed.remember(&upload(n), b"parts", &stored);
        }
        assert_eq!(completed.recall(&upload(0), b"parts"), None);
        let last = Some(MOST.to_string());
        assert_eq!(completed.recall(&upload(MOST), b"parts").unwrap().etag, last);
        assert_eq!(completed.recall(&upload(MOST), b"other parts"), None);
    }
}
