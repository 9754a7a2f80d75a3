//! The requests of the public TypeScript client, including their oddities: an application that uses it only has to
//! change the address. The client is in no package registry, so its requests are reproduced as observed.

#[path = "public_client/calls.rs"]
mod calls;

use bucketry_e2e::{
    OPEN_BUCKET, OWNER_EMAIL, OWNER_PASSWORD, Person, Result, Server, options, s3_bucket, shared_s3_endpoint,
    text, with,
};
use http::Method;
use serde_json::{Value, json};

#[path = "public_client/buckets.rs"]
mod buckets;

/// A client that was used before sends its old token with every request, including the login.
async fn log_in_with_an_old_token(server: &Server) -> Result<Person> {
    let login =
        json!({ "email": OWNER_EMAIL, "password": OWNER_PASSWORD, "deviceInfo": { "agent": "node" } });
    let session = server.post("/user/login").token("old").header("accept", "*/*").json(&login).send().await?;
    let session = session.json_with_status(200)?;
    for member in ["accessToken", "refreshToken", "tokenId"] {
        assert!(session[member].is_string(), "{member}: {session}");
    }
    assert!(session["success"] == true && session["expiresAt"].is_i64(), "{session}");
    assert_eq!((&session["user"]["email"], &session["user"]["orgRole"]), (&json!(OWNER_EMAIL), &json!(255)));
    let client = Person::new(server, text(&session["accessToken"]));
    let payload = client.token().split('.').nth(1).unwrap_or_default();
    assert_eq!(client.token().split('.').count(), 3, "a JSON Web Token: {payload}");
    Ok(client)
}

#[tokio::test]
async fn a_whole_session_of_the_client() -> Result<()> {
    let server = Server::start(options()?).await?;
    let client = log_in_with_an_old_token(&server).await?;
    let profile = client.get("/user/profile").send().await?.json_with_status(200)?;
    assert_eq!(profile["data"]["orgRoles"], json!([0, 1, 2, 254, 255]));

    // A form with an empty endpoint and region sends them as "".
    let workspace = client.workspace().await?;
    let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &workspace);
    let created = client.post("/bucket", &with(&body, &json!({ "region": "" }))).send().await?;
    let id = text(&created.json_with_status(200)?["bucketId"]).to_owned();

    for path in [
        "/bucket?workspaceId=undefined&walletAddress=undefined",
        "/bucket?workspaceId=null&walletAddress=",
        "/bucket?",
        &format!("/bucket?workspaceId={workspace}&walletAddress=undefined"),
    ] {
        let response = client.get(path).send().await?.json_with_status(200)?;
        assert_eq!(
            (&response["success"], &response["buckets"][0]["id"]),
            (&json!(true), &json!(id)),
            "{path}"
        );
    }
    let available = client.get("/bucket/available?").send().await?.json_with_status(200)?;
    assert_eq!(available[0]["id"], json!(id));
    let none = client.get("/bucket/available?workspaceId=undefined").send().await?.json_with_status(200)?;
    assert_eq!(none[0]["id"], json!(id));

    let day = json!({ "day": "2026-01-31T23:00:00.000Z" });
    let response = client.post(&format!("/bucket/{id}/stats"), &day).send().await?.json_with_status(200)?;
    assert_eq!(response, json!({ "success": true, "nodeStats": [] }));
    let validation = client.call(Method::POST, &format!("/bucket/{id}/validate")).send().await?;
    assert_eq!(validation.json_with_status(200)?["status"], "ONLINE");
    let trial = json!({ "key": body["key"], "secret": body["secret"], "endpoint": body["endpoint"], "bucket": OPEN_BUCKET });
    let validation = client.post(&format!("/bucket/{id}/validate"), &trial).send().await?;
    assert_eq!(validation.json_with_status(200)?["success"], true);
    let update =
        json!({ "name": "Films", "bucket": OPEN_BUCKET, "storageType": "S3", "workspaceId": workspace });
    assert_eq!(
        client.put(&format!("/bucket/{id}"), &update).send().await?.json_with_status(200)?["bucketId"],
        json!(id)
    );
    let response =
        client.get(&format!("/unit/stats?unitId={id}%2C{id}")).send().await?.json_with_status(200)?;
    assert_eq!(response["stats"][0]["unitId"], json!(id));
    for path in ["/node?nodeServices=undefined", "/node?nodeServices=1"] {
        let response = client.get(path).send().await?.json_with_status(200)?;
        assert_eq!(
            (&response["success"], &response["data"][0]["ip"]),
            (&json!(true), &json!("embedded")),
            "{path}"
        );
    }
    // Very old clients send an empty object as body.
    let deleted = client.delete(&format!("/bucket/{id}")).json(&json!({})).send().await?;
    assert_eq!(deleted.json_with_status(200)?, json!({ "success": true }));
    Ok(())
}

