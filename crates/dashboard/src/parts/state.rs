//! States. Each has a shape, a word and a colour: with red-green blindness, two of the colours look the same.

use bucketry_model::status::Status;
use maud::{Markup, html};

use super::icon::{Icon, shape};

/// A kind of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Good,
    Bad,
    Warn,
    Mute,
}

impl Mark {
    /// The class with the colour.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Warn => "warn",
            Self::Mute => "mute",
        }
    }

    pub(crate) fn icon(self) -> Icon {
        match self {
            Self::Good => Icon::Good,
            Self::Bad => Icon::Bad,
            Self::Warn => Icon::Warn,
            Self::Mute => Icon::Mute,
        }
    }

    pub(crate) fn of_status(status: Status) -> Self {
        match status {
            Status::Online => Self::Good,
            Status::Offline => Self::Bad,
            Status::Disconnected => Self::Mute,
        }
    }
}

/// The word for a status. A bucket that no node sees may be fine, so it isn't called offline.
pub(crate) fn word(status: Status) -> &'static str {
    match status {
        Status::Online => "Online",
        Status::Offline => "Offline",
        Status::Disconnected => "Not seen",
    }
}

/// A state in a line of text or a table.
pub(crate) fn state(mark: Mark, text: &str) -> Markup {
    html! { span class={ "state " (mark.class()) } { (shape(mark.icon(), "")) (text) } }
}

/// A state beside a title.
pub(crate) fn pill(mark: Mark, text: &str) -> Markup {
    html! { span class={ "state pill " (mark.class()) } { (shape(mark.icon(), "")) (text) } }
}

/// A bucket's status in a table.
pub(crate) fn status(status: Status) -> Markup {
    state(Mark::of_status(status), word(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_its_own_shape_word_and_colour() {
        let all =
            [Status::Online, Status::Offline, Status::Disconnected].map(|one| status(one).into_string());
        for (html, [shape, word, class]) in all.iter().zip([
            ["#s-good", "Online", "good"],
            ["#s-bad", "Offline", "bad"],
            ["#s-mute", "Not seen", "mute"],
        ]) {
            assert!(html.contains(shape) && html.contains(word) && html.contains(class), "{html}");
            assert!(html.contains("aria-hidden"), "{html}");
        }
    }
}
