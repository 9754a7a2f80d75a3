//! The pages, one module each. A handler parses its query or form, calls use cases, and returns a screen.

pub(crate) mod add_bucket;
mod attention;
pub(crate) mod bucket;
mod bucket_form;
mod bucket_rows;
pub(crate) mod bucket_selection;
pub(crate) mod buckets;
pub(crate) mod files;
pub(crate) mod live;
pub(crate) mod missing;
pub(crate) mod nodes;
pub(crate) mod overview;
pub(crate) mod password;
mod providers;
pub(crate) mod repositories;
pub(crate) mod repository;
pub(crate) mod settings;
pub(crate) mod sign_in;
pub(crate) mod sign_out;
pub(crate) mod theme;
pub(crate) mod tokens;
