//! The mark of pages that refresh themselves.

use maud::{Markup, html};

/// Shown by a script while the page learns of changes.
pub(crate) fn mark() -> Markup {
    html! { span.live data-live hidden title="This page shows changes as they happen" { "Live" } }
}
