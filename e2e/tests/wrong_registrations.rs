//! Registrations that are refused without a validation: wrong fields, taken names, repetitions.

use bucketry_e2e::{
    OPEN_BUCKET, Person, Result, Server, each, options, s3_bucket, shared_s3_endpoint, text, with,
};
use serde_json::{Value, json};

async fn deployment() -> Result<(Server, Person, Value)> {
    let server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    Ok((server, owner, body))
}

fn wrong_fields(response: &Value) -> Vec<&str> {
    each(&response["fields"], "field")
}

#[tokio::test]
async fn each_wrong_field_is_named_with_what_it_must_be() -> Result<()> {
    let (_server, owner, body) = deployment().await?;
    let path = format!("/bucket/{}", owner.register(&with(&body, &json!({ "name": "Other" }))).await?);
    for (field, value, says) in [
        ("name", json!(""), "must not be empty"),
        ("name", json!("   "), "must not be empty"),
        ("name", json!("n".repeat(300)), "255 characters"),
        ("name", json!("a\u{7}b"), "control characters"),
        ("name", json!("a\nb"), "control characters"),
        ("bucket", json!("b".repeat(300)), "255 characters"),
        ("bucket", json!("a/../b"), "letters, digits"),
        ("bucket", json!("a b"), "letters, digits"),
        ("bucket", json!(".."), "'..'"),
        ("bucket", json!("b\u{0}"), "letters, digits"),
        ("key", json!("two words"), "visible ASCII"),
        ("key", json!("k".repeat(3_000)), "2048"),
        ("secret", json!("s".repeat(40_000)), "32768"),
        ("secret", json!("a\u{0}b"), "NUL"),
        ("region", json!("eu central"), "letters, digits"),
        ("region", json!("r".repeat(200)), "128"),
        ("apiKeyUuid", json!("0197a3b0-0000-7000-8000-0000000000aa"), "combined with key or secret"),
    ] {
        for refused in [
            owner.post("/bucket", &with(&body, &json!({ field: value }))).send().await?,
            owner
                .put(
                    &path,
                    &json!({ field: value, "key": if field == "key" { &value } else { &body["key"] } }),
                )
                .send()
                .await?,
        ] {
            let response = refused.json_with_status(400)?;
            assert_eq!(response["error_code"], "INVALID_REQUEST", "{response}");
            assert_eq!(wrong_fields(&response), [field], "{value}: {response}");
            assert!(text(&response["fields"][0]["message"]).contains(says), "{says}: {response}");
            assert!(text(&response["message"]).starts_with(&format!("{field} ")), "{response}");
        }
    }
    let nowhere = json!({ "workspaceId": "default" });
    for refused in [owner.post("/bucket", &with(&body, &nowhere)), owner.put(&path, &nowhere)] {
        let response = refused.send().await?.json_with_status(404)?;
        assert!(text(&response["message"]).contains("no such workspace"), "a name is not an id: {response}");
    }
    for field in ["name", "bucket", "storageType", "workspaceId", "key", "secret"] {
        for gone in [Value::Null, json!("")] {
            if field == "storageType" && gone == json!("") {
                continue;
            }
            let response = owner.post("/bucket", &with(&body, &json!({ field: gone }))).send().await?;
            let response = response.json_with_status(400)?;
            assert_eq!(wrong_fields(&response), [field], "without {field}: {response}");
        }
    }
    let response = owner.post("/bucket", &json!({})).send().await?.json_with_status(400)?;
    assert_eq!(wrong_fields(&response), ["name", "bucket", "storageType", "workspaceId"], "all at once");
    assert_eq!(owner.buckets().await?.len(), 1, "nothing was stored");
    Ok(())
}

