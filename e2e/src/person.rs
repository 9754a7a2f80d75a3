//! A logged-in user with the most frequent calls.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::azure::{Azure, azure};
use crate::environment::variable;
use crate::json::{list, text, with};
use crate::{ADMIN, Answer, Call, Identity, RepositoryAccess, Result, Server, eventually, run_python};

/// Longer than a change takes to reach a node.
const SOON: Duration = Duration::from_secs(20);
/// Longer than a node takes to start and to register.
const REGISTERED_WITHIN: Duration = Duration::from_mins(1);

/// A user with a token, which every call sends.
#[derive(Debug, Clone)]
pub struct Person {
    api: String,
    token: String,
}

impl Server {
    /// The first owner, logged in.
    pub async fn owner(&self) -> Result<Person> {
        Ok(Person::new(self, &self.log_in().await?))
    }
}

impl Person {
    /// A user with a token of this server.
    pub fn new(server: &Server, token: &str) -> Self {
        Self { api: server.api().to_owned(), token: token.to_owned() }
    }

    /// The same user at the server's current address, which a restart changes.
    #[must_use]
    pub fn again_at(&self, server: &Server) -> Self {
        Self::new(server, &self.token)
    }

    /// The access token or API token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// A call with any method. `path` may include a query.
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

    /// The id of the oldest workspace that this user has access to: `default` for the first owner.
    pub async fn workspace(&self) -> Result<String> {
        let answer = self.get("/workspace").send().await?;
        let response = answer.json_with_status(200)?;
        let oldest = list(&response["workspaces"]).last();
        id(oldest.map(|oldest| &oldest["id"]), &answer)
    }

    /// Waits for a node to register, and approves the key that it has in use.
    pub async fn approve_node(&self, name: &str) -> Result<()> {
        // Repeated, because another control plane may list the key that the node had a moment ago.
        let approve = async || {
            let nodes = self.get("/node").send().await?.json_with_status(200)?;
            let Some(node) = list(&nodes["data"]).iter().find(|node| node["ip"] == name) else {
                return Ok(false);
            };
            let path = format!("/node/{}/approval", text(&node["id"]));
            let recipient = json!({ "recipient": node["recipient"] });
            self.post(&path, &recipient).send().await?.json_with_status(200).map(|_| true)
        };
        let approved = eventually("the node being approved", REGISTERED_WITHIN, approve, |done| *done).await;
        approved.map(drop)
    }

    /// Registers a bucket and returns its id.
    pub async fn register(&self, body: &Value) -> Result<String> {
        let answer = self.post("/bucket", body).send().await?;
        let response = answer.json_with_status(200)?;
        id(response.get("bucketId"), &answer)
    }

    /// All buckets in the list.
    pub async fn buckets(&self) -> Result<Vec<Value>> {
        let answer = self.get("/bucket").send().await?;
        let response = answer.json_with_status(200)?;
        response["buckets"].as_array().cloned().ok_or_else(|| answer.unlike("buckets"))
    }

    /// A bucket as the list shows it; null if it isn't listed.
    pub async fn bucket(&self, id: &str) -> Result<Value> {
        let buckets = self.buckets().await?;
        Ok(buckets.into_iter().find(|bucket| bucket["id"] == id).unwrap_or_default())
    }

    /// A bucket's status in the list; empty if it isn't listed.
    pub async fn status_of(&self, id: &str) -> Result<String> {
        Ok(text(&self.bucket(id).await?["status"]).to_owned())
    }

    /// Creates a repository of buckets (id and name at the provider) with an ADMIN key, waits until the gateway
    /// knows the key, and returns a client's access to the first bucket.
    pub async fn repository_access(
        &self,
        server: &Server,
        name: &str,
        buckets: &[(&str, &str)],
    ) -> Result<RepositoryAccess> {
        let attached: Vec<_> =
            buckets.iter().map(|(id, _)| json!({ "bucketId": id, "folder": "", "master": false })).collect();
        let first = buckets.first().map(|(_, bucket)| *bucket).unwrap_or_default();
        self.open_repository(server, &json!({ "name": name, "repoBuckets": attached }), first).await
    }

