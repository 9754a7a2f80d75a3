//! What is recorded of calls: a record for each change, for what is refused, and for failed logins.

use bucketry_model::audit::{AuditActor, AuditKind, AuditRecord};
use http::Method;
use serde_json::json;

use crate::authorization::{request, routes, sample};
use crate::deployment::{Deployment, PASSWORD};
use crate::fixtures::{Ownership, TestContext};

/// Calls that change nothing that is recorded, each with the reason.
const UNRECORDED: &[(&str, &str)] = &[
    (
        "POST /bucket/registration",
        "returns at once; a_registration_that_is_followed_is_recorded waits for its end",
    ),
    ("POST /bucket/{bucketId}/stats", "reads"),
    ("POST /bucket/{bucketId}/validate", "checks, and stores nothing that the caller sent"),
    ("POST /bucket/{bucketId}/validation", "checks, and stores nothing that the caller sent"),
    (
        "POST /bucket/{bucketId}/uploads/clean",
        "no node is here to do it; what one does is recorded in `control`",
    ),
    ("POST /repo/validate", "checks"),
    ("POST /repo/{repoId}/validate", "checks"),
    ("POST /notification/channel/{channelId}/test", "sends a test, which is in the log of deliveries"),
    ("POST /node/inventory", "measurements"),
    ("POST /node/report", "measurements"),
    ("POST /node/status", "measurements"),
    ("POST /register", "the sample isn't signed; a_node_that_registers_is_recorded sends a signed one"),
    ("POST /unregister", "the sample isn't signed"),
    ("POST /user/logout", "the sample's session doesn't exist; a_login_and_a_logout_are_recorded ends one"),
    ("POST /systemevent", "reads"),
    ("POST /systemevent/read", "marks what the caller has read"),
    ("DELETE /systemevent/read", "marks what the caller has not read"),
    ("POST /user/refresh", "continues a session that was recorded when it began"),
];

async fn latest(deployment: &Deployment) -> i64 {
    deployment.control.store().latest_audit().await.unwrap()
}

