//! Parses the target of a request: the endpoint, a bucket or an object, in path style or virtual-host style.

use percent_encoding::percent_decode;

use crate::front::s3::error::{Code, Result, S3Error};
use crate::routing::object_key::ObjectKey;

/// The longest bucket or repository name that is looked up, in bytes: 255 characters of four bytes.
const MAX_BUCKET_BYTES: usize = 1_020;

/// What a request is addressed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The endpoint itself.
    Service,
    /// A bucket, by the name that the client used.
    Bucket(String),
    /// An object, by the bucket name that the client used and its key.
    Object(String, ObjectKey),
}

impl Target {
    /// Parses the path of the request, still percent-encoded. `host` is the value of the `Host` header: under one
    /// of `domains` it names the bucket (virtual-host style), otherwise the path does (path style).
    pub fn parse(path: &str, host: Option<&str>, domains: &Domains) -> Result<Self> {
        let path = path.strip_prefix('/').unwrap_or(path);
        match host.and_then(|host| domains.bucket(host)) {
            Some(bucket) => Self::of(bucket.to_owned(), path),
            None if path.is_empty() => Ok(Self::Service),
            None => {
                let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
                Self::of(decode(bucket)?, key)
            }
        }
    }

    fn of(bucket: String, key: &str) -> Result<Self> {
        if bucket.is_empty() || bucket.len() > MAX_BUCKET_BYTES {
            return Err(S3Error::new(
                Code::InvalidBucketName,
                "The bucket name is empty or longer than 1020 bytes.",
            ));
        }
        if key.is_empty() {
            return Ok(Self::Bucket(bucket));
        }
        Ok(Self::Object(bucket, ObjectKey::new(decode(key)?)?))
    }

    /// The bucket name that the client used.
    pub fn into_bucket(self) -> Option<String> {
        match self {
            Self::Service => None,
            Self::Bucket(bucket) | Self::Object(bucket, _) => Some(bucket),
        }
    }
}

/// Percent-decodes once.
pub(super) fn decode(text: &str) -> Result<String> {
    if memchr::memchr(b'%', text.as_bytes()).is_none() {
        return Ok(text.to_owned());
    }
    if has_broken_escape(text) {
        return Err(S3Error::new(
            Code::InvalidURI,
            "A percent sign in a name is not followed by two hexadecimal digits. Write a literal percent sign as %25.",
        ));
    }
    match percent_decode(text.as_bytes()).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(S3Error::new(Code::InvalidURI, "Bucket names and object keys must be UTF-8.")),
    }
}

fn has_broken_escape(text: &str) -> bool {
    let mut parts = text.as_bytes().split(|byte| *byte == b'%');
    parts.next();
    parts.any(|part| part.len() < 2 || !part[..2].iter().all(u8::is_ascii_hexdigit))
}

/// The domains for virtual-host style requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Domains(Vec<String>);

impl Domains {
    /// Takes domains such as `s3.example.com`, without ports.
    pub fn new(domains: impl IntoIterator<Item = String>) -> Self {
        let tidy = |domain: String| domain.trim().trim_matches('.').to_ascii_lowercase();
        Self(domains.into_iter().map(tidy).filter(|domain| !domain.is_empty()).collect())
    }

