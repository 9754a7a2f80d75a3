//! `/organization/{orgId}`: the caller's organization, and the keys of its nodes.

mod keys;
mod read;

use crate::endpoint::endpoints;

endpoints!([read::read]; keys);
