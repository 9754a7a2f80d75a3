//! `/audit`: records of changes, refusals and logins.

mod export;
mod list;
mod stream;

pub use stream::{AuditLog, stream_audit};

use crate::endpoint::endpoints;

endpoints!([list::list]);
