//! Error responses: the XML document that the Amazon S3 API reference describes in "Error Responses".

use bucketry_provider::xml::escape;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Method, Response};

use crate::front::s3::error::{Code, S3Error};
use crate::front::s3::xml::DECLARATION;

static X_AMZ_REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");

/// The response for an error. `resource` is the path as the client sent it. Responses to `HEAD` and with status 304
/// have no body (RFC 9110 §6.4.1), so clients see only the status.
pub(crate) fn response(
    error: &S3Error,
    method: &Method,
    resource: &str,
    request_id: &str,
) -> Response<Bytes> {
    let silent = method == Method::HEAD || error.code == Code::NotModified;
    let body = if silent { Bytes::new() } else { document(error, resource, request_id).into() };
    let mut response = Response::new(body);
    *response.status_mut() = error.status();
    let headers = response.headers_mut();
    if !silent {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(&X_AMZ_REQUEST_ID, id);
    }
    if let Some(seconds) = error.retry_after {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// The XML document of an error. Characters that XML doesn't allow and empty elements are left out.
pub(crate) fn document(error: &S3Error, resource: &str, request_id: &str) -> String {
    let mut out = String::with_capacity(256 + error.message.len() + resource.len());
    out.push_str(DECLARATION);
    out.push_str("<Error>");
    for (name, text) in [
        ("Code", error.code.as_str()),
        ("Message", &error.message),
        ("Resource", resource),
        ("RequestId", request_id),
    ]
    .into_iter()
    .filter(|(_, text)| !text.is_empty())
    {
        out.push('<');
        out.push_str(name);
        out.push('>');
        push_escaped(&mut out, text);
        out.push_str("</");
        out.push_str(name);
        out.push('>');
    }
    out.push_str("</Error>");
    out
}

fn push_escaped(out: &mut String, text: &str) {
    escape(out, text, |out, special| match special {
        '\'' => out.push_str("&apos;"),
        '\t' | '\n' => out.push(special),
        _ => {}
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing() -> S3Error {
        S3Error::new(Code::NoSuchKey, "There is no <key> & no \"object\".")
    }

    #[test]
    fn what_the_client_sent_stays_text_in_the_document() {
        assert_eq!(
            document(&missing(), "/b/<x>'\u{1}&amp;", "id"),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code>\
             <Message>There is no &lt;key&gt; &amp; no &quot;object&quot;.</Message>\
             <Resource>/b/&lt;x&gt;&apos;&amp;amp;</Resource><RequestId>id</RequestId></Error>"
        );
    }

    #[test]
    fn head_and_not_modified_are_answered_without_a_body() {
        let head = response(&missing(), &Method::HEAD, "/b/k", "id");
        assert_eq!((head.status().as_u16(), head.body().len()), (404, 0));
        let unchanged = S3Error::new(Code::NotModified, "It has not changed.");
        let unchanged = response(&unchanged, &Method::GET, "/b/k", "id");
        assert_eq!((unchanged.status().as_u16(), unchanged.body().len()), (304, 0));
        assert!(!unchanged.headers().contains_key(CONTENT_TYPE));
    }

    #[test]
    fn a_busy_gateway_says_when_to_try_again() {
        let busy = response(&S3Error::slow_down(3, "Too much at once."), &Method::PUT, "/b/k", "id");
        assert_eq!(busy.status().as_u16(), 503);
        assert_eq!(busy.headers()[RETRY_AFTER], "3");
        assert_eq!(busy.headers()["x-amz-request-id"], "id");
        assert!(busy.body().starts_with(b"<?xml"));
    }
}
