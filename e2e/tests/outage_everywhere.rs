//! One outage, from its start to its end, in everything that people look at: lists, `doctor`, events, metrics, a webhook, an
//! Alertmanager and a mailbox. With `BUCKETRY_TEST_TRANSCRIPT=FILE`, the test writes what each of them showed, with times.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bucketry_e2e::{
    Alertmanager, CommandLine, MailServer, OPEN_BUCKET, Options, Person, Receiver, Result, SeaweedFs, Server,
    eventually, mail_certificates, options, s3_bucket, shared_s3_endpoint, text, with,
};
use bucketry_model::time::{Clock as _, SystemClock};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_mins(1);
const KEY: &str = "the key of the test's webhook";

/// What was seen, as a page of Markdown.
struct Transcript {
    began: Instant,
    page: String,
    file: Option<PathBuf>,
}

impl Transcript {
    fn new() -> Self {
        let file = std::env::var_os("BUCKETRY_TEST_TRANSCRIPT").map(PathBuf::from);
        Self { began: Instant::now(), page: "# An outage from start to end\n".to_owned(), file }
    }

    /// Adds what somebody saw now.
    fn add(&mut self, what: &str, shown: &str) {
        let now = SystemClock.now().strftime("%H:%M:%S%.3f");
        let (since, shown) = (self.began.elapsed().as_secs_f64(), shown.trim_end());
        let _ = write!(self.page, "\n## {since:.1} s ({now} UTC): {what}\n");
        if !shown.is_empty() {
            let _ = write!(self.page, "\n```\n{shown}\n```\n");
        }
        if let Some(file) = &self.file {
            std::fs::write(file, &self.page).unwrap();
        }
    }

    async fn add_command(&mut self, terminal: &CommandLine, args: &[&str]) -> Result<String> {
        let ended = terminal.run(args).await?;
        let shown = format!("{}{}", ended.stdout, ended.stderr);
        let status = ended.status().unwrap_or_default();
        self.add(&format!("`bucketry {}` (exit status {status})", args.join(" ")), &shown);
        Ok(shown)
    }
}

/// Outages are found within seconds instead of minutes.
fn impatient(ca: &str) -> Result<Options> {
    Ok(options()?
        .env("BUCKETRY_PROBE_INTERVAL", "2")
        .env("BUCKETRY_FINDING_DELAY", "3")
        .env("BUCKETRY_NOTIFICATION_WINDOW", "2")
        .env("BUCKETRY_CA_FILE", ca))
}

async fn add_channel(owner: &Person, fields: &Value) -> Result<()> {
    let rules = json!({ "rules": [{ "code": "ENDPOINT_OFFLINE" }, { "code": "BUCKET_OFFLINE" }] });
    let body = with(fields, &rules);
    owner.post("/notification/channel", &body).send().await?.json_with_status(200).map(drop)
}

/// The lines of metrics that an alert would look at.
async fn metrics(server: &Server) -> Result<String> {
    let all = server.get("/metrics").send().await?.text();
    let is_shown = |line: &&str| {
        line.starts_with("bucketry_bucket_up{")
            || line.starts_with("bucketry_notifications_")
            || (line.starts_with("bucketry_findings{") && !line.ends_with(" 0"))
    };
    Ok(all.lines().filter(is_shown).collect::<Vec<_>>().join("\n"))
}

async fn alerts(alertmanager: &Alertmanager) -> Result<Vec<Value>> {
    let mut alerts = alertmanager.alerts().await?;
    alerts.retain(|alert| alert["labels"]["alertname"] == "ENDPOINT_OFFLINE");
    Ok(alerts)
}

