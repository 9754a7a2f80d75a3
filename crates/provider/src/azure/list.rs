//! List Blobs.
//!
//! Some tools (Hadoop, blobfuse, azcopy) and accounts with a hierarchical namespace represent a folder `dir` by an
//! empty blob `dir` that is marked as a folder. It is not listed: clients would see a file beside the folder `dir/`,
//! which no disk can store.

use async_trait::async_trait;
use http::Method;

use crate::azure::AzureDriver;
use crate::azure::attributes::quoted;
use crate::azure::request::Call;
use crate::connection::ResponseTimeout;
use crate::driver::{ListPage, ListRequest, ListedObject, Lists, PageToken};
use crate::encode::decode_percent;
use crate::error::ProviderError;
use crate::headers::parse_http_date;
use crate::xml::{self, UnexpectedXml};

/// The maximum number of blobs per page. The service would return 5,000, of about 1 KiB each and more with long
/// names.
const MAX_KEYS: u16 = 1_000;
/// Each blob may have 8 KiB of metadata.
const MAX_PAGE_BYTES: usize = 24 * 1024 * 1024;

#[async_trait]
impl Lists for AzureDriver {
    async fn list(&self, request: &ListRequest) -> Result<ListPage, ProviderError> {
        if request.start_after.is_some() {
            return Err(ProviderError::InvalidRequest("Azure can't start a list after a given key"));
        }
        // The metadata shows which blobs are folders.
        self.list_blobs(request, "metadata").await
    }
}

impl AzureDriver {
    /// Lists a page of blobs. `include` is what it contains besides the names and properties of blobs.
    pub(super) async fn list_blobs(
        &self,
        request: &ListRequest,
        include: &str,
    ) -> Result<ListPage, ProviderError> {
        let mut call = Call::container(Method::GET, &[("comp", "list")]);
        if !request.prefix.is_empty() {
            call.query.push("prefix", &request.prefix);
        }
        let token = request.token.as_ref().map(PageToken::as_str);
        for (name, value) in [("delimiter", request.delimiter.as_deref()), ("marker", token)] {
            if let Some(value) = value {
                call.query.push(name, value);
            }
        }
        call.query.push("include", include);
        let max_keys = request.max_keys.unwrap_or(MAX_KEYS).clamp(1, MAX_KEYS);
        call.query.push("maxresults", &max_keys.to_string());
        let (head, body) = self.send(call).await?.into_parts();
        let document = self.connections.document(body, MAX_PAGE_BYTES, ResponseTimeout::Usual).await?;
        parse(&document)
            .map_err(|UnexpectedXml| ProviderError::NotAnObjectStore { status: Some(head.status) })
    }
}

/// Reads the marker of the next page. An empty marker means that there is none.
fn next(text: &str) -> Result<Option<PageToken>, UnexpectedXml> {
    let given = Some(text).filter(|text| !text.is_empty());
    given.map(PageToken::new).transpose().map_err(|_| UnexpectedXml)
}

fn parse(document: &[u8]) -> Result<ListPage, UnexpectedXml> {
    let mut page = ListPage::default();
    let mut object = ListedObject::default();
    let mut is_folder = false;
    xml::read(document, "EnumerationResults", |element| {
        let text = element.text;
        let name = || {
            if element.encoded { decode_percent(text).ok_or(UnexpectedXml) } else { Ok(text.to_owned()) }
        };
        match (element.parent(), element.name) {
            ("EnumerationResults", "NextMarker") => {
                page.next = next(text)?;
            }
            ("Blobs", "Blob") => {
                let listed = std::mem::take(&mut object);
                // A marker whose name ends with a slash is what S3 clients create for a folder, too.
                if !std::mem::take(&mut is_folder) || listed.key.ends_with('/') {
                    page.objects.push(listed);
                }
            }
            // With a hierarchical namespace, a common prefix has properties like those of a blob.
            ("Blobs", "BlobPrefix") => (object, is_folder) = (ListedObject::default(), false),
            ("Properties", "ResourceType") => is_folder |= text == "directory",
            ("Metadata", name) if name.eq_ignore_ascii_case("hdi_isfolder") => {
                is_folder |= text.eq_ignore_ascii_case("true");
            }
            ("Blob", "Name") => object.key = name()?,
            ("BlobPrefix", "Name") => page.prefixes.push(name()?),
            ("Properties", "Content-Length") => {
                object.size = text.trim().parse().map_err(|_| UnexpectedXml)?;
            }
            ("Properties", "Etag") => object.etag = Some(quoted(text.to_owned())),
            ("Properties", "Last-Modified") => object.last_modified = parse_http_date(text),
            ("Properties", "AccessTier") => object.storage_class = Some(text.to_owned()),
            _ => {}
        }
        Ok(())
    })?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read() {
        let document = "\u{feff}<?xml version=\"1.0\"?><EnumerationResults ContainerName=\"c\"><Blobs>\
            <Blob><Name>a &amp; b</Name><Properties><Last-Modified>Thu, 29 Feb 2024 12:00:00 GMT</Last-Modified>\
            <Etag>0x8D</Etag><Content-Length>5</Content-Length><AccessTier>Hot</AccessTier></Properties></Blob>\
            <Blob><Name Encoded=\"true\">odd%EF%BF%BE%20</Name><Properties><Content-Length>0</Content-Length>\
            </Properties></Blob><BlobPrefix><Name>dir/</Name></BlobPrefix></Blobs><NextMarker>2!8!x</NextMarker>\
            </EnumerationResults>";
        let page = parse(document.as_bytes()).unwrap();
        let first = &page.objects[0];
        assert_eq!((first.key.as_str(), first.size), ("a & b", 5));
        assert_eq!(first.etag.as_deref(), Some("\"0x8D\""));
        assert_eq!(first.last_modified, "2024-02-29T12:00:00Z".parse().ok());
        assert_eq!(page.objects[1].key, "odd\u{fffe} ");
        assert_eq!((page.prefixes, page.next), (vec!["dir/".to_owned()], PageToken::new("2!8!x").ok()));
    }

    #[test]
    fn folders_of_other_tools_are_not_listed() {
        let blob = |name: &str, more: &str| format!("<Blob><Name>{name}</Name>{more}</Blob>");
        let folder = "<Properties><ResourceType>directory</ResourceType></Properties>";
        let marker = "<Metadata><Hdi_isfolder>true</Hdi_isfolder></Metadata>";
        let document = [
            "<EnumerationResults><Blobs>",
            &blob("a", folder),
            &blob("a/x", "<Properties><ResourceType>file</ResourceType></Properties>"),
            &blob("b", marker),
            &blob("b/", marker),
            &format!("<BlobPrefix><Name>c/</Name>{folder}</BlobPrefix>"),
            &blob("d", "<Metadata><hdi_isfolder>false</hdi_isfolder><note>true</note></Metadata>"),
            "</Blobs><NextMarker/></EnumerationResults>",
        ]
        .concat();
        let page = parse(document.as_bytes()).unwrap();
        let keys: Vec<_> = page.objects.iter().map(|object| object.key.as_str()).collect();
        assert_eq!((keys, page.prefixes), (vec!["a/x", "b/", "d"], vec!["c/".to_owned()]));
    }

    #[test]
    fn the_last_page_has_no_marker() {
        let page = parse(b"<EnumerationResults><Blobs/><NextMarker/></EnumerationResults>").unwrap();
        assert_eq!(page, ListPage::default());
        assert_eq!(parse(b"<html/>"), Err(UnexpectedXml));
    }
}
