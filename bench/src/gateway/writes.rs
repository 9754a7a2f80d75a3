//! The sizes of written objects, for clients that check after a write whether everything arrived.

use std::collections::{BTreeMap, HashMap};

use http::{HeaderMap, HeaderValue};
use parking_lot::Mutex;

/// The ETag of written objects. It isn't in the form of an MD5 sum, which clients would compare with what they
/// sent.
pub(super) const WRITTEN_ETAG: &str = "\"d41d8cd98f00b204e9800998ecf8427e-80\"";
/// The header in which clients store an object's modification time.
pub(super) const OWN_TIME: &str = "x-amz-meta-mtime";

/// A written object.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) size: usize,
    /// Including its quotes.
    pub(super) etag: &'static str,
    pub(super) own_time: Option<HeaderValue>,
}

/// All written objects and the uploads in progress.
#[derive(Debug, Default)]
pub(super) struct Writes(Mutex<WriteLoadState>);

#[derive(Debug, Default)]
struct WriteLoadState {
    objects: BTreeMap<String, Object>,
    uploads: HashMap<String, UploadLoad>,
    last_upload: u64,
}

#[derive(Debug, Default)]
struct UploadLoad {
    own_time: Option<HeaderValue>,
    /// The size of all parts but the last: the largest that was received.
    part_size: usize,
    size: usize,
}

impl Writes {
    /// Records an object that was written in one request.
    pub(super) fn put(&self, name: &str, size: usize, headers: &HeaderMap) {
        let object = Object { size, etag: WRITTEN_ETAG, own_time: headers.get(OWN_TIME).cloned() };
        self.0.lock().objects.insert(name.to_owned(), object);
    }

    /// Begins a multipart upload and returns its id.
    pub(super) fn begin(&self, headers: &HeaderMap) -> String {
        let mut state = self.0.lock();
        state.last_upload += 1;
        let id = state.last_upload.to_string();
        let upload = UploadLoad { own_time: headers.get(OWN_TIME).cloned(), ..UploadLoad::default() };
        state.uploads.insert(id.clone(), upload);
        id
    }

    /// The offset at which a part of that size begins. Part numbers begin at 1.
    pub(super) fn place_of_part(&self, upload: &str, number: usize, size: usize) -> usize {
        let mut state = self.0.lock();
        let upload = state.uploads.entry(upload.to_owned()).or_default();
        upload.part_size = upload.part_size.max(size);
        number.saturating_sub(1) * upload.part_size
    }

    /// Records a part.
    pub(super) fn put_part(&self, upload: &str, size: usize) {
        self.0.lock().uploads.entry(upload.to_owned()).or_default().size += size;
    }

    /// Completes an upload: its parts are now the object.
    pub(super) fn complete(&self, name: &str, upload: &str) {
        let mut state = self.0.lock();
        let UploadLoad { own_time, size, .. } = state.uploads.remove(upload).unwrap_or_default();
        state.objects.insert(name.to_owned(), Object { size, etag: WRITTEN_ETAG, own_time });
    }

    /// The object with this name.
    pub(super) fn object(&self, name: &str) -> Option<Object> {
        self.0.lock().objects.get(name).cloned()
    }

    /// All objects.
    pub(super) fn objects(&self) -> Vec<(String, Object)> {
        self.0.lock().objects.iter().map(|(name, object)| (name.clone(), object.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_make_an_object_of_their_sizes() {
        let writes = Writes::default();
        let id = writes.begin(&HeaderMap::new());
        for (number, size, place) in [(1, 5, 0), (3, 2, 10), (2, 5, 5)] {
            assert_eq!(writes.place_of_part(&id, number, size), place);
            writes.put_part(&id, size);
        }
        assert!(writes.object("written").is_none());
        writes.complete("written", &id);
        assert_eq!(writes.object("written").unwrap().size, 12);
        writes.put("written", 3, &HeaderMap::new());
        assert_eq!(writes.objects().len(), 1);
    }
}
