//! Traces of requests and jobs in the model of OpenTelemetry, exported with OTLP.
//!
//! - [`Tracer`] decides which requests are traced, and begins their spans. A process without one traces nothing.
//! - [`TraceSpan`] measures one operation from its creation until it is dropped.
//! - [`current`] gives code that doesn't know the request, such as a pool of connections, the span that it runs in.
//!
//! **Invariants:** a request never waits for the exporter. The queue, the number of spans per trace, and the number of
//! traces that callers can demand are limited; whatever exceeds a limit is dropped and counted. Attributes contain no
//! secrets, and no names that clients choose.

mod collector;
pub mod current;
mod export;
mod ids;
mod sampling;
mod span;
mod trace_parent;
mod tracer;

pub use collector::TraceCollector;
pub use export::{ExporterError, TraceSettings};
pub use opentelemetry_http::{Bytes, HttpClient, HttpError};
pub use span::{SpanHandle, TraceSpan};
pub use tracer::Tracer;
