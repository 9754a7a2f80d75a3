//! `/repo`: repositories and their access keys.

mod answer;
mod create;
mod delete;
mod input;
mod keys;
mod list;
mod totals;
mod update;
mod validate;
mod validate_new;

use crate::endpoint::endpoints;

// axum prefers `/repo/stats` and `/repo/validate` to `/repo/{repoId}`.
endpoints!(
    [list::list, create::create],
    [totals::totals],
    [validate_new::validate_new],
    [update::update, delete::delete],
    [validate::validate];
    keys
);
