//! What a part of a page shows where there is nothing to show, or where it can't.

use maud::{Markup, html};

use super::icon::{Icon, icon, shape};
use super::state::Mark;
use super::time;

/// Nothing exists yet: what would be here, why it is useful, and how to begin.
pub(crate) fn empty(picture: Icon, title: &str, text: &str, action: Option<Markup>) -> Markup {
    html! {
        div.blank {
            (icon(picture))
            h2 { (title) }
            p { (text) }
            @if let Some(action) = action { (action) }
        }
    }
}

/// Nothing matches: the filter in words, and a way back.
pub(crate) fn nothing_found(what: &str, clear: &str) -> Markup {
    html! {
        div.blank {
            (icon(Icon::Search))
            h2 { "Nothing found" }
            p { (what) }
            a.btn href=(clear) { "Clear filters" }
        }
    }
}

/// A part or a page that could not be shown.
pub(crate) struct Trouble<'a> {
    pub(crate) title: &'a str,
    pub(crate) message: &'a str,
    /// People who can give access. Empty if that isn't what is missing, or if none may be named.
    pub(crate) whom_to_ask: &'a [String],
    /// By which the log of the server finds the details. Empty if there is none.
    pub(crate) request_id: &'a str,
    /// Where to try again. `None` if that makes no sense.
    pub(crate) again: Option<&'a str>,
    /// A page to go on from.
    pub(crate) home: &'a str,
}

impl Trouble<'_> {
    pub(crate) fn render(&self) -> Markup {
        html! {
            section.panel.trouble {
                (shape(Mark::Bad.icon(), "icon bad"))
                div {
                    h1 { (self.title) }
                    p { (time::in_text(self.message)) }
                    @if !self.whom_to_ask.is_empty() {
                        p { "People who can give you access:" }
                        ul { @for person in self.whom_to_ask { li { (person) } } }
                    }
                    @if !self.request_id.is_empty() {
                        div.tools.request {
                            span.small.faint { "Request " code #request-id { (self.request_id) } }
                            button.btn.copy type="button" data-copy="request-id" hidden { (icon(Icon::Copy)) "Copy" }
                        }
                    }
                    div.acts {
                        @if let Some(again) = self.again { a.btn.main-act href=(again) { (icon(Icon::Again)) "Try again" } }
                        a.btn href=(self.home) { "Overview" }
                    }
                }
            }
        }
    }
}

/// A part of a page that could not be shown, while the rest is.
pub(crate) fn failed_part(message: &str) -> Markup {
    html! { p.failed { (shape(Mark::Bad.icon(), "icon bad")) (time::in_text(message)) } }
}
