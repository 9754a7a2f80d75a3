//! Changes in the registry soon apply to new requests at the gateway; requests in flight finish as they began. The
//! time from the response to the change is measured and printed.

use std::time::Duration;

use bucketry_e2e::{
    ADMIN, Error, OPEN_BUCKET, Person, RepositoryAccess, Result, SCOPED_BUCKET, Server, eventually, list,
    options, s3_bucket, shared_s3_endpoint, text,
};
use bucketry_faults::{Answer, Fault, FaultProxy};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// Time limit for a change to apply. On an idle machine it takes a tenth of a second.
const AT_MOST: Duration = Duration::from_secs(5);

/// Makes a change, waits until requests get this status because of it, and returns a line with the time this took.
async fn holds_soon(
    what: &str,
    change: bucketry_e2e::Call,
    look: impl AsyncFnMut() -> Result<u16>,
    status: u16,
) -> Result<String> {
    change.send().await?.json_with_status(200)?;
    let since = Instant::now();
    eventually(&format!("{what} being in force"), AT_MOST, look, |seen| *seen == status).await?;
    Ok(format!("{what}: in force after {} ms", since.elapsed().as_millis()))
}

/// A server with a bucket in a dedicated folder of a repository, and the bucket's id.
async fn deployment(endpoint: &str, folder: &str) -> Result<(Server, Person, String, RepositoryAccess)> {
    let server = Server::start(options()?.env("BUCKETRY_PROBE_INTERVAL", "3600")).await?;
    let owner = server.owner().await?;
    let body = s3_bucket("Photos", OPEN_BUCKET, endpoint, &owner.workspace().await?);
    let id = owner.register(&body).await?;
    let fields = json!({ "name": "Media", "repoBuckets": attached(&id, folder) });
    let access = owner.open_repository(&server, &fields, OPEN_BUCKET).await?;
    Ok((server, owner, id, access))
}

fn attached(id: &str, folder: &str) -> Value {
    json!([{ "bucketId": id, "folder": folder, "master": false }])
}

fn own_folder(name: &str) -> String {
    format!("{name}-{}", std::process::id())
}

async fn put(access: &RepositoryAccess, key: &str) -> Result<()> {
    let response = access.object(Method::PUT, key).raw("text/plain", key.to_owned()).send().await?;
    if response.status == 200 { Ok(()) } else { Err(response.unlike("status 200")) }
}

async fn get(access: &RepositoryAccess, key: &str) -> Result<u16> {
    Ok(access.object(Method::GET, key).send().await?.status)
}

#[tokio::test]
async fn changes_of_a_repository_and_its_keys_hold_within_seconds() -> Result<()> {
    let folder = own_folder("changes");
    let (_server, owner, id, access) = deployment(&shared_s3_endpoint()?, &folder).await?;
    let look = async || get(&access, "none").await;
    eventually("the bucket being served", AT_MOST * 2, look, |status| *status == 404).await?;
    put(&access, "here").await?;
    let repository = format!("/repo/{}", access.repository);

    let detached = owner.put(&repository, &json!({ "repoBuckets": [] }));
    eprintln!(
        "{}",
        holds_soon("a bucket taken out", detached, async || get(&access, "here").await, 404).await?
    );
    let elsewhere = json!({ "repoBuckets": attached(&id, &format!("{folder}-other")) });
    let moved = owner.put(&repository, &elsewhere);
    // Writes work again as soon as the bucket is back, in another folder.
    let look = async || Ok(access.object(Method::PUT, "there").raw("text/plain", "x").send().await?.status);
    eprintln!("{}", holds_soon("a bucket put back into another folder", moved, look, 200).await?);
    assert_eq!(get(&access, "here").await?, 404, "it is in the previous folder");
    assert_eq!(get(&access, "there").await?, 200);

    let path = format!("{repository}/apikey");
    let another = json!({ "name": "Another", "accessType": "READ" });
    let pair = owner.post(&path, &another).send().await?.json_with_status(200)?;
    let reader = RepositoryAccess {
        key: text(&pair["key"]).to_owned(),
        secret: text(&pair["secret"]).to_owned(),
        ..access.clone()
    };
    let read = async || get(&reader, "there").await;
    eventually("a new key being accepted", AT_MOST, read, |status| *status == 200).await?;
    let revoked = owner.delete(&format!("{path}/{}", text(&pair["id"])));
    eprintln!("{}", holds_soon("a revoked key", revoked, async || get(&reader, "there").await, 403).await?);
    let response = reader.object(Method::GET, "there").send().await?;
    assert!(response.text().contains("InvalidAccessKeyId"), "{}", response.text());
    assert_eq!(get(&access, "there").await?, 200, "the other key still works");

    let deleted = owner.delete(&repository);
    eprintln!(
        "{}",
        holds_soon("a deleted repository", deleted, async || get(&access, "there").await, 403).await?
    );
    Ok(())
}

