//! The checksums of an object and of its parts as texts that are stored with the object, at providers that don't store
//! the checksums of clients themselves.
//!
//! `CRC32 y/Q5Jg== 9` is the checksum of 9 bytes, so it isn't returned for an object of another size: other tools
//! could change the content and leave the metadata. `SHA256 …=-3` is composite: the checksum of the checksums of three
//! parts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bucketry_provider::driver::{HiddenMetadata, ObjectInfo};

use crate::payload::checksum::{Algorithm, Checksum};

/// The longest text of the checksums of parts, in bytes. Larger ones are not stored.
const MAX_PARTS_TEXT: usize = 1_024;

/// A checksum of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredChecksum {
    pub(crate) checksum: Checksum,
    /// The number of parts, if the checksum is composite. `None` if it is that of the content.
    pub(crate) parts: Option<usize>,
}

impl StoredChecksum {
    /// The checksum of an object, if one is stored.
    pub(crate) fn of(info: &ObjectInfo) -> Option<Self> {
        let (stored, size) = Self::read(info.hidden.as_deref()?.checksum.as_deref()?)?;
        size.is_none_or(|size| info.size == Some(size)).then_some(stored)
    }

    fn read(text: &str) -> Option<(Self, Option<u64>)> {
        let mut words = text.split(' ');
        let algorithm = Algorithm::of_name(words.next()?)?;
        let value = words.next()?;
        let size = words.next().map(str::parse).transpose().ok()?;
        let (value, parts) = match value.split_once('-') {
            Some((value, parts)) => (value, Some(parts.parse().ok()?)),
            None => (value, None),
        };
        Some((Self { checksum: Checksum::read(algorithm, value)?, parts }, size))
    }

    /// The text to store. Without the size, it is returned for an object of any size.
    pub(crate) fn text(&self, size: Option<u64>) -> String {
        let size = size.map(|size| format!(" {size}")).unwrap_or_default();
        format!("{} {}{size}", self.checksum.algorithm.name(), self.value())
    }

    /// The checksum in base64. A composite checksum ends with the number of parts.
    pub(crate) fn value(&self) -> String {
        let value = self.checksum.value().to_str().unwrap_or_default();
        self.parts.map_or_else(|| value.to_owned(), |parts| format!("{value}-{parts}"))
    }
}

/// The text of the checksums of parts, if all have the same algorithm and there aren't too many.
pub(crate) fn text_of_parts<'c>(checksums: impl IntoIterator<Item = Option<&'c Checksum>>) -> Option<String> {
    let checksums: Vec<&Checksum> = checksums.into_iter().collect::<Option<_>>()?;
    let algorithm = checksums.first()?.algorithm;
    if checksums.iter().any(|checksum| checksum.algorithm != algorithm) {
        return None;
    }
    let bytes: Vec<u8> = checksums.iter().flat_map(|checksum| checksum.bytes()).copied().collect();
    let text = format!("{} {}", algorithm.name(), STANDARD.encode(bytes));
    (text.len() <= MAX_PARTS_TEXT).then_some(text)
}

/// The checksums of an object's parts, if they are stored.
pub(crate) fn of_parts(hidden: Option<&HiddenMetadata>) -> Option<Vec<Checksum>> {
    let (name, bytes) = hidden?.part_checksums.as_deref()?.split_once(' ')?;
    let algorithm = Algorithm::of_name(name)?;
    let bytes = STANDARD.decode(bytes).ok()?;
    bytes.chunks(algorithm.bytes()).map(|bytes| Checksum::of_bytes(algorithm, bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(size: u64, checksum: &str) -> ObjectInfo {
        let hidden = HiddenMetadata { checksum: Some(checksum.to_owned()), ..Default::default() };
        ObjectInfo { size: Some(size), hidden: Some(Box::new(hidden)), ..Default::default() }
    }

    #[test]
    fn a_stored_checksum_is_that_of_an_object_of_the_same_size() {
        let checksum = Checksum::read(Algorithm::Crc32, "y/Q5Jg==").unwrap();
        let stored = StoredChecksum { checksum: checksum.clone(), parts: None };
        assert_eq!(stored.text(Some(9)), "CRC32 y/Q5Jg== 9");
        assert_eq!(StoredChecksum::of(&info(9, &stored.text(Some(9)))), Some(stored.clone()));
        assert_eq!(StoredChecksum::of(&info(8, &stored.text(Some(9)))), None, "another tool changed it");
        let composite = StoredChecksum { checksum, parts: Some(3) };
        assert_eq!(composite.value(), "y/Q5Jg==-3");
        assert_eq!(StoredChecksum::of(&info(1, &composite.text(None))), Some(composite));
        for malformed in ["", "CRC32", "CRC32 x 9", "CRC32 y/Q5Jg== x", "MD5 y/Q5Jg==", "CRC32 y/Q5Jg==-x"] {
            assert_eq!(StoredChecksum::of(&info(9, malformed)), None, "{malformed}");
        }
        assert_eq!(StoredChecksum::of(&ObjectInfo::default()), None);
    }

    #[test]
    fn checksums_of_parts_are_read_back_or_not_stored() {
        let checksum = |n: u8| Checksum::of_bytes(Algorithm::Sha256, &[n; 32]).unwrap();
        let checksums = [checksum(1), checksum(2), checksum(3)];
        let text = text_of_parts(checksums.iter().map(Some));
        let hidden = HiddenMetadata { part_checksums: text, ..Default::default() };
        assert_eq!(of_parts(Some(&hidden)).unwrap(), checksums);
        assert_eq!(text_of_parts([Some(&checksums[0]), None]), None, "a part has none");
        let other = Checksum::of_bytes(Algorithm::Crc32, &[0; 4]).unwrap();
        assert_eq!(text_of_parts([Some(&checksums[0]), Some(&other)]), None);
        assert_eq!(text_of_parts(std::iter::repeat_n(Some(&other), 10_000)), None, "too many");
        let malformed = HiddenMetadata { part_checksums: Some("SHA256 AAAA".into()), ..Default::default() };
        assert_eq!(of_parts(Some(&malformed)), None);
    }
}
