//! The cookies: one with the session, one with the theme. Names and flags depend on whether the connection is encrypted,
//! because browsers drop `Secure` cookies on plain http.

use bucketry_model::secret::Secret;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use crate::links::Links;

/// The name over https. The prefix makes browsers accept it only with `Secure`, for this host alone and for every path.
const SECURE: &str = "__Host-bucketry";
/// The name over http.
const PLAIN: &str = "bucketry";
/// The name of the cookie with the theme, which scripts may read.
const THEME: &str = "bucketry-theme";
/// How long the theme is remembered, in seconds.
const THEME_SECONDS: u64 = 365 * 86_400;

/// The value of the session's cookie, if the request has one.
pub(crate) fn session(headers: &HeaderMap, is_https: bool) -> Option<&str> {
    value(headers, if is_https { SECURE } else { PLAIN })
}

/// The theme in the request's cookie.
pub(crate) fn theme(headers: &HeaderMap) -> Option<&str> {
    value(headers, THEME)
}

fn value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lists = headers.get_all(COOKIE).iter().filter_map(|list| list.to_str().ok());
    let mut pairs = lists.flat_map(|list| list.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value)
}

/// A header that stores the session in the browser for some seconds.
pub(crate) fn set_session(
    value: &Secret,
    seconds: i64,
    is_https: bool,
    links: &Links,
) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(&session_text(value.expose(), seconds, is_https, links)).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// A header that removes the session from the browser.
pub(crate) fn remove_session(is_https: bool, links: &Links) -> Option<HeaderValue> {
    HeaderValue::from_str(&session_text("", 0, is_https, links)).ok()
}

// Lax and not Strict: somebody who follows a link in a chat must be signed in, and no GET changes anything.
fn session_text(value: &str, seconds: i64, is_https: bool, links: &Links) -> String {
    if is_https {
        format!("{SECURE}={value}; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax; Path=/")
    } else {
        format!("{PLAIN}={value}; Max-Age={seconds}; HttpOnly; SameSite=Lax; Path={}", links.cookie_path())
    }
}

/// A header that remembers the theme.
pub(crate) fn set_theme(theme: &str, is_https: bool, links: &Links) -> Option<HeaderValue> {
    let secure = if is_https { "; Secure" } else { "" };
    let path = links.cookie_path();
    let text = format!("{THEME}={theme}; Max-Age={THEME_SECONDS}{secure}; SameSite=Lax; Path={path}");
    HeaderValue::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=b; bucketry=one;bucketry-theme=dark"));
        headers.append(COOKIE, HeaderValue::from_static("__Host-bucketry=two"));
        assert_eq!(session(&headers, false), Some("one"));
        assert_eq!(session(&headers, true), Some("two"));
        assert_eq!(theme(&headers), Some("dark"));
        assert_eq!(session(&HeaderMap::new(), true), None);
    }

    #[test]
    fn the_flags_fit_the_connection() {
        let links = Links::below("/storage");
        let set = |is_https| {
            let header = set_session(&Secret::new("v"), 60, is_https, &links).unwrap();
            assert!(header.is_sensitive());
            header.to_str().unwrap().to_owned()
        };
        assert_eq!(set(true), "__Host-bucketry=v; Max-Age=60; Secure; HttpOnly; SameSite=Lax; Path=/");
        assert_eq!(set(false), "bucketry=v; Max-Age=60; HttpOnly; SameSite=Lax; Path=/storage/ui");
        assert!(remove_session(true, &links).unwrap().to_str().unwrap().contains("Max-Age=0"));
    }
}