#[tokio::test]
async fn a_session_is_renewed_and_a_stolen_refresh_token_ends_it() -> Result<()> {
    let server = Server::start(options()?).await?;
    let login = json!({ "email": OWNER_EMAIL, "password": OWNER_PASSWORD });
    let session = server.post("/user/login").json(&login).send().await?.json_with_status(200)?;
    let refresh = |body: Value| server.post("/user/refresh").json(&body).send();

    let second = refresh(json!({ "refresh_token": session["refreshToken"] })).await?.json_with_status(200)?;
    assert!(second["success"] == true && second["accessToken"].is_string(), "{second}");
    assert_ne!(second["refreshToken"], session["refreshToken"]);
    let third = refresh(json!({ "refreshToken": second["refreshToken"] })).await?.json_with_status(200)?;
    let person = Person::new(&server, text(&third["accessToken"]));
    assert_eq!(person.get("/bucket").send().await?.status, 200);

    // The first refresh token is used again, so one of the two users must have stolen it.
    let reused = refresh(json!({ "refresh_token": session["refreshToken"] })).await?.json_with_status(401)?;
    assert_eq!(reused["success"], false);
    refresh(json!({ "refresh_token": third["refreshToken"] })).await?.json_with_status(401)?;
    assert_eq!(
        person.get("/bucket").send().await?.status,
        401,
        "the session's access tokens are revoked too"
    );
    for nonsense in [json!({ "refresh_token": "x" }), json!({ "refresh_token": "" })] {
        refresh(nonsense).await?.json_with_status(401)?;
    }
    let response = refresh(json!({})).await?.json_with_status(400)?;
    assert_eq!(response["error_code"], "INVALID_REQUEST");
    let out =
        server.post("/user/logout").json(&json!({ "refresh_token": third["refreshToken"] })).send().await?;
    assert_eq!(
        out.json_with_status(200)?,
        json!({ "success": true }),
        "ending an ended session is not an error"
    );
    Ok(())
}

#[tokio::test]
async fn the_other_spelling_of_blob_is_taken_and_not_given() -> Result<()> {
    let server = Server::start(options()?).await?;
    let client = server.owner().await?;
    let body = json!({
        "name": "Archive", "bucket": "archive", "storageType": "AZURE", "key": "account", "secret": "c2VjcmV0",
        "workspaceId": client.workspace().await?, "skipValidation": true,
    });
    let id = client.register(&body).await?;
    let bucket = client.bucket(&id).await?;
    assert_eq!((&bucket["storageType"], &bucket["provider"]), (&json!("BLOB"), &json!("AZURE")));
    let gcs = json!({
        "name": "Cold", "bucket": "cold", "storageType": "GCS", "key": "robot@example.iam.gserviceaccount.com",
        "secret": "", "workspaceId": body["workspaceId"], "skipValidation": true,
    });
    let id = client.register(&gcs).await?;
    let bucket = client.bucket(&id).await?;
    assert_eq!(
        (&bucket["provider"], &bucket["hasSecret"]),
        (&json!("GCP"), &json!(false)),
        "delegated access"
    );
    Ok(())
}

/// Lists the repository in the ways of the client, alone and with its bucket.
async fn the_repository_is_listed(client: &Person, id: &str, workspace: &str, bucket: &str) -> Result<()> {
    for path in [
        "/repo".to_owned(),
        "/repo?".to_owned(),
        "/repo?workspaceId=undefined&walletAddress=undefined".to_owned(),
        format!("/repo?repoId={id}"),
        format!("/repo?workspaceId={workspace}"),
    ] {
        let response = client.get(&path).send().await?.json_with_status(200)?;
        let repo = &response["repos"][0];
        assert_eq!(
            (&response["success"], &repo["id"], &repo["mode"]),
            (&json!(true), &json!(id), &json!("NORMAL"))
        );
        assert_eq!(
            (&repo["buckets"][0]["folder"], &repo["buckets"][0]["master"]),
            (&json!("2026"), &json!(false))
        );
        assert!(repo["apiKeys"].is_array() && repo["createdAt"].is_string(), "{path}: {repo}");
    }
    let response = client.bucket(bucket).await?;
    assert_eq!(
        (&response["repos"][0]["id"], &response["repos"][0]["name"]),
        (&json!(id), &json!("Media")),
        "{response}"
    );
    Ok(())
}

