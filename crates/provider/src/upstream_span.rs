//! The spans of requests to providers, from sending a request to the head of its response. They contain neither the path nor
//! the host, which may contain names of objects and buckets.

use bucketry_model::provider::Provider;
use bucketry_telemetry::{TraceSpan, current};
use http::{Method, Response};

use crate::error::ProviderError;

/// Begins the span of a request, if the task is traced.
#[inline]
pub(crate) fn begin(method: &'static str, provider: Provider) -> Option<TraceSpan> {
    let mut span = current::client_span(method)?;
    span.set("http.request.method", method);
    span.set("bucketry.provider", provider.as_str());
    Some(span)
}

/// Ends the span.
pub(crate) fn end<B>(mut span: TraceSpan, answer: &Result<Response<B>, ProviderError>) {
    match answer {
        Ok(response) => span.set_http_status(response.status().as_u16()),
        Err(_) => span.fail("the provider sent no response"),
    }
}

/// The method, without text that a client could choose.
pub(crate) fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        _ => "OTHER",
    }
}
