//! Names that people give to things.

use std::fmt;

/// The longest name, in characters.
pub const MAX_NAME_CHARS: usize = 255;

/// Why a text can't be a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Nothing is left after trimming.
    #[error("must not be empty")]
    Empty,
    /// Longer than [`MAX_NAME_CHARS`].
    #[error("must be at most {MAX_NAME_CHARS} characters long")]
    TooLong,
    /// Control characters would break tables, logs and headers.
    #[error("must not contain control characters")]
    ControlCharacter,
}

/// A name for people to read: of a bucket's registration, a workspace, a person. Trimmed, 1 to 255 characters,
/// free of control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// Reads a name, trimming white space around it.
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

    /// The name as it was given, trimmed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that names are compared in: two names that differ only in letter case are the same name.
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
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
