//! S3's XML documents (API version 2006-03-01): writes those of responses and reads those of requests.

use std::fmt::Write as _;

use bucketry_provider::driver::Tag;
use bucketry_provider::xml;
use bytes::Bytes;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::front::s3::error::{Code, Result, S3Error};
use crate::front::s3::object_tags;
use crate::front::s3::operation::MAX_KEYS;

/// The largest document in a request, in bytes. Enough for 10,000 parts with ETags and checksums, pretty-printed
/// and with escaped quotes, or for 1,000 keys of the longest kind.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Every document starts with it.
pub(crate) const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
/// The largest document of tags, in bytes. Enough for ten keys of 128 and values of 256 characters, all of them
/// escaped.
pub const MAX_TAGGING_BYTES: usize = 64 * 1024;

/// The characters that `encoding-type=url` leaves as they are. A space becomes `%20`, which decoders for both forms
/// and paths understand.
const KEPT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/').remove(b'*');

/// The characters that may be in a parameter of an address as they are (RFC 3986 §2.3).
pub(crate) const UNRESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A document that is being written.
pub struct Document {
    text: String,
    root: &'static str,
}

impl Document {
    /// Starts a document with this root element.
    pub fn new(root: &'static str) -> Self {
        let text = format!("{DECLARATION}<{root} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
        Self { text, root }
    }

    /// Adds an element with text.
    pub fn element(&mut self, name: &str, text: &str) {
        self.tag("<", name);
        escape(&mut self.text, text);
        self.tag("</", name);
    }

    /// Adds an element with text, if there is any.
    pub fn optional(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.element(name, text);
        }
    }

    /// Adds an element with child elements.
    pub fn group(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        self.tag("<", name);
        write(self);
        self.tag("</", name);
    }

    /// Adds an element with a time in milliseconds.
    pub fn time(&mut self, name: &str, time: Timestamp) {
        self.element(name, &time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string());
    }

    fn tag(&mut self, start: &str, name: &str) {
        self.text.push_str(start);
        self.text.push_str(name);
        self.text.push('>');
    }

    /// Adds elements that are already XML.
    pub(crate) fn append(&mut self, elements: &str) {
        self.text.push_str(elements);
    }

    /// Closes the root element.
    pub fn finish(mut self) -> Bytes {
        self.tag("</", self.root);
        self.text.into()
    }
}

/// Like S3, writes control characters that XML doesn't allow as references. Many parsers refuse them, so clients
/// with such keys use `encoding-type=url`.
pub(crate) fn escape(out: &mut String, text: &str) {
    xml::escape(out, text, |out, special| {
        if special.is_control() {
            // Writing to a string can't fail.
            let _ = write!(out, "&#x{:x};", u32::from(special));
        } else {
            out.push(special);
        }
    });
}

/// The `Location` of an object in the response of `CompleteMultipartUpload`.
pub(crate) fn location(bucket: &str, key: &str) -> String {
    format!("/{}/{}", listed(bucket, true), listed(key, true))
}

/// A name in a list, percent-encoded if the client requested it.
pub fn listed(text: &str, url_encoded: bool) -> String {
    if url_encoded { utf8_percent_encode(text, KEPT).to_string() } else { text.to_owned() }
}

pub(super) fn malformed(message: &'static str) -> S3Error {
    S3Error::new(Code::MalformedXML, message)
}

/// The document of `DeleteObjects`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delete {
    /// Whether the response lists only failures.
    pub quiet: bool,
    /// 1 to [`MAX_KEYS`] objects.
    pub objects: Vec<ObjectToDelete>,
}

/// An object to delete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectToDelete {
    /// The key, not checked yet.
    pub key: String,
    /// The version to delete.
    pub version: Option<String>,
    /// Whether the document has a condition for this object.
    pub conditional: bool,
}

/// Parses the document of `DeleteObjects`.
pub fn read_delete(document: &[u8]) -> Result<Delete> {
    let mut delete = Delete::default();
    let mut object = ObjectToDelete::default();
    let read = xml::read(document, "Delete", |element| {
        match (element.path.len(), element.name) {
            (1, "Quiet") => delete.quiet = element.text.trim() == "true",
            (1, "Object") => delete.objects.push(std::mem::take(&mut object)),
            (2, "Key") => element.text.clone_into(&mut object.key),
            (2, "VersionId") => object.version = Some(element.text.to_owned()),
            (2, "ETag" | "LastModifiedTime" | "Size") => object.conditional = true,
            _ => {}
        }
        Ok(())
    });
    read.map_err(|_| malformed("The body is not a well-formed Delete document."))?;
    if delete.objects.is_empty() || delete.objects.len() > usize::from(MAX_KEYS) {
        return Err(malformed("A Delete document must list 1 to 1000 objects."));
    }
    Ok(delete)
}

