//! The settings that the gateway starts with.

use bucketry_telemetry::Tracer;
use bucketry_web::origins::AllowedOrigins;

use crate::protection::ProtectionSettings;
use crate::request::access_log::AccessLog;
use crate::server_settings::ServerSettings;

/// The settings that the gateway starts with.
#[derive(Debug, Clone, Default)]
pub struct GatewaySettings {
    /// The domains for virtual-host style: with `s3.example.com`, the host `photos.s3.example.com` is the bucket
    /// `photos`. Path style works as well.
    pub domains: Vec<String>,
    /// The origins whose pages may read responses. Empty: none.
    pub allowed_origins: AllowedOrigins,
    /// Limits of the listener.
    pub server: ServerSettings,
    /// Limits of keys and buckets.
    pub protection: ProtectionSettings,
    /// Whether to ask for the size of each object before it is overwritten or deleted, so that the change of the
    /// stored size is known. It costs one HEAD at the provider per such request.
    pub measure_size_change: bool,
    /// Where requests are logged. `None`: nowhere.
    pub access_log: Option<AccessLog>,
    /// Traces requests. `None`: nothing is traced.
    pub tracer: Option<Tracer>,
}