    /// Creates a repository like [`Person::repository_access`], with these fields. The default mode is NORMAL.
    /// `bucket` is the bucket name for the client.
    pub async fn open_repository(
        &self,
        server: &Server,
        fields: &Value,
        bucket: &str,
    ) -> Result<RepositoryAccess> {
        self.open_repository_at(server.gateway().unwrap_or_default(), fields, bucket).await
    }

    /// Creates a repository like [`Person::open_repository`], and accesses it through this gateway.
    pub async fn open_repository_at(
        &self,
        gateway: &str,
        fields: &Value,
        bucket: &str,
    ) -> Result<RepositoryAccess> {
        let usual = json!({ "storageType": "S3", "mode": "NORMAL", "workspaceId": self.workspace().await? });
        let body = with(&usual, fields);
        let response = self.post("/repo", &body).send().await?.json_with_status(200)?;
        let wanted = json!({ "name": "Tests", "accessType": "ADMIN" });
        let path = format!("/repo/{}/apikey", text(&response["repoId"]));
        let pair = self.post(&path, &wanted).send().await?.json_with_status(200)?;
        let access = RepositoryAccess {
            repository: text(&response["repoId"]).to_owned(),
            endpoint: gateway.to_owned(),
            key: text(&pair["key"]).to_owned(),
            secret: text(&pair["secret"]).to_owned(),
            bucket: bucket.to_owned(),
            prefix: text(&fields["name"]).to_lowercase(),
        };
        let look = async || access.list_buckets_unsigned().await;
        let known = |answer: &Answer| !answer.text().contains("InvalidAccessKeyId");
        eventually("the gateway knowing the key", SOON, look, known).await?;
        Ok(access)
    }
}

fn id(response: Option<&Value>, answer: &Answer) -> Result<String> {
    response.and_then(Value::as_str).map(str::to_owned).ok_or_else(|| answer.unlike("an id"))
}

/// The request that registers a bucket of an S3 server with the credentials of [`ADMIN`].
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

/// The same request with another identity's credentials.
pub fn opened_by(body: &Value, identity: Identity) -> Value {
    with(body, &json!({ "key": identity.key, "secret": identity.secret }))
}

/// Creates a container at the shared Azure Blob server and returns the request that registers it.
pub async fn azure_bucket(name: &str, container: &str, workspace: &str) -> Result<Value> {
    let Azure { endpoint, account, key } = azure()?;
    let endpoint = format!("{endpoint}/{account}");
    run_python(MAKE_CONTAINER, &[&endpoint, &account, &key, container]).await?;
    Ok(json!({
        "name": name,
        "bucket": container,
        "storageType": "BLOB",
        "endpoint": endpoint,
        "key": account,
        "secret": key,
        "workspaceId": workspace,
    }))
}

/// Creates a bucket at the shared Cloud Storage server and returns the request that registers it. The server
/// doesn't check credentials.
pub async fn gcs_bucket(name: &str, bucket: &str, workspace: &str) -> Result<Value> {
    let endpoint = variable("BUCKETRY_TEST_GCS_ENDPOINT")?;
    let made =
        Call::new(Method::POST, &endpoint, "/storage/v1/b").json(&json!({ "name": bucket })).send().await?;
    if ![200, 409].contains(&made.status) {
        return Err(made.unlike("a new bucket"));
    }
    Ok(json!({
        "name": name,
        "bucket": bucket,
        "storageType": "GCS",
        "endpoint": endpoint,
        "workspaceId": workspace,
    }))
}

const MAKE_CONTAINER: &str = r#"
import base64, email.utils, hashlib, hmac, sys, urllib.error, urllib.parse, urllib.request
endpoint, account, key, container = sys.argv[1:]
date = email.utils.formatdate(usegmt=True)
path = urllib.parse.urlsplit(endpoint).path
signed = f"PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:2021-12-02\n/{account}{path}/{container}\nrestype:container"
signature = base64.b64encode(hmac.new(base64.b64decode(key), signed.encode(), hashlib.sha256).digest()).decode()
request = urllib.request.Request(f"{endpoint}/{container}?restype=container", method="PUT", headers={
    "x-ms-date": date, "x-ms-version": "2021-12-02", "Authorization": f"SharedKey {account}:{signature}"})
try:
    urllib.request.urlopen(request).close()
except urllib.error.HTTPError as error:
    if error.code != 409:
        raise
print("true")
"#;