#[tokio::test]
async fn endpoints_have_one_notation() -> Result<()> {
    let (_server, owner, body) = deployment().await?;
    for (endpoint, says) in [
        ("ftp://127.0.0.1", "https:// or http://"),
        ("file:///etc/passwd", "https:// or http://"),
        ("javascript:alert(1)", "https:// or http://"),
        ("http://user:password@127.0.0.1:8333", "user name or password"),
        ("http://127.0.0.1:8333@evil.example", "user name or password"),
        ("http://127.0.0.1/?a=b", "query"),
        ("http://127.0.0.1/#a", "fragment"),
        ("http://2130706433", "numeric host"),
        ("http://0x7f000001", "numeric host"),
        ("http://127.1", "numeric host"),
        ("http://0177.0.0.1", "numeric host"),
        ("http://127.0.0.1.:80", "numeric host"),
        ("http://", "name a host"),
        ("http://a b", "host name"),
        ("http://exa\u{2488}mple.com", "host name"),
        ("http://127.0.0.1:0", "port"),
        ("http://127.0.0.1:99999", "port"),
        ("http://127.0.0.1:x", "port"),
        ("http://[::1", "host"),
        ("http://127.0.0.1/a/../b", "path"),
        ("http://127.0.0.1/%2e%2e", "path"),
        ("http://127.0.0.1\\@evil.example", ""),
        (&format!("http://{}", "h".repeat(2_000)), "1024"),
    ] {
        let refused = owner.post("/bucket", &with(&body, &json!({ "endpoint": endpoint }))).send().await?;
        let response = refused.json_with_status(400)?;
        assert_eq!(
            (&response["error_code"], wrong_fields(&response)),
            (&json!("INVALID_REQUEST"), vec!["endpoint"]),
            "{endpoint}"
        );
        assert!(text(&response["fields"][0]["message"]).contains(says), "{endpoint}: {response}");
        assert!(!refused.text().contains("password@"), "{response}");
    }
    Ok(())
}

#[tokio::test]
async fn an_inner_address_is_refused_with_the_setting_that_would_allow_it() -> Result<()> {
    let server = Server::start(options()?.without_env("BUCKETRY_ENDPOINT_POLICY")).await?;
    let owner = server.owner().await?;
    let workspace = owner.workspace().await?;
    let endpoint = shared_s3_endpoint()?;
    let (_, port) = endpoint.rsplit_once(':').unwrap();
    for (endpoint, setting) in [
        (endpoint.as_str(), true),
        (&format!("http://localhost:{port}"), true),
        (&format!("http://[::1]:{port}"), true),
        (&format!("http://[::ffff:127.0.0.1]:{port}"), true),
        ("http://10.0.0.1", true),
        ("http://192.168.1.1", true),
        ("http://[fd00::1]", true),
        ("http://169.254.169.254", false),
        ("http://[::ffff:169.254.169.254]", false),
        ("http://[fe80::1]", false),
        ("http://0.0.0.0", false),
        ("http://[64:ff9b:1::a00:1]", false),
    ] {
        let body = s3_bucket("Inner", OPEN_BUCKET, endpoint, &workspace);
        let response = owner.post("/bucket", &body).send().await?.json_with_status(400)?;
        assert_eq!(response["error_code"], "VALIDATION_FAILED", "{endpoint}");
        let check = &response["checks"][0];
        assert_eq!(
            (&check["error_code"], &check["ok"]),
            (&json!("ENDPOINT_BLOCKED"), &json!(false)),
            "{endpoint}"
        );
        let hint = text(&check["hint"]);
        assert_eq!(hint.contains("BUCKETRY_ENDPOINT_POLICY=private"), setting, "{endpoint}: {hint}");
    }
    assert_eq!(owner.buckets().await?.len(), 0);

    let allowing = options()?
        .without_env("BUCKETRY_ENDPOINT_POLICY")
        .env("BUCKETRY_ALLOWED_ENDPOINTS", "s3.example.com, 127.0.0.0/8");
    let server = Server::start(allowing).await?;
    let owner = server.owner().await?;
    let body = s3_bucket("Inner", OPEN_BUCKET, &endpoint, &owner.workspace().await?);
    owner.register(&body).await?;
    let response = owner
        .post("/bucket", &with(&body, &json!({ "name": "x", "endpoint": "http://[::1]" })))
        .send()
        .await?;
    assert_eq!(response.json_with_status(400)?["checks"][0]["error_code"], "ENDPOINT_BLOCKED");
    Ok(())
}

