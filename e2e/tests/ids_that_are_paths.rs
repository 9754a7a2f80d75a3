//! Some servers treat an upload id or a version as a path. Clients with keys of one repository can't use this to
//! access anything else, and know uploads only by ids of the gateway.

use std::time::Duration;

use bucketry_e2e::{
    ADMIN, CommandLine, OPEN_BUCKET, Person, RepositoryAccess, Result, SeaweedFs, Server, eventually,
    options, s3_bucket, shared_s3_endpoint, text,
};
use http::Method;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(20);

/// Creates another key of the repository.
async fn another_key(owner: &Person, access: &RepositoryAccess, kind: &str) -> Result<RepositoryAccess> {
    let wanted = json!({ "name": format!("Another, {kind}"), "accessType": kind });
    let path = format!("/repo/{}/apikey", access.repository);
    let pair = owner.post(&path, &wanted).send().await?.json_with_status(200)?;
    let (key, secret) = (text(&pair["key"]).to_owned(), text(&pair["secret"]).to_owned());
    let access = RepositoryAccess { key, secret, ..access.clone() };
    served(&access).await?;
    Ok(access)
}

async fn served(access: &RepositoryAccess) -> Result<()> {
    let look = async || Ok(access.object(Method::GET, "none").send().await?.status);
    eventually("the bucket being served", SOON, look, |status| *status == 404).await.map(drop)
}

/// A server with a repository in a folder of the shared bucket.
async fn deployment(endpoint: &str, folder: &str) -> Result<(Server, Person, RepositoryAccess)> {
    let server = Server::start(options()?.env("BUCKETRY_PROBE_INTERVAL", "3600")).await?;
    let owner = server.owner().await?;
    let body = s3_bucket("Photos", OPEN_BUCKET, endpoint, &owner.workspace().await?);
    let id = owner.register(&body).await?;
    let places = json!([{ "bucketId": id, "folder": folder, "master": false }]);
    let fields = json!({ "name": "Media", "repoBuckets": places });
    let access = owner.open_repository(&server, &fields, OPEN_BUCKET).await?;
    served(&access).await?;
    Ok((server, owner, access))
}

#[tokio::test]
async fn ids_that_are_paths_get_at_nothing_of_an_older_server() -> Result<()> {
    let mut store = SeaweedFs::start_older().await?;
    store.create_bucket("unknown").await?;
    let (_server, owner, access) = deployment(store.endpoint(), "folderA").await?;
    let writer = another_key(&owner, &access, "WRITE").await?;
    let reader = another_key(&owner, &access, "READ").await?;
    let args = [store.endpoint(), ADMIN.key, ADMIN.secret, &reader.key, &reader.secret];
    let response = writer.run_script("attack_paths.py", &args).await?;
    eprintln!("{}", serde_json::to_string_pretty(&response).unwrap_or_default());
    let version = json!([400, "InvalidArgument"]);
    let upload = json!([404, "NoSuchUpload"]);
    assert_eq!(
        response,
        json!({
            "READ reads another folder by versionId": version,
            // The response to a HEAD has no document that could contain the code.
            "READ asks for it": [400, "400"],
            "READ reads its tags": version,
            "WRITE copies it to itself": version,
            "WRITE plants an object in another folder": upload,
            "WRITE plants a part with the server's id": upload,
            "WRITE removes another folder": upload,
            "WRITE removes another bucket": upload,
            "WRITE removes all uploads": upload,
            "WRITE removes the bucket": upload,
            "sealed id differs": true,
        }),
        "and nothing changed at the server"
    );
    Ok(())
}

#[tokio::test]
async fn an_upload_has_one_id_whichever_key_asks_and_whatever_happens_to_the_server() -> Result<()> {
    let folder = format!("sealed-{}", std::process::id());
    let (mut server, owner, mut access) = deployment(&shared_s3_endpoint()?, &folder).await?;
    let step = async |access: &RepositoryAccess, args: &[&str]| -> Result<Value> {
        access.run_script("sealed_uploads.py", args).await
    };
    let begun = step(&access, &["begin", "large"]).await?;
    let id = text(&begun[0]).to_owned();
    assert!(id.starts_with("bku1.") && id.len() < 1_000, "{id}");
    assert_eq!(step(&access, &["list", "large"]).await?, begun);
    assert_eq!(step(&access, &["part", "large", &id, "1"]).await?, begun);

    let other = another_key(&owner, &access, "WRITE").await?;
    assert_eq!(step(&other, &["list", "large"]).await?, begun, "through another key");

    server.restart().await?;
    let owner = owner.again_at(&server);
    access.endpoint = server.gateway().unwrap_or_default().to_owned();
    served(&access).await?;
    assert_eq!(step(&access, &["list", "large"]).await?, begun, "after a restart");

    let rotated = CommandLine::with_token(&server, owner.token())?.json(&["vault", "rotate"]).await?;
    assert_eq!(rotated["failed"], 0, "{rotated}");
    served(&access).await?;
    assert_eq!(step(&access, &["list", "large"]).await?, begun, "sealed to other keys of the node");

    let keys =
        owner.get(&format!("/repo/{}/apikey", access.repository)).send().await?.json_with_status(200)?;
    for key in bucketry_e2e::list(&keys["keys"]) {
        let path = format!("/repo/{}/apikey/{}", access.repository, text(&key["id"]));
        owner.delete(&path).send().await?.json_with_status(200)?;
    }
    let replaced = another_key(&owner, &access, "WRITE").await?;
    assert_eq!(step(&replaced, &["list", "large"]).await?, begun, "after every key was replaced");
    assert_eq!(step(&replaced, &["complete", "large", &id]).await?, json!([(5 << 20).to_string()]));
    Ok(())
}
