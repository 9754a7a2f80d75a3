//! Somebody who is logged in, and what they do most.

use http::Method;
use serde_json::{Value, json};

use crate::json::{list, text, with};
use crate::{ADMIN, Answer, Call, Identity, Result, Server};

/// Somebody with a token: every call carries it.
#[derive(Debug, Clone)]
pub struct Person {
    api: String,
    token: String,
}

impl Person {
    /// Somebody with a token of this server.
    pub fn new(server: &Server, token: &str) -> Self {
        Self { api: server.api().to_owned(), token: token.to_owned() }
    }

    /// The same person at the server's present address, which a restart changes.
    #[must_use]
    pub fn again_at(&self, server: &Server) -> Self {
        Self::new(server, &self.token)
    }

    /// The access token or API token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// A call of any method; `path` may carry a query.
    pub fn call(&self, method: Method, path: &str) -> Call {
        Call::new(method, &self.api, path).token(&self.token)
    }

    /// A GET.
    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    /// A POST.
    pub fn post(&self, path: &str, body: &Value) -> Call {
        self.call(Method::POST, path).json(body)
    }

    /// A PUT.
    pub fn put(&self, path: &str, body: &Value) -> Call {
        self.call(Method::PUT, path).json(body)
    }

    /// A DELETE.
    pub fn delete(&self, path: &str) -> Call {
        self.call(Method::DELETE, path)
    }

    /// The id of the oldest workspace that this person can enter: `default` for the first owner.
    pub async fn workspace(&self) -> Result<String> {
        let answer = self.get("/workspace").send().await?;
        let told = answer.json_with_status(200)?;
        let oldest = list(&told["workspaces"]).last();
        id(oldest.map(|oldest| &oldest["id"]), &answer)
    }

    /// Registers a bucket and answers its id.
    pub async fn register(&self, body: &Value) -> Result<String> {
        let answer = self.post("/bucket", body).send().await?;
        let told = answer.json_with_status(200)?;
        id(told.get("bucketId"), &answer)
    }

    /// All buckets that the list shows.
    pub async fn buckets(&self) -> Result<Vec<Value>> {
        let answer = self.get("/bucket").send().await?;
        let told = answer.json_with_status(200)?;
        told["buckets"].as_array().cloned().ok_or_else(|| answer.unlike("buckets"))
    }

    /// A bucket as the list shows it; null if it doesn't.
    pub async fn bucket(&self, id: &str) -> Result<Value> {
        let buckets = self.buckets().await?;
        Ok(buckets.into_iter().find(|bucket| bucket["id"] == id).unwrap_or_default())
    }

    /// The status that the list shows of a bucket; empty if it doesn't show the bucket.
    pub async fn status_of(&self, id: &str) -> Result<String> {
        Ok(text(&self.bucket(id).await?["status"]).to_owned())
    }
}

fn id(told: Option<&Value>, answer: &Answer) -> Result<String> {
    told.and_then(Value::as_str).map(str::to_owned).ok_or_else(|| answer.unlike("an id"))
}

/// What registers a bucket of an S3 server, by way of [`ADMIN`].
pub fn s3_bucket(name: &str, bucket: &str, endpoint: &str, workspace: &str) -> Value {
    let body = json!({
        "name": name,
        "bucket": bucket,
        "storageType": "S3",
        "endpoint": endpoint,
        "region": "us-east-1",
        "workspaceId": workspace,
    });
    opened_by(&body, ADMIN)
}

/// The same with another identity's credentials.
pub fn opened_by(body: &Value, identity: Identity) -> Value {
    with(body, &json!({ "key": identity.key, "secret": identity.secret }))
}
