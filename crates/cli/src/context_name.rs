//! The name of a context.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest name of a context, in bytes.
const LONGEST_NAME: usize = 64;

/// The name of a context, which can be part of a file's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct ContextName(String);

impl ContextName {
    /// The context of users who have never created one.
    pub(crate) fn default_name() -> Self {
        Self("default".to_owned())
    }

    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default_name()
    }
}

impl FromStr for ContextName {
    type Err = &'static str;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let begins_well = text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
        if begins_well && text.len() <= LONGEST_NAME && text.bytes().all(is_allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(
                "must be at most 64 letters, digits, hyphens, dots and underscores, and begin with a letter or digit",
            )
        }
    }
}

impl TryFrom<String> for ContextName {
    type Error = &'static str;

    fn try_from(text: String) -> std::result::Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ContextName> for String {
    fn from(name: ContextName) -> Self {
        name.0
    }
}

impl fmt::Display for ContextName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_parts_of_file_names() {
        for wrong in ["", ".", "..", "../x", "a/b", "-x", "a b", "ä", "a\n", &"a".repeat(65)] {
            assert!(wrong.parse::<ContextName>().is_err(), "{wrong:?}");
        }
        assert_eq!("eu-prod_2.x".parse::<ContextName>().unwrap().to_string(), "eu-prod_2.x");
        assert!(serde_json::from_str::<ContextName>("\"../x\"").is_err());
    }
}
