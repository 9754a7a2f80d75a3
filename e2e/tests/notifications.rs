//! Notifications reach real receivers: a webhook that verifies signatures, a mail server and an Alertmanager. Bad
//! receivers are reported in the log of deliveries, without what they wrote.

use std::time::Duration;

use bucketry_e2e::{
    Alertmanager, CommandLine, MailServer, OPEN_BUCKET, Options, Person, Receiver, Reception, Result,
    SeaweedFs, Server, eventually, list, mail_certificates, options, s3_bucket, text, with,
};
use http::Method;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_mins(1);
const KEY: &str = "the key of the test's webhook";

/// Outages are found and sent at once.
fn impatient() -> Result<Options> {
    Ok(options()?
        .env("BUCKETRY_PROBE_INTERVAL", "1")
        .env("BUCKETRY_FINDING_DELAY", "0")
        .env("BUCKETRY_NOTIFICATION_WINDOW", "1"))
}

fn webhook(receiver: &Receiver) -> Value {
    json!({
        "name": "Pager", "kind": "WEBHOOK", "url": format!("{}/hook?a=b", receiver.url()), "secret": KEY,
        "rules": [{ "code": "BUCKET_OFFLINE" }, { "code": "ENDPOINT_OFFLINE" }],
    })
}

async fn add(owner: &Person, fields: &Value) -> Result<String> {
    let made = owner.post("/notification/channel", fields).send().await?.json_with_status(200)?;
    Ok(text(&made["channel"]["id"]).to_owned())
}

async fn test(owner: &Person, channel: &str) -> Result<Value> {
    let path = format!("/notification/channel/{channel}/test");
    let tested = owner.call(Method::POST, &path).send().await?.json_with_status(200)?;
    Ok(tested["delivery"].clone())
}

async fn deliveries(owner: &Person, channel: &str) -> Result<Vec<Value>> {
    let path = format!("/notification/channel/{channel}/deliveries");
    Ok(list(&owner.get(&path).send().await?.json_with_status(200)?["deliveries"]).to_vec())
}

#[tokio::test]
async fn an_outage_and_its_end_are_sent_once_each_with_a_right_signature() -> Result<()> {
    let (mut store, receiver) = (SeaweedFs::start().await?, Receiver::start(KEY).await?);
    let server = Server::start(impatient()?).await?;
    let owner = server.owner().await?;
    let channel = add(&owner, &webhook(&receiver)).await?;
    let body = s3_bucket("Photos", OPEN_BUCKET, store.endpoint(), &owner.workspace().await?);
    let id = owner.register(&body).await?;
    eventually("ONLINE", SOON, async || owner.status_of(&id).await, |status| status == "ONLINE").await?;

    store.stop().await?;
    let count = async || Ok(receiver.received().len());
    eventually("a message about the outage", SOON, count, |count| *count == 1).await?;
    store.start_again().await?;
    eventually("a message about its end", SOON, count, |count| *count == 2).await?;
    // Whatever else is waiting to be sent is sent no later than the message of a test.
    test(&owner, &channel).await?;
    eventually("the message of the test", SOON, count, |count| *count >= 3).await?;
    let mut received = receiver.received();
    assert_eq!(received.pop().map(|event| event.body["kind"].clone()), Some(json!("TEST")), "{received:?}");
    assert_eq!(received.len(), 2, "{received:?}");
    assert!(received.iter().all(|event| event.is_signed && event.path == "/hook?a=b"), "{received:?}");
    let [begun, ended] = &received[..] else { unreachable!() };
    assert_eq!((&begun.body["kind"], &ended.body["kind"]), (&json!("ALERTING"), &json!("RESOLVED")));
    assert_eq!(begun.body["title"], "Bucket is OFFLINE: Photos");
    assert_eq!(ended.body["title"], "Resolved: Bucket is OFFLINE: Photos");
    assert_eq!((&begun.body["total"], &begun.body["conditions"][0]["id"]), (&json!(1), &json!(id)));
    assert_eq!(begun.body["eventId"], begun.event_id.as_str());

    let log = deliveries(&owner, &channel).await?;
    assert_eq!(log.len(), 3, "{log:?}");
    assert_eq!(log[2]["id"], begun.event_id.as_str());
    assert_eq!(
        (&log[1]["state"], &log[1]["status"], &log[1]["attempts"]),
        (&json!("DELIVERED"), &json!(200), &json!(1))
    );
    for secret in [KEY, "/hook"] {
        assert!(!server.log().contains(secret), "the log contains {secret}");
    }
    Ok(())
}

