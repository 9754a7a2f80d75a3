//! `/organization/{orgId}/nodes` and `/organization/{orgId}/node/{nodeId}`: the organization's own nodes.

mod delete;
mod list;

use crate::endpoint::endpoints;

endpoints!([list::list], [delete::delete]);