async fn since(deployment: &Deployment, id: i64) -> Vec<AuditRecord> {
    deployment.control.store().audit_after(id, 1_000).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_that_changes_something_leaves_a_record() {
    let context = TestContext::make().await;
    let deployment = &context.deployment;
    let samples = bucketry_api::request_samples();
    let mut missing = Vec::new();
    // Each is refused less often than what is recorded one by one in a minute.
    let mut refused_roles = ["READ", "USER", "BILLING"].into_iter().cycle();
    for route in routes() {
        let name = route.name();
        if route.method == Method::GET || UNRECORDED.iter().any(|(unrecorded, _)| *unrecorded == name) {
            continue;
        }
        let (path, body) =
            request(&context, sample(&samples, &route), Ownership::OwnWorkspace, "OWNER").await;
        if name == "DELETE /bucket/{bucketId}/freshness" {
            let rule = json!({ "prefix": "unused/", "maxAgeSeconds": 86_400 });
            let bucket = path.split('?').next().unwrap();
            let set = deployment.ask_as(context.token("OWNER"), Method::PUT, bucket, Some(rule)).await;
            assert!(set.status.is_success(), "{}", set.text);
        }
        let before = latest(deployment).await;
        let answer =
            deployment.ask_as(context.token("OWNER"), route.method.clone(), &path, body.clone()).await;
        assert!(answer.status.is_success(), "{name}: {}", answer.text);
        let records = since(deployment, before).await;
        let done = |record: &&AuditRecord| record.entry.refusal.is_none() && record.entry.org_id.is_some();
        match records.iter().find(done) {
            Some(record) if record.entry.origin.request_id.is_some() => {}
            _ => missing.push(format!("{name}: {records:?}")),
        }

        let before = latest(deployment).await;
        let role = refused_roles.next().unwrap();
        let refused = deployment.ask_as(context.token(role), route.method.clone(), &path, body).await;
        let records = since(deployment, before).await;
        let is_call_of_anybody = ["/user/login", "/user/register"].contains(&route.path.as_str());
        if !refused.status.is_success() && !is_call_of_anybody {
            let status = refused.status.as_u16();
            let code = refused.body["error_code"].as_str().unwrap();
            let is_recorded = |record: &AuditRecord| {
                let refusal = record.entry.refusal.as_ref();
                refusal.is_some_and(|refusal| refusal.status == status && refusal.code == code)
                    && record.entry.kind != AuditKind::Route
            };
            if !records.iter().any(is_recorded) {
                missing.push(format!("the refusal of {name}: {records:?}"));
            }
        }
    }
    assert!(missing.is_empty(), "calls without a record:\n{}", missing.join("\n"));
}

#[tokio::test]
async fn no_secret_is_in_a_record() {
    let deployment = Deployment::start().await;
    let marked = "MARKED-SECRET-0123456789abcdef";
    let workspace = deployment.first.workspace_id;
    let bucket = json!({
        "name": "Photos", "workspaceId": workspace, "storageType": "S3", "bucket": "photos",
        "endpoint": "https://s3.example.com", "key": "AKIAEXAMPLE", "secret": marked,
    });
    let made = deployment.post("/bucket", bucket).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let id = made.body["bucketId"].as_str().unwrap();
    let secret = json!({ "secret": format!("{marked}-2") });
    assert_eq!(deployment.put(&format!("/bucket/{id}"), secret).await.status, 200);
    let wrong = json!({ "bucket": "", "secret": marked });
    assert_eq!(deployment.put(&format!("/bucket/{id}"), wrong).await.status, 400);
    let user = json!({
        "email": "grace@example.com", "password": format!("{marked}-Aa1!"), "firstName": "Grace",
        "lastName": "Hopper", "orgRole": 0,
    });
    let user = deployment.post("/organization/users", user).await;
    assert_eq!(user.status, 201, "{}", user.text);
    let login = json!({ "email": "grace@example.com", "password": marked });
    assert_eq!(deployment.post("/user/login", login).await.status, 401);
    let token = deployment.post("/token", json!({ "name": "ci" })).await;
    let token = token.body["token"].as_str().unwrap().to_owned();

    let records = since(&deployment, 0).await;
    let text = format!("{records:?}");
    assert!(records.len() > 6 && text.contains("*** (new)"), "{text}");
    assert!(!text.contains(marked) && !text.contains(&token) && !text.contains(PASSWORD), "{text}");
    assert!(!text.contains("AGE") && !text.contains("argon2"), "{text}");
}

#[tokio::test]
async fn a_login_and_a_logout_are_recorded_and_failed_logins_with_the_address() {
    let deployment = Deployment::start().await;
    let before = latest(&deployment).await;
    for (email, password) in [("owner@example.com", "wrong"), ("nobody@example.com", PASSWORD)] {
        let answer = deployment.post("/user/login", json!({ "email": email, "password": password })).await;
        assert_eq!(answer.status, 401);
    }
    let login = json!({ "email": "owner@example.com", "password": PASSWORD });
    let session = deployment.post("/user/login", login).await;
    let refresh = session.body["refreshToken"].clone();
    assert_eq!(deployment.post("/user/logout", json!({ "refreshToken": refresh })).await.status, 200);

    let told: Vec<String> = since(&deployment, before)
        .await
        .into_iter()
        .map(|record| {
            let entry = record.entry;
            assert_eq!(entry.org_id, Some(deployment.first.org_id), "the deployment has one organization");
            let who = match entry.actor {
                AuditActor::User { email, .. } | AuditActor::Unknown(email) => email,
                other => format!("{other:?}"),
            };
            let code = entry.refusal.map(|refusal| refusal.code.to_string()).unwrap_or_default();
            format!("{who} {} {code}", entry.action.as_str()).trim_end().to_owned()
        })
        .collect();
    assert_eq!(
        told,
        [
            "owner@example.com signed-in INVALID_PASSWORD",
            "nobody@example.com signed-in USER_NOT_FOUND",
            "owner@example.com signed-in",
            "owner@example.com signed-out",
        ]
    );
}

#[tokio::test]
async fn a_node_that_registers_is_recorded() {
    let deployment = Deployment::start().await;
    let records = since(&deployment, 0).await;
    let of_node = |record: &&AuditRecord| record.entry.kind == AuditKind::Node;
    let node = records.iter().find(of_node).unwrap();
    assert!(matches!(node.entry.actor, AuditActor::Node(_)), "{node:?}");
    assert!(records.iter().any(|record| record.entry.kind == AuditKind::NodeKey), "{records:?}");
}

#[tokio::test]
async fn one_who_is_refused_over_and_over_fills_a_bounded_number_of_records() {
    let deployment = Deployment::start().await;
    let before = latest(&deployment).await;
    for _ in 0..60 {
        assert_eq!(deployment.delete("/bucket/unknown").await.status, 404);
    }
    assert_eq!(since(&deployment, before).await.len(), 20);
    deployment.clock.advance(jiff::SignedDuration::from_mins(2));
    deployment.control.tidy().await.unwrap();
    let grouped = since(&deployment, before + 20).await;
    assert_eq!(grouped.iter().map(|record| record.entry.repeats).collect::<Vec<_>>(), [40]);
}

#[tokio::test]
async fn a_refused_call_is_recorded_with_the_name_of_what_it_was_about() {
    let context = TestContext::make().await;
    let deployment = &context.deployment;
    let own = context.fresh_bucket(Ownership::OwnWorkspace).await;
    let name = deployment.ask_as(context.token("OWNER"), Method::GET, &format!("/bucket/{own}"), None).await;
    let foreign = context.fresh_bucket(Ownership::OtherOrganization).await;
    let before = latest(deployment).await;
    for id in [own.as_str(), foreign.as_str(), "unknown"] {
        let refused =
            deployment.ask_as(context.token("READ"), Method::DELETE, &format!("/bucket/{id}"), None).await;
        assert!(refused.status == 403 || refused.status == 404, "{}", refused.text);
    }
    let records = since(deployment, before).await;
    let names: Vec<_> = records.iter().map(|record| record.entry.target.name.as_deref()).collect();
    assert_eq!(names, [name.body["bucket"]["name"].as_str().or(name.body["name"].as_str()), None, None]);
    assert!(names[0].is_some());
}

#[tokio::test]
async fn the_audit_is_listed_filtered_and_exported() {
    let context = TestContext::make().await;
    let deployment = &context.deployment;
    let ask = async |role: &str, path: String| {
        deployment.ask_as(context.token(role), Method::GET, &path, None).await
    };
    let bucket = context.fresh_bucket(Ownership::OwnWorkspace).await;
    assert_eq!(deployment.delete(&format!("/bucket/{bucket}")).await.status, 200);
    let foreign = context.fresh_bucket(Ownership::OtherOrganization).await;

    let of_bucket = ask("OWNER", format!("/audit?id={bucket}")).await;
    let records = of_bucket.body["records"].as_array().unwrap();
    let actions: Vec<_> = records.iter().map(|one| one["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["deleted", "created"]);
    assert_eq!(records[0]["before"]["name"], records[1]["after"]["name"]);
    assert_eq!(records[0]["result"], "done");
    assert_eq!(records[0]["actor"], "owner@example.com");
    let none = ask("OWNER", format!("/audit?id={foreign}")).await;
    assert_eq!(none.body["records"].as_array().unwrap().len(), 0);

    let mut walked = Vec::new();
    let mut path = "/audit?limit=3".to_owned();
    loop {
        let page = ask("ADMINISTRATORS", path).await;
        walked.extend(page.body["records"].as_array().unwrap().iter().map(|one| one["id"].as_i64().unwrap()));
        let Some(cursor) = page.body["nextCursor"].as_str() else { break };
        path = format!("/audit?limit=3&cursor={cursor}");
    }
    let whole = ask("OWNER", "/audit".to_owned()).await;
    let whole: Vec<_> =
        whole.body["records"].as_array().unwrap().iter().map(|one| one["id"].as_i64().unwrap()).collect();
    assert_eq!(walked, whole);

    let lines = ask("OWNER", "/audit?format=jsonl".to_owned()).await;
    assert_eq!(lines.headers["content-type"], "application/x-ndjson");
    assert_eq!(lines.text.lines().count(), whole.len());
    let csv = ask("OWNER", "/audit?format=csv&limit=2".to_owned()).await;
    assert!(csv.headers["content-type"].to_str().unwrap().starts_with("text/csv"));
    assert_eq!(csv.text.matches("\r\n").count(), 3, "{}", csv.text);
    let cursor = csv.headers["x-next-cursor"].to_str().unwrap();
    let next = ask("OWNER", format!("/audit?format=csv&limit=1000&cursor={cursor}")).await;
    assert_eq!(next.text.matches("\r\n").count(), whole.len() - 2, "no second header");
    for wrong in ["kind=x", "action=x", "result=x", "format=xml", "since=yesterday"] {
        assert_eq!(ask("OWNER", format!("/audit?{wrong}")).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn system_events_show_everybody_what_concerns_them_with_their_own_marks() {
    let context = TestContext::make().await;
    let deployment = &context.deployment;
    let ask = async |role: &str, method: Method, path: &str, body: serde_json::Value| {
        deployment.ask_as(context.token(role), method, path, Some(body)).await
    };
    let own = context.fresh_bucket(Ownership::OwnWorkspace).await;
    let other = context.fresh_bucket(Ownership::OtherWorkspace).await;
    let of = |id: &str| json!({ "contextId": id });
    for (role, id, seen) in [
        ("OWNER", &own, 1),
        ("OWNER", &other, 1),
        ("READ", &own, 1),
        ("READ", &other, 0),
        ("USER", &own, 0),
        ("FOREIGN", &own, 0),
    ] {
        let found = ask(role, Method::POST, "/systemevent", of(id)).await;
        assert_eq!(found.status, 200, "{}", found.text);
        assert_eq!(found.body["total"], seen, "{role}: {}", found.text);
    }
    let found =
        ask("READ", Method::POST, "/systemevent", json!({ "context": 1, "event": 0, "take": 1 })).await;
    let event = &found.body["events"][0];
    assert_eq!((&event["context"], &event["event"]), (&json!("bucket"), &json!("created")), "{}", found.text);
    assert_eq!(event["showUnread"], true);
    assert!(event["jsonData"].as_str().unwrap().contains("\"after\""));
    assert_eq!((&found.body["skip"], &found.body["take"]), (&json!(0), &json!(1)));

    let id = &event["id"];
    let unread = json!({ "contextId": own, "showUnread": true });
    for (method, body, left) in
        [(Method::POST, json!({ "id": id }), 0), (Method::DELETE, json!({ "ids": [id, 999_999] }), 1)]
    {
        for _ in 0..2 {
            let marked = ask("READ", method.clone(), "/systemevent/read", body.clone()).await;
            assert_eq!(marked.status, 200, "{}", marked.text);
        }
        let found = ask("READ", Method::POST, "/systemevent", unread.clone()).await;
        assert_eq!(found.body["total"], left, "{}", found.text);
        let others = ask("OWNER", Method::POST, "/systemevent", unread.clone()).await;
        assert_eq!(others.body["total"], 1, "a mark belongs to its user");
    }
    for wrong in [json!({}), json!({ "ids": [] }), json!({ "id": 0 })] {
        assert_eq!(ask("READ", Method::POST, "/systemevent/read", wrong).await.status, 400);
    }
    for wrong in [
        json!({ "take": 0 }),
        json!({ "take": 101 }),
        json!({ "context": 55 }),
        json!({ "from_timestamp": "x" }),
    ] {
        assert_eq!(ask("READ", Method::POST, "/systemevent", wrong).await.status, 400);
    }
}

/// A log that the test reads.
#[derive(Clone, Default)]
struct Lines(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn records_are_written_to_a_log_once_and_continued_after_a_restart() {
    let deployment = Deployment::start().await;
    let control = &deployment.control;
    let lines = Lines::default();
    for _ in 0..2 {
        assert_eq!(deployment.delete("/bucket/unknown").await.status, 404);
        let log = bucketry_api::AuditLog::new(lines.clone());
        let newest = latest(&deployment).await;
        let streams = bucketry_api::stream_audit(control, log);
        let written = async {
            while control.store().audit_stream("audit-log").await.unwrap() != Some(newest) {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! { () = streams => {}, () = written => {} }
    }
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let ids: Vec<i64> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_i64().unwrap())
        .collect();
    let all: Vec<i64> = since(&deployment, 0).await.iter().map(|record| record.id).collect();
    assert_eq!(ids, all);
}
