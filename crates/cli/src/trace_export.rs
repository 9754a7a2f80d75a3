//! Starts the export of traces over the client that also calls the API.

use std::time::Duration;

use async_trait::async_trait;
use bucketry_client::{Options, PlainClient};
use bucketry_telemetry::{Bytes, HttpClient, HttpError, TraceSettings, Tracer};
use http::{Request, Response};

use crate::failure::{Failure, Result};

/// The longest accepted response of a collector, in bytes.
const LONGEST_ANSWER: usize = 1 << 20;
/// How long one request to the collector may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// Sends batches of spans to a collector.
#[derive(Debug)]
struct CollectorClient(PlainClient);

#[async_trait]
impl HttpClient for CollectorClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> std::result::Result<Response<Bytes>, HttpError> {
        Ok(self.0.send(request).await?)
    }
}

/// Starts the tracer. Must be called within a Tokio runtime.
pub(crate) fn start(settings: &TraceSettings) -> Result<Tracer> {
    let options =
        Options { timeout: ANSWERED_WITHIN, max_answer_bytes: LONGEST_ANSWER, ..Options::default() };
    let wrong = |error: &dyn std::error::Error| Failure::usage(format!("--otlp-endpoint: {error}"));
    let client = PlainClient::new(&settings.endpoint, options).map_err(|error| wrong(&error))?;
    Tracer::start(settings, CollectorClient(client)).map_err(|error| wrong(&error))
}