    /// The bucket that a `Host` header names, if the host is below one of the domains.
    fn bucket<'a>(&self, host: &'a str) -> Option<&'a str> {
        let name = host
            .rsplit_once(':')
            .map_or(host, |(name, port)| if port.bytes().all(|b| b.is_ascii_digit()) { name } else { host });
        self.0.iter().find_map(|domain| {
            let end = name.len().checked_sub(domain.len())?;
            let (bucket, rest) = name.split_at_checked(end)?;
            let bucket = bucket.strip_suffix('.')?;
            (rest.eq_ignore_ascii_case(domain) && !bucket.is_empty()).then_some(bucket)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path_style(path: &str) -> Result<Target> {
        Target::parse(path, Some("localhost:9000"), &Domains::default())
    }

    fn object(path: &str) -> String {
        match path_style(path) {
            Ok(Target::Object(bucket, key)) if bucket == "b" => key.as_str().to_owned(),
            other => panic!("{path}: {other:?}"),
        }
    }

    #[test]
    fn a_path_names_a_bucket_and_a_key() {
        assert_eq!(path_style("/"), Ok(Target::Service));
        assert_eq!(path_style(""), Ok(Target::Service));
        assert_eq!(path_style("/b"), Ok(Target::Bucket("b".into())));
        assert_eq!(path_style("/b/"), Ok(Target::Bucket("b".into())), "an empty key means the bucket");
        assert_eq!(path_style("/a%20b"), Ok(Target::Bucket("a b".into())));
        assert_eq!(path_style("//k").unwrap_err().code, Code::InvalidBucketName);
    }

    #[test]
    fn keys_are_unescaped_once_and_kept_byte_for_byte() {
        for (path, key) in [
            ("/b/k", "k"),
            ("/b//lead", "/lead"),
            ("/b/a//b/", "a//b/"),
            ("/b/a/../b", "a/../b"),
            ("/b/a/./b", "a/./b"),
            ("/b/a%2Fb", "a/b"),
            ("/b/a%252Fb", "a%2Fb"),
            ("/b/a+b%20c", "a+b c"),
            ("/b/%F0%9F%9A%80", "🚀"),
            ("/b/%01%0A", "\u{1}\n"),
            ("/b/...", "..."),
        ] {
            assert_eq!(object(path), key, "{path}");
        }
    }

    #[test]
    fn keys_that_lead_elsewhere_are_refused() {
        for path in [
            "/b/..",
            "/b/.",
            "/b/../x",
            "/b/a/../../x",
            "/b/a/..",
            "/b/a//../../x",
            "/b/%2e%2e/x",
            "/b/%252e%252e/x",
            "/b/..%5Cx",
            "/b/..%2Fx",
            "/b/..%252Fx",
            "/b/a/%2e%2E/../x",
        ] {
            assert_eq!(path_style(path).unwrap_err().code, Code::InvalidURI, "{path}");
        }
        assert_eq!(path_style("/b/a%00b").unwrap_err().code, Code::InvalidArgument);
    }

    #[test]
    fn what_is_no_text_is_refused() {
        for path in ["/b/%", "/b/%4", "/b/%zz", "/%zz", "/b/%ff"] {
            assert_eq!(path_style(path).unwrap_err().code, Code::InvalidURI, "{path}");
        }
    }

    #[test]
    fn a_key_has_at_most_1024_bytes() {
        assert_eq!(object(&format!("/b/{}", "%C3%BC".repeat(512))).len(), 1_024);
        let long = path_style(&format!("/b/{}", "k".repeat(1_025))).unwrap_err();
        assert_eq!(long.code, Code::KeyTooLongError);
    }

    #[test]
    fn a_host_under_a_domain_names_the_bucket() {
        let domains = Domains::new(["S3.example.com".to_owned(), ".storage.test.".to_owned()]);
        let of = |host, path| Target::parse(path, Some(host), &domains).unwrap();
        let key = || ObjectKey::new("k".into()).unwrap();
        assert_eq!(of("b.s3.example.com", "/k"), Target::Object("b".into(), key()));
        assert_eq!(of("b.S3.Example.com:9000", "/"), Target::Bucket("b".into()));
        assert_eq!(of("my.dotted.storage.test", "/k"), Target::Object("my.dotted".into(), key()));
        assert_eq!(of("s3.example.com", "/b/k"), Target::Object("b".into(), key()));
        assert_eq!(of("evils3.example.com", "/b"), Target::Bucket("b".into()), "another domain");
        assert_eq!(of("[::1]:9000", "/b"), Target::Bucket("b".into()));
    }

    proptest! {
        #[test]
        fn any_path_is_read_or_refused(path in "/\\PC{0,64}", host in "\\PC{0,32}") {
            let domains = Domains::new(["d".to_owned()]);
            let _ = Target::parse(&path, Some(&host), &domains);
        }
    }
}
