//! A repository in mode MIRROR: only its master is read and written, and the response to its creation says so.

use bucketry_e2e::{
    ADMIN, OPEN_BUCKET, Result, SCOPED_BUCKET, Server, options, run_python, s3_bucket, shared_s3_endpoint,
    text, with,
};
use http::Method;
use serde_json::{Value, json};

/// The keys under a prefix in a bucket of the shared S3 server, bypassing the gateway.
async fn stored(bucket: &str, prefix: &str) -> Result<Value> {
    const SCRIPT: &str = r"
import boto3, json, sys
endpoint, bucket, prefix, key, secret = sys.argv[1:]
client = boto3.client('s3', endpoint_url=endpoint, region_name='us-east-1',
                      aws_access_key_id=key, aws_secret_access_key=secret)
listed = client.list_objects_v2(Bucket=bucket, Prefix=prefix)
print(json.dumps([object['Key'] for object in listed.get('Contents', [])]))
";
    run_python(SCRIPT, &[&shared_s3_endpoint()?, bucket, prefix, ADMIN.key, ADMIN.secret]).await
}

#[tokio::test]
async fn a_mirror_says_that_replicas_are_not_filled_and_uses_its_master_only() -> Result<()> {
    let server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let body = s3_bucket("Master", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    let master = owner.register(&body).await?;
    let replica = with(&body, &json!({ "name": "Replica", "bucket": SCOPED_BUCKET }));
    let replica = owner.register(&replica).await?;
    let folder = format!("mirror-{}", std::process::id());
    let place = |id: &str, master: bool| json!({ "bucketId": id, "folder": folder, "master": master });
    let places = json!([place(&replica, false), place(&master, true)]);

    let fields = json!({ "name": "vault", "mode": "MIRROR", "repoBuckets": places });
    let asked = json!({ "storageType": "S3", "workspaceId": owner.workspace().await? });
    let asked = with(&asked, &with(&fields, &json!({ "name": "Other" })));
    let made = owner.post("/repo", &asked).send().await?.json_with_status(200)?;
    assert!(text(&made["message"]).contains("replicas are not filled yet"), "{made}");
    owner.delete(&format!("/repo/{}", text(&made["repoId"]))).send().await?.json_with_status(200)?;

    let access = owner.open_repository(&server, &fields, OPEN_BUCKET).await?;
    // Every name refers to the master: those of the buckets and that of the repository.
    for (name, key) in [(OPEN_BUCKET, "a"), (SCOPED_BUCKET, "b"), ("vault", "c")] {
        let by_name = bucketry_e2e::RepositoryAccess { bucket: name.to_owned(), ..access.clone() };
        let put = by_name.object(Method::PUT, key).raw("text/plain", name).send().await?;
        assert_eq!(put.status, 200, "{name}: {}", put.text());
        let read = access.object(Method::GET, key).send().await?;
        assert_eq!((read.status, read.text().as_str()), (200, name));
    }
    let keys: Vec<String> = ["a", "b", "c"].iter().map(|key| format!("{folder}/{key}")).collect();
    assert_eq!(stored(OPEN_BUCKET, &folder).await?, json!(keys));
    assert_eq!(stored(SCOPED_BUCKET, &folder).await?, json!([]), "nothing is written to a replica");

    let deleted = access.object(Method::DELETE, "a").send().await?;
    assert_eq!(deleted.status, 204);
    assert_eq!(stored(OPEN_BUCKET, &folder).await?, json!(keys[1..]));
    let response =
        owner.get(&format!("/bucket/stats?bucketId={replica}")).send().await?.json_with_status(200)?;
    assert_eq!(response["stats"][0]["totalCount"], "0", "{response}");
    Ok(())
}
