//! All operations of S3, as requests select them. Supported operations are parsed, and all others never reach the
//! bucket or the object itself.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use bucketry_gateway::internals::error::{Code, Result};
use bucketry_gateway::internals::operation::{
    Access, Class, Domains, Handling, Name, OPERATIONS, Operation, Query, Row, Scope, Target, parse,
};
use bucketry_model::repository::KeyAccess;
use bucketry_provider::driver::{ByteRange, Capabilities, MultipartLimits, S3Protocol};
use http::{HeaderMap, HeaderName, Method};

/// Those of a provider that has nothing but objects.
const PLAIN: Capabilities = Capabilities {
    list_start_after: false,
    conditional_get: false,
    put_if_absent: false,
    put_if_match: false,
    conditional_completion: false,
    expires: false,
    copy: false,
    tags: false,
    version_of_every_object: false,
    hidden_metadata: false,
    object_parts: false,
    checksums: false,
    protocol: S3Protocol::None,
    max_key_bytes: 1_024,
    max_put_bytes: 1,
    multipart: MultipartLimits { min_part_bytes: 1, max_part_bytes: 1, max_parts: 1 },
};

/// The operation that a request was parsed as.
#[derive(Debug)]
struct Asked {
    operation: Operation,
    refused_header: Option<String>,
}

fn request(method: &Method, path: &str, headers: &[(&str, &str)]) -> Result<Asked> {
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let target = Target::parse(path, None, &Domains::default())?;
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (HeaderName::try_from(*name).unwrap(), value.parse().unwrap()))
        .collect();
    let request = parse(method, &target, &Query::parse(query)?, &headers)?;
    let refused_header =
        request.operation.check_headers(&PLAIN, &request.headers).err().map(|error| error.message);
    Ok(Asked { operation: request.operation, refused_header })
}

fn code(method: &Method, path: &str) -> Option<Code> {
    request(method, path, &[]).err().map(|error| error.code)
}

fn path_of(scope: Scope) -> &'static str {
    match scope {
        Scope::Service => "/",
        Scope::Bucket => "/bucket",
        Scope::Object => "/bucket/key",
    }
}

/// The request that selects a row.
fn request_of(row: &Row) -> Result<Asked> {
    let value = |name: &str, value: Option<&str>| match (name, value) {
        (_, Some(value)) => value.to_owned(),
        ("partNumber", _) => "1".to_owned(),
        ("uploadId", _) => "u".to_owned(),
        _ => String::new(),
    };
    let query: Vec<String> =
        row.requires.iter().map(|(name, wanted)| format!("{name}={}", value(name, *wanted))).collect();
    let headers: Vec<(&str, &str)> = row.header.iter().map(|name| (*name, "bucket/source")).collect();
    request(&row.method, &format!("{}?{}", path_of(row.scope), query.join("&")), &headers)
}

#[test]
fn every_operation_is_carried_out_or_refused_as_the_table_says() {
    for row in OPERATIONS {
        match (row.handling, request_of(row)) {
            (Handling::Done(name, access), Ok(request)) => {
                assert_eq!(request.operation.name(), name, "{}", row.name);
                assert_eq!(request.operation.access(), access, "{}", row.name);
                assert_eq!(format!("{name:?}"), row.name);
            }
            (Handling::Refused(why), Err(error)) => {
                assert_eq!(error.code, Code::NotImplemented, "{}", row.name);
                assert!(error.message.contains(row.name) && error.message.contains(why), "{error}");
            }
            // Without a form, there is nothing to store.
            (Handling::Done(Name::PostObject, _), Err(error)) => {
                assert_eq!(error.code, Code::PreconditionFailed);
            }
            (handling, outcome) => panic!("{}: {handling:?} {outcome:?}", row.name),
        }
    }
}