fn described(alerts: &[Value]) -> String {
    let one = |alert: &Value| format!("{}\n{}", alert["labels"], alert["annotations"]);
    alerts.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// The headers that matter and the text of a mail.
fn readable(mail: &Value) -> String {
    let content = text(&mail["text"]);
    let (head, body) = content.split_once("\r\n\r\n").unwrap_or((content, ""));
    let headers = ["from", "to", "subject", "message-id", "bucketry-event-id"];
    let is_shown =
        |line: &&str| headers.iter().any(|name| line.to_lowercase().starts_with(&format!("{name}:")));
    let head: Vec<&str> = head.lines().filter(is_shown).collect();
    format!("{}\n\n{}", head.join("\n"), body.replace("=\r\n", "").replace('\r', ""))
}

#[tokio::test]
async fn an_outage_shows_everywhere_and_so_does_its_end() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let ca = mail_certificates(dir.path())?;
    let mail = MailServer::start(dir.path(), false).await?;
    let (mut store, receiver) = (SeaweedFs::start().await?, Receiver::start(KEY).await?);
    // Where it can't be had, the run counts this as skipped.
    let alertmanager = Alertmanager::start().await?;
    let server = Server::start(impatient(&ca)?).await?;
    let owner = server.owner().await?;
    let terminal = CommandLine::with_token(&server, &server.log_in().await?)?;

    let hook = json!({ "name": "Pager", "kind": "WEBHOOK", "url": format!("{}/hook", receiver.url()), "secret": KEY });
    let mailbox = json!({
        "name": "On call", "kind": "EMAIL", "host": "localhost", "port": mail.port(), "username": "bucketry",
        "secret": "a password of mail", "from": "bucketry@example.com", "to": ["on-call@example.com"],
    });
    add_channel(&owner, &hook).await?;
    add_channel(&owner, &mailbox).await?;
    if let Some(alertmanager) = &alertmanager {
        let fields = json!({ "name": "Alerts", "kind": "ALERTMANAGER", "url": alertmanager.url() });
        add_channel(&owner, &fields).await?;
    }
    let workspace = owner.workspace().await?;
    let mut ids = Vec::new();
    for name in ["Photos", "Videos", "Backups"] {
        let body = s3_bucket(name, OPEN_BUCKET, store.endpoint(), &workspace);
        ids.push(owner.register(&body).await?);
    }
    let elsewhere = s3_bucket("Archive", OPEN_BUCKET, &shared_s3_endpoint()?, &workspace);
    owner.register(&elsewhere).await?;
    owner.repository_access(&server, "Media", &[(&ids[0], OPEN_BUCKET)]).await?;
    for id in &ids {
        eventually("ONLINE", SOON, async || owner.status_of(id).await, |status| status == "ONLINE").await?;
    }

    let mut seen = Transcript::new();
    seen.add_command(&terminal, &["bucket", "list"]).await?;
    seen.add_command(&terminal, &["notify", "list"]).await?;
    let look = async || terminal.run(&["doctor"]).await;
    eventually("a green doctor", SOON, look, |ended| ended.status() == Some(0)).await?;
    seen.add_command(&terminal, &["doctor"]).await?;

    store.stop().await?;
    seen.add("the storage server of three buckets is stopped", "");
    for id in &ids {
        eventually("OFFLINE", SOON, async || owner.status_of(id).await, |status| status == "OFFLINE").await?;
    }
    let listed = seen.add_command(&terminal, &["bucket", "list"]).await?;
    assert!(listed.contains("OFFLINE") && listed.contains("ONLINE"), "{listed}");
    let events = seen.add_command(&terminal, &["events"]).await?;
    assert!(["Photos", "Videos", "Backups"].iter().all(|name| events.contains(name)), "{events}");
    let look = async || terminal.run(&["doctor"]).await;
    eventually("doctor", SOON, look, |ended| ended.stdout.contains("Endpoint is OFFLINE")).await?;
    let doctor = seen.add_command(&terminal, &["doctor"]).await?;
    assert!(doctor.contains("3 buckets there"), "{doctor}");
    let counted = r#"bucketry_findings{code="ENDPOINT_OFFLINE",severity="CRITICAL"} 1"#;
    let look = async || metrics(&server).await;
    let scraped = eventually("metrics", SOON, look, |lines: &String| lines.contains(counted)).await?;
    let down = |line: &&str| line.starts_with("bucketry_bucket_up{") && line.ends_with(" 0");
    assert_eq!(scraped.lines().filter(down).count(), 3, "{scraped}");
    seen.add("`/metrics`", &scraped);

    let count = async || Ok(receiver.received().len());
    eventually("a message about the outage", SOON, count, |count| *count == 1).await?;
    let begun = receiver.received().remove(0);
    let pretty = |body: &Value| serde_json::to_string_pretty(body).unwrap();
    assert!(begun.is_signed && begun.body["kind"] == "ALERTING", "{begun:?}");
    seen.add("the webhook (its signature is right)", &pretty(&begun.body));
    if let Some(alertmanager) = &alertmanager {
        let look = async || alerts(alertmanager).await;
        let raised = eventually("an alert", SOON, look, |alerts| !alerts.is_empty()).await?;
        seen.add("Alertmanager", &described(&raised));
    }
    let mails = async || Ok(mail.mails());
    let received = eventually("a mail", SOON, mails, |mails| mails.len() == 1).await?;
    seen.add("the mailbox", &readable(&received[0]));

    store.start_again().await?;
    seen.add("the storage server is started again", "");
    for id in &ids {
        eventually("ONLINE", SOON, async || owner.status_of(id).await, |status| status == "ONLINE").await?;
    }
    seen.add_command(&terminal, &["bucket", "list"]).await?;
    eventually("the end of the outage", SOON, count, |count| *count == 2).await?;
    let ended = receiver.received().remove(1);
    assert!(ended.is_signed && ended.body["kind"] == "RESOLVED", "{ended:?}");
    seen.add("the webhook", &pretty(&ended.body));
    let received = eventually("a mail about the end", SOON, mails, |mails| mails.len() == 2).await?;
    seen.add("the mailbox", &readable(&received[1]));
    if let Some(alertmanager) = &alertmanager {
        let look = async || alerts(alertmanager).await;
        eventually("the end of the alert", SOON, look, Vec::is_empty).await?;
        seen.add("Alertmanager has no alert any more", "");
    }
    let look = async || metrics(&server).await;
    let is_over = |lines: &String| !lines.contains("bucketry_findings{");
    let scraped = eventually("metrics without findings", SOON, look, is_over).await?;
    seen.add("`/metrics`", &scraped);
    seen.add_command(&terminal, &["bucket", "outages", "Photos"]).await?;
    seen.add_command(&terminal, &["notify", "log", "Pager"]).await?;
    let ended = terminal.run(&["doctor"]).await?.with_status(0)?;
    seen.add("`bucketry doctor` (exit status 0)", &ended.stdout);
    Ok(())
}
