//! The theme: that of the system, or the one that the reader chose.

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Theme {
    /// What the system is set to.
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    /// All themes, in the order in which they are offered.
    pub(crate) const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// The name in forms and cookies.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The theme with this name; the system's for any other text.
    pub(crate) fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|theme| theme.as_str() == name).unwrap_or_default()
    }

    /// The value of the document's `data-theme`, which the system's theme doesn't have.
    pub(crate) fn attribute(self) -> Option<&'static str> {
        (self != Self::System).then_some(self.as_str())
    }

    /// The theme for people.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::System => "Like the system",
            Self::Light => "Light",
            Self::Dark => "Dark",
        }
    }
}
