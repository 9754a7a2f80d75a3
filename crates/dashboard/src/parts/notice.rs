//! Notices: something that the reader should know before anything else on the page.

use maud::{Markup, html};

use super::icon::shape;
use super::state::Mark;

/// A notice with a title, a text and perhaps a button.
pub(crate) fn notice(mark: Mark, title: &str, text: Markup, action: Option<Markup>) -> Markup {
    html! {
        div class={ "notice " (mark.class()) } role=(if mark == Mark::Good { "status" } else { "group" })
            aria-label=[(mark != Mark::Good).then_some(title)] {
            (shape(mark.icon(), "icon"))
            div { p.strong { (title) } p { (text) } }
            @if let Some(action) = action { (action) }
        }
    }
}

/// What a form led to, above the title of the page that follows.
pub(crate) fn confirmation(text: &str) -> Markup {
    html! { div.notice.good role="status" { (shape(Mark::Good.icon(), "icon")) div { p.strong { (text) } } } }
}

/// What is wrong with a form: a list that takes the focus, with links to the fields.
pub(crate) fn problems(title: &str, general: &[String], fields: &[(&str, String)]) -> Markup {
    html! {
        div.notice.bad.problems role="alert" tabindex="-1" data-focus {
            (shape(Mark::Bad.icon(), "icon"))
            div {
                p.strong { (title) }
                @for text in general { p { (text) } }
                @if !fields.is_empty() {
                    ul { @for (id, text) in fields { li { a.link href={ "#" (id) } { (text) } } } }
                }
            }
        }
    }
}