#[tokio::test]
async fn of_several_creations_of_one_name_exactly_one_wins() -> Result<()> {
    let (_server, owner, body) = deployment().await?;
    // Without validation, they compete in the store; with validation, when their validations end.
    for skip in [true, false] {
        let name = format!("Contended {skip}");
        let body = with(&body, &json!({ "name": name, "skipValidation": skip }));
        let mut attempts = tokio::task::JoinSet::new();
        for attempt in 0..6 {
            let spelling = if attempt % 2 == 0 { name.clone() } else { format!(" {} ", name.to_uppercase()) };
            attempts.spawn(owner.post("/bucket", &with(&body, &json!({ "name": spelling }))).send());
        }
        let mut winners = Vec::new();
        while let Some(answer) = attempts.join_next().await {
            let answer = answer.unwrap()?;
            if answer.status == 200 {
                winners.push(answer.json()?["bucketId"].clone());
            } else {
                assert_eq!(answer.json_with_status(400)?["error_code"], "NAME_ALREADY_USED");
            }
        }
        let named: Vec<_> = owner
            .buckets()
            .await?
            .into_iter()
            .filter(|bucket| bucket["name"].as_str().is_some_and(|text| text.eq_ignore_ascii_case(&name)))
            .collect();
        assert_eq!((winners.len(), named.len()), (1, 1), "skipValidation {skip}");
        assert_eq!(winners[0], named[0]["id"]);
    }
    Ok(())
}

#[tokio::test]
async fn a_repeated_creation_is_done_once() -> Result<()> {
    let (_server, owner, body) = deployment().await?;
    let create = |key: &str, body: &Value| owner.post("/bucket", body).header("idempotency-key", key).send();
    let first = create("a", &body).await?;
    let again = create("a", &body).await?;
    assert_eq!(first.json_with_status(200)?, again.json_with_status(200)?);
    assert_eq!(owner.buckets().await?.len(), 1);

    let other_body = with(&body, &json!({ "name": "Another" }));
    let response = create("a", &other_body).await?.json_with_status(409)?;
    assert_eq!(response["error_code"], "IDEMPOTENCY_KEY_REUSED");
    let response = create("b", &body).await?.json_with_status(400)?;
    assert_eq!(response["error_code"], "NAME_ALREADY_USED", "another key is another request");

    // A refusal isn't remembered: a corrected request may use the same key.
    let refused = create("c", &with(&other_body, &json!({ "secret": "wrong" }))).await?;
    assert_eq!(refused.json_with_status(400)?["error_code"], "VALIDATION_FAILED");
    assert_eq!(create("c", &other_body).await?.status, 200);

    let mut twice = tokio::task::JoinSet::new();
    let third = with(&body, &json!({ "name": "Third" }));
    for _ in 0..2 {
        twice.spawn(create("d", &third));
    }
    while let Some(answer) = twice.join_next().await {
        let answer = answer.unwrap()?;
        if answer.status != 200 {
            assert_eq!(answer.json_with_status(409)?["error_code"], "IDEMPOTENCY_KEY_IN_PROGRESS");
        }
    }
    assert_eq!(owner.buckets().await?.len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_full_organization_is_told_so_until_a_bucket_is_deleted() -> Result<()> {
    let server = Server::start(options()?.env("BUCKETRY_BUCKET_QUOTA", "1")).await?;
    let owner = server.owner().await?;
    let body = s3_bucket("First", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    let first = owner.register(&body).await?;
    let second = with(&body, &json!({ "name": "Second" }));
    let response = owner.post("/bucket", &second).send().await?.json_with_status(429)?;
    assert_eq!((&response["error_code"], &response["bucketId"]), (&json!("QUOTA_EXCEEDED"), &json!("")));
    assert!(text(&response["message"]).contains("limit is 1"), "{response}");
    owner.delete(&format!("/bucket/{first}")).send().await?.json_with_status(200)?;
    owner.register(&second).await?;
    Ok(())
}

#[tokio::test]
async fn days_are_read_in_every_form_and_wrong_ones_refused() -> Result<()> {
    let (_server, owner, body) = deployment().await?;
    let path =
        format!("/bucket/{}/stats", owner.register(&with(&body, &json!({ "skipValidation": true }))).await?);
    for day in ["9999-12-30", "1970-01-01", "2030-02-28T23:59:59.999Z", "2030-01-01T00:00:00+14:00"] {
        let response = owner.post(&path, &json!({ "day": day })).send().await?.json_with_status(200)?;
        assert_eq!(response, json!({ "success": true, "nodeStats": [] }), "{day}");
    }
    for day in [
        json!("yesterday"),
        json!("2026-02-30"),
        json!(""),
        json!("31.01.2026"),
        json!(20_260_131),
        Value::Null,
    ] {
        let response = owner.post(&path, &json!({ "day": day })).send().await?.json_with_status(400)?;
        assert_eq!(wrong_fields(&response), ["day"], "{day}: {response}");
    }
    let response = owner.post(&path, &json!({})).send().await?.json_with_status(400)?;
    assert_eq!(wrong_fields(&response), ["day"]);
    Ok(())
}
