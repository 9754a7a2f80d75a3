//! From keys and names to buckets: what the node serves, and what the names, tokens and ids of clients resolve to.

pub(crate) mod key_lookup;
pub(crate) mod list_positions;
pub(crate) mod object_key;
pub(crate) mod page_token;
pub(crate) mod registry;
pub(crate) mod resolved_bucket;
pub(crate) mod route;
mod sealer;
pub(crate) mod seals;
pub(crate) mod upload_id;
