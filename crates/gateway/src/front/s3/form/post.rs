//! Turns the fields of a form into the request that puts the same object.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::utf8_percent_encode;

use crate::front::s3::error::{Code, Result, S3Error};
use crate::front::s3::form::fields::{Fields, MAX_BEFORE};
use crate::front::s3::form::policy::Policy;
use crate::front::s3::form::{Post, Success, UploadForm};
use crate::front::s3::operation::{Name, ObjectKey, demand, put_object};
use crate::front::s3::xml::{UNRESERVED, read_tags};

/// What stands for the name that the client gives the file.
const FILENAME: &str = "${filename}";
/// The fields that sign the form. They are never expanded.
const SIGNING: [&str; 5] = ["policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"];

/// Checks a form against its policy.
pub(super) fn parse(form: &UploadForm, policy: &Policy, bucket: &str, real: &HeaderMap) -> Result<Post> {
    // Headers that demand something of an upload aren't signed, and S3 reads them only from fields.
    demand::check_all(Name::PostObject, real)?;
    let fields = expanded(&form.fields, &form.filename)?;
    policy.check(bucket, &fields)?;
    let key = fields.get("key").ok_or_else(|| {
        let message = "Bucket POST must contain a field named 'key'. If it is specified, please check the order of \
                       the fields: all must be before the file.";
        S3Error::new(Code::InvalidArgument, message)
    })?;
    let key = ObjectKey::new(key.to_owned())?;
    let headers = headers(&fields)?;
    let success = Success::of(&fields, key.as_str())?;
    Ok(Post { put: put_object(key, &headers)?, headers, success })
}

/// The fields with the name of the file in place of `${filename}`, which S3 replaces before it checks the policy.
fn expanded<'f>(fields: &'f Fields, filename: &str) -> Result<Cow<'f, Fields>> {
    if !fields.iter().any(|(name, value)| !SIGNING.contains(&name) && value.contains(FILENAME)) {
        return Ok(Cow::Borrowed(fields));
    }
    // Some clients send a path, and only its end is the name.
    let name = filename.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut expanded = fields.clone();
    expanded.try_update(|field, value| {
        if SIGNING.contains(&field) || !value.contains(FILENAME) {
            return Ok(None);
        }
        if value.len() + value.matches(FILENAME).count() * name.len() > MAX_BEFORE {
            let message = "A field is too long with the name of the file in place of ${filename}.";
            return Err(S3Error::new(Code::InvalidArgument, message));
        }
        Ok(Some(value.replace(FILENAME, name)))
    })?;
    Ok(Cow::Owned(expanded))
}

/// The headers that mean what the fields mean. Fields that only forms have are left out, and so are those that S3
/// doesn't know: it ignores them if the policy allows them.
pub(super) fn headers(fields: &Fields) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (field, value) in fields.iter() {
        let (name, value) = match field {
            "acl" => ("x-amz-acl", Cow::Borrowed(value)),
            "tagging" => ("x-amz-tagging", Cow::Owned(tagging(value)?)),
            "cache-control"
            | "content-type"
            | "content-disposition"
            | "content-encoding"
            | "content-language"
            | "expires" => (field, Cow::Borrowed(value)),
            // Two names of one header.
            "x-amz-acl" | "x-amz-tagging" => return Err(wrong(field)),
            _ if field.starts_with("x-amz-") && !SIGNING.contains(&field) => (field, Cow::Borrowed(value)),
            _ => continue,
        };
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(&value)) else {
            return Err(wrong(field));
        };
        headers.insert(name, value);
    }
    Ok(headers)
}

/// The tags as the header `x-amz-tagging` has them. In forms, they are a document.
fn tagging(document: &str) -> Result<String> {
    let encode = |text| utf8_percent_encode(text, UNRESERVED);
    let tags = read_tags(document.as_bytes())?;
    let tags: Vec<String> =
        tags.iter().map(|tag| format!("{}={}", encode(&tag.key), encode(&tag.value))).collect();
    Ok(tags.join("&"))
}

fn wrong(field: &str) -> S3Error {
    let field: String = field.chars().take(128).collect();
    S3Error::new(
        Code::InvalidArgument,
        format!("The form field '{field}' is unknown, or its value can't be the value of a header."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_file_replaces_the_variable_in_every_field() {
        let fields: Fields = [
            ("key", "user/${filename}"),
            ("x-amz-meta-name", "${filename}, ${filename}"),
            ("policy", "${filename}"),
        ]
        .into();
        for (filename, name) in [("a.txt", "a.txt"), ("C:\\dir\\a.txt", "a.txt"), ("../x/b", "b"), ("", "")] {
            let expanded = expanded(&fields, filename).unwrap();
            assert_eq!(expanded.get("key"), Some(format!("user/{name}").as_str()));
            assert_eq!(expanded.get("x-amz-meta-name"), Some(format!("{name}, {name}").as_str()));
            assert_eq!(expanded.get("policy"), Some("${filename}"));
        }
        let long = expanded(&fields, &"x".repeat(MAX_BEFORE / 2)).unwrap_err();
        assert_eq!(long.code, Code::InvalidArgument);
    }

    #[test]
    fn fields_mean_what_headers_mean() {
        let fields: Fields = [
            ("key", "k"),
            ("acl", "private"),
            ("content-type", "text/plain"),
            ("x-amz-meta-a", "1"),
            ("x-amz-date", "20260501T000000Z"),
            ("x-ignore-me", "x"),
            ("success_action_status", "201"),
            ("submit", "x"),
            ("tagging", "<Tagging><TagSet><Tag><Key>a b</Key><Value>&amp;=</Value></Tag></TagSet></Tagging>"),
        ]
        .into();
        let headers = headers(&fields).unwrap();
        let mut read: Vec<String> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        read.sort_unstable();
        assert_eq!(
            read,
            [
                "content-type: text/plain",
                "x-amz-acl: private",
                "x-amz-meta-a: 1",
                "x-amz-tagging: a%20b=%26%3D"
            ]
        );
    }

    #[test]
    fn what_can_be_no_header_is_refused() {
        for (field, value, code) in [
            ("x-amz-meta-a", "1\r\nx-amz-acl: public-read", Code::InvalidArgument),
            ("x-amz-meta-a b", "1", Code::InvalidArgument),
            ("x-amz-acl", "private", Code::InvalidArgument),
            ("content-type", "a\0", Code::InvalidArgument),
            ("tagging", "a=b", Code::MalformedXML),
        ] {
            assert_eq!(headers(&[(field, value)].into()).unwrap_err().code, code, "{field}");
        }
    }
}