#[tokio::test]
async fn buckets_of_one_server_are_one_message() -> Result<()> {
    let (mut store, receiver) = (SeaweedFs::start().await?, Receiver::start(KEY).await?);
    let server = Server::start(impatient()?.env("BUCKETRY_NOTIFICATION_WINDOW", "6")).await?;
    let owner = server.owner().await?;
    // Without a rule for the endpoint, its buckets have a common cause.
    add(&owner, &with(&webhook(&receiver), &json!({ "rules": [{ "code": "BUCKET_OFFLINE" }] }))).await?;
    let workspace = owner.workspace().await?;
    let mut ids = Vec::new();
    for number in 0..12 {
        let body = s3_bucket(&format!("Bucket {number}"), OPEN_BUCKET, store.endpoint(), &workspace);
        ids.push(owner.register(&with(&body, &json!({ "skipValidation": true }))).await?);
    }
    for id in &ids {
        eventually("ONLINE", SOON, async || owner.status_of(id).await, |status| status == "ONLINE").await?;
    }
    store.stop().await?;
    let total = async || {
        Ok(receiver.received().iter().map(|event| event.body["total"].as_u64().unwrap()).sum::<u64>())
    };
    eventually("all being sent", SOON, total, |total| *total == 12).await?;
    let received = receiver.received();
    assert_eq!(received.len(), 1, "{received:?}");
    assert!(text(&received[0].body["cause"]).starts_with("Endpoint is OFFLINE"), "{:?}", received[0].body);
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_with_a_receiver_is_in_the_log_and_what_it_says_is_not() -> Result<()> {
    let (receiver, inside) = (Receiver::start(KEY).await?, Receiver::start(KEY).await?);
    let server = Server::start(impatient()?).await?;
    let owner = server.owner().await?;
    let channel = add(&owner, &webhook(&receiver)).await?;
    for (reception, reason, status) in [
        (Reception::Fail(500), "the receiver answered 500", json!(500)),
        (Reception::Fail(404), "the receiver answered 404", json!(404)),
        (
            Reception::Redirect(format!("{}/elsewhere", inside.url())),
            "redirects are not followed",
            json!(307),
        ),
    ] {
        receiver.set(reception);
        let tested = test(&owner, &channel).await?;
        assert_eq!((&tested["state"], &tested["status"]), (&json!("FAILED"), &status), "{tested}");
        assert!(text(&tested["error"]).contains(reason), "{tested}");
    }
    assert!(inside.received().is_empty(), "a redirect was followed");
    receiver.set(Reception::Stall(Duration::from_mins(2)));
    assert_eq!(test(&owner, &channel).await?["state"], "PENDING", "a test has only ten seconds");
    let look = async || Ok(deliveries(&owner, &channel).await?[0].clone());
    let stalled = eventually("the attempt ending", SOON, look, |one| one["state"] == "FAILED").await?;
    assert!(text(&stalled["error"]).contains("did not answer in time"), "{stalled}");
    receiver.set(Reception::Accept);
    assert_eq!(test(&owner, &channel).await?["state"], "DELIVERED");
    let log = owner.get(&format!("/notification/channel/{channel}/deliveries")).send().await?.text();
    assert!(!log.contains("own words") && !server.log().contains("own words"));
    Ok(())
}

#[tokio::test]
async fn receivers_with_private_addresses_are_refused_unless_they_are_allowed() -> Result<()> {
    let receiver = Receiver::start(KEY).await?;
    let server = Server::start(impatient()?.env("BUCKETRY_ENDPOINT_POLICY", "public")).await?;
    let owner = server.owner().await?;
    let port = receiver.url().rsplit(':').next().unwrap().to_owned();
    let mail = json!({
        "name": "Mail", "kind": "EMAIL", "host": "localhost", "port": port.parse::<u16>().unwrap(), "security": "NONE",
        "from": "a@example.com", "to": ["b@example.com"],
    });
    let at = |host: &str| with(&webhook(&receiver), &json!({ "url": format!("http://{host}:{port}/") }));
    // A name that resolves to a loopback address, the address itself, and a metadata service.
    for channel in [at("localhost"), at("127.0.0.1"), at("169.254.169.254"), mail] {
        let id = add(&owner, &channel).await?;
        let tested = test(&owner, &id).await?;
        assert_eq!((&tested["state"], &tested["status"]), (&json!("FAILED"), &Value::Null), "{tested}");
        assert!(text(&tested["error"]).starts_with("the endpoint policy refuses"), "{tested}");
    }
    assert!(receiver.received().is_empty());
    Ok(())
}

#[tokio::test]
async fn mails_are_sent_encrypted_and_with_a_password() -> Result<()> {
    for tls in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let ca = mail_certificates(dir.path())?;
        let mail_server = MailServer::start(dir.path(), tls).await?;
        let server = Server::start(impatient()?.env("BUCKETRY_CA_FILE", &ca)).await?;
        let owner = server.owner().await?;
        let fields = json!({
            "name": "Mail", "kind": "EMAIL", "host": "localhost", "port": mail_server.port(),
            "security": if tls { "TLS" } else { "STARTTLS" }, "username": "bucketry",
            "secret": "a password of mail", "from": "bucketry@example.com",
            "to": ["on-call@example.com", "operations@example.com"],
        });
        let channel = add(&owner, &fields).await?;
        let tested = test(&owner, &channel).await?;
        assert_eq!((&tested["state"], &tested["status"]), (&json!("DELIVERED"), &json!(250)), "{tested}");
        let mails = mail_server.mails();
        assert_eq!(mails.len(), 1, "{mails:?}");
        let mail = &mails[0];
        assert_eq!((&mail["tls"], &mail["authenticated"]), (&json!(true), &json!(true)), "{mail}");
        assert_eq!(mail["to"], json!(["on-call@example.com", "operations@example.com"]));
        let content = text(&mail["text"]);
        assert!(content.contains(&format!("Message-ID: <{}@example.com>", text(&tested["id"]))), "{content}");
        assert!(content.contains("Subject: [Bucketry] Test of the notification channel Mail"), "{content}");

        mail_server.set_dropping(true)?;
        let dropped = test(&owner, &channel).await?;
        assert_eq!(dropped["state"], "FAILED", "{dropped}");
        mail_server.set_dropping(false)?;
        let path = format!("/notification/channel/{channel}");
        owner.put(&path, &json!({ "secret": "a wrong password" })).send().await?.json_with_status(200)?;
        let refused = test(&owner, &channel).await?;
        assert_eq!((&refused["state"], &refused["status"]), (&json!("FAILED"), &json!(535)), "{refused}");
        owner
            .put(&path, &json!({ "secret": "a password of mail", "to": ["unknown@example.com"] }))
            .send()
            .await?
            .json_with_status(200)?;
        let unknown = test(&owner, &channel).await?;
        assert_eq!(unknown["status"], 550, "{unknown}");
        let log = owner.get(&format!("{path}/deliveries")).send().await?.text();
        assert!(!log.contains("not for anybody") && !server.log().contains("not for anybody"), "{log}");
        assert!(!server.log().contains("password of mail"));
        assert_eq!(mail_server.mails().len(), 1);
    }
    Ok(())
}

