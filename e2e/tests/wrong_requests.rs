//! Requests that are wrong in form: every response is JSON that says what to change.

use bucketry_e2e::{Answer, Call, Person, Result, Server, list, options, s3_bucket, text, with};
use http::Method;
use serde_json::{Value, json};

/// The body of a refusal. All refusals have the same shape.
fn refusal(answer: &Answer, status: u16, code: &str) -> Result<Value> {
    let response = answer.json_with_status(status)?;
    let is_json = answer.header("content-type") == Some("application/json");
    let message = text(&response["message"]);
    let is_sentence = message.len() > 10 && message.contains(' ');
    let has_id = answer.header("x-request-id").is_some();
    if is_json && is_sentence && has_id && response["success"] == false && response["error_code"] == code {
        return Ok(response);
    }
    Err(answer.unlike(&format!("a JSON refusal with {code}, a sentence and a request id")))
}

async fn deployment() -> Result<(Server, Person, Value)> {
    let server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let body = s3_bucket("Photos", "photos", "http://127.0.0.1:1", &owner.workspace().await?);
    Ok((server, owner, body))
}

#[tokio::test]
async fn bodies_that_are_no_json_are_told_where_they_break() -> Result<()> {
    let (_server, owner, _) = deployment().await?;
    for (body, place) in [
        ("{\n  \"name\": \"a\",\n  oops\n}", "line 3, column 3"),
        ("{\"name\":", "line 1, column 8"),
        ("{\"name\":\"a\"} more", "line 1, column 14"),
        ("{\"name\":\"\u{1}\"}", "line 1, column"),
        ("", "line 1, column 0"),
    ] {
        let answer = owner.call(Method::POST, "/bucket").raw("application/json", body).send().await?;
        let response = refusal(&answer, 400, "MALFORMED_JSON")?;
        assert!(text(&response["message"]).contains(place), "{body:?}: {response}");
    }
    for text in ["[]", "\"text\"", "1", "null"] {
        let answer = owner.call(Method::POST, "/bucket").raw("application/json", text).send().await?;
        refusal(&answer, 400, "INVALID_REQUEST")?;
    }
    let not_utf8: &[u8] = b"{\"name\":\"\xff\"}";
    let answer = owner.call(Method::POST, "/bucket").raw("application/json", not_utf8).send().await?;
    assert_eq!(answer.json_with_status(400)?["success"], false);
    Ok(())
}

#[tokio::test]
async fn wrong_types_name_the_field_and_never_repeat_what_was_sent() -> Result<()> {
    let (_server, owner, body) = deployment().await?;
    let register = |body: Value| owner.post("/bucket", &body).send();
    for (members, field, says) in [
        (json!({ "name": 7 }), "name", "string"),
        (json!({ "secret": { "hidden": "hunter2" } }), "secret", "string"),
        (json!({ "secret": 123_456_789 }), "secret", "string"),
        (json!({ "skipValidation": "yes" }), "skipValidation", "boolean"),
        (json!({ "storageType": "FTP" }), "storageType", "S3"),
        (json!({ "storageType": "dropbox" }), "storageType", "minio"),
        (json!({ "storageType": 3 }), "storageType", ""),
        (json!({ "checks": "some" }), "checks", "read-only"),
    ] {
        let answer = register(with(&body, &members)).await?;
        let response = refusal(&answer, 400, "INVALID_REQUEST")?;
        assert_eq!(response["fields"][0]["field"], field, "{response}");
        assert!(text(&response["fields"][0]["message"]).contains(says), "{response}");
        assert!(text(&response["message"]).contains(field), "{response}");
        assert!(!answer.text().contains("hunter2") && !answer.text().contains("123456789"), "{response}");
    }
    for unknown in [json!({ "walletAddress": "0x0" }), json!({ "shoeSize": [1, { "a": null }] })] {
        let response = register(with(&with(&body, &unknown), &json!({ "name": "" }))).await?;
        let response = refusal(&response, 400, "INVALID_REQUEST")?;
        assert_eq!(list(&response["fields"]).len(), 1, "unknown fields are not listed: {response}");
    }
    Ok(())
}

