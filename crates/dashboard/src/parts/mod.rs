//! What pages consist of. Parts are functions from values to HTML; they know nothing of requests, callers and use cases.

pub(crate) mod bars;
pub(crate) mod brand;
pub(crate) mod checks;
pub(crate) mod clients;
pub(crate) mod empty;
pub(crate) mod field;
pub(crate) mod heading;
pub(crate) mod icon;
pub(crate) mod lines;
pub(crate) mod live;
pub(crate) mod notice;
pub(crate) mod pager;
pub(crate) mod plot;
pub(crate) mod snippet;
pub(crate) mod state;
pub(crate) mod tabs;
pub(crate) mod time;
