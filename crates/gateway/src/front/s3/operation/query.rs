//! Parses the query of a request: names and values decoded, each name at most once.

use percent_encoding::percent_decode;

use crate::front::s3::error::{Code, Result, S3Error};

/// More than any operation and its signature need.
const MAX_PARAMETERS: usize = 64;
/// The parameters of a presigned URL's signature, which don't select an operation.
const SIGNATURE: [&str; 7] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
    "X-Amz-Security-Token",
];

/// A query, without the parameters of its signature.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    parameters: Vec<(String, String)>,
    hoisted: Vec<(String, String)>,
}

impl Query {
    /// Parses the text after the question mark. A parameter that appears twice is refused, because proxies and
    /// servers may disagree about which value counts.
    pub fn parse(text: Option<&str>) -> Result<Self> {
        let mut query = Self::default();
        let mut seen: Vec<String> = Vec::new();
        for part in text.unwrap_or_default().split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if seen.len() == MAX_PARAMETERS {
                return Err(S3Error::new(Code::InvalidArgument, "The query has more than 64 parameters."));
            }
            if seen.contains(&name) {
                return Err(S3Error::new(
                    Code::InvalidArgument,
                    "A query parameter appears twice. Send it only once.",
                ));
            }
            seen.push(name.clone());
            if SIGNATURE.iter().any(|known| known.eq_ignore_ascii_case(&name)) || name == "x-id" {
                continue;
            }
            let is_header = name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("x-amz-"));
            let list = if is_header { &mut query.hoisted } else { &mut query.parameters };
            list.push((name, value));
        }
        Ok(query)
    }

    /// The value of a parameter. Empty for a parameter without a value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether no parameter could select an operation.
    pub fn is_plain(&self) -> bool {
        self.parameters.is_empty()
    }

    /// The names of the parameters that could select an operation.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parameters.iter().map(|(name, _)| name.as_str())
    }

    /// Headers that some SDKs put into the query of a presigned URL.
    pub fn hoisted(&self) -> &[(String, String)] {
        &self.hoisted
    }
}

/// Decodes as for forms, where a plus sign is a space. S3 does the same.
fn decode(text: &str) -> Result<String> {
    if memchr::memchr2(b'%', b'+', text.as_bytes()).is_none() {
        return Ok(text.to_owned());
    }
    let spaced = text.replace('+', " ");
    match percent_decode(spaced.as_bytes()).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(S3Error::new(Code::InvalidArgument, "Query parameters must be percent-encoded UTF-8.")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parameters_are_unescaped_once() {
        let query = Query::parse(Some("prefix=a%2Fb%2520c+d&uploads&x=1=2&&")).unwrap();
        assert_eq!(query.get("prefix"), Some("a/b%20c d"));
        assert_eq!(query.get("uploads"), Some(""));
        assert_eq!(query.get("x"), Some("1=2"));
        assert_eq!(query.get("y"), None);
        assert_eq!(Query::parse(None).unwrap(), Query::default());
    }

    #[test]
    fn what_signs_a_url_names_no_operation() {
        let query = "X-Amz-Algorithm=a&x-amz-signature=b&x-id=GetObject&x-amz-meta-a=1&uploadId=2";
        let query = Query::parse(Some(query)).unwrap();
        assert_eq!(query.names().collect::<Vec<_>>(), ["uploadId"]);
        assert_eq!(query.hoisted(), [("x-amz-meta-a".to_owned(), "1".to_owned())]);
    }

    #[test]
    fn ambiguous_queries_are_refused() {
        for text in ["a=1&a=2", "uploads&uploads", "a=1&%61=2", "X-Amz-Date=1&X-Amz-Date=1", "a=%ff"] {
            assert_eq!(Query::parse(Some(text)).unwrap_err().code, Code::InvalidArgument, "{text}");
        }
        let many: Vec<String> = (0..65).map(|n| format!("p{n}")).collect();
        assert!(Query::parse(Some(&many.join("&"))).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,128}") {
            let _ = Query::parse(Some(&text));
        }
    }
}
