//! Finds the operation that a request names, and parses its parameters.

use std::borrow::Cow;

use bucketry_provider::driver::VersionId;
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, EXPIRES,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::front::s3::error::{Code, Result, S3Error};
use crate::front::s3::operation::table::{self, Handling, Name, Row, Scope};
use crate::front::s3::operation::values::{
    OBJECT, SOURCE, attributes, conditions, copy_range, copy_source, range, range_condition, version,
};
use crate::front::s3::operation::{
    CompleteRequest, CopyObject, DeleteObject, ExpectedObject, GetObject, KeyText, List, ListBuckets,
    ListMultipartUploads, MAX_KEYS, Marker, ObjectKey, Operation, Part, PutObject, Query, Tagging, Target,
    UploadChecksum,
};
use crate::routing::page_token::PageTokens;
use crate::routing::upload_id::SealedUploadId;

/// The longest upload id or continuation token that is accepted, in bytes.
const MAX_OPAQUE_BYTES: usize = 8 * 1024;
/// The highest part number.
const MAX_PART_NUMBER: u32 = 10_000;

/// A parsed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<'a> {
    /// The operation with its parameters.
    pub operation: Operation,
    /// The headers, including those that a presigned URL carries in its query.
    pub headers: Cow<'a, HeaderMap>,
}

/// Parses a request. If it names no operation that the gateway supports, the error is `NotImplemented`.
pub fn parse<'a>(
    method: &Method,
    target: &Target,
    query: &Query,
    headers: &'a HeaderMap,
) -> Result<Request<'a>> {
    let headers = with_hoisted(query, headers)?;
    let row = find(method, target, query, &headers)?;
    let name = match row.handling {
        Handling::Done(name, _) => name,
        Handling::Refused(why) => {
            return Err(not_implemented(format!("{} is not supported. {why}", row.name)));
        }
    };
    let operation = Parts { target, query, headers: &headers }.operation(name)?;
    Ok(Request { operation, headers })
}

/// The operation that stores an object with these headers.
pub(crate) fn put_object(key: ObjectKey, headers: &HeaderMap) -> Result<PutObject> {
    let (attributes, conditions) = (attributes(headers)?, conditions(headers, &OBJECT)?);
    Ok(PutObject { key, attributes, conditions })
}

fn not_implemented(message: String) -> S3Error {
    S3Error::new(Code::NotImplemented, message)
}

fn no_form() -> S3Error {
    S3Error::new(
        Code::PreconditionFailed,
        "Bucket POST must be of the enclosure-type multipart/form-data, and its address must have no query.",
    )
}

fn invalid(message: &'static str) -> S3Error {
    S3Error::new(Code::InvalidArgument, message)
}

/// Some SDKs put headers into the query of a presigned URL. The query can't override a header of the request.
/// Checksums are ignored, because presigners compute them for the empty body that they have when they sign.
fn with_hoisted<'a>(query: &Query, headers: &'a HeaderMap) -> Result<Cow<'a, HeaderMap>> {
    if query.hoisted().is_empty() {
        return Ok(Cow::Borrowed(headers));
    }
    let mut merged = headers.clone();
    for (name, value) in query.hoisted() {
        let lower = name.to_ascii_lowercase();
        if lower.starts_with("x-amz-checksum-") || lower == "x-amz-sdk-checksum-algorithm" {
            continue;
        }
        let (Ok(name), Ok(value)) = (HeaderName::try_from(lower), HeaderValue::from_str(value)) else {
            return Err(invalid("A query parameter that begins with x-amz- is not a valid header."));
        };
        if headers.contains_key(&name) {
            return Err(invalid("A header is also a query parameter. Send it only once."));
        }
        merged.insert(name, value);
    }
    Ok(Cow::Owned(merged))
}

fn find(method: &Method, target: &Target, query: &Query, headers: &HeaderMap) -> Result<&'static Row> {
    let scope = match target {
        Target::Service => Scope::Service,
        Target::Bucket(_) => Scope::Bucket,
        Target::Object(..) => Scope::Object,
    };
    let rows = table::rows(scope, method, !query.is_plain());
    let fits = |row: &&&Row| {
        row.header.is_none_or(|header| headers.contains_key(header))
            && row.requires.iter().all(|(name, value)| {
                query.get(name).is_some_and(|given| value.is_none_or(|value| value == given))
            })
    };
    let most_specific = |row: &&&Row| row.requires.len() + usize::from(row.header.is_some());
    let Some(row) = rows.iter().filter(fits).max_by_key(most_specific) else {
        return Err(not_implemented(format!("There is no operation {method} on {}.", what(scope))));
    };
    let known =
        |name: &str| row.requires.iter().any(|(known, _)| *known == name) || row.optional.contains(&name);
    match query.names().find(|name| !known(name)) {
        None => Ok(row),
        Some(_) if matches!(row.handling, Handling::Refused(_)) => Ok(row),
        Some(name) => Err(not_implemented(format!(
            "{} does not support the query parameter {:?}.",
            row.name,
            name.chars().take(64).collect::<String>()
        ))),
    }
}

