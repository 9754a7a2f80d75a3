//! Names that users give to resources.

use std::fmt;

/// The longest name, in characters.
pub const MAX_NAME_CHARS: usize = 255;

/// Why a text is not a valid name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Nothing is left after trimming.
    #[error("must not be empty")]
    Empty,
    /// The text is longer than [`MAX_NAME_CHARS`].
    #[error("must be at most {MAX_NAME_CHARS} characters long")]
    TooLong,
    /// The text contains control characters, which would break tables, logs and headers.
    #[error("must not contain control characters")]
    ControlCharacter,
}

/// A display name, such as that of a bucket, a workspace or a user: trimmed, 1 to 255 characters, without control
/// characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// Parses a name, trimming white space around it.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(InvalidName::Empty);
        }
        if trimmed.chars().count() > MAX_NAME_CHARS {
            return Err(InvalidName::TooLong);
        }
        if trimmed.chars().any(char::is_control) {
            return Err(InvalidName::ControlCharacter);
        }
        Ok(Self(trimmed.to_owned()))
    }

    /// The name as given, trimmed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form for comparing names: names that differ only in letter case are equal.
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_compared_without_letter_case() {
        let name = Name::parse("  Photos Übersee ").unwrap();
        assert_eq!(name.as_str(), "Photos Übersee");
        assert_eq!(name.folded(), Name::parse("PHOTOS ÜBERSEE").unwrap().folded());
    }

    #[test]
    fn the_bounds_are_one_and_255_characters() {
        assert_eq!(Name::parse("   "), Err(InvalidName::Empty));
        assert!(Name::parse(&"é".repeat(255)).is_ok());
        assert_eq!(Name::parse(&"é".repeat(256)), Err(InvalidName::TooLong));
        assert_eq!(Name::parse("a\u{7}b"), Err(InvalidName::ControlCharacter));
    }
}
