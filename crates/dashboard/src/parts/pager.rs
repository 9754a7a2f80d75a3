//! The end of a page of a list.

use maud::{Markup, html};

/// Links to the first and the next page. Nothing if the list has only this page.
pub(crate) fn pager(what: &str, first: Option<&str>, next: Option<&str>) -> Markup {
    if first.is_none() && next.is_none() {
        return html! {};
    }
    html! {
        nav.more aria-label={ "Pages of " (what) } {
            @match first { Some(first) => a.link href=(first) { "First page" }, None => span {} }
            @match next { Some(next) => a.link href=(next) rel="next" { "Next page" }, None => span { "End of the list" } }
        }
    }
}
