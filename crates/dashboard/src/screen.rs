//! What a handler returns: the contents of a page, or where to go.

use http::StatusCode;
use maud::Markup;

/// The entry of the side bar that a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Overview,
    Buckets,
    Repositories,
    Nodes,
    Notifications,
    Audit,
    Workspaces,
    People,
    Tokens,
    Settings,
    /// None of them.
    Elsewhere,
}

/// The contents of a page.
pub(crate) struct Screen {
    /// The first part of the document's title.
    pub(crate) title: String,
    pub(crate) section: Section,
    pub(crate) status: StatusCode,
    /// Everything in the main part, from the heading on.
    pub(crate) body: Markup,
}

impl Screen {
    pub(crate) fn new(section: Section, title: impl Into<String>, body: Markup) -> Self {
        Self { title: title.into(), section, status: StatusCode::OK, body }
    }

    /// The same contents with another status, such as 422 for a form with errors.
    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }
}

/// What a form leads to.
pub(crate) enum FormOutcome {
    /// A page, usually the form again with what is wrong.
    Shown(Screen),
    /// Another address, which the browser then reads.
    Moved(String),
}

impl From<Screen> for FormOutcome {
    fn from(screen: Screen) -> Self {
        Self::Shown(screen)
    }
}
