//! URLs that messages are posted to.

use crate::endpoint::{Endpoint, InvalidEndpoint};

/// The longest accepted URL, in bytes.
const MAX_URL_BYTES: usize = 2_048;

/// A URL that messages are posted to. Its path and query may be a secret, as those of Slack are, so only its origin
/// is ever shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ChannelUrl {
    origin: String,
    rest: String,
}

/// Why a text is not such a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidChannelUrl {
    /// It is too long.
    #[error("must be at most {MAX_URL_BYTES} characters long")]
    TooLong,
    /// The scheme is missing.
    #[error("must start with https:// or http://")]
    Scheme,
    /// Scheme, host or port are wrong.
    #[error("{0}")]
    Origin(InvalidEndpoint),
    /// Path or query contain other characters than those of URLs, or there is a fragment.
    #[error("must not contain spaces, a fragment ('#') or characters that URLs percent-encode")]
    Rest,
}

impl ChannelUrl {
    /// Parses a URL.
    pub fn parse(text: &str) -> Result<Self, InvalidChannelUrl> {
        let text = text.trim();
        if text.len() > MAX_URL_BYTES {
            return Err(InvalidChannelUrl::TooLong);
        }
        let (_, after) = text.split_once("://").ok_or(InvalidChannelUrl::Scheme)?;
        let authority = after.find(['/', '?', '#']).unwrap_or(after.len());
        let (origin, rest) = text.split_at(text.len() - after.len() + authority);
        let endpoint = Endpoint::parse(origin).map_err(InvalidChannelUrl::Origin)?;
        let fits = |byte: u8| byte.is_ascii_graphic() && !b"#\"<>\\^`{|}".contains(&byte);
        if !rest.bytes().all(fits) {
            return Err(InvalidChannelUrl::Rest);
        }
        let rest = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
        Ok(Self { origin: endpoint.to_string(), rest })
    }

    /// Scheme, host and port, which may be shown.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The whole URL. It may be a secret.
    pub fn expose(&self) -> String {
        format!("{}{}", self.origin, self.rest)
    }

    /// The URL of a path below this one, without this one's query. It may be a secret.
    pub fn expose_below(&self, path: &str) -> String {
        let base = self.rest.split('?').next().unwrap_or_default();
        format!("{}{}{path}", self.origin, base.trim_end_matches('/'))
    }
}

impl std::fmt::Debug for ChannelUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ChannelUrl({}/…)", self.origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_origin_is_shown() {
        let url = ChannelUrl::parse(" https://hooks.example.com/services/T0/B0/xyz?a=b%20c ").unwrap();
        assert_eq!(url.origin(), "https://hooks.example.com");
        assert_eq!(url.expose(), "https://hooks.example.com/services/T0/B0/xyz?a=b%20c");
        assert!(!format!("{url:?}").contains("xyz"));
        assert_eq!(ChannelUrl::parse("http://[::1]:9093").unwrap().expose(), "http://[::1]:9093/");
        assert_eq!(ChannelUrl::parse("http://a.example?x=1").unwrap().expose(), "http://a.example/?x=1");
    }

    #[test]
    fn paths_are_added_below_a_prefix() {
        for (base, whole) in [
            ("http://am.example:9093", "http://am.example:9093/api/v2/alerts"),
            ("http://am.example/prefix/?q=1", "http://am.example/prefix/api/v2/alerts"),
        ] {
            assert_eq!(ChannelUrl::parse(base).unwrap().expose_below("/api/v2/alerts"), whole);
        }
    }

    #[test]
    fn what_is_no_such_url_is_refused() {
        for (text, error) in [
            ("hooks.example.com/x", InvalidChannelUrl::Scheme),
            ("ftp://a.example/", InvalidChannelUrl::Origin(InvalidEndpoint::Scheme)),
            ("https://user:pass@a.example/", InvalidChannelUrl::Origin(InvalidEndpoint::UserInfo)),
            ("https://2130706433/", InvalidChannelUrl::Origin(InvalidEndpoint::NumericHost)),
            ("https://a.example/a b", InvalidChannelUrl::Rest),
            ("https://a.example/a\r\nHost: b", InvalidChannelUrl::Rest),
            ("https://a.example/#x", InvalidChannelUrl::Rest),
            ("https://a.example/ä", InvalidChannelUrl::Rest),
        ] {
            assert_eq!(ChannelUrl::parse(text).unwrap_err(), error, "{text}");
        }
        assert_eq!(
            ChannelUrl::parse(&format!("https://a.example/{}", "x".repeat(3_000))).unwrap_err(),
            InvalidChannelUrl::TooLong
        );
    }
}