#[tokio::test]
async fn a_mail_server_whose_certificate_is_not_trusted_gets_no_password() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    mail_certificates(dir.path())?;
    let mail_server = MailServer::start(dir.path(), false).await?;
    let server = Server::start(impatient()?).await?;
    let owner = server.owner().await?;
    let fields = json!({
        "name": "Mail", "kind": "EMAIL", "host": "localhost", "port": mail_server.port(), "username": "bucketry",
        "secret": "a password of mail", "from": "bucketry@example.com", "to": ["on-call@example.com"],
    });
    let tested = test(&owner, &add(&owner, &fields).await?).await?;
    assert_eq!(tested["state"], "FAILED", "{tested}");
    assert!(text(&tested["error"]).contains("certificate"), "{tested}");
    assert!(mail_server.mails().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_mail_server_that_is_away_or_drops_connections_gets_the_mail_later() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let ca = mail_certificates(dir.path())?;
    let mail_server = MailServer::start(dir.path(), false).await?;
    let mut store = SeaweedFs::start().await?;
    let server = Server::start(impatient()?.env("BUCKETRY_CA_FILE", &ca)).await?;
    let owner = server.owner().await?;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let fields = json!({
        "name": "Mail", "kind": "EMAIL", "host": "localhost", "port": closed, "username": "bucketry",
        "secret": "a password of mail", "from": "bucketry@example.com", "to": ["on-call@example.com"],
        "rules": [{ "code": "BUCKET_OFFLINE" }],
    });
    let channel = add(&owner, &fields).await?;
    let away = test(&owner, &channel).await?;
    assert_eq!((&away["state"], &away["status"]), (&json!("FAILED"), &Value::Null), "{away}");
    assert!(text(&away["error"]).contains("refuse"), "{away}");

    let path = format!("/notification/channel/{channel}");
    let moved = json!({ "port": mail_server.port(), "secret": "a password of mail" });
    owner.put(&path, &moved).send().await?.json_with_status(200)?;
    mail_server.set_dropping(true)?;
    let body = s3_bucket("Photos", OPEN_BUCKET, store.endpoint(), &owner.workspace().await?);
    let id = owner.register(&body).await?;
    eventually("ONLINE", SOON, async || owner.status_of(&id).await, |status| status == "ONLINE").await?;
    store.stop().await?;
    let look = async || Ok(deliveries(&owner, &channel).await?[0].clone());
    let waits = |one: &Value| one["state"] == "PENDING" && one["attempts"] == 1;
    let waiting = eventually("an attempt that fails", SOON, look, waits).await?;
    assert!(waiting["error"].is_string() && waiting["nextAt"].is_string(), "{waiting}");
    mail_server.set_dropping(false)?;
    let sent = eventually("the mail", SOON, look, |one| one["state"] == "DELIVERED").await?;
    assert_eq!(sent["id"], waiting["id"]);
    assert_eq!(mail_server.mails().len(), 1);
    Ok(())
}

