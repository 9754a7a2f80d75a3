//! The signed messages of nodes.

use serde_json::Value;
use utoipa::ToSchema;

use crate::error::ApiError;

/// A signed message of a node. `docs/nodes.md` describes the members of each message and how to sign it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here; the signature also covers unknown members")]
#[schema(as = NodeMessage)]
pub(super) struct NodeMessageSchema {
    /// The unique name of the node: the host name or address at which its clients reach it.
    #[schema(example = "node-1.example.com")]
    ip: String,
    /// When the message was signed: RFC 3339 text, or Unix milliseconds; in the installer's form, Unix seconds.
    #[schema(value_type = Value)]
    timestamp: Value,
    /// RSASSA-PKCS1-v1_5 with SHA-256 over method, path and the message as canonical JSON, in base64. `POST /register`
    /// and `POST /unregister` also accept the installer's form.
    signature: String,
    /// The organization whose key signs the message. Absent for the deployment's own nodes.
    #[schema(required = false)]
    id_org: Option<String>,
}

/// The error in the form that nodes read.
pub(super) fn refuse(error: bucketry_control::Error) -> ApiError {
    ApiError::from(error).for_node()
}
