//! The typed client of the API and of the node protocol: for the command line, for nodes, and for tests.
//!
//! - [`ApiClient`]: the calls of users and scripts, with a bearer token.
//! - [`NodeClient`]: the signed messages of nodes.
//! - [`PlainClient`]: single requests to other servers.
//!
//! **Invariants:** every call is limited in time and in the size of its response. Redirects are not followed,
//! because they could carry the token to another server. No error contains a token or a secret. The base URL comes
//! from the operator, so the endpoint policy for addresses that users type does not apply here.

pub mod api;
mod error;
mod in_process;
mod node;
mod plain;
mod transport;

pub use api::ApiClient;
pub use bucketry_api_types::error::WrongField;
pub use error::{ClientError, Refusal};
pub use in_process::{Pipe, PipeConnector};
pub use node::{NodeClient, NodeName};
pub use plain::PlainClient;
pub use transport::Options;