#[tokio::test]
async fn an_outage_is_an_alert_of_alertmanager_until_it_ends() -> Result<()> {
    // Where it can't be had, the run counts this as skipped.
    let Some(alertmanager) = Alertmanager::start().await? else { return Ok(()) };
    let mut store = SeaweedFs::start().await?;
    let server = Server::start(impatient()?).await?;
    let owner = server.owner().await?;
    let fields = json!({
        "name": "Alerts", "kind": "ALERTMANAGER", "url": alertmanager.url(), "rules": [{ "code": "BUCKET_OFFLINE" }],
    });
    let channel = add(&owner, &fields).await?;
    assert_eq!(test(&owner, &channel).await?["state"], "DELIVERED");
    let body = s3_bucket("Photos", OPEN_BUCKET, store.endpoint(), &owner.workspace().await?);
    let id = owner.register(&body).await?;
    eventually("ONLINE", SOON, async || owner.status_of(&id).await, |status| status == "ONLINE").await?;
    let outages = async || {
        let mut alerts = alertmanager.alerts().await?;
        alerts.retain(|alert| alert["labels"]["alertname"] == "BUCKET_OFFLINE");
        Ok(alerts)
    };
    store.stop().await?;
    let alerts = eventually("an alert", SOON, outages, |alerts| !alerts.is_empty()).await?;
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    let labels = &alerts[0]["labels"];
    assert_eq!(
        (&labels["name"], &labels["id"], &labels["severity"]),
        (&json!("Photos"), &json!(id), &json!("critical"))
    );
    assert!(text(&alerts[0]["annotations"]["command"]).starts_with("bucketry bucket validate"), "{alerts:?}");
    store.start_again().await?;
    eventually("the alert ending", SOON, outages, Vec::is_empty).await?;
    Ok(())
}

