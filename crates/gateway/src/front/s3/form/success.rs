//! The response to a form that was stored, which the form itself chooses.

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, LOCATION};
use http::{HeaderValue, Response, StatusCode, Uri};
use percent_encoding::utf8_percent_encode;

use crate::front::s3::error::{Code, Result, S3Error};
use crate::front::s3::form::fields::Fields;
use crate::front::s3::xml::{Document, UNRESERVED, location};
use crate::object::body::GatewayBody;

/// How to answer a form that was stored.
#[derive(Debug, PartialEq, Eq)]
pub struct Success {
    /// The object's key, without the repository's folder.
    key: String,
    then: Then,
}

#[derive(Debug, PartialEq, Eq)]
enum Then {
    /// Send the browser to this address.
    Redirect(String),
    /// Respond with this status, and a document if it is 201.
    Status(StatusCode),
}

impl Success {
    /// Reads the fields that choose the response. As in S3, an unknown status counts as 204.
    pub(super) fn of(fields: &Fields, key: &str) -> Result<Self> {
        let redirect = fields.get("success_action_redirect").or_else(|| fields.get("redirect"));
        let then = match redirect.filter(|url| !url.is_empty()) {
            Some(url) => Then::Redirect(checked(url)?.to_owned()),
            None => Then::Status(match fields.get("success_action_status") {
                Some("200") => StatusCode::OK,
                Some("201") => StatusCode::CREATED,
                _ => StatusCode::NO_CONTENT,
            }),
        };
        Ok(Self { key: key.to_owned(), then })
    }

    /// The response. `stored` is the one to a `PutObject` of the same object.
    pub(super) fn response(&self, bucket: &str, stored: Response<GatewayBody>) -> Response<GatewayBody> {
        let etag =
            stored.headers().get(ETAG).and_then(|etag| etag.to_str().ok()).unwrap_or_default().to_owned();
        let (mut head, _) = stored.into_parts();
        head.headers.remove(CONTENT_LENGTH);
        let place = location(bucket, &self.key);
        let (status, place, body) = match &self.then {
            Then::Redirect(url) => (StatusCode::SEE_OTHER, redirected(url, bucket, &self.key, &etag), None),
            Then::Status(StatusCode::CREATED) => {
                let mut document = Document::new("PostResponse");
                document.element("Location", &place);
                document.element("Bucket", bucket);
                document.element("Key", &self.key);
                document.element("ETag", &etag);
                (StatusCode::CREATED, place, Some(document.finish()))
            }
            Then::Status(status) => (*status, place, None),
        };
        head.status = status;
        if let Ok(place) = HeaderValue::from_str(&place) {
            head.headers.insert(LOCATION, place);
        }
        if body.is_some() {
            head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        }
        Response::from_parts(head, body.map_or_else(GatewayBody::empty, GatewayBody::bytes))
    }
}

/// A browser follows an address of any kind, so only those of web pages are accepted.
fn checked(url: &str) -> Result<&str> {
    let uri: Option<Uri> = url.parse().ok();
    let is_web = |uri: &Uri| uri.host().is_some() && matches!(uri.scheme_str(), Some("http" | "https"));
    if uri.is_some_and(|uri| is_web(&uri)) && HeaderValue::from_str(url).is_ok() {
        return Ok(url);
    }
    let message =
        "success_action_redirect must be the address of a web page, beginning with http:// or https://.";
    Err(S3Error::new(Code::InvalidArgument, message))
}

/// The address with bucket, key and `ETag` as parameters.
fn redirected(url: &str, bucket: &str, key: &str, etag: &str) -> String {
    let (address, fragment) =
        url.split_once('#').map_or((url, None), |(url, fragment)| (url, Some(fragment)));
    let separator = if address.contains('?') { '&' } else { '?' };
    let encode = |text| utf8_percent_encode(text, UNRESERVED);
    let mut url =
        format!("{address}{separator}bucket={}&key={}&etag={}", encode(bucket), encode(key), encode(etag));
    if let Some(fragment) = fragment {
        url.push('#');
        url.push_str(fragment);
    }
    url
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    async fn answer<const N: usize>(fields: [(&str, &str); N]) -> (StatusCode, String, String) {
        let success = Success::of(&fields.into(), "a b/ü").unwrap();
        let stored = Response::builder().header(ETAG, "\"e\"").body(GatewayBody::empty()).unwrap();
        let (head, body) = success.response("photos", stored).into_parts();
        assert_eq!(head.headers[ETAG], "\"e\"");
        let body = body.collect().await.unwrap().to_bytes();
        let location = head.headers[LOCATION].to_str().unwrap().to_owned();
        (head.status, location, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn the_form_chooses_the_response() {
        let place = "/photos/a%20b/%C3%BC".to_owned();
        for (status, code) in [("200", 200), ("204", 204), ("500", 204), ("", 204)] {
            let (status, location, body) = answer([("success_action_status", status)]).await;
            assert_eq!((status.as_u16(), location, body), (code, place.clone(), String::new()));
        }
        let (status, _, body) = answer([("success_action_status", "201")]).await;
        assert_eq!(status, StatusCode::CREATED);
        assert!(
            body.contains(
                "<Location>/photos/a%20b/%C3%BC</Location><Bucket>photos</Bucket><Key>a b/ü</Key>\
                 <ETag>&quot;e&quot;</ETag></PostResponse>"
            ),
            "{body}"
        );
    }

    #[tokio::test]
    async fn a_browser_is_sent_on_with_what_was_stored() {
        let parameters = "bucket=photos&key=a%20b%2F%C3%BC&etag=%22e%22";
        for (url, expected) in [
            ("https://example.com/done", format!("https://example.com/done?{parameters}")),
            ("http://example.com?x=1", format!("http://example.com?x=1&{parameters}")),
            ("http://example.com/#top", format!("http://example.com/?{parameters}#top")),
        ] {
            let (status, location, _) =
                answer([("success_action_redirect", url), ("success_action_status", "201")]).await;
            assert_eq!((status, location), (StatusCode::SEE_OTHER, expected));
        }
        assert_eq!(answer([("redirect", "http://example.com/")]).await.0, StatusCode::SEE_OTHER);
    }

    #[test]
    fn a_browser_is_sent_only_to_web_pages() {
        for url in
            ["javascript:alert(1)", "/done", "ftp://example.com", "http://", "https://a/\r\nx: y", "data:,x"]
        {
            let refused = Success::of(&[("success_action_redirect", url)].into(), "k");
            assert_eq!(refused.unwrap_err().code, Code::InvalidArgument, "{url}");
        }
    }
}
