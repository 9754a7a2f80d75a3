//! `/organization/{orgId}`: the caller's organization, and its own nodes with their keys.

mod keys;
mod nodes;
mod read;

use crate::endpoint::endpoints;

endpoints!([read::read]; keys, nodes);
