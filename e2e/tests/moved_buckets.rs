//! Moving a bucket to another location, on both database engines: who may do it, what is shown right after a
//! registration and a change, and what remains of that after a crash.

#![expect(clippy::print_stderr, reason = "what was asked and answered is for people to read")]

use std::time::Duration;

use bucketry_e2e::{
    ADMIN, Answer, CommandLine, OPEN_BUCKET, Options, Person, Result, SCOPED_BUCKET, Server, eventually,
    list, new_database, options, s3_bucket, shared_s3_endpoint, text, with,
};
use http::Method;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);
/// The member's password until they change it.
const ONE_TIME: &str = "First-Horse-1";

/// A server on each engine.
async fn engines(options: impl Fn() -> Result<Options>) -> Result<[(&'static str, Server); 2]> {
    let sqlite = Server::start(options()?).await?;
    let postgres = Server::start(options()?.env("BUCKETRY_DATABASE_URL", &new_database().await?)).await?;
    Ok([("SQLite", sqlite), ("PostgreSQL", postgres)])
}

/// A user with the role WRITE in one workspace and no role elsewhere.
async fn writer(server: &Server, owner: &Person, workspace: &str) -> Result<Person> {
    let email = "writer@example.com";
    let body = json!({
        "email": email, "password": ONE_TIME, "firstName": "W", "lastName": "Riter", "orgRole": 0,
    });
    let made = owner.post("/organization/users", &body).send().await?.json_with_status(201)?;
    let member = json!({ "userId": made["data"]["id"], "role": "WRITE" });
    owner.post(&format!("/workspace/{workspace}/users"), &member).send().await?.json_with_status(200)?;
    let person = Person::new(server, &server.log_in_as(email, ONE_TIME).await?);
    let path = format!("/user/{}", text(&made["data"]["id"]));
    person.put(&path, &json!({ "password": "Correct-Horse-2" })).send().await?.json_with_status(200)?;
    Ok(person)
}

fn print(what: &str, answer: &Answer) {
    eprintln!("{what}\n  {} {}", answer.status, answer.text());
}

async fn reports(person: &Person, id: &str) -> Result<Vec<Value>> {
    let response = person.get(&format!("/bucket/{id}/status")).send().await?.json_with_status(200)?;
    Ok(list(&response["nodeStatus"]).to_vec())
}

/// The records of the bucket on the day of its last report.
async fn day_of_last_report(person: &Person, id: &str) -> Result<Vec<Value>> {
    let last = reports(person, id).await?.remove(0);
    let day = json!({ "day": last["lastUpdated"] });
    let response = person.post(&format!("/bucket/{id}/stats"), &day).send().await?.json_with_status(200)?;
    Ok(list(&response["nodeStats"]).to_vec())
}

/// Tries to move a bucket without its secret, in each way that a change can.
async fn moves_are_refused(member: &Person, path: &str, body: &Value) -> Result<()> {
    let mut whole = with(body, &json!({ "bucket": SCOPED_BUCKET }));
    whole.as_object_mut().map(|members| members.remove("secret"));
    let other = format!("{}/elsewhere", text(&body["endpoint"]));
    for change in [
        json!({ "bucket": SCOPED_BUCKET }),
        json!({ "bucket": SCOPED_BUCKET, "skipValidation": true }),
        json!({ "bucket": SCOPED_BUCKET, "secret": "", "key": "" }),
        json!({ "endpoint": other }),
        json!({ "storageType": "BLOB" }),
        json!({ "key": "AKIDTESTREADONLY" }),
        whole,
    ] {
        let refused = member.put(path, &change).send().await?;
        print(&format!("PUT /bucket/ID {change}"), &refused);
        let response = refused.json_with_status(400)?;
        assert_eq!(
            (&response["error_code"], &response["fields"][0]["field"]),
            (&json!("INVALID_REQUEST"), &json!("secret"))
        );
        let refused = member.post(&format!("{path}/validate"), &change).send().await?;
        assert_eq!(refused.json_with_status(400)?["fields"][0]["field"], "secret", "{change}");
    }
    Ok(())
}

#[tokio::test]
async fn a_member_can_not_move_a_bucket_to_another_workspaces_without_its_secret() -> Result<()> {
    for (engine, server) in engines(options).await? {
        eprintln!("== {engine}");
        let owner = server.owner().await?;
        let (workspace, endpoint) = (owner.workspace().await?, shared_s3_endpoint()?);
        let made =
            owner.post("/workspace", &json!({ "name": "Private" })).send().await?.json_with_status(201)?;
        let private = s3_bucket("Private", SCOPED_BUCKET, &endpoint, text(&made["workspace"]["id"]));
        owner.register(&private).await?;
        // One key opens both buckets, as keys of whole accounts do.
        let body = s3_bucket("Photos", OPEN_BUCKET, &endpoint, &workspace);
        let id = owner.register(&body).await?;
        let member = writer(&server, &owner, &workspace).await?;
        let path = format!("/bucket/{id}");
        assert_eq!(member.buckets().await?.len(), 1, "the private one is not theirs");

        moves_are_refused(&member, &path, &body).await?;
        assert_eq!(member.bucket(&id).await?["bucket"], OPEN_BUCKET);

        let terminal = CommandLine::with_token(&server, member.token())?;
        let ended =
            terminal.run(&["bucket", "update", "Photos", "--bucket", SCOPED_BUCKET]).await?.with_status(2)?;
        eprintln!("$ bucketry bucket update Photos --bucket {SCOPED_BUCKET}\n{}", ended.stderr);
        assert!(
            ended.stderr.contains("--secret-file") && ended.stderr.contains("--bucket changes"),
            "{ended:?}"
        );

        // An edit form where only the name changed, and a change by someone who knows the secret.
        let form = json!({
            "name": "Pictures", "bucket": OPEN_BUCKET, "storageType": "S3", "workspaceId": workspace, "key": ADMIN.key,
            "secret": "", "endpoint": format!("{endpoint}/"), "region": "us-east-1",
        });
        let renamed = member.put(&path, &form).send().await?;
        print("PUT /bucket/ID with an unchanged place", &renamed);
        assert!(renamed.json_with_status(200)?["checks"].is_null());
        let known = json!({ "bucket": SCOPED_BUCKET, "secret": ADMIN.secret });
        for _twice in 0..2 {
            let moved = member.put(&path, &known).send().await?.json_with_status(200)?;
            assert_eq!(moved["status"], "ONLINE", "{moved}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn wrong_ways_to_say_a_secret_again_are_told_by_field() -> Result<()> {
    let server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    let path = format!("/bucket/{}", owner.register(&body).await?);
    for secret in
        [json!(null), json!(""), json!("  "), json!(7), json!([]), json!({}), json!("s".repeat(40_000))]
    {
        let change = json!({ "bucket": SCOPED_BUCKET, "secret": secret });
        for call in [owner.put(&path, &change), owner.post(&format!("{path}/validate"), &change)] {
            let response = call.send().await?.json_with_status(400)?;
            assert_eq!(response["fields"][0]["field"], "secret", "{response}");
        }
    }
    let stranger = server.call(Method::PUT, &path).json(&json!({ "bucket": SCOPED_BUCKET })).send().await?;
    stranger.json_with_status(401)?;
    assert_eq!(list(&json!(owner.buckets().await?))[0]["bucket"], OPEN_BUCKET);
    Ok(())
}

#[tokio::test]
async fn a_validated_bucket_is_online_at_once_and_after_a_crash() -> Result<()> {
    for (engine, mut server) in engines(|| Ok(options()?.env("BUCKETRY_PROBE_INTERVAL", "60"))).await? {
        let owner = server.owner().await?;
        let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
        assert!(owner.buckets().await?.is_empty());
        let id = owner.register(&body).await?;
        // These are the first requests after the registration, without waiting.
        let bucket = owner.bucket(&id).await?;
        assert_eq!(bucket["status"], "ONLINE", "{engine}: {bucket}");
        assert!(bucket["latency_ms"].is_u64() && bucket["lastStatusAt"].is_string(), "{engine}: {bucket}");
        let node = reports(&owner, &id).await?.remove(0);
        assert_eq!((&node["ip"], &node["status"]), (&json!("embedded"), &json!("ONLINE")), "{engine}");
        let day = day_of_last_report(&owner, &id).await?.remove(0);
        assert_eq!((&day["perc_uptime"], &day["failures"]), (&json!(100.0), &json!(0)), "{engine}: {day}");

        let second = owner.register(&with(&body, &json!({ "name": "Films" }))).await?;
        server.kill_hard().await?;
        server.restart().await?;
        let owner = owner.again_at(&server);
        assert_eq!(reports(&owner, &second).await?.len(), 1, "{engine}: registered and reported in one");
        assert_eq!(day_of_last_report(&owner, &second).await?.len(), 1, "{engine}");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_stored_unchecked_is_disconnected_and_never_what_it_was_before() -> Result<()> {
    for (engine, server) in engines(|| Ok(options()?.env("BUCKETRY_PROBE_INTERVAL", "1"))).await? {
        let owner = server.owner().await?;
        let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
        let id = owner.register(&body).await?;
        let path = format!("/bucket/{id}");
        for (round, wrong) in ["not-the-secret", "not-this-one-either"].into_iter().enumerate() {
            let change = json!({ "secret": wrong, "skipValidation": true });
            let changed = owner.put(&path, &change).send().await?.json_with_status(200)?;
            assert_eq!(changed["status"], "DISCONNECTED", "{engine} {round}: {changed}");
            assert!(changed["latency_ms"].is_null(), "{engine}: {changed}");
            // The new secret's status is unknown until it is found to be wrong. Probes of the old secret don't
            // count.
            let look = async || {
                let bucket = owner.bucket(&id).await?;
                assert_ne!(bucket["status"], "ONLINE", "{engine}: {bucket}");
                assert!(bucket["latency_ms"].is_null(), "{engine}: {bucket}");
                Ok(bucket)
            };
            let found =
                eventually("the new secret being tried", SOON, look, |one| one["status"] == "OFFLINE")
                    .await?;
            assert!(found["lastError"].is_string(), "{engine}: {found}");
        }
        let right = json!({ "secret": ADMIN.secret });
        let changed = owner.put(&path, &right).send().await?.json_with_status(200)?;
        assert_eq!(changed["status"], "ONLINE", "{engine}");
        let bucket = owner.bucket(&id).await?;
        assert_eq!(
            (&bucket["status"], &bucket["lastError"]),
            (&json!("ONLINE"), &Value::Null),
            "{engine}: {bucket}"
        );
    }
    Ok(())
}