#[tokio::test]
async fn a_bucket_at_another_endpoint_is_used_there_within_seconds() -> Result<()> {
    let store = shared_s3_endpoint()?.trim_start_matches("http://").parse().unwrap();
    let (first, second) = (FaultProxy::start(store).await.unwrap(), FaultProxy::start(store).await.unwrap());
    let folder = own_folder("endpoint");
    let (_server, owner, id, access) = deployment(&first.endpoint(), &folder).await?;
    let look = async || put(&access, "here").await;
    eventually("the bucket being served", AT_MOST * 2, look, |()| true).await?;
    // From now on, only the second endpoint returns the object.
    first.set(Fault::Answer(Answer::s3_error(404, "NoSuchKey", "")));
    assert_eq!(get(&access, "here").await?, 404);
    let change = json!({ "endpoint": second.endpoint(), "secret": ADMIN.secret });
    let moved = owner.put(&format!("/bucket/{id}"), &change);
    eprintln!("{}", holds_soon("another endpoint", moved, async || get(&access, "here").await, 200).await?);
    Ok(())
}

#[tokio::test]
async fn a_download_in_flight_ends_as_it_began_when_the_bucket_becomes_another() -> Result<()> {
    const SIZE: usize = 64 << 20;
    let folder = own_folder("flight");
    let (_server, owner, id, access) = deployment(&shared_s3_endpoint()?, &folder).await?;
    let content: Vec<u8> = (0..SIZE).map(|at| u8::try_from(at / 4_096 % 251).unwrap_or_default()).collect();
    let large = async || {
        let call = access.object(Method::PUT, "large").raw("application/octet-stream", content.clone());
        Ok(call.send().await?.status)
    };
    eventually("the object being stored", AT_MOST * 4, large, |status| *status == 200).await?;

    let download = Download::begin(&access, "large").await?;
    let bucket = |name: &str| json!({ "bucket": name, "secret": ADMIN.secret });
    let other = owner.put(&format!("/bucket/{id}"), &bucket(SCOPED_BUCKET));
    eprintln!("{}", holds_soon("another bucket", other, async || get(&access, "large").await, 404).await?);
    let renamed = RepositoryAccess { bucket: SCOPED_BUCKET.to_owned(), ..access.clone() };
    assert_eq!(get(&renamed, "large").await?, 404, "the other bucket has no such object");
    put(&renamed, "small").await?;
    assert!(download.received() < SIZE / 2, "{} bytes had already arrived", download.received());

    let received = download.finish().await?;
    assert_eq!(received.len(), SIZE);
    assert!(received == content, "the object is the original one");
    let back = owner.put(&format!("/bucket/{id}"), &bucket(OPEN_BUCKET));
    eprintln!("{}", holds_soon("the bucket before", back, async || get(&access, "large").await, 200).await?);
    assert_eq!(access.object(Method::DELETE, "large").send().await?.status, 204);
    Ok(())
}

/// A download that is paused until [`Download::finish`].
struct Download {
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl Download {
    async fn begin(access: &RepositoryAccess, key: &str) -> Result<Self> {
        let path = format!("/{}/{key}", access.bucket);
        let signature = access.signature(&Method::GET, &path, SignedDuration::ZERO);
        let lines: Vec<_> = signature.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let first = format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", access.host());
        let head = format!("{first}{}\r\n", lines.concat());
        let mut stream = TcpStream::connect(access.host()).await.map_err(Error::Files)?;
        stream.write_all(head.as_bytes()).await.map_err(Error::Files)?;
        let mut bytes = vec![0; 16 * 1024];
        let read = stream.read(&mut bytes).await.map_err(Error::Files)?;
        bytes.truncate(read);
        assert!(bytes.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&bytes));
        Ok(Self { stream, bytes })
    }

    fn received(&self) -> usize {
        self.bytes.len()
    }

    /// Reads the rest and returns the whole body.
    async fn finish(mut self) -> Result<Vec<u8>> {
        self.stream.read_to_end(&mut self.bytes).await.map_err(Error::Files)?;
        let head = self.bytes.windows(4).position(|window| window == b"\r\n\r\n");
        Ok(self.bytes.split_off(head.map_or(0, |end| end + 4)))
    }
}

#[tokio::test]
async fn the_last_use_of_a_key_is_told_within_seconds() -> Result<()> {
    let (_server, owner, _, access) = deployment(&shared_s3_endpoint()?, &own_folder("use")).await?;
    let path = format!("/repo/{}/apikey", access.repository);
    let keys = async || Ok(owner.get(&path).send().await?.json_with_status(200)?["keys"][0].clone());
    let unused = keys().await?;
    assert!(unused["lastUsedAt"].is_null(), "refused requests don't count as use: {unused}");

    let look = async || get(&access, "none").await;
    eventually("the bucket being served", AT_MOST * 2, look, |status| *status == 404).await?;
    let since = Instant::now();
    let response =
        eventually("the use being shown", AT_MOST * 4, keys, |key| key["lastUsedAt"].is_string()).await?;
    eprintln!("the last use of a key: shown after {} ms", since.elapsed().as_millis());
    let used: Timestamp = text(&response["lastUsedAt"]).parse().unwrap();
    let made: Timestamp = text(&response["createdAt"]).parse().unwrap();
    let apart = used.duration_since(made);
    assert!(apart > -SignedDuration::from_mins(1) && apart < SignedDuration::from_mins(1), "{response}");
    let listed = owner.get("/repo").send().await?.json_with_status(200)?;
    let shown = list(&listed["repos"][0]["apiKeys"]);
    assert!(shown.is_empty() || shown[0]["lastUsedAt"] == response["lastUsedAt"], "{listed}");
    Ok(())
}
