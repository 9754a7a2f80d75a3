//! A deployment, and another machine to restore it to.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bucketry_e2e::{
    Error, OPEN_BUCKET, Options, Person, RepositoryAccess, Result, Server, binary, eventually, new_database,
    run_python, s3_bucket, shared_s3_endpoint, text,
};
use http::Method;
use serde_json::json;

pub(crate) const SOON: Duration = Duration::from_mins(1);

/// Creates an age key with an independent tool: the private and the public half.
const MAKE_AGE_KEY: &str = r"
import json, pyrage
key = pyrage.x25519.Identity.generate()
print(json.dumps([str(key), str(key.to_public())]))
";

/// A file with a private key, readable by its owner only, and the public key.
pub(crate) async fn age_key(dir: &Path) -> Result<(String, String)> {
    let pair = run_python(MAKE_AGE_KEY, &[]).await?;
    let path = dir.join("backup-key.txt");
    fs::write(&path, format!("# for backups\n{}\n", text(&pair[0]))).map_err(Error::Files)?;
    private(&path)?;
    Ok((path.to_string_lossy().into_owned(), text(&pair[1]).to_owned()))
}

pub(crate) fn private(path: &Path) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(Error::Files)
}

pub(crate) fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A server with a bucket, a repository and an access key, under a path of the bucket that only it uses.
pub(crate) struct Deployment {
    pub(crate) server: Server,
    pub(crate) owner: Person,
    pub(crate) bucket: String,
    pub(crate) access: RepositoryAccess,
}

impl Deployment {
    pub(crate) async fn start(options: Options, folder: &str) -> Result<Self> {
        let server = Server::start(options.env("BUCKETRY_PROBE_INTERVAL", "3600")).await?;
        let owner = server.owner().await?;
        let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
        let bucket = owner.register(&body).await?;
        let folder = format!("{folder}-{}", std::process::id());
        let place = json!([{ "bucketId": bucket, "folder": folder, "master": false }]);
        let fields = json!({ "name": "Media", "repoBuckets": place });
        let access = owner.open_repository(&server, &fields, OPEN_BUCKET).await?;
        let deployment = Self { server, owner, bucket, access };
        deployment.put("before", 1_000).await?;
        Ok(deployment)
    }

    /// The same deployment on another machine: the old session and the old access key, at new addresses.
    pub(crate) async fn again_at(self, server: Server) -> Result<Self> {
        let access =
            RepositoryAccess { endpoint: server.gateway().unwrap_or_default().to_owned(), ..self.access };
        let look = async || Ok(access.object(Method::HEAD, "before").send().await?.status);
        eventually("the old key being served", SOON, look, |status| *status == 200).await?;
        Ok(Self { owner: self.owner.again_at(&server), server, bucket: self.bucket, access })
    }

    pub(crate) async fn put(&self, key: &str, bytes: usize) -> Result<()> {
        let put = async || {
            let call = self.access.object(Method::PUT, key).raw("text/plain", vec![b'x'; bytes]);
            Ok(call.send().await?.status)
        };
        eventually("the object being stored", SOON, put, |status| *status == 200).await.map(drop)
    }

    async fn uploaded(&self) -> Result<i64> {
        let path = format!("/bucket/stats?bucketId={}", self.bucket);
        let stats = self.owner.get(&path).send().await?.json_with_status(200)?;
        let figure = &stats["stats"][0]["totalUploadBytes"];
        Ok(figure.as_i64().or_else(|| figure.as_str()?.parse().ok()).unwrap_or_default())
    }

    pub(crate) async fn has_uploaded(&self, bytes: i64) -> Result<()> {
        let look = async || self.uploaded().await;
        eventually("the traffic being counted", SOON, look, |counted| *counted >= bytes).await?;
        assert_eq!(self.uploaded().await?, bytes, "each request is counted once");
        Ok(())
    }

    /// The arguments that name its registry.
    pub(crate) fn registry(&self) -> Vec<String> {
        registry(self.server.data_dir(), self.server.database())
    }
}

pub(crate) fn registry(data_dir: &Path, database: Option<&str>) -> Vec<String> {
    let mut args = vec!["--data-dir".to_owned(), shown(data_dir)];
    if let Some(database) = database {
        args.extend(["--database-url".to_owned(), database.to_owned()]);
    }
    args
}

pub(crate) fn with_registry<'a>(args: &[&'a str], registry: &'a [String]) -> Vec<&'a str> {
    args.iter().copied().chain(registry.iter().map(String::as_str)).collect()
}

/// An empty machine: a directory that doesn't exist, and for PostgreSQL an empty database.
pub(crate) async fn empty_machine(like: &Server, dir: &Path) -> Result<(PathBuf, Option<String>)> {
    let database = match like.database() {
        Some(_) => Some(new_database().await?),
        None => None,
    };
    Ok((dir.join("empty machine/data"), database))
}

/// The program in a separate namespace, where this directory is empty, as it would be on another machine.
#[expect(clippy::print_stderr, reason = "what is skipped is for people to read")]
pub(crate) async fn program_without(hidden: &Path, dir: &Path) -> Result<PathBuf> {
    const ENTER: [&str; 3] = ["--user", "--map-root-user", "--mount"];
    let tried = tokio::process::Command::new("unshare").args(ENTER).arg("true").status().await;
    if !tried.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no namespaces can be made here");
        return binary();
    }
    let script = format!(
        "#!/bin/sh\nset -e\n\
         if [ \"$1\" != inside ]; then exec unshare {} \"$0\" inside \"$@\"; fi\n\
         shift\nmount -t tmpfs none '{}'\nexec '{}' \"$@\"\n",
        ENTER.join(" "),
        hidden.display(),
        binary()?.display()
    );
    let path = dir.join("bucketry-elsewhere");
    fs::write(&path, script).map_err(Error::Files)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).map_err(Error::Files)?;
    Ok(path)
}

pub(crate) fn at(data_dir: &Path, database: Option<&str>) -> Result<Options> {
    Ok(running(&binary()?, data_dir, database))
}

pub(crate) fn running(program: &Path, data_dir: &Path, database: Option<&str>) -> Options {
    let options = Options::new(program).data_dir(data_dir).env("BUCKETRY_PROBE_INTERVAL", "3600");
    match database {
        Some(database) => options.env("BUCKETRY_DATABASE_URL", database),
        None => options,
    }
}

pub(crate) fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