#[test]
fn no_sub_resource_reaches_the_bucket_or_the_object_itself() {
    let mut names: Vec<&str> =
        OPERATIONS.iter().flat_map(|row| row.requires).map(|(name, _)| *name).collect();
    names.extend(["something-new", "versionid", "Acl", "ACL", "upload", "lifecycle ", "delete/"]);
    let plain = [
        Name::HeadBucket,
        Name::CreateBucket,
        Name::ListObjects,
        Name::HeadObject,
        Name::GetObject,
        Name::PutObject,
        Name::DeleteObject,
    ];
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::POST, Method::DELETE, Method::PATCH] {
        for scope in [Scope::Bucket, Scope::Object] {
            for name in &names {
                // The only query parameter that selects no sub-resource.
                if *name == "partNumber" && (method == Method::GET || method == Method::HEAD) {
                    continue;
                }
                let escaped = name.replace('/', "%2F").replace(' ', "%20");
                for value in ["", "=", "=1"] {
                    let outcome = request(&method, &format!("{}?{escaped}{value}", path_of(scope)), &[]);
                    if let Ok(request) = outcome {
                        assert!(
                            !plain.contains(&request.operation.name()),
                            "{method} {scope:?} ?{name}{value}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn two_sub_resources_in_one_request_are_refused() {
    for path in ["/b/k?uploads&acl", "/b?versions&policy", "/b?delete&lifecycle", "/b/k?uploadId=u&tagging"] {
        for method in [Method::GET, Method::PUT, Method::POST, Method::DELETE] {
            assert_eq!(code(&method, path), Some(Code::NotImplemented), "{method} {path}");
        }
    }
}

#[test]
fn other_methods_and_places_are_refused() {
    for (method, path) in [
        (Method::OPTIONS, "/b/k"),
        (Method::PATCH, "/b"),
        (Method::PUT, "/"),
        (Method::DELETE, "/"),
        (Method::POST, "/b/k"),
    ] {
        assert_eq!(code(&method, path), Some(Code::NotImplemented), "{method} {path}");
    }
}

#[test]
fn what_signs_a_url_changes_no_operation() {
    let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a&X-Amz-Date=b&X-Amz-Expires=60\
                 &X-Amz-SignedHeaders=host&X-Amz-Signature=c&x-id=GetObject";
    let Operation::GetObject(reading) =
        request(&Method::GET, &format!("/b/k?{query}"), &[("range", "bytes=1-2")]).unwrap().operation
    else {
        panic!("the operation is not GetObject")
    };
    assert_eq!(reading.range, Some(ByteRange::Closed(1, 2)));
}

#[test]
fn headers_in_the_query_of_a_url_count_as_headers() {
    let path = "/b/k?x-amz-meta-colour=blue&x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-acl=public-read";
    let request = request(&Method::PUT, path, &[]).unwrap();
    let Operation::PutObject(writing) = request.operation else { panic!("the operation is not PutObject") };
    assert_eq!(writing.attributes.metadata, [("colour".to_owned(), "blue".to_owned())]);
    assert!(request.refused_header.unwrap().contains("x-amz-acl"));
    let hoisted = "/b/k?x-amz-copy-source=b%2Fsource";
    assert!(matches!(self::request(&Method::PUT, hoisted, &[]).unwrap().operation, Operation::CopyObject(_)));
    let twice = self::request(&Method::PUT, "/b/k?x-amz-meta-a=1", &[("x-amz-meta-a", "2")]);
    assert_eq!(twice.unwrap_err().code, Code::InvalidArgument);
}

#[test]
fn parameters_have_bounds() {
    for path in [
        "/b?max-keys=-1",
        "/b?max-keys=x",
        "/b?encoding-type=base64",
        "/b?versions&version-id-marker=v",
        "/b/k?versionId=",
        "/b/k?response-content-type=a%0D%0Ab",
        "/b?list-type=2&list-type=2",
    ] {
        assert_eq!(code(&Method::GET, path), Some(Code::InvalidArgument), "{path}");
    }
    assert_eq!(code(&Method::GET, "/b?prefix=..%2Fother"), Some(Code::InvalidURI));
    let long = format!("/b?list-type=2&continuation-token={}", "x".repeat(8_193));
    assert_eq!(code(&Method::GET, &long), Some(Code::InvalidArgument));
    for path in
        ["/b/k?partNumber=0&uploadId=u", "/b/k?partNumber=10001&uploadId=u", "/b/k?partNumber=1&uploadId="]
    {
        assert_eq!(code(&Method::PUT, path), Some(Code::InvalidArgument), "{path}");
    }
    for (asked, given) in [("0", 0), ("7", 7), ("1000", 1_000), ("1001", 1_000), ("4000000000", 1_000)] {
        let Operation::ListObjectsV2(list) =
            request(&Method::GET, &format!("/b?list-type=2&max-keys={asked}"), &[]).unwrap().operation
        else {
            panic!("the operation is not a list")
        };
        assert_eq!(list.max_keys, given);
    }
}

#[test]
fn a_key_does_what_its_access_grants() {
    for (access, read, write, admin) in [
        (Access::Read, true, true, true),
        (Access::List, true, true, true),
        (Access::Write, false, true, true),
        (Access::Admin, false, false, true),
    ] {
        assert_eq!(access.is_granted_by(KeyAccess::Read), read, "{access:?}");
        assert_eq!(access.is_granted_by(KeyAccess::Write), write, "{access:?}");
        assert_eq!(access.is_granted_by(KeyAccess::Admin), admin, "{access:?}");
    }
}

#[test]
fn whatever_stores_or_deletes_needs_a_key_that_may_write() {
    for row in OPERATIONS {
        let Handling::Done(name, access) = row.handling else { continue };
        let changes =
            matches!(row.method, Method::PUT | Method::POST | Method::DELETE) && name != Name::CreateBucket;
        assert_eq!(access >= Access::Write, changes, "{}", row.name);
    }
}

#[test]
fn requests_are_counted_by_class() {
    for (method, path, class) in [
        (Method::GET, "/b/k", Class::Read),
        (Method::HEAD, "/b/k", Class::Read),
        (Method::GET, "/b", Class::List),
        (Method::GET, "/b/k?uploadId=u", Class::List),
        (Method::PUT, "/b/k", Class::Write),
        (Method::GET, "/b/k?tagging", Class::Read),
        (Method::PUT, "/b/k?tagging", Class::Write),
        (Method::GET, "/b?uploads", Class::List),
        (Method::DELETE, "/b/k?tagging", Class::Write),
        (Method::DELETE, "/b/k", Class::Delete),
        (Method::DELETE, "/b/k?uploadId=u", Class::Delete),
        (Method::POST, "/b?delete", Class::Delete),
        (Method::HEAD, "/b", Class::Other),
        (Method::GET, "/b?location", Class::Other),
    ] {
        assert_eq!(request(&method, path, &[]).unwrap().operation.class(), class, "{method} {path}");
    }
}