/// Parses the document of `PutObjectTagging`.
pub fn read_tags(document: &[u8]) -> Result<Vec<Tag>> {
    let mut tags: Vec<Tag> = Vec::new();
    let mut tag = Tag::default();
    let read = xml::read(document, "Tagging", |element| {
        match (element.path.len(), element.name) {
            (2, "Tag") => tags.push(std::mem::take(&mut tag)),
            (3, "Key") => element.text.clone_into(&mut tag.key),
            (3, "Value") => element.text.clone_into(&mut tag.value),
            _ => {}
        }
        Ok(())
    });
    read.map_err(|_| malformed("The body is not a well-formed Tagging document."))?;
    object_tags::check(&tags)?;
    Ok(tags)
}

/// The response of `GetObjectTagging`.
pub(crate) fn tagging(tags: &[Tag]) -> Bytes {
    let mut document = Document::new("Tagging");
    document.group("TagSet", |document| {
        for tag in tags {
            document.group("Tag", |document| {
                document.element("Key", &tag.key);
                document.element("Value", &tag.value);
            });
        }
    });
    document.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_are_escaped_and_times_have_milliseconds() {
        let mut document = Document::new("R");
        document.element("K", "a<&>\"\u{1}\nü");
        document.optional("N", None);
        document.group("G", |document| document.time("T", "2026-01-02T03:04:05.006789Z".parse().unwrap()));
        let text = String::from_utf8(document.finish().to_vec()).unwrap();
        assert_eq!(
            text,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<R xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <K>a&lt;&amp;&gt;&quot;&#x1;&#xa;ü</K><G><T>2026-01-02T03:04:05.006Z</T></G></R>"
        );
    }

    #[test]
    fn names_are_escaped_for_urls_only_if_asked_for() {
        assert_eq!(listed("a b+c/ü%", true), "a%20b%2Bc/%C3%BC%25");
        assert_eq!(listed("a b", false), "a b");
    }

    #[test]
    fn what_is_to_be_deleted_is_read() {
        let document = b"<Delete xmlns='x'><Quiet>true</Quiet><Object><Key> a&amp;b </Key></Object>\
            <Object><Key>c</Key><VersionId>null</VersionId><ETag>x</ETag></Object></Delete>";
        let delete = read_delete(document).unwrap();
        assert!(delete.quiet);
        assert_eq!(delete.objects[0], ObjectToDelete { key: " a&b ".into(), ..Default::default() });
        let second = ObjectToDelete { key: "c".into(), version: Some("null".into()), conditional: true };
        assert_eq!(delete.objects[1], second);
    }

    #[test]
    fn documents_that_are_too_much_or_nothing_are_refused() {
        let many = format!("<Delete>{}</Delete>", "<Object><Key>k</Key></Object>".repeat(1_001));
        for document in [
            "",
            "x",
            "<Delete/>",
            "<Delete><Object>",
            "<delete/>",
            &many,
            "<!DOCTYPE Delete [<!ENTITY a 'b'>]><Delete><Object><Key>&a;</Key></Object></Delete>",
        ] {
            assert_eq!(
                read_delete(document.as_bytes()).unwrap_err().code,
                Code::MalformedXML,
                "{document:.40}"
            );
        }
    }

    #[test]
    fn tags_are_read_and_bounded() {
        let of = |tags: &str| read_tags(format!("<Tagging><TagSet>{tags}</TagSet></Tagging>").as_bytes());
        let tags = of("<Tag><Value>1 &amp; 2</Value><Key>a</Key></Tag><Tag><Key>b</Key></Tag>").unwrap();
        assert_eq!((tags[0].key.as_str(), tags[0].value.as_str()), ("a", "1 & 2"));
        assert_eq!((tags[1].key.as_str(), tags[1].value.as_str()), ("b", ""));
        assert_eq!(of("").unwrap(), []);
        let tag = "<Tag><Key>k</Key><Value>v</Value></Tag>";
        for wrong in [&tag.repeat(2), "<Tag/>", &format!("<Tag><Key>{}</Key></Tag>", "k".repeat(129))] {
            assert_eq!(of(wrong).unwrap_err().code, Code::InvalidTag, "{wrong:.40}");
        }
        let longest = format!("<Tag><Key>{}</Key><Value>{}</Value></Tag>", "ü".repeat(128), "🪣".repeat(256));
        assert_eq!(of(&longest).map(|tags| tags.len()), Ok(1), "characters count, not bytes");
        let many: Vec<_> = (0..11).map(|n| format!("<Tag><Key>{n}</Key></Tag>")).collect();
        assert!(of(&many[..10].concat()).is_ok());
        assert_eq!(of(&many.concat()).unwrap_err().code, Code::InvalidTag);
        assert_eq!(read_tags(b"<Delete/>").unwrap_err().code, Code::MalformedXML);
    }

    proptest! {
        #[test]
        fn any_document_is_read_or_refused(text in "[<>/A-Za-z&;\"= ]{0,64}") {
            let _ = read_delete(text.as_bytes());
            let _ = read_tags(text.as_bytes());
        }
    }
}