#[tokio::test]
async fn paths_methods_types_and_sizes_that_are_wrong() -> Result<()> {
    let (server, owner, body) = deployment().await?;
    let some_id = "0197a3b0-0000-7000-8000-0000000000aa";

    for path in ["/buckets", "/bucket/x/y/z", "/%2e%2e/etc/passwd", "/bucket/", "//bucket"] {
        refusal(&owner.get(path).send().await?, 404, "NOT_FOUND")?;
    }
    for id in ["x", "1", "%00", "..%2f..", "0197a3b0000070008000000000000aa", "%7B0197%7D", some_id, "%ff"] {
        refusal(&owner.get(&format!("/bucket/{id}/status")).send().await?, 404, "NOT_FOUND")?;
        refusal(&owner.delete(&format!("/bucket/{id}")).send().await?, 404, "NOT_FOUND")?;
    }
    refusal(&owner.get("/bucket?workspaceId=nonsense").send().await?, 404, "NOT_FOUND")?;
    let twice = owner.get(&format!("/bucket?workspaceId={some_id}&workspaceId={some_id}")).send().await?;
    refusal(&twice, 400, "INVALID_REQUEST")?;
    let of_nothing = owner.get(&format!("/bucket/stats?bucketId=x,{some_id}")).send().await?;
    assert_eq!(of_nothing.json_with_status(200)?["stats"], json!([]), "unknown ids are omitted");

    let answer = owner.call(Method::PATCH, "/bucket").send().await?;
    refusal(&answer, 405, "METHOD_NOT_ALLOWED")?;
    let allowed = answer.header("allow").unwrap_or_default();
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
    refusal(&owner.delete("/user/login").send().await?, 405, "METHOD_NOT_ALLOWED")?;

    let text = body.to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "nonsense"] {
        let answer = owner.call(Method::POST, "/bucket").raw(kind, text.clone()).send().await?;
        refusal(&answer, 415, "UNSUPPORTED_MEDIA_TYPE")?;
    }

    let large = with(&body, &json!({ "name": "x".repeat(1 << 20) })).to_string();
    let answer = owner.call(Method::POST, "/bucket").raw("application/json", large).send().await?;
    refusal(&answer, 413, "BODY_TOO_LARGE")?;

    for limit in ["0", "1001", "-1", "many"] {
        let response =
            refusal(&owner.get(&format!("/bucket?limit={limit}")).send().await?, 400, "INVALID_REQUEST")?;
        assert_eq!(response["fields"][0]["field"], "limit");
    }
    let response = refusal(&owner.get("/bucket?cursor=made-up").send().await?, 400, "INVALID_REQUEST")?;
    assert_eq!(response["fields"][0]["field"], "cursor");

    let id = "my-request.7";
    let answer = owner.get("/bucket").header("x-request-id", id).send().await?;
    assert_eq!(answer.header("x-request-id"), Some(id));
    let answer = owner.get("/bucket").header("x-request-id", "two words").send().await?;
    assert_ne!(answer.header("x-request-id"), Some("two words"), "an id that would break log lines");
    assert!(server.log().contains(id), "the log line of a request contains its id");
    Ok(())
}

#[tokio::test]
async fn who_does_not_say_who_they_are_is_told_so() -> Result<()> {
    let server = Server::start(options()?).await?;
    let token = server.log_in().await?;
    let forged = format!("{}x", &token[..token.len() - 1]);
    let unsigned = "eyJhbGciOiJub25lIn0.eyJ1c2VySWQiOiIxIn0.";
    let calls: Vec<Call> = vec![
        server.get("/bucket"),
        server.get("/bucket").header("authorization", "Bearer"),
        server.get("/bucket").header("authorization", "Basic b3duZXI6eA=="),
        server.get("/bucket").token("nonsense"),
        server.get("/bucket").token("bkt_nonsense"),
        server.get("/bucket").token(&forged),
        server.get("/bucket").token(unsigned),
        server.post("/bucket").json(&json!({})),
    ];
    for call in calls {
        let answer = call.send().await?;
        refusal(&answer, 401, "UNAUTHENTICATED")?;
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    for (body, code) in [
        (json!({ "email": "owner@example.com", "password": "wrong" }), "INVALID_PASSWORD"),
        (json!({ "email": "nobody@example.com", "password": "wrong" }), "USER_NOT_FOUND"),
    ] {
        let answer = server.post("/user/login").token("stale").json(&body).send().await?;
        refusal(&answer, 401, code)?;
    }
    let answer = server.post("/user/register").json(&json!({
        "email": "new@example.com", "password": "Correct-Horse-1", "firstName": "N", "lastName": "N",
        "companyName": "N", "isBusiness": true,
    }));
    refusal(&answer.send().await?, 403, "REGISTRATION_CLOSED")?;
    Ok(())
}
