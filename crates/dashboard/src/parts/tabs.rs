//! Tabs of a page, and the choice of a range.

use maud::{Markup, html};

/// Tabs: label and address of each, and which is shown.
pub(crate) fn tabs(label: &str, all: &[(&str, String)], shown: &str) -> Markup {
    html! {
        nav.tabs aria-label=(label) {
            @for (name, link) in all {
                a href=(link) aria-current=[(*name == shown).then_some("page")] { (name) }
            }
        }
    }
}

/// A choice of one of a few ranges.
pub(crate) fn ranges(label: &str, all: &[(&str, String)], shown: &str) -> Markup {
    html! {
        nav.seg aria-label=(label) {
            @for (name, link) in all {
                a href=(link) aria-current=[(*name == shown).then_some("true")] { (name) }
            }
        }
    }
}
