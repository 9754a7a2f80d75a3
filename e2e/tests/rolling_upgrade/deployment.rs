//! Two control planes and two nodes, each of which may run another binary.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bucketry_e2e::{
    Error, OPEN_BUCKET, OWNER_EMAIL, OWNER_PASSWORD, Options, Person, RemoteNode, RepositoryAccess, Result,
    Server, eventually, free_ports, list, new_database, query, s3_bucket, shared_s3_endpoint, text,
};
use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(90);
/// The content of each object that is stored.
const OBJECT: [u8; 100] = [b'x'; 100];

/// A deployment with a bucket and a repository, which the nodes serve.
pub(crate) struct Deployment {
    pub(crate) database: String,
    pub(crate) servers: Vec<Server>,
    /// The control plane whose program is too old for the database.
    pub(crate) outdated: Option<usize>,
    nodes: Vec<RemoteNode>,
    bucket: String,
    access: RepositoryAccess,
    /// How many objects have been stored through the nodes.
    stored: u64,
    /// How many buckets have been registered besides the first.
    registered: u32,
    ports: [u16; 2],
    dir: TempDir,
}

impl Deployment {
    /// Starts all processes with this program.
    pub(crate) async fn start(program: &Path) -> Result<Self> {
        let dir = tempfile::tempdir().map_err(Error::Files)?;
        let database = new_database().await?;
        let ports = free_ports::<2>().map_err(Error::Files)?;
        // The first start has an embedded node, which creates the deployment's key.
        let data_dirs = [0, 1].map(|number| data_dir(dir.path(), number));
        let options = |number: usize| options(program, dir.path(), ports, &database, number);
        Server::start(options(0)).await?.terminate().await?;
        std::fs::create_dir(&data_dirs[1]).map_err(Error::Files)?;
        std::fs::copy(data_dirs[0].join("token.key"), data_dirs[1].join("token.key"))
            .map_err(Error::Files)?;
        let mut servers = Vec::new();
        for number in [0, 1] {
            servers.push(Server::start(options(number).arg("--no-node")).await?);
        }
        let (owner, key) = (owner_of(&servers[0]).await?, data_dirs[0].join("node.pem"));
        let mut nodes = Vec::new();
        // Each node is connected to another control plane.
        for (server, name) in servers.iter().zip(["first", "second"]) {
            nodes.push(node(program, server, &owner, &key, name).await?);
        }
        let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
        let bucket = owner.register(&body).await?;
        let folder = format!("upgrade-{}-{}", std::process::id(), ports[0]);
        let place = json!([{ "bucketId": bucket, "folder": folder, "master": false }]);
        let fields = json!({ "name": "Upgrade", "repoBuckets": place });
        let access = owner.open_repository_at(nodes[0].gateway(), &fields, OPEN_BUCKET).await?;
        Ok(Self {
            database,
            servers,
            outdated: None,
            nodes,
            bucket,
            access,
            stored: 0,
            registered: 0,
            ports,
            dir,
        })
    }

    /// Stops a control plane and starts it again with a program, on the same data directory and port.
    pub(crate) async fn restart_server(&mut self, number: usize, program: &Path) -> Result<()> {
        self.servers[number].terminate().await?;
        let options = options(program, self.dir.path(), self.ports, &self.database, number);
        self.servers[number] = Server::start(options.arg("--no-node")).await?;
        Ok(())
    }

    /// Stops a node and starts it again with a program, on the same data directory.
    pub(crate) async fn restart_node(&mut self, number: usize, program: &Path) -> Result<()> {
        self.nodes[number].terminate().await?;
        self.nodes[number].upgrade(program).await
    }

    /// Shows that everything works: both nodes store, each control plane works with what the other one stored and validates at
    /// a node, all traffic is counted once, and all processes say whether they are ready. An outdated control plane only says
    /// that it isn't ready, and the reports of its node wait.
    pub(crate) async fn works(&mut self, when: &str) -> Result<()> {
        println!("{when}");
        self.store_objects().await?;
        let mut owners = Vec::new();
        for (number, server) in self.servers.iter().enumerate() {
            if self.outdated != Some(number) {
                owners.push(owner_of(server).await?);
            }
        }
        for (here, there) in owners.iter().zip(owners.iter().rev()) {
            self.registered += 1;
            let name = format!("Bucket {}", self.registered);
            work_together(here, there, &name).await?;
        }
        let expected = self.stored * OBJECT.len() as u64;
        let counting = if self.outdated.is_none() { &owners[..] } else { &[] };
        for owner in counting {
            let look = async || uploaded(owner, &self.bucket).await;
            eventually("all traffic being counted", SOON, look, |bytes| *bytes >= expected).await?;
            assert_eq!(look().await?, expected, "{when}: no traffic is counted twice");
        }
        for (number, server) in self.servers.iter().enumerate() {
            let expected = if self.outdated == Some(number) { 503 } else { 200 };
            let ready = async || Ok(server.get("/ready").send().await?.status);
            eventually("the server's readiness", SOON, ready, |status| *status == expected).await?;
        }
        for node in &self.nodes {
            let ready = async || Ok(node.get("/ready").send().await?.status);
            eventually("the node being ready", SOON, ready, |status| *status == 200).await?;
        }
        Ok(())
    }