fn what(scope: Scope) -> &'static str {
    match scope {
        Scope::Service => "the endpoint",
        Scope::Bucket => "a bucket",
        Scope::Object => "an object",
    }
}

struct Parts<'a> {
    target: &'a Target,
    query: &'a Query,
    headers: &'a HeaderMap,
}

impl Parts<'_> {
    fn operation(&self, name: Name) -> Result<Operation> {
        Ok(match name {
            Name::ListBuckets => Operation::ListBuckets(ListBuckets::parse(|name| self.text(name))?),
            Name::CreateBucket => Operation::CreateBucket { name: self.bucket() },
            Name::DeleteBucket => Operation::DeleteBucket,
            Name::PutBucketAcl => Operation::PutBucketAcl,
            Name::PutObjectAcl => Operation::PutObjectAcl { key: self.key()?, version: self.version()? },
            Name::HeadBucket => Operation::HeadBucket,
            Name::GetBucketLocation => Operation::GetBucketLocation,
            Name::GetBucketVersioning => Operation::GetBucketVersioning,
            Name::ListObjects => Operation::ListObjects(self.list("marker")?),
            Name::ListObjectsV2 => Operation::ListObjectsV2(self.list("start-after")?),
            Name::ListObjectVersions => Operation::ListObjectVersions(self.list("key-marker")?),
            Name::ListMultipartUploads => Operation::ListMultipartUploads(self.uploads()?),
            Name::DeleteObjects => Operation::DeleteObjects,
            Name::HeadObject => Operation::HeadObject(self.reading()?),
            Name::GetObject => Operation::GetObject(self.reading()?),
            Name::GetObjectAttributes => Operation::GetObjectAttributes(self.reading()?),
            Name::GetObjectTagging => Operation::GetObjectTagging(self.tagging()?),
            Name::PutObjectTagging => Operation::PutObjectTagging(self.tagging()?),
            Name::DeleteObjectTagging => Operation::DeleteObjectTagging(self.tagging()?),
            Name::PutObject => Operation::PutObject(put_object(self.key()?, self.headers)?),
            // Forms are recognised before their operation is parsed.
            Name::PostObject => return Err(no_form()),
            Name::CopyObject => Operation::CopyObject(self.copying()?),
            Name::DeleteObject => Operation::DeleteObject(DeleteObject {
                key: self.key()?,
                is_null: self.query.get("versionId") == Some("null"),
                version: self.version()?,
                conditions: conditions(self.headers, &OBJECT)?,
            }),
            Name::CreateMultipartUpload => Operation::CreateMultipartUpload {
                key: self.key()?,
                attributes: attributes(self.headers)?,
                checksum: UploadChecksum::of_headers(self.headers)?,
            },
            Name::UploadPart => Operation::UploadPart(self.part()?),
            Name::UploadPartCopy => Operation::UploadPartCopy {
                part: self.part()?,
                source: copy_source(self.headers, conditions(self.headers, &SOURCE)?)?,
                range: copy_range(self.headers)?,
            },
            Name::CompleteMultipartUpload => Operation::CompleteMultipartUpload(Box::new(CompleteRequest {
                key: self.key()?,
                upload: self.upload()?,
                conditions: conditions(self.headers, &OBJECT)?,
                expected: ExpectedObject::of_headers(self.headers)?,
            })),
            Name::AbortMultipartUpload => {
                Operation::AbortMultipartUpload { key: self.key()?, upload: self.upload()? }
            }
            Name::ListParts => Operation::ListParts {
                key: self.key()?,
                upload: self.upload()?,
                max_parts: self.at_most_1000("max-parts")?,
                after: self.number("part-number-marker")?.unwrap_or(0),
            },
        })
    }

    fn bucket(&self) -> String {
        self.target.clone().into_bucket().unwrap_or_default()
    }

    fn key(&self) -> Result<ObjectKey> {
        match self.target {
            Target::Object(_, key) => Ok(key.clone()),
            Target::Service | Target::Bucket(_) => Err(invalid("The object key is empty.")),
        }
    }

    /// A parameter. An empty value counts as absent.
    fn text(&self, name: &str) -> Result<Option<String>> {
        match self.query.get(name).filter(|value| !value.is_empty()) {
            Some(value) if value.len() > MAX_OPAQUE_BYTES => {
                Err(invalid("A query parameter is longer than 8192 bytes."))
            }
            value => Ok(value.map(str::to_owned)),
        }
    }

    /// The `continuation-token`. An empty one is the beginning of the list, and repeated in the response.
    fn token(&self) -> Result<Option<String>> {
        let token = self.text("continuation-token")?;
        Ok(token.or_else(|| self.query.get("continuation-token").map(str::to_owned)))
    }

    /// A parameter that is a key, a prefix or a delimiter.
    fn key_text(&self, name: &str) -> Result<Option<KeyText>> {
        Ok(self.text(name)?.map(KeyText::new).transpose()?)
    }

    /// A parameter that is a key or a token that the gateway issued.
    fn marker(&self, name: &str) -> Result<Option<Marker>> {
        match self.text(name)? {
            Some(token) if PageTokens::is_token(&token) => Ok(Some(Marker::Token(token))),
            text => Ok(text.map(KeyText::new).transpose()?.map(Marker::Key)),
        }
    }

    fn number(&self, name: &str) -> Result<Option<u32>> {
        self.query
            .get(name)
            .filter(|value| !value.is_empty())
            .map(|value| value.parse().map_err(|_| invalid("max-… and part numbers must be whole numbers.")))
            .transpose()
    }

    fn at_most_1000(&self, name: &str) -> Result<u16> {
        let wanted = self.number(name)?.unwrap_or(u32::from(MAX_KEYS));
        Ok(u16::try_from(wanted).map_or(MAX_KEYS, |wanted| wanted.min(MAX_KEYS)))
    }

    fn is_url_encoded(&self) -> Result<bool> {
        match self.text("encoding-type")?.as_deref() {
            None => Ok(false),
            Some("url") => Ok(true),
            Some(_) => Err(invalid("encoding-type must be url.")),
        }
    }

    fn uploads(&self) -> Result<ListMultipartUploads> {
        Ok(ListMultipartUploads {
            prefix: self.key_text("prefix")?.unwrap_or_default(),
            delimiter: self.key_text("delimiter")?,
            max_uploads: self.at_most_1000("max-uploads")?,
            url_encoded: self.is_url_encoded()?,
            key_marker: self.marker("key-marker")?,
            upload_marker: self.text("upload-id-marker")?.map(SealedUploadId::new),
        })
    }

    fn tagging(&self) -> Result<Tagging> {
        Ok(Tagging { key: self.key()?, version: self.version()? })
    }

    fn list(&self, start: &str) -> Result<List> {
        let url_encoded = self.is_url_encoded()?;
        if self.text("version-id-marker")?.is_some_and(|version| version != "null") {
            return Err(invalid("version-id-marker must be null, as in the previous response."));
        }
        Ok(List {
            prefix: self.key_text("prefix")?.unwrap_or_default(),
            delimiter: self.key_text("delimiter")?,
            max_keys: self.at_most_1000("max-keys")?,
            url_encoded,
            start_after: match start {
                // In version 2, tokens have a separate parameter.
                "start-after" => self.key_text(start)?.map(Marker::Key),
                marker => self.marker(marker)?,
            },
            token: self.token()?,
            fetch_owner: self.query.get("fetch-owner") == Some("true"),
        })
    }

    fn reading(&self) -> Result<GetObject> {
        let range = range(self.headers);
        Ok(GetObject {
            key: self.key()?,
            version: self.version()?,
            range,
            range_condition: range.and_then(|_| range_condition(self.headers)).map(Box::new),
            conditions: conditions(self.headers, &OBJECT)?,
            part_number: self.number("partNumber")?,
            overrides: if self.query.is_plain() { Vec::new() } else { self.overrides()? },
        })
    }

    /// Response headers that the query overrides.
    fn overrides(&self) -> Result<Vec<(HeaderName, HeaderValue)>> {
        let mut overrides = Vec::new();
        for (parameter, header) in [
            ("response-cache-control", CACHE_CONTROL),
            ("response-content-disposition", CONTENT_DISPOSITION),
            ("response-content-encoding", CONTENT_ENCODING),
            ("response-content-language", CONTENT_LANGUAGE),
            ("response-content-type", CONTENT_TYPE),
            ("response-expires", EXPIRES),
        ] {
            if let Some(text) = self.query.get(parameter) {
                let value = HeaderValue::from_str(text)
                    .map_err(|_| invalid("The value of a response-… parameter is not valid in a header."))?;
                overrides.push((header, value));
            }
        }
        Ok(overrides)
    }

    fn copying(&self) -> Result<CopyObject> {
        let directive = self.headers.get("x-amz-metadata-directive").map(HeaderValue::as_bytes);
        let attributes = match directive {
            None | Some(b"COPY") => None,
            Some(b"REPLACE") => Some(attributes(self.headers)?),
            Some(_) => return Err(invalid("x-amz-metadata-directive must be COPY or REPLACE.")),
        };
        Ok(CopyObject {
            key: self.key()?,
            source: copy_source(self.headers, conditions(self.headers, &SOURCE)?)?,
            attributes,
            conditions: conditions(self.headers, &OBJECT)?,
        })
    }

    /// The version `null` is the only one in a bucket without versioning.
    fn version(&self) -> Result<Option<VersionId>> {
        match self.query.get("versionId") {
            Some("") => Err(invalid("versionId is empty. Send a version id, or leave the parameter out.")),
            given => version(given),
        }
    }

    fn upload(&self) -> Result<SealedUploadId> {
        let upload = self
            .text("uploadId")?
            .ok_or_else(|| invalid("uploadId is empty. Send the id that CreateMultipartUpload returned."))?;
        Ok(SealedUploadId::new(upload))
    }

    fn part(&self) -> Result<Part> {
        let number = self.number("partNumber")?.unwrap_or(0);
        if !(1..=MAX_PART_NUMBER).contains(&number) {
            return Err(invalid("partNumber must be a number from 1 to 10000."));
        }
        Ok(Part { key: self.key()?, upload: self.upload()?, number })
    }
}
