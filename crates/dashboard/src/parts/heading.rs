//! The top of a page: where it is, its title, what can be done.

use maud::{Markup, html};

/// The heading of a page.
#[derive(Default)]
pub(crate) struct Heading<'a> {
    /// The pages above this one: label and address.
    pub(crate) crumbs: &'a [(&'a str, String)],
    pub(crate) title: &'a str,
    /// What stands beside the title, such as a state.
    pub(crate) beside: Option<Markup>,
    /// A sentence below the title.
    pub(crate) about: Option<Markup>,
    /// Buttons and links.
    pub(crate) actions: Option<Markup>,
}

impl Heading<'_> {
    pub(crate) fn render(&self) -> Markup {
        html! {
            div {
                @if !self.crumbs.is_empty() {
                    nav.crumbs aria-label="Breadcrumb" {
                        @for (index, (label, link)) in self.crumbs.iter().enumerate() {
                            @if index > 0 { span aria-hidden="true" { "/" } }
                            a href=(link) { (label) }
                        }
                    }
                }
                div.head {
                    div {
                        h1 { span.name-of { (self.title) } @if let Some(beside) = &self.beside { (beside) } }
                        @if let Some(about) = &self.about { p { (about) } }
                    }
                    @if let Some(actions) = &self.actions { div.acts { (actions) } }
                }
            }
        }
    }
}

/// A title and nothing else.
pub(crate) fn plain(title: &str) -> Markup {
    Heading { title, ..Heading::default() }.render()
}
