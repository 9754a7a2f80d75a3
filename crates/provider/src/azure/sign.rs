//! Shared Key authorisation ("Authorize with Shared Key", Azure Storage REST API reference).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderName,
    IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE, RANGE,
};
use http::{HeaderMap, HeaderValue};
use ring::hmac;

/// The parts of a request that are signed in addition to the headers.
pub(super) struct StringToSign<'a> {
    pub(super) method: &'a str,
    pub(super) account: &'a str,
    /// The path as it is sent, escaped.
    pub(super) path: &'a str,
    /// The unescaped parameters, sorted by name.
    pub(super) query: &'a [(&'static str, String)],
}

/// Adds the signature. The header `x-ms-date` must be present.
pub(super) fn sign(
    headers: &mut HeaderMap,
    target: &StringToSign<'_>,
    key: &hmac::Key,
) -> Result<(), http::header::InvalidHeaderValue> {
    let signature = STANDARD.encode(hmac::sign(key, string_to_sign(headers, target).as_bytes()));
    let mut value = HeaderValue::from_str(&format!("SharedKey {}:{signature}", target.account))?;
    value.set_sensitive(true);
    headers.insert(AUTHORIZATION, value);
    Ok(())
}

fn string_to_sign(headers: &HeaderMap, target: &StringToSign<'_>) -> String {
    let field = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let mut text = String::with_capacity(512);
    text.push_str(target.method);
    text.push('\n');
    let md5 = HeaderName::from_static("content-md5");
    for name in [
        CONTENT_ENCODING,
        CONTENT_LANGUAGE,
        CONTENT_LENGTH,
        md5,
        CONTENT_TYPE,
        DATE,
        IF_MODIFIED_SINCE,
        IF_MATCH,
        IF_NONE_MATCH,
        IF_UNMODIFIED_SINCE,
        RANGE,
    ] {
        let value = field(&name);
        // Since version 2015-02-21, a length of zero is signed as an empty text.
        text.push_str(if name == CONTENT_LENGTH && value == "0" { "" } else { value });
        text.push('\n');
    }
    let mut own: Vec<(&str, &str)> = headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("x-ms-"))
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect();
    own.sort_unstable();
    for (name, value) in own {
        text.extend([name, ":", value.trim(), "\n"]);
    }
    text.extend(["/", target.account, target.path]);
    for (name, value) in target.query {
        text.extend(["\n", name, ":", value]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples "Constructing the canonicalized headers string" and "… resource string" of the reference, in
    /// the form of its complete text.
    #[test]
    fn the_text_to_sign_has_the_form_of_the_reference() {
        let headers: HeaderMap = [
            ("content-length", "0"),
            ("x-ms-version", "2009-09-19"),
            ("x-ms-date", "Sun, 25 Sep 2011 14:36:14 GMT"),
            ("if-none-match", "\"0x8D\""),
        ]
        .into_iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect();
        let query = [("comp", "list".to_owned()), ("include", "a,b".to_owned())];
        let target = StringToSign { method: "GET", account: "acct", path: "/photos/a%20b", query: &query };
        assert_eq!(
            string_to_sign(&headers, &target),
            "GET\n\n\n\n\n\n\n\n\n\"0x8D\"\n\n\nx-ms-date:Sun, 25 Sep 2011 14:36:14 GMT\n\
             x-ms-version:2009-09-19\n/acct/photos/a%20b\ncomp:list\ninclude:a,b"
        );
    }

    #[test]
    fn the_signature_is_not_shown() {
        let mut headers = HeaderMap::new();
        let target = StringToSign { method: "GET", account: "acct", path: "/", query: &[] };
        sign(&mut headers, &target, &hmac::Key::new(hmac::HMAC_SHA256, b"key")).unwrap();
        assert!(headers[AUTHORIZATION].to_str().unwrap().starts_with("SharedKey acct:"));
        assert!(!format!("{headers:?}").contains("SharedKey"));
    }
}
