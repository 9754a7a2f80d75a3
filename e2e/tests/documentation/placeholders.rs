//! What stands in pages for the names and addresses of a reader's deployment.

use std::path::Path;

use bucketry_e2e::{ADMIN, OPEN_BUCKET, OWNER_EMAIL, READ_ONLY, SCOPED_BUCKET};

/// The addresses of the deployment that a page is tried on.
#[derive(Debug)]
pub(crate) struct PageAddresses<'a> {
    pub(crate) api: &'a str,
    pub(crate) gateway: &'a str,
    pub(crate) storage: &'a str,
    pub(crate) receiver: &'a str,
    pub(crate) database: &'a str,
    pub(crate) data_dir: &'a Path,
    /// The configuration file of the server.
    pub(crate) config: &'a Path,
    /// The folder of the repository with the files for Prometheus.
    pub(crate) prometheus: &'a Path,
}

/// Placeholders with their values.
#[derive(Debug)]
pub(crate) struct Placeholders(Vec<(&'static str, String)>);

impl Placeholders {
    /// The table. The first placeholder that matches at a place counts.
    pub(crate) fn new(at: &PageAddresses<'_>) -> Self {
        let host = |url: &str| url.split_once("://").map_or(url, |(_, host)| host).to_owned();
        let path = |path: &Path| path.to_string_lossy().into_owned();
        Self(vec![
            // Servers.
            ("https://bucketry.example.com", at.api.to_owned()),
            ("https://eu.example.com", at.api.to_owned()),
            ("127.0.0.1:8080", host(at.api)),
            ("127.0.0.1:9000", host(at.gateway)),
            ("https://s3.example.com", at.storage.to_owned()),
            ("plain.example.com", host(at.storage)),
            ("down.example.com", "127.0.0.1:1".to_owned()),
            ("10.0.0.5:9464", "127.0.0.1:0".to_owned()),
            ("https://pager.example.com/bucketry", at.receiver.to_owned()),
            ("https://hooks.slack.com/services/T…/B…/…", at.receiver.to_owned()),
            (
                "postgres://bucketry:password@db.example.com/bucketry?sslmode=verify-full",
                at.database.to_owned(),
            ),
            // Of the checks, that of TLS is left out: the storage of the test has none.
            ("9 of 9 checks passed", "8 of 8 checks passed".to_owned()),
            // Files.
            ("/var/lib/bucketry", path(at.data_dir)),
            ("/etc/bucketry/bucketry.toml", path(at.config)),
            ("/etc/prometheus/bucketry", path(at.prometheus)),
            // People, buckets and credentials.
            ("admin@localhost", OWNER_EMAIL.to_owned()),
            ("you@example.com", OWNER_EMAIL.to_owned()),
            ("photos", OPEN_BUCKET.to_owned()),
            ("readable", SCOPED_BUCKET.to_owned()),
            ("AKID…", ADMIN.key.to_owned()),
            ("AKIDREADER", READ_ONLY.key.to_owned()),
            ("BUCKETRY_CHANNEL_SECRET=…", "BUCKETRY_CHANNEL_SECRET=0123456789abcdef".to_owned()),
        ])
    }

    /// The text with values instead of placeholders.
    pub(crate) fn fill(&self, text: &str) -> String {
        let (mut filled, mut rest) = (String::new(), text);
        while let Some(first) = rest.chars().next() {
            let before = filled.chars().next_back();
            let here = self.0.iter().find(|(name, _)| rest.starts_with(name) && is_whole(before, name, rest));
            if let Some((name, value)) = here {
                filled.push_str(value);
                rest = &rest[name.len()..];
            } else {
                filled.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
        filled
    }
}

/// Whether the placeholder at the beginning of `rest` isn't part of a longer word.
fn is_whole(before: Option<char>, name: &str, rest: &str) -> bool {
    let continues = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '-' || c == '_');
    !continues(before) && !continues(rest[name.len()..].chars().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_names_are_replaced() {
        let empty = Path::new("");
        let at = PageAddresses {
            api: "http://127.0.0.1:1234",
            gateway: "http://127.0.0.1:5678",
            storage: "",
            receiver: "",
            database: "",
            data_dir: Path::new("/data"),
            config: empty,
            prometheus: empty,
        };
        let placeholders = Placeholders::new(&at);
        for (text, filled) in [
            ("https://bucketry.example.com/health", "http://127.0.0.1:1234/health"),
            (
                "http://127.0.0.1:8080, http://127.0.0.1:80801",
                "http://127.0.0.1:1234, http://127.0.0.1:80801",
            ),
            ("s3://photos/ bucketry-photos Photos", "s3://e2e/ bucketry-photos Photos"),
            ("/var/lib/bucketry/*.key", "/data/*.key"),
        ] {
            assert_eq!(placeholders.fill(text), filled);
        }
    }
}
