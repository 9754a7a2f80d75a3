//! Metadata that the gateway stores with an object for its own use, at providers that have no other place for it.
//! Clients never see it.
//!
//! It is returned in the headers with which the provider returns the object's metadata, so it costs no request. It is
//! lost when another tool replaces the object.

/// What the names of hidden metadata begin with. At Azure, names must be identifiers.
const PREFIX: &str = "bucketry_";

/// Texts that are stored with an object. The caller that stores them limits their size: together with the client's metadata of at
/// most 2 KiB, they must have less than the 8 KiB that Google and Azure allow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HiddenMetadata {
    /// The object's tags, as [`encode_tags`](crate::driver::encode_tags) writes them. Only drivers of providers without tags
    /// set them.
    pub tags: Option<String>,
    /// The checksum of the object.
    pub checksum: Option<String>,
    /// The sizes of the object's parts.
    pub parts: Option<String>,
    /// The checksums of the object's parts.
    pub part_checksums: Option<String>,
}

impl HiddenMetadata {
    /// Whether metadata with this name is hidden, so that clients can't store it.
    pub fn is_reserved(name: &str) -> bool {
        name.starts_with(PREFIX)
    }

    /// Whether there is nothing to store.
    pub fn is_empty(&self) -> bool {
        self.entries().next().is_none()
    }

    /// The names and texts to store.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let Self { tags, checksum, parts, part_checksums } = self;
        [
            ("bucketry_tags", tags),
            ("bucketry_checksum", checksum),
            ("bucketry_parts", parts),
            ("bucketry_part_checksums", part_checksums),
        ]
        .into_iter()
        .filter_map(|(name, text)| Some((name, text.as_deref()?)))
    }

    /// Adds what is stored under a reserved name. Names that a newer version may have stored are ignored.
    pub(crate) fn add(&mut self, name: &str, text: String) {
        let field = match name {
            "bucketry_tags" => &mut self.tags,
            "bucketry_checksum" => &mut self.checksum,
            "bucketry_parts" => &mut self.parts,
            "bucketry_part_checksums" => &mut self.part_checksums,
            _ => return,
        };
        *field = Some(text).filter(|text| !text.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_under_reserved_names() {
        let hidden = HiddenMetadata {
            tags: Some("a=1".into()),
            checksum: Some("c".into()),
            parts: Some("p".into()),
            part_checksums: Some("s".into()),
        };
        let mut read = HiddenMetadata::default();
        for (name, text) in hidden.entries() {
            assert!(HiddenMetadata::is_reserved(name));
            read.add(name, text.to_owned());
        }
        read.add("bucketry_something_new", "x".into());
        assert_eq!(read, hidden);
        read.add("bucketry_tags", String::new());
        assert_eq!(read.tags, None);
        assert!(HiddenMetadata::default().is_empty() && !hidden.is_empty());
    }
}
