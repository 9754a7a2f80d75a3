//! The disk is full: requests that would store something are refused as temporary failures, and all others work.
//! Once there is room again, everything works.

use std::time::Duration;

use bucketry_e2e::{
    OPEN_BUCKET, OWNER_EMAIL, OWNER_PASSWORD, Options, Result, Server, eventually, fill_disk, free_disk,
    ignoring_full_disks, list, needs_one_control_plane, options, s3_bucket, shared_s3_endpoint, text, with,
};
use http::Method;
use serde_json::json;

const SOON: Duration = Duration::from_secs(30);

#[tokio::test]
async fn nothing_is_stored_half_and_all_goes_on_when_there_is_room_again() -> Result<()> {
    needs_one_control_plane!("it fills the disk of a single process");
    options()?;
    let dir = tempfile::tempdir().unwrap();
    let options = Options::new(&ignoring_full_disks(dir.path())?).env("BUCKETRY_PROBE_INTERVAL", "1");
    let mut server = Server::start(options).await?;
    let owner = server.owner().await?;
    let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    let id = owner.register(&body).await?;
    let look = async || owner.status_of(&id).await;
    eventually("the bucket being ONLINE", SOON, look, |status| status == "ONLINE").await?;
    let new = with(&body, &json!({ "name": "New" }));
    let unchecked = with(&new, &json!({ "skipValidation": true }));
    let login = json!({ "email": OWNER_EMAIL, "password": OWNER_PASSWORD });

    let used = owner.register(&with(&body, &json!({ "name": "Used" }))).await?;
    let place = json!([{ "bucketId": used, "folder": "full-disk", "master": false }]);
    let fields = json!({ "name": "Traffic", "repoBuckets": place });
    let access = owner.open_repository(&server, &fields, OPEN_BUCKET).await?;
    let put = async || Ok(access.object(Method::PUT, "k").raw("text/plain", "before").send().await?.status);
    eventually("an object being stored", SOON, put, |status| *status == 200).await?;
    let records = async || {
        let found = owner.get("/audit?limit=1000").send().await?.json_with_status(200)?;
        Ok::<_, bucketry_e2e::Error>(list(&found["records"]).len())
    };
    let recorded = records().await?;

    fill_disk(&server).await?;
    for _ in 0..2 {
        // A change that can't be recorded is refused, but traffic needs no record.
        let stored = access.object(Method::PUT, "k").raw("text/plain", "meanwhile").send().await?;
        let read = access.object(Method::GET, "k").send().await?;
        assert_eq!((stored.status, read.status, read.text().as_str()), (200, 200, "meanwhile"));
        assert_eq!(records().await?, recorded, "the audit can be read, and has no new record");
        for call in [
            owner.post("/bucket", &new),
            owner.post("/bucket", &unchecked),
            owner.put(&format!("/bucket/{id}"), &json!({ "name": "Renamed" })),
            owner.delete(&format!("/bucket/{id}")),
            server.post("/user/login").json(&login),
        ] {
            let answer = call.send().await?;
            let response = answer.json_with_status(503)?;
            assert_eq!(response["error_code"], "STORAGE_UNAVAILABLE", "{response}");
            assert!(text(&response["message"]).contains("nothing was changed"), "{response}");
            assert!(text(&response["message"]).contains("disk"), "the message names the cause: {response}");
            assert!(answer.header("retry-after").is_some());
        }
        assert_eq!(owner.bucket(&id).await?["name"], "Photos", "reading still works");
        let validation = owner.call(Method::POST, &format!("/bucket/{id}/validate")).send().await?;
        assert_eq!(validation.json_with_status(200)?["status"], "ONLINE");
        for path in ["/health", "/metrics", "/openapi.json"] {
            assert_eq!(server.get(path).send().await?.status, 200, "{path}");
        }
    }

    let look = async || server.get("/ready").send().await;
    let response =
        eventually("/ready showing it", SOON, look, |answer| answer.status == 503).await?.json()?;
    assert_eq!((&response["database"], &response["writes"]), (&json!(true), &json!(false)), "{response}");
    assert!(text(&response["message"]).contains("disk is full"), "{response}");

    free_disk(&server).await?;
    eventually("/ready recovering", SOON, look, |answer| answer.status == 200).await?;
    let created = owner.register(&new).await?;
    owner.put(&format!("/bucket/{id}"), &json!({ "name": "Renamed" })).send().await?.json_with_status(200)?;
    assert_eq!(server.log_in().await?.split('.').count(), 3);
    let look = async || owner.status_of(&created).await;
    eventually("the new bucket being ONLINE", SOON, look, |status| status == "ONLINE").await?;

    server.kill_hard().await?;
    server.restart().await?;
    let owner = owner.again_at(&server);
    let names: Vec<_> =
        owner.buckets().await?.iter().map(|bucket| text(&bucket["name"]).to_owned()).collect();
    assert_eq!(names, ["New", "Used", "Renamed"]);
    Ok(())
}
