//! Addresses of the dashboard's own pages. Every link is made here, because the dashboard may be below a path of a proxy.

use std::fmt::{Display, Write as _};
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stays as it is in the value of a query.
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Makes links. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Links {
    prefix: Arc<str>,
}

impl Links {
    /// Links below a path of a proxy, such as `/bucketry`; empty for none.
    pub(crate) fn below(prefix: &str) -> Self {
        Self { prefix: prefix.trim_end_matches('/').into() }
    }

    /// A page by its path below `/ui`: `""` for the overview, `"/buckets"`.
    pub(crate) fn ui(&self, path: impl Display) -> String {
        format!("{}/ui{path}", self.prefix)
    }

    /// A page with a query.
    pub(crate) fn ui_with(&self, path: impl Display, query: &[(&str, &str)]) -> String {
        let mut link = self.ui(path);
        link.push_str(&query_text(query));
        link
    }

    /// The page of the API.
    pub(crate) fn docs(&self) -> String {
        format!("{}/docs", self.prefix)
    }

    /// The path below which cookies are sent.
    pub(crate) fn cookie_path(&self) -> String {
        self.ui("")
    }

    /// Returns the page to show after signing in: only one of the dashboard's own.
    pub(crate) fn own_page(&self, wanted: &str) -> String {
        let home = self.ui("");
        let is_own = wanted
            .strip_prefix(home.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || rest.starts_with('?'));
        let is_plain = wanted.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let is_sign_in = wanted.starts_with(&self.ui("/sign-in"));
        if is_own && is_plain && !is_sign_in { wanted.to_owned() } else { home }
    }
}

/// A query with its `?`; empty without parameters. Empty values are left out.
pub(crate) fn query_text(query: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
        let separator = if text.is_empty() { '?' } else { '&' };
        // Writing to a string can't fail.
        let _ = write!(text, "{separator}{name}={}", utf8_percent_encode(value, IN_QUERY));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_below_the_path_of_the_proxy() {
        assert_eq!(Links::below("").ui("/buckets"), "/ui/buckets");
        assert_eq!(Links::below("/storage/").ui(""), "/storage/ui");
        let link = Links::below("").ui_with("/buckets", &[("q", "a&b=ü "), ("state", "")]);
        assert_eq!(link, "/ui/buckets?q=a%26b%3D%C3%BC%20");
    }

    #[test]
    fn after_signing_in_only_own_pages_are_opened() {
        let links = Links::below("");
        assert_eq!(links.own_page("/ui/buckets?q=a"), "/ui/buckets?q=a");
        for wrong in [
            "",
            "https://evil.example.com/ui",
            "//evil.example.com/ui",
            "/uix",
            "/ui\\..",
            "/ui/\nx",
            "/docs",
            "/ui/sign-in?to=/ui",
            "javascript:alert(1)",
        ] {
            assert_eq!(links.own_page(wrong), "/ui", "{wrong}");
        }
    }
}
