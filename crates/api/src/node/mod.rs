//! Nodes: their signed calls, which carry no bearer token, and the list of nodes.

pub(crate) mod answer;
mod approve;
mod delete;
mod inventory;
mod list;
mod message;
mod register;
mod report;
mod status;
mod sync;
mod unregister;

use crate::endpoint::endpoints;

endpoints!(
    [register::register],
    [unregister::unregister],
    [status::status],
    [report::report],
    [inventory::inventory],
    [sync::sync],
    [list::list],
    [approve::approve],
    [delete::delete],
);
