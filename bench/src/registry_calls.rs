//! The requests of A2 and SEARCH, and a client that makes them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use http::Method;
use serde::Serialize;
use serde_json::{Value, json};

use crate::Result;
use crate::connection::Connection;
use crate::deployment::{Deployment, new_bucket, text};
use crate::seeded::{Sample, Seeded};

const LIMIT: (f64, &str) = (1.5, "≤ 1.5 ×");
/// The same for searches and filters.
const SEARCH_LIMIT: (f64, &str) = (2.0, "≤ 2 ×");
/// The page of SEARCH that is filtered. The seeded buckets have a node that doesn't run, and half of them this provider.
const FILTERED: &str = "/bucket?status=DISCONNECTED&provider=OTHER&sort=name";
/// The node registers while the data directory is filled. It counts as silent a minute later.
const SILENT_WITHIN: Duration = Duration::from_mins(3);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum RegistryCall {
    FirstPage,
    Status,
    Day,
    Create,
    FilteredPage,
    FoundPage,
    FoundBucket,
}

impl RegistryCall {
    /// Those of A2.
    pub(crate) const REGISTRY: &[Self] = &[Self::FirstPage, Self::Status, Self::Day, Self::Create];
    /// Those of SEARCH.
    pub(crate) const SEARCH: &[Self] = &[Self::FilteredPage, Self::FoundPage, Self::FoundBucket];

    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::FirstPage => "the first page of 100 buckets",
            Self::Status => "one bucket's status",
            Self::Day => "one bucket's day",
            Self::Create => "registering a bucket (without validation)",
            Self::FilteredPage => "a page of 100 buckets, filtered by status and provider and sorted by name",
            Self::FoundPage => "a page of 100 buckets, found by a word that all buckets have",
            Self::FoundBucket => "one bucket, found by a common and a rare word",
        }
    }

    /// Maximum 99th percentile with the most buckets, as a multiple of that with the fewest.
    pub(crate) fn limit(self) -> (f64, &'static str) {
        match self {
            Self::FirstPage | Self::Status | Self::Day | Self::Create => LIMIT,
            Self::FilteredPage | Self::FoundPage | Self::FoundBucket => SEARCH_LIMIT,
        }
    }
}

/// A client of one server. It makes its calls one at a time.
pub(crate) struct RegistryClient {
    pub(crate) buckets: u64,
    workspace: String,
    connection: Connection,
    samples: Vec<Sample>,
    next: usize,
    /// Where the next pages of the lists begin that are read page by page.
    cursors: BTreeMap<RegistryCall, String>,
}

impl RegistryClient {
    /// Connects to a server whose registry was filled like this one.
    pub(crate) async fn connect(deployment: &Deployment, registry: &Seeded) -> Result<Self> {
        Ok(Self {
            buckets: registry.buckets,
            workspace: deployment.workspace.clone(),
            connection: deployment.connect().await?,
            samples: registry.samples.clone(),
            next: 0,
            cursors: BTreeMap::new(),
        })
    }

    /// Waits until the node of the buckets counts as silent, which makes them DISCONNECTED.
    pub(crate) async fn wait_silent(&mut self) -> Result {
        let start = Instant::now();
        while self.connection.json(Method::GET, FILTERED, None).await?["buckets"] == json!([]) {
            if start.elapsed() > SILENT_WITHIN {
                return Err(format!("{FILTERED} finds none of {} buckets", self.buckets).into());
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Ok(())
    }

    /// The next page of a list of which every page is full.
    fn next_page(&self, call: RegistryCall, list: &str) -> String {
        let cursor = self.cursors.get(&call).map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        format!("{list}&limit=100{cursor}")
    }

    /// Makes a call, checks the response and returns the duration.
    pub(crate) async fn time(&mut self, call: RegistryCall) -> Result<Duration> {
        self.next += 1;
        let Sample { id, day } = self.samples[self.next % self.samples.len()];
        let (method, path, body) = match call {
            RegistryCall::FirstPage => (Method::GET, "/bucket?limit=100".to_owned(), None),
            RegistryCall::Status => (Method::GET, format!("/bucket/{id}/status"), None),
            RegistryCall::Day => {
                let day = day.start().to_string();
                (Method::POST, format!("/bucket/{id}/stats"), Some(json!({ "day": day })))
            }
            RegistryCall::Create => {
                let name = format!("measured {}", self.next);
                let bucket = new_bucket(&name, &self.workspace, "https://s3.example.com");
                (Method::POST, "/bucket".to_owned(), Some(bucket))
            }
            RegistryCall::FilteredPage => (Method::GET, self.next_page(call, FILTERED), None),
            RegistryCall::FoundPage => (Method::GET, self.next_page(call, "/bucket?search=seed"), None),
            RegistryCall::FoundBucket => {
                // A number with as many digits as the largest one, so that only one bucket has it.
                let number = self.buckets - 1 - self.next as u64 % (self.buckets / 10 * 9);
                (Method::GET, format!("/bucket?search=seeded%20{number}&limit=100"), None)
            }
        };
        let answered = self.connection.call(method, &path, body.as_ref()).await?;
        self.connection.expect_ok(&path, answered)?;
        let answer: Value = serde_json::from_slice(self.connection.body())?;
        let entries = |name: &str| answer[name].as_array().map_or(0, Vec::len);
        let complete = match call {
            RegistryCall::FirstPage => entries("buckets") == 100 && answer["nextCursor"].is_string(),
            RegistryCall::FilteredPage | RegistryCall::FoundPage => {
                match answer["nextCursor"].as_str() {
                    Some(cursor) => _ = self.cursors.insert(call, cursor.to_owned()),
                    None => _ = self.cursors.remove(&call),
                }
                entries("buckets") == 100
            }
            RegistryCall::FoundBucket => entries("buckets") == 1,
            RegistryCall::Status => entries("nodeStatus") == 1,
            RegistryCall::Day => entries("nodeStats") == 1,
            RegistryCall::Create => {
                // Deleted again, so that the registry keeps its size.
                let path = format!("/bucket/{}", text(&answer, "bucketId")?);
                self.connection.json(Method::DELETE, &path, None).await?;
                true
            }
        };
        if complete { Ok(answered.took) } else { Err(format!("{path} answered {answer}").into()) }
    }
}
