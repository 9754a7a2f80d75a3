//! The part of Cloud Storage that its emulator lacks: multipart uploads of the XML API.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use http_body_util::Full;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::http_stub::{Responder, accept, decode, parameter};

/// One bucket in memory. It checks no tokens.
///
/// As documented, an upload is forgotten when it is completed, requests of uploads heed no preconditions, every object
/// has a generation, and the entity tag of an object changes with its metadata.
#[derive(Debug)]
pub struct GcsUploadsStub {
    address: SocketAddr,
    /// Aborts all connections when dropped.
    _connections: JoinSet<()>,
}

#[derive(Debug, Default)]
struct UploadsBucket {
    objects: BTreeMap<String, UploadedObject>,
    uploads: BTreeMap<String, UploadInProgress>,
    /// Increases with each write and upload, for generations and ids.
    changes: u64,
}

#[derive(Debug)]
struct UploadedObject {
    content: Bytes,
    attributes: HeaderMap,
    generation: u64,
    /// Increases with each change of the metadata.
    metageneration: u64,
}

#[derive(Debug, Default)]
struct UploadInProgress {
    name: String,
    attributes: HeaderMap,
    parts: BTreeMap<u32, Bytes>,
}

impl GcsUploadsStub {
    /// Starts an empty bucket, which has any name, on a free port of `127.0.0.1`.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let mut connections = JoinSet::new();
        connections.spawn(accept(listener, Arc::<Mutex<UploadsBucket>>::default()));
        Ok(Self { address, _connections: connections })
    }

    /// The URL of the service, such as `http://127.0.0.1:40000`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Responder for Mutex<UploadsBucket> {
    fn respond(&self, head: &Parts, body: Bytes) -> Response<Full<Bytes>> {
        let query = head.uri.query().unwrap_or_default();
        let mut bucket = self.lock();
        if head.uri.path().starts_with("/upload/storage/v1/") {
            return bucket.put(&body);
        }
        if head.method == Method::PATCH {
            // The path is /storage/v1/b/bucket/o/name.
            let name = decode(head.uri.path().splitn(7, '/').nth(6).unwrap_or_default());
            return bucket.patch(&name, parameter(query, "ifGenerationMatch").as_deref(), &body);
        }
        // The path is /bucket/name.
        let name = decode(head.uri.path().splitn(3, '/').nth(2).unwrap_or_default());
        match (&head.method, parameter(query, "uploadId")) {
            (&Method::POST, None) if parameter(query, "uploads").is_some() => {
                bucket.initiate(name, &head.headers)
            }
            (&Method::PUT, Some(upload)) => {
                let number = parameter(query, "partNumber").and_then(|number| number.parse().ok());
                bucket.put_part(&upload, number.unwrap_or_default(), body)
            }
            (&Method::POST, Some(upload)) => bucket.complete(name, &upload, &body),
            (&Method::GET, Some(upload)) => bucket.list_parts(&upload),
            (&Method::GET, None) if parameter(query, "uploads").is_some() => {
                bucket.list_uploads(&parameter(query, "prefix").unwrap_or_default())
            }
            (&Method::DELETE, Some(upload)) => match bucket.uploads.remove(&upload) {
                Some(_) => answer(204, &[], Bytes::new()),
                None => error(404, "NoSuchUpload"),
            },
            (&Method::GET | &Method::HEAD, None) => bucket.read(&name, &head.headers),
            _ => error(501, "NotImplemented"),
        }
    }
}

impl UploadsBucket {
    fn next(&mut self) -> u64 {
        self.changes += 1;
        self.changes
    }

    fn store(&mut self, name: String, attributes: HeaderMap, content: Bytes) -> u64 {
        let generation = self.next();
        self.objects.insert(name, UploadedObject { content, attributes, generation, metageneration: 1 });
        generation
    }

    /// Changes the metadata that the resource names, and removes what is null in it.
    fn patch(&mut self, name: &str, generation: Option<&str>, body: &Bytes) -> Response<Full<Bytes>> {
        let Some(object) = self.objects.get_mut(name) else { return error(404, "notFound") };
        if generation.is_some_and(|generation| generation != object.generation.to_string()) {
            return error(412, "conditionNotMet");
        }
        let resource: Value = serde_json::from_slice(body).unwrap_or_default();
        for (name, text) in resource["metadata"].as_object().into_iter().flatten() {
            let Ok(name) = HeaderName::try_from(format!("{METADATA}{name}")) else { continue };
            match text.as_str().and_then(|text| HeaderValue::from_str(text).ok()) {
                Some(text) => drop(object.attributes.insert(name, text)),
                None => drop(object.attributes.remove(name)),
            }
        }
        object.metageneration += 1;
        let (etag, generation) = (object.etag(), object.generation.to_string());
        answer(200, &[], json!({ "etag": etag, "generation": generation }).to_string().into())
    }

    /// Reads the two parts of an upload with the JSON API: the resource and the content.
    fn put(&mut self, body: &Bytes) -> Response<Full<Bytes>> {
        let text = String::from_utf8_lossy(body);
        let name = text.split("\"name\":\"").nth(1).and_then(|rest| rest.split('"').next());
        let content = text.split("\r\n\r\n").nth(2).and_then(|rest| rest.split("\r\n--").next());
        let (Some(name), Some(content)) = (name, content) else { return error(400, "InvalidArgument") };
        let generation = self.store(name.to_owned(), HeaderMap::new(), Bytes::from(content.to_owned()));
        answer(200, &[], format!("{{\"etag\":\"CJ\",\"generation\":\"{generation}\"}}").into())
    }

