//! What becomes known of a request, for the access log and for its trace.

use bucketry_telemetry::{SpanHandle, TraceSpan, Tracer};
use http::HeaderMap;

use crate::request::access_log::{AccessEnd, AccessLog, AccessNote};
use crate::request::request_id::RequestId;

/// Begins notes. `None` in place of it means that requests are neither logged nor traced, which is then decided by one
/// look at this.
#[derive(Debug)]
pub(crate) struct Notes {
    access_log: Option<AccessLog>,
    tracer: Option<Tracer>,
}

/// The note of one request. It ends the request's span when it is dropped.
pub(crate) struct RequestNote {
    id: RequestId,
    access: Option<AccessNote>,
    span: Option<TraceSpan>,
}

impl Notes {
    /// `None` if nothing is to be noted of any request.
    pub(crate) fn new(access_log: Option<AccessLog>, tracer: Option<Tracer>) -> Option<Self> {
        (access_log.is_some() || tracer.is_some()).then_some(Self { access_log, tracer })
    }

    /// Begins the note of a request, unless the request is neither logged nor traced.
    #[cold]
    pub(crate) fn begin(&self, id: RequestId, headers: &HeaderMap) -> Option<Box<RequestNote>> {
        let access = self.access_log.as_ref().map(|log| log.begin(id));
        let span = self.tracer.as_ref().and_then(|tracer| tracer.request(headers, "S3 request"));
        (access.is_some() || span.is_some()).then(|| Box::new(RequestNote { id, access, span }))
    }
}

impl RequestNote {
    /// The key that signed the request.
    pub(crate) fn set_key(&mut self, access_key: &str) {
        if let Some(access) = &mut self.access {
            access.set_key(access_key);
        }
    }

    /// What the request asks for.
    pub(crate) fn set_operation(&mut self, name: String) {
        if let Some(span) = &mut self.span {
            span.rename(name.clone());
        }
        if let Some(access) = &mut self.access {
            access.set_operation(name);
        }
    }

    /// The span of the request, if it is traced.
    pub(crate) fn span(&self) -> Option<SpanHandle> {
        self.span.as_ref()?.handle()
    }

    /// Logs the request and ends its span.
    pub(crate) fn end(self, end: &AccessEnd) {
        if let Some(mut span) = self.span {
            span.set("bucketry.request.id", self.id.as_str().to_owned());
            if let Some((repository, bucket)) = end.bucket {
                span.set("bucketry.repository.id", repository.to_string());
                span.set("bucketry.bucket.id", bucket.to_string());
            }
            span.set("bucketry.received.bytes", i64::try_from(end.received).unwrap_or(i64::MAX));
            span.set("bucketry.sent.bytes", i64::try_from(end.sent).unwrap_or(i64::MAX));
            match end.status {
                Some(status) => span.set_http_status(status),
                None => span.fail("the client disconnected"),
            }
            if end.status.is_some() && !end.whole {
                span.fail("the response was cut off");
            }
        }
        if let Some(access) = self.access {
            access.end(end);
        }
    }
}