#[tokio::test]
async fn a_key_rotation_seals_channels_again() -> Result<()> {
    let receiver = Receiver::start(KEY).await?;
    let server = Server::start(impatient()?).await?;
    let owner = server.owner().await?;
    let channel = add(&owner, &webhook(&receiver)).await?;
    owner.call(Method::POST, "/vault/rotation").send().await?.json_with_status(200)?;
    let look = async || {
        let rotation = owner.get("/vault/rotation").send().await?.json_with_status(200)?;
        Ok(rotation["rotation"].clone())
    };
    let done = eventually("the rotation", SOON, look, |rotation| rotation["phase"] == "DONE").await?;
    assert_eq!(done["failed"], 0, "{done}");
    assert_eq!(test(&owner, &channel).await?["state"], "DELIVERED");
    assert!(receiver.received()[0].is_signed);
    Ok(())
}

#[tokio::test]
async fn channels_and_silences_are_managed_on_the_command_line() -> Result<()> {
    let receiver = Receiver::start(KEY).await?;
    let server = Server::start(impatient()?).await?;
    let terminal = CommandLine::with_token(&server, &server.log_in().await?)?
        .env("BUCKETRY_CHANNEL_URL", &format!("{}/very-secret", receiver.url()))
        .env("BUCKETRY_CHANNEL_SECRET", KEY);
    let run = async |line: &str| terminal.run(&line.split(' ').collect::<Vec<_>>()).await;
    run("notify add Pager --kind webhook --rule bucket-offline:3").await?.with_status(0)?;
    let listed = run("notify list").await?.with_status(0)?.stdout;
    assert!(listed.contains("Pager") && listed.contains(receiver.url()), "{} {listed}", receiver.url());
    assert!(!listed.contains("very-secret"), "{listed}");
    let tested = run("notify test pager").await?.with_status(0)?.stdout;
    assert!(tested.contains("accepted the message with status 200"), "{tested}");
    receiver.set(Reception::Fail(500));
    let failed = run("notify test Pager").await?;
    assert!(failed.with_status(1)?.stderr.contains("the receiver answered 500"));
    let log = run("notify log Pager").await?.with_status(0)?.stdout;
    assert!(log.contains("DELIVERED") && log.contains("FAILED"), "{log}");
    run("notify update Pager --disable").await?.with_status(0)?;

    run("notify silence add --for 2h --code bucket-offline --comment maintenance").await?.with_status(0)?;
    let silences = run("notify silence list").await?.with_status(0)?.stdout;
    assert!(silences.contains("BUCKET_OFFLINE") && silences.contains("maintenance"), "{silences}");
    run("notify silence add --for 1h --channel pager --workspace default").await?.with_status(0)?;
    let silences = run("notify silence list").await?.with_status(0)?.stdout;
    assert!(silences.contains("channel Pager, workspace default"), "names and no ids: {silences}");
    for (wrong, name) in [
        ("notify add X --kind fax", "fax"),
        ("notify silence add --for tomorrow", "30m, 2h or 7d"),
        (
            "notify update Pager --rule bucket-offline:10081",
            "--rule must have minutes from 0 to 10080 (1 week)",
        ),
        ("notify add X --kind email --host a/b --from a@b.example --to c@d.example", "--host"),
    ] {
        let message = run(wrong).await?.with_status(2)?.stderr;
        assert!(message.contains(name), "{wrong}: {message}");
    }
    run("notify rm Pager --yes").await?.with_status(0)?;
    assert!(run("notify test Pager").await?.with_status(1)?.stderr.contains("there is no channel"));
    Ok(())
}
