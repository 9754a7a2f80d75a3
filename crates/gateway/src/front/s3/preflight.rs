//! Preflights of CORS, answered before signatures are checked, because browsers don't sign them. S3 configures CORS
//! per bucket; here the operator sets the origins for all buckets.

use bucketry_web::origins::AllowedOrigins;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};

use crate::front::cors::allowed_origin;
use crate::front::s3::error::{Code, Result, S3Error};
use crate::object::body::GatewayBody;

const METHODS: [&str; 5] = ["GET", "HEAD", "PUT", "POST", "DELETE"];
const ALLOWED_METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, PUT, POST, DELETE");
/// How long a browser may cache the response to a preflight, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("3600");
/// Answers an `OPTIONS` request, as S3 does.
pub(crate) fn preflight(allowed: &AllowedOrigins, parts: &Parts) -> Result<Response<GatewayBody>> {
    let refused = |why: &str| Err(S3Error::new(Code::AccessForbidden, format!("CORSResponse: {why}")));
    if parts.headers.get(ORIGIN).is_none() {
        let message = "Insufficient information. Origin request header needed.";
        return Err(S3Error::new(Code::InvalidRequest, message));
    }
    let method = parts.headers.get(ACCESS_CONTROL_REQUEST_METHOD).and_then(|method| method.to_str().ok());
    let Some(method) = method else {
        let message = "Insufficient information. Access-Control-Request-Method request header needed.";
        return Err(S3Error::new(Code::InvalidRequest, message));
    };
    if allowed.is_empty() {
        return refused(
            "CORS is not enabled on this gateway. The operator can allow origins with --allowed-origins.",
        );
    }
    if allowed_origin(allowed, &parts.headers).is_none() || !METHODS.contains(&method) {
        return refused(
            "This CORS request is not allowed: the gateway does not allow its origin or its method.",
        );
    }
    let mut response = Response::new(GatewayBody::empty());
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS);
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    // A page may send any header that it signs.
    if let Some(wanted) = parts.headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method, Request};

    use super::*;

    fn preflight_of(list: &str, headers: &[(&str, &str)]) -> Result<HeaderMap> {
        let mut request = Request::builder().method(Method::OPTIONS).uri("/photos/a.jpg");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let allowed = AllowedOrigins::parse(list).unwrap();
        preflight(&allowed, &parts).map(|response| response.into_parts().0.headers)
    }

    #[test]
    fn a_preflight_is_answered_for_the_named_origins() {
        let asked = [
            ("origin", "https://app.example.com"),
            ("access-control-request-method", "PUT"),
            ("access-control-request-headers", "authorization,x-amz-date,x-amz-content-sha256"),
        ];
        let headers = preflight_of("https://app.example.com", &asked).unwrap();
        assert!(headers[ACCESS_CONTROL_ALLOW_METHODS].to_str().unwrap().contains("PUT"));
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_HEADERS], asked[2].1);
        let code = |list: &str, asked: &[(&str, &str)]| preflight_of(list, asked).unwrap_err().code;
        assert_eq!(code("", &asked), Code::AccessForbidden);
        assert_eq!(code("https://other.example.com", &asked), Code::AccessForbidden);
        assert_eq!(code("*", &asked[..1]), Code::InvalidRequest);
        assert_eq!(code("*", &asked[1..]), Code::InvalidRequest);
        let patch = [asked[0], ("access-control-request-method", "PATCH")];
        assert_eq!(code("*", &patch), Code::AccessForbidden);
    }
}
