//! Tags that a request stores along with an object: the headers `x-amz-tagging` and `x-amz-tagging-directive`.

use bucketry_provider::driver::{Tag, decode_tags};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::front::s3::error::{Code, Result, S3Error};

static TAGGING: HeaderName = HeaderName::from_static("x-amz-tagging");
static DIRECTIVE: HeaderName = HeaderName::from_static("x-amz-tagging-directive");
/// The most tags of an object.
const MAX_TAGS: usize = 10;

/// The tags of a new object.
pub(crate) fn of_headers(headers: &HeaderMap) -> Result<Vec<Tag>> {
    let Some(value) = headers.get(&TAGGING) else { return Ok(Vec::new()) };
    let is_one = headers.get_all(&TAGGING).iter().count() == 1;
    let tags = value.to_str().ok().filter(|_| is_one).and_then(decode_tags).ok_or_else(|| {
        let message = "The header 'x-amz-tagging' must be sent once and be encoded as URL query parameters, for example \
                       colour=light%20blue&size=2.";
        S3Error::new(Code::InvalidArgument, message)
    })?;
    check(&tags)?;
    Ok(tags)
}

/// The tags of a copy. `None` copies those of the source.
pub(crate) fn of_copy(headers: &HeaderMap) -> Result<Option<Vec<Tag>>> {
    let invalid = |message: &str| Err(S3Error::new(Code::InvalidArgument, message));
    match headers.get(&DIRECTIVE).map(HeaderValue::as_bytes) {
        Some(b"REPLACE") => of_headers(headers).map(Some),
        None | Some(b"COPY") if headers.contains_key(&TAGGING) => {
            invalid("x-amz-tagging needs x-amz-tagging-directive: REPLACE.")
        }
        None | Some(b"COPY") => Ok(None),
        Some(_) => invalid("x-amz-tagging-directive must be COPY or REPLACE."),
    }
}

/// Checks the limits of S3.
pub(crate) fn check(tags: &[Tag]) -> Result<()> {
    let is_wrong = |(at, tag): (usize, &Tag)| {
        let twice = tags[..at].iter().any(|other| other.key == tag.key);
        let (key, value) = (tag.key.chars().count(), tag.value.chars().count());
        twice || key == 0 || key > 128 || value > 256
    };
    if tags.len() > MAX_TAGS || tags.iter().enumerate().any(is_wrong) {
        return Err(S3Error::new(
            Code::InvalidTag,
            "An object can have at most 10 tags. Keys must be unique and have 1 to 128 characters, values at most 256.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn tags_of_a_new_object_are_read_and_bounded() {
        let of = |text: &str| of_headers(&headers(&[("x-amz-tagging", text)]));
        let tags = of("a=1%262&b").unwrap();
        assert_eq!(
            tags.iter().map(|tag| (&*tag.key, &*tag.value)).collect::<Vec<_>>(),
            [("a", "1&2"), ("b", "")]
        );
        let many: Vec<String> = (0..11).map(|n| format!("{n}=")).collect();
        for (text, code) in [
            ("a=%ff", Code::InvalidArgument),
            ("a=1&a=2", Code::InvalidTag),
            ("=1", Code::InvalidTag),
            (&many.join("&"), Code::InvalidTag),
            (&format!("a={}", "x".repeat(257)), Code::InvalidTag),
        ] {
            assert_eq!(of(text).unwrap_err().code, code, "{text:.40}");
        }
        let twice = of_headers(&headers(&[("x-amz-tagging", "a=1"), ("x-amz-tagging", "b=1")]));
        assert_eq!(twice.unwrap_err().code, Code::InvalidArgument);
        assert_eq!(of_headers(&HeaderMap::new()), Ok(vec![]));
    }

    #[test]
    fn a_copy_has_the_tags_of_its_source_unless_they_are_replaced() {
        let of =
            |list: &[(&'static str, &str)]| of_copy(&headers(list)).map(|tags| tags.map(|tags| tags.len()));
        let directive = |value| ("x-amz-tagging-directive", value);
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[directive("COPY")]), Ok(None));
        assert_eq!(of(&[directive("REPLACE")]), Ok(Some(0)));
        assert_eq!(of(&[directive("REPLACE"), ("x-amz-tagging", "a=1")]), Ok(Some(1)));
        for wrong in [
            &[("x-amz-tagging", "a=1")][..],
            &[directive("COPY"), ("x-amz-tagging", "a=1")],
            &[directive("x")],
        ] {
            assert_eq!(of(wrong).unwrap_err().code, Code::InvalidArgument);
        }
    }
}
