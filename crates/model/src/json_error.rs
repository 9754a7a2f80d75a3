//! What a JSON error says to the sender of the text: what was expected, and never what was found, which may be a secret
//! in the wrong place.

/// The message without the line and column.
pub fn without_position(error: &serde_json::Error) -> String {
    let said = error.to_string();
    match said.rfind(" at line ") {
        Some(at) => said[..at].to_owned(),
        None => said,
    }
}

/// The name of the required field that is missing, if that is the error.
pub fn missing_field(error: &serde_json::Error) -> Option<String> {
    let said = without_position(error);
    Some(said.strip_prefix("missing field `")?.strip_suffix('`')?.to_owned())
}

/// The name of the field that occurs more than once, if that is the error.
pub fn duplicate_field(error: &serde_json::Error) -> Option<String> {
    let said = without_position(error);
    Some(said.strip_prefix("duplicate field `")?.strip_suffix('`')?.to_owned())
}

/// What was expected, as the end of a sentence: "must be a whole number".
///
/// serde names what it found before what it expected. Only the latter is repeated.
pub fn expectation(error: &serde_json::Error) -> String {
    let said = without_position(error);
    match said.rsplit_once("expected ") {
        Some((_, "i64" | "u64" | "i32" | "u32" | "u16" | "u8")) => "must be a whole number".to_owned(),
        Some((_, expected)) => format!("must be {}", expected.replace('`', "")),
        None => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    struct Sample {
        #[expect(dead_code, reason = "only its type matters")]
        count: u32,
    }

    fn error(text: &str) -> serde_json::Error {
        serde_json::from_str::<Sample>(text).unwrap_err()
    }

    #[test]
    fn what_was_found_is_never_repeated() {
        assert_eq!(expectation(&error(r#"{"count":"hunter2"}"#)), "must be a whole number");
        assert_eq!(expectation(&error("[\"hunter2\"]")), "must be a whole number");
        assert!(!expectation(&error(r#"{"count":-12345678}"#)).contains("12345678"));
    }

    #[test]
    fn a_repeated_field_is_named() {
        assert_eq!(duplicate_field(&error(r#"{"count":1,"count":1}"#)).as_deref(), Some("count"));
        assert_eq!(duplicate_field(&error("{}")), None);
    }

    #[test]
    fn a_missing_field_is_named() {
        assert_eq!(missing_field(&error("{}")).as_deref(), Some("count"));
        assert_eq!(missing_field(&error(r#"{"count":true}"#)), None);
    }
}