    fn initiate(&mut self, name: String, headers: &HeaderMap) -> Response<Full<Bytes>> {
        let id = format!("upload-{}", self.next());
        let document = format!(
            "<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
        );
        let is_stored = |name: &HeaderName| name == CONTENT_TYPE || name.as_str().starts_with(METADATA);
        let stored = headers.iter().filter(|(name, _)| is_stored(name));
        let attributes = stored.map(|(name, value)| (name.clone(), value.clone())).collect();
        self.uploads.insert(id, UploadInProgress { name, attributes, parts: BTreeMap::new() });
        answer(200, &[], document.into())
    }

    fn put_part(&mut self, upload: &str, number: u32, content: Bytes) -> Response<Full<Bytes>> {
        let Some(upload) = self.uploads.get_mut(upload) else { return error(404, "NoSuchUpload") };
        let etag = etag_of(&content);
        upload.parts.insert(number, content);
        answer(200, &[("etag", &etag)], Bytes::new())
    }

    fn list_uploads(&self, prefix: &str) -> Response<Full<Bytes>> {
        let matching = self.uploads.iter().filter(|(_, upload)| upload.name.starts_with(prefix));
        let listed = |(id, upload): (&String, &UploadInProgress)| {
            format!("<Upload><Key>{}</Key><UploadId>{id}</UploadId></Upload>", upload.name)
        };
        let uploads: String = matching.map(listed).collect();
        let document = format!("<ListMultipartUploadsResult>{uploads}</ListMultipartUploadsResult>");
        answer(200, &[], document.into())
    }

    fn list_parts(&self, upload: &str) -> Response<Full<Bytes>> {
        let Some(upload) = self.uploads.get(upload) else { return error(404, "NoSuchUpload") };
        let part = |(number, content): (&u32, &Bytes)| {
            let (etag, size) = (etag_of(content), content.len());
            format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag><Size>{size}</Size></Part>")
        };
        let parts: String = upload.parts.iter().map(part).collect();
        answer(200, &[], format!("<ListPartsResult>{parts}</ListPartsResult>").into())
    }

    fn complete(&mut self, name: String, id: &str, body: &Bytes) -> Response<Full<Bytes>> {
        let Some(upload) = self.uploads.get(id) else { return error(404, "NoSuchUpload") };
        let document = String::from_utf8_lossy(body);
        let mut content = Vec::new();
        for listed in document.split("<PartNumber>").skip(1) {
            let number = listed.split('<').next().and_then(|number| number.parse().ok());
            match number.and_then(|number: u32| upload.parts.get(&number)) {
                Some(part) => content.extend_from_slice(part),
                None => return error(400, "InvalidPart"),
            }
        }
        let attributes = self.uploads.remove(id).unwrap_or_default().attributes;
        self.store(name, attributes, content.into());
        // The response begins before the service knows the generation.
        let document =
            "<CompleteMultipartUploadResult><ETag>\"parts\"</ETag></CompleteMultipartUploadResult>";
        answer(200, &[], document.into())
    }

    /// Understands ranges with both ends.
    fn read(&self, name: &str, asked: &HeaderMap) -> Response<Full<Bytes>> {
        let Some(object) = self.objects.get(name) else { return error(404, "NoSuchKey") };
        let size = object.content.len();
        let range = asked.get("range").and_then(|range| range.to_str().ok());
        let range = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
        let range =
            range.and_then(|(first, last)| Some((first.parse().ok()?, last.parse::<usize>().ok()? + 1)));
        let (first, end) = range.unwrap_or((0, size));
        if first > end || end > size {
            return error(416, "InvalidRange");
        }
        let (etag, generation) = (format!("\"-{}\"", object.etag()), object.generation.to_string());
        let length = (end - first).to_string();
        let part = range.map(|_| format!("bytes {first}-{}/{size}", end - 1));
        let mut headers =
            vec![("etag", &*etag), ("x-goog-generation", &*generation), ("content-length", &*length)];
        headers.extend(part.as_deref().map(|part| ("content-range", part)));
        let status = if part.is_some() { 206 } else { 200 };
        let mut response = answer(status, &headers, object.content.slice(first..end));
        response.headers_mut().extend(object.attributes.clone());
        response
    }
}

impl UploadedObject {
    fn etag(&self) -> String {
        format!("{}.{}", self.generation, self.metageneration)
    }
}

const METADATA: &str = "x-goog-meta-";

/// Any text that differs for different content.
fn etag_of(content: &Bytes) -> String {
    let sum = content.iter().fold(0u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
    format!("\"{sum:032x}\"")
}

fn answer(status: u16, headers: &[(&str, &str)], body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(status).header("x-guploader-uploadid", "1");
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Full::new(body)).unwrap_or_default()
}

fn error(status: u16, code: &str) -> Response<Full<Bytes>> {
    answer(status, &[], format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>").into())
}
