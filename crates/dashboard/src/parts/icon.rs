//! Icons. Each page has the drawings once, and refers to them.

use maud::{Markup, PreEscaped, html};

/// An icon beside a text, or a state's shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Icon {
    Home,
    Bucket,
    Repository,
    Node,
    Log,
    Bell,
    Workspace,
    People,
    Key,
    Gear,
    Plus,
    Menu,
    Search,
    Again,
    Eye,
    Copy,
    Out,
    Book,
    Good,
    Bad,
    Warn,
    Mute,
    Wait,
}

impl Icon {
    fn id(self) -> &'static str {
        match self {
            Self::Home => "i-home",
            Self::Bucket => "i-bucket",
            Self::Repository => "i-repo",
            Self::Node => "i-node",
            Self::Log => "i-log",
            Self::Bell => "i-bell",
            Self::Workspace => "i-space",
            Self::People => "i-people",
            Self::Key => "i-key",
            Self::Gear => "i-gear",
            Self::Plus => "i-plus",
            Self::Menu => "i-menu",
            Self::Search => "i-search",
            Self::Again => "i-again",
            Self::Eye => "i-eye",
            Self::Copy => "i-copy",
            Self::Out => "i-out",
            Self::Book => "i-book",
            Self::Good => "s-good",
            Self::Bad => "s-bad",
            Self::Warn => "s-warn",
            Self::Mute => "s-mute",
            Self::Wait => "s-wait",
        }
    }
}

/// The icon of a link, a button or a field. It is decoration: the text beside it says the same.
pub(crate) fn icon(icon: Icon) -> Markup {
    html! { svg.icon aria-hidden="true" { use href={ "#" (icon.id()) } {} } }
}

/// A shape in a colour.
pub(crate) fn shape(icon: Icon, class: &str) -> Markup {
    html! { svg class=(class) aria-hidden="true" { use href={ "#" (icon.id()) } {} } }
}

/// The drawings, to be put once into each document.
pub(crate) fn drawings() -> Markup {
    html! { (PreEscaped(include_str!("../../assets/drawings.svg"))) }
}
