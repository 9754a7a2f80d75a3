//! The origins of web pages that may read responses (CORS, <https://fetch.spec.whatwg.org/#http-cors-protocol>).

use http::HeaderValue;

/// Which origins are allowed. By default, none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedOrigins {
    any: bool,
    origins: Vec<HeaderValue>,
}

/// A text in the list that is not an origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an origin: write scheme, host and port without a path (https://app.example.com), or * for any"
)]
pub struct InvalidOrigin(String);

impl AllowedOrigins {
    /// Parses a comma-separated list of origins; `*` allows any origin.
    pub fn parse(list: &str) -> Result<Self, InvalidOrigin> {
        let mut allowed = Self::default();
        for text in list.split(',').map(str::trim).filter(|text| !text.is_empty()) {
            if text == "*" {
                allowed.any = true;
                continue;
            }
            let text = text.to_ascii_lowercase();
            let value = HeaderValue::from_str(&text).ok().filter(|_| is_origin(&text));
            allowed.origins.push(value.ok_or(InvalidOrigin(text))?);
        }
        Ok(allowed)
    }

    /// Whether no origin is allowed.
    pub fn is_empty(&self) -> bool {
        !self.any && self.origins.is_empty()
    }

    /// Whether any origin is allowed.
    pub fn is_any(&self) -> bool {
        self.any
    }

    /// The listed origins, in lower case, without `*`.
    pub fn named(&self) -> &[HeaderValue] {
        &self.origins
    }

    /// Whether pages of this origin may read responses.
    pub fn allows(&self, origin: &HeaderValue) -> bool {
        self.any || self.origins.contains(origin)
    }
}

/// Whether the text is `scheme://host` or `scheme://host:port`, as browsers write it.
fn is_origin(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':' | '[' | ']');
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => "://",
    };
    // Browsers omit the default port, so an origin with it would never match.
    is_scheme && !rest.is_empty() && rest.chars().all(is_host) && !rest.ends_with(default_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_the_named_origins_may_read_and_no_others() {
        let allowed =
            AllowedOrigins::parse("https://App.example.com, http://localhost:3000,tauri://localhost")
                .unwrap();
        let allows = |origin: &str| allowed.allows(&HeaderValue::from_str(origin).unwrap());
        for origin in ["https://app.example.com", "http://localhost:3000", "tauri://localhost"] {
            assert!(allows(origin), "{origin}");
        }
        for origin in [
            "http://app.example.com",
            "https://app.example.com.evil.test",
            "https://app.example.com:8443",
            "null",
        ] {
            assert!(!allows(origin), "{origin}");
        }
        assert!(
            AllowedOrigins::parse("*").unwrap().allows(&HeaderValue::from_static("https://any.example.com"))
        );
        assert!(AllowedOrigins::parse("").unwrap().is_empty());
    }

    #[test]
    fn what_no_browser_sends_is_refused() {
        for wrong in [
            "example.com",
            "https://",
            "https://x/",
            "https://x/path",
            "https://*.x",
            "null",
            "https://x:443",
            "://x",
            "https://a b",
        ] {
            assert!(
                AllowedOrigins::parse(wrong).unwrap_err().to_string().contains("is not an origin"),
                "{wrong}"
            );
        }
    }
}
