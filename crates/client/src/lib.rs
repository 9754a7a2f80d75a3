//! The typed client of the API and of the node protocol: for the command line, for nodes, and for tests.
//!
//! - [`ApiClient`]: what people and scripts call, with a bearer token.
//! - [`NodeClient`]: what nodes say, signed.
//!
//! **Invariants:** every call is bounded in time and in the size of its answer; redirects are not followed (they
//! would carry the token to where it doesn't belong); no error holds a token or a secret. The base URL comes from the
//! operator, so the endpoint policy for addresses that users type does not apply here.

pub mod api;
mod error;
mod in_process;
mod node;
mod transport;

pub use api::ApiClient;
pub use error::{ClientError, FieldError, Refusal};
pub use in_process::{Pipe, PipeConnector};
pub use node::{NodeClient, NodeName};
pub use transport::Options;