    /// Stores an object through each node.
    pub(crate) async fn store_objects(&mut self) -> Result<()> {
        for node in &self.nodes {
            let access = RepositoryAccess { endpoint: node.gateway().to_owned(), ..self.access.clone() };
            let key = format!("{}.txt", self.stored);
            let look = async || {
                let call = access.object(Method::PUT, &key);
                Ok(call.raw("text/plain", OBJECT.to_vec()).send().await?.status)
            };
            eventually("the gateway storing the object", SOON, look, |status| *status == 200).await?;
            self.stored += 1;
        }
        Ok(())
    }

    /// The number of the newest migration, and of the oldest one that a program must have. 0 if the schema doesn't say.
    pub(crate) async fn schema(&self) -> Result<(i64, i64)> {
        let number = async |sql: &str| -> Result<i64> {
            Ok(query(&self.database, sql).await?.trim().parse().unwrap_or_default())
        };
        let newest = number("SELECT MAX(version) FROM _sqlx_migrations").await?;
        let exists = query(&self.database, "SELECT to_regclass('schema_compatibility') IS NOT NULL").await?;
        if exists.trim() != "t" {
            return Ok((newest, 0));
        }
        Ok((newest, number("SELECT oldest_program FROM schema_compatibility").await?))
    }
}

fn data_dir(dir: &Path, number: usize) -> PathBuf {
    dir.join(format!("data-{number}"))
}

fn options(program: &Path, dir: &Path, ports: [u16; 2], database: &str, number: usize) -> Options {
    Options::new(program)
        .data_dir(&data_dir(dir, number))
        .listen(&format!("127.0.0.1:{}", ports[number]))
        .env("BUCKETRY_DATABASE_URL", database)
        .env("BUCKETRY_PROBE_INTERVAL", "2")
}

async fn owner_of(server: &Server) -> Result<Person> {
    Ok(Person::new(server, &server.log_in_as(OWNER_EMAIL, OWNER_PASSWORD).await?))
}

async fn node(program: &Path, server: &Server, owner: &Person, key: &Path, name: &str) -> Result<RemoteNode> {
    let arguments = ["--name", name, "--region", "eu-west-1", "--provider", "AWS", "--probe-interval", "2"];
    // A node is ready when it has been approved.
    let starting = RemoteNode::start_program(program, server.api(), key, &arguments);
    let (node, approved) = tokio::join!(starting, approve(owner, name));
    approved?;
    node
}

/// Approves a node, unless the server is of a version without approval.
async fn approve(owner: &Person, name: &str) -> Result<()> {
    let look = async || {
        let nodes = owner.get("/node").send().await?.json_with_status(200)?;
        Ok(list(&nodes["data"]).iter().find(|node| node["ip"] == name).cloned())
    };
    let node = eventually("the node registering", SOON, look, Option::is_some).await?.unwrap_or_default();
    if node["approval"].is_null() { Ok(()) } else { owner.approve_node(name).await }
}

async fn uploaded(owner: &Person, bucket: &str) -> Result<u64> {
    let path = format!("/bucket/stats?bucketId={bucket}");
    let totals = owner.get(&path).send().await?.json_with_status(200)?;
    let bytes = &totals["stats"][0]["totalUploadBytes"];
    Ok(bytes.as_str().and_then(|text| text.parse().ok()).or_else(|| bytes.as_u64()).unwrap_or_default())
}

/// A bucket that is registered at one control plane can be changed and validated at the other, and the change is shown.
async fn work_together(one: &Person, other: &Person, name: &str) -> Result<()> {
    let body = s3_bucket(name, OPEN_BUCKET, &shared_s3_endpoint()?, &one.workspace().await?);
    let id = one.register(&body).await?;
    let renamed = json!({ "name": format!("{name}, renamed") });
    let look = async || Ok(other.put(&format!("/bucket/{id}"), &renamed).send().await?.status);
    eventually("the other control plane changing it", SOON, look, |status| *status == 200).await?;
    let path = format!("/bucket/{id}/validate");
    let look = async || other.post(&path, &json!({})).send().await?.json();
    let is_online = |answer: &Value| answer["status"] == "ONLINE";
    eventually("the other control plane validating it", SOON, look, is_online).await?;
    let look = async || Ok(text(&one.bucket(&id).await?["name"]).to_owned());
    eventually("the change being shown", SOON, look, |shown| shown.ends_with("renamed")).await.map(drop)
}
