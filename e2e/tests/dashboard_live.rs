//! The dashboard in a real browser on bad days: pages that stay open while things change, plain http, proxies, other sites.

use std::path::Path;
use std::time::Duration;

use bucketry_e2e::{
    OPEN_BUCKET, OWNER_EMAIL, OWNER_PASSWORD, Options, Person, Result, SeaweedFs, Server, act_in_browser,
    eventually, list, options, s3_bucket, shared_s3_endpoint, text, with,
};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_mins(1);

fn attentive() -> Result<Options> {
    Ok(options()?.env("BUCKETRY_PROBE_INTERVAL", "1").env("BUCKETRY_FINDING_DELAY", "1"))
}

fn variables(server: &Server) -> Vec<(&'static str, String)> {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("..").join("dashboard");
    vec![
        ("URL_OF_SERVER", server.api().to_owned()),
        ("EMAIL", OWNER_EMAIL.to_owned()),
        ("PASSWORD", OWNER_PASSWORD.to_owned()),
        ("OUT", out.to_string_lossy().into_owned()),
    ]
}

/// Fails with the findings of a journey, if there are any.
fn assert_nothing_found(report: &Value) {
    let findings: Vec<&str> =
        report["findings"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert_eq!(findings, Vec::<&str>::new(), "{report:#}");
}

/// What a journey has done with the server and the storage.
struct Stage {
    server: Server,
    storage: SeaweedFs,
    bucket: String,
}

impl Stage {
    async fn act(&mut self, command: &str) -> Result<String> {
        match command {
            "storage down" => self.storage.stop().await?,
            "storage up" => {
                self.storage.start_again().await?;
                let owner = self.server.owner().await?;
                let look = async || owner.status_of(&self.bucket).await;
                eventually("the bucket being ONLINE", SOON, look, |seen| seen == "ONLINE").await?;
            }
            "server down" => self.server.kill_hard().await?,
            "server up" => self.server.restart().await?,
            "revoke browsers" => revoke_browsers(&self.server.owner().await?).await?,
            _ => return Ok(format!("nothing: {command}")),
        }
        Ok(self.server.api().to_owned())
    }
}

async fn revoke_browsers(owner: &Person) -> Result<()> {
    let all = owner.get("/token").send().await?.json_with_status(200)?;
    for token in list(&all["tokens"]).iter().filter(|token| token["type"] == "BROWSER") {
        owner.delete(&format!("/token/{}", text(&token["id"]))).send().await?.json_with_status(200)?;
    }
    Ok(())
}

#[tokio::test]
async fn open_pages_show_what_happens() -> Result<()> {
    let (storage, server) = (SeaweedFs::start().await?, Server::start(attentive()?).await?);
    let owner = server.owner().await?;
    let body = s3_bucket("watched", OPEN_BUCKET, storage.endpoint(), &owner.workspace().await?);
    let bucket = owner.register(&body).await?;
    let mut variables = variables(&server);
    variables.push(("BUCKET", bucket.clone()));
    let mut stage = Stage { server, storage, bucket };
    let act = async |command: &str| stage.act(command).await;
    let Some(report) = act_in_browser("live.mjs", &variables, act).await? else { return Ok(()) };
    assert_nothing_found(&report);
    Ok(())
}

#[tokio::test]
async fn what_goes_wrong_on_other_machines_is_survived() -> Result<()> {
    let server = Server::start(attentive()?).await?;
    let owner = server.owner().await?;
    let (workspace, endpoint) = (owner.workspace().await?, shared_s3_endpoint()?);
    let long = "n".repeat(255);
    let names = [
        "plain name",
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "\u{639}\u{631}\u{628}\u{64a} \u{202e}txt.exe & more",
        long.as_str(),
    ];
    let unchecked = json!({ "skipValidation": true });
    let mut ids = Vec::new();
    for name in names {
        let body = with(&s3_bucket(name, OPEN_BUCKET, &endpoint, &workspace), &unchecked);
        ids.push(owner.register(&body).await?);
    }
    for name in ["spare one", "spare two"] {
        owner.register(&with(&s3_bucket(name, OPEN_BUCKET, &endpoint, &workspace), &unchecked)).await?;
    }
    let access = owner.repository_access(&server, "Streaming", &[(&ids[0], OPEN_BUCKET)]).await?;
    let mut variables = variables(&server);
    variables.push(("BUCKETS", Value::from(ids).to_string()));
    variables.push(("REPOSITORY", access.repository));
    let mut behind_proxy = None;
    let act = async |command: &str| {
        let Some(url) = command.strip_prefix("start ") else { return Ok(String::new()) };
        let started = Server::start(attentive()?.env("BUCKETRY_PUBLIC_URL", url)).await?;
        let api = started.api().to_owned();
        behind_proxy = Some(started);
        Ok(api)
    };
    let Some(report) = act_in_browser("hostile.mjs", &variables, act).await? else { return Ok(()) };
    assert_nothing_found(&report);
    drop(behind_proxy);
    Ok(())
}