/// Creates a key of the repository, and returns its path.
async fn a_key_is_made_and_changed(client: &Person, id: &str) -> Result<String> {
    // The client sends the repository's id in the body, too.
    let keys = format!("/repo/{id}/apikey");
    let key = json!({ "repoId": id, "name": "laptop", "accessType": "WRITE" });
    let pair = client.post(&keys, &key).send().await?.json_with_status(200)?;
    assert!(pair["success"] == true && pair["key"].is_string() && pair["secret"].is_string(), "{pair}");
    let response = client.get(&keys).send().await?.json_with_status(200)?;
    assert_eq!(
        (&response["keys"][0]["id"], &response["keys"][0]["accessType"]),
        (&pair["id"], &json!("WRITE"))
    );
    assert!(!response.to_string().contains(text(&pair["secret"])), "the secret is shown only once");
    let at = format!("{keys}/{}", text(&pair["id"]));
    let change = json!({ "name": "laptop", "accessType": "READ" });
    client.put(&at, &change).send().await?.json_with_status(200)?;
    Ok(at)
}

async fn statistics_are_empty(client: &Person, id: &str, bucket: &str) -> Result<()> {
    let totals =
        client.get(&format!("/repo/stats?repoId={id}%2C{id}")).send().await?.json_with_status(200)?;
    assert_eq!(
        (&totals["stats"][0]["repoId"], &totals["stats"][0]["totalUploadBytes"]),
        (&json!(id), &json!("0"))
    );
    for path in ["/stats/daily", "/stats/minute"] {
        for names in ["bucketId", "unitId"] {
            let path = format!(
                "{path}?startDate=2026-11-01T00%3A00%3A00.000Z&endDate=2026-11-02T00%3A00%3A00.000Z&{names}={bucket}"
            );
            let response = client.get(&path).send().await?.json_with_status(200)?;
            assert_eq!((&response["success"], &response["data"]), (&json!(true), &json!([])), "{path}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn repositories_keys_and_statistics_as_the_client_asks_for_them() -> Result<()> {
    let server = Server::start(options()?).await?;
    let client = server.owner().await?;
    let workspace = client.workspace().await?;
    let bucket =
        client.register(&s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &workspace)).await?;
    // The client sends the bucket back exactly as listed, and an id for a repository that doesn't exist yet.
    let place = json!({ "folder": "2026", "master": false, "bucketId": bucket, "bucket": client.bucket(&bucket).await? });
    let proposal = json!({ "repoId": "", "mode": "NORMAL", "repoBuckets": [place] });
    let response = client.post("/repo/validate", &proposal).send().await?.json_with_status(200)?;
    assert_eq!(response["success"], true, "{response}");
    let repository = json!({
        "name": "Media", "storageType": "S3", "mode": "NORMAL", "workspaceId": workspace, "repoBuckets": [place],
        "repoAiLlms": [],
    });
    let created = client.post("/repo", &repository).send().await?.json_with_status(200)?;
    assert_eq!(created["success"], true, "{created}");
    let id = text(&created["repoId"]).to_owned();

    the_repository_is_listed(&client, &id, &workspace, &bucket).await?;
    let key = a_key_is_made_and_changed(&client, &id).await?;
    statistics_are_empty(&client, &id, &bucket).await?;
    let refused = client.delete(&format!("/bucket/{bucket}")).send().await?.json_with_status(403)?;
    assert!(text(&refused["message"]).contains("Media"), "{refused}");
    let renamed = json!({ "name": "Films", "storageType": "S3", "mode": "NORMAL", "workspaceId": workspace, "repoBuckets": [place] });
    let response =
        client.post(&format!("/repo/{id}/validate"), &proposal).send().await?.json_with_status(200)?;
    assert_eq!(response["success"], true, "{response}");
    let response = client.put(&format!("/repo/{id}"), &renamed).send().await?.json_with_status(200)?;
    assert_eq!((&response["success"], &response["repoId"]), (&json!(true), &json!(id)));
    assert_eq!(client.delete(&key).send().await?.json_with_status(200)?["success"], true);
    assert_eq!(client.delete(&format!("/repo/{id}")).send().await?.json_with_status(200)?["success"], true);
    client.delete(&format!("/bucket/{bucket}")).send().await?.json_with_status(200)?;
    Ok(())
}
