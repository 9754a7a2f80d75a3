//! Several control planes on one PostgreSQL database: what runs once, although each of them could do it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bucketry_e2e::{
    CommandLine, Error, OPEN_BUCKET, OWNER_EMAIL, OWNER_PASSWORD, Options, Person, Receiver,
    RepositoryAccess, Result, SeaweedFs, Server, Stranger, eventually, needs_one_control_plane, new_database,
    options, query, s3_bucket, shared_s3_endpoint, text,
};
use http::Method;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::RSA_PKCS1_SHA256;
use rustls::pki_types::PrivatePkcs1KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const SOON: Duration = Duration::from_secs(90);
const KEY: &str = "the key of the test's webhook";
/// The statement by which the control plane that watches asks how many messages a channel may get.
const ASKS_FOR_ROOM: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
    AND wait_event_type = 'Lock' AND query LIKE 'SELECT COUNT(*) FROM (SELECT 1 FROM notifications %'";

/// A server with a node, and one without, on the same database. They accept each other's tokens.
struct ControlPlanes {
    database: String,
    with_node: Server,
    without_node: Server,
    _dir: TempDir,
}

impl ControlPlanes {
    async fn start(configure: impl Fn(Options) -> Options) -> Result<Self> {
        let database = new_database().await?;
        let on = |options: Options| configure(options.env("BUCKETRY_DATABASE_URL", &database));
        let with_node = Server::start(on(options()?)).await?;
        let dir = tempfile::tempdir().map_err(Error::Files)?;
        let data = dir.path().join("data");
        std::fs::create_dir(&data).map_err(Error::Files)?;
        std::fs::copy(with_node.data_dir().join("token.key"), data.join("token.key"))
            .map_err(Error::Files)?;
        let without_node = Server::start(on(options()?.data_dir(&data).arg("--no-node"))).await?;
        Ok(Self { database, with_node, without_node, _dir: dir })
    }

    /// The token of the lease of the watch for conditions.
    async fn watch_token(&self) -> Result<i64> {
        let found = query(&self.database, "SELECT token FROM leases WHERE name = 'CONDITION_WATCH'").await?;
        Ok(found.trim().parse().unwrap_or_default())
    }
}

fn signal(server: &Server, signal: &str) -> Result<()> {
    let process = server.process_id().unwrap_or_default().to_string();
    let sent = Command::new("kill").args([signal, &process]).status().map_err(Error::Files)?;
    assert!(sent.success(), "kill {signal} {process}");
    Ok(())
}

#[tokio::test]
async fn a_watch_that_was_stopped_is_taken_over_and_stores_nothing_when_it_continues() -> Result<()> {
    needs_one_control_plane!("it starts its own control planes");
    let (mut store, receiver) = (SeaweedFs::start().await?, Receiver::start(KEY).await?);
    let planes = ControlPlanes::start(|options| {
        options
            .env("BUCKETRY_PROBE_INTERVAL", "1")
            .env("BUCKETRY_FINDING_DELAY", "0")
            .env("BUCKETRY_NOTIFICATION_WINDOW", "1")
    })
    .await?;
    let owner = planes.with_node.owner().await?;
    let channel = json!({
        "name": "Pager", "kind": "WEBHOOK", "url": format!("{}/hook", receiver.url()), "secret": KEY,
        "rules": [{ "code": "BUCKET_OFFLINE" }],
    });
    owner.post("/notification/channel", &channel).send().await?.json_with_status(200)?;
    let body = s3_bucket("Photos", OPEN_BUCKET, store.endpoint(), &owner.workspace().await?);
    let id = owner.register(&body).await?;
    eventually("ONLINE", SOON, async || owner.status_of(&id).await, |status| status == "ONLINE").await?;

    // Whichever watches, the one without a node takes over from one that doesn't respond.
    eventually("a watch", SOON, async || planes.watch_token().await, |token| *token > 0).await?;
    query(&planes.database, "UPDATE leases SET holder = 'one that died', token = token + 1").await?;
    signal(&planes.with_node, "-STOP")?;
    let token = planes.watch_token().await?;
    eventually("the other one", SOON, async || planes.watch_token().await, |now| *now > token).await?;
    signal(&planes.with_node, "-CONT")?;

    // It is stopped between finding the outage and storing the message about it.
    let locked =
        Stranger::begin(&planes.database, "BEGIN; LOCK TABLE notifications IN ACCESS EXCLUSIVE MODE");
    let locked = locked.await?;
    store.stop().await?;
    let waits = async || query(&planes.database, ASKS_FOR_ROOM).await;
    eventually("the watch having found the outage", SOON, waits, |waiting| waiting.trim() != "0").await?;
    signal(&planes.without_node, "-STOP")?;
    drop(locked);
    let count = async || Ok(receiver.received().len());
    eventually("a message from the one that took over", SOON, count, |count| *count == 1).await?;

    signal(&planes.without_node, "-CONT")?;
    let log = async || Ok(planes.without_node.log());
    let refused = "another control plane has taken over the watch for conditions to notify about";
    eventually("the late write being refused", SOON, log, |log| log.contains(refused)).await?;
    store.start_again().await?;
    eventually("a message about the end", SOON, count, |count| *count >= 2).await?;
    let kinds: Vec<Value> = receiver.received().iter().map(|event| event.body["kind"].clone()).collect();
    assert_eq!(kinds, [json!("ALERTING"), json!("RESOLVED")]);
    Ok(())
}

#[tokio::test]
async fn the_gateway_of_a_node_is_known_at_each_control_plane() -> Result<()> {
    needs_one_control_plane!("it starts its own control planes");
    let planes = ControlPlanes::start(|options| options).await?;
    let gateway = planes.with_node.gateway().map(str::to_owned);
    assert!(gateway.is_some());
    let there = planes.with_node.owner().await?.again_at(&planes.without_node);
    let look = async || there.get("/node").send().await?.json_with_status(200);
    let has_gateway = |nodes: &Value| nodes["data"][0]["gatewayUrl"].as_str() == gateway.as_deref();
    eventually("the address of the gateway", SOON, look, has_gateway).await?;
    let metrics = planes.without_node.get("/metrics").send().await?;
    assert!(metrics.text().contains("bucketry_node_buckets{"), "the node's own counts are there, too");
    Ok(())
}

#[tokio::test]
async fn a_request_with_one_idempotency_key_is_executed_once_whichever_control_plane_gets_it() -> Result<()> {
    needs_one_control_plane!("it starts its own control planes");
    let planes = ControlPlanes::start(|options| options).await?;
    let here = planes.with_node.owner().await?;
    let there = here.again_at(&planes.without_node);
    let token = json!({ "name": "machine" });
    let first = here.post("/token", &token).header("idempotency-key", "one").send().await?;
    let first = first.json_with_status(201)?;
    let again = there.post("/token", &token).header("idempotency-key", "one").send().await?;
    assert_eq!(again.json_with_status(201)?["id"], first["id"]);
    let other = json!({ "name": "another machine" });
    let reused = there.post("/token", &other).header("idempotency-key", "one").send().await?;
    assert_eq!(reused.json_with_status(409)?["error_code"], "IDEMPOTENCY_KEY_REUSED");

    for round in 0..10 {
        let (key, named) = (format!("both {round}"), json!({ "name": format!("both {round}") }));
        let key = key.replace(' ', "-");
        let (one, another) = tokio::join!(
            here.post("/token", &named).header("idempotency-key", &key).send(),
            there.post("/token", &named).header("idempotency-key", &key).send(),
        );
        let statuses = [one?.status, another?.status];
        assert!(
            statuses.contains(&201) && statuses.iter().all(|one| [201, 409].contains(one)),
            "{statuses:?}"
        );
    }
    let tokens = here.get("/token").send().await?.json_with_status(200)?;
    let names: Vec<&str> =
        tokens["tokens"].as_array().into_iter().flatten().map(|one| text(&one["name"])).collect();
    let both = names.iter().filter(|name| name.starts_with("both ")).count();
    assert_eq!(both, 10, "{names:?}");
    Ok(())
}

/// A registration of a node, signed by an organization's key as the public contract's installer does.
fn registration(private_key: &str) -> Value {
    let key = PrivatePkcs1KeyDer::from_pem_slice(private_key.as_bytes()).unwrap();
    let key = KeyPair::from_der(key.secret_pkcs1_der()).unwrap();
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut signature = vec![0; key.public().modulus_len()];
    let text = format!("remote-1|here|{seconds}");
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
    json!({
        "ip": "remote-1", "region": "here", "timestamp": seconds, "status": "running", "version": "0.0.28",
        "signature": STANDARD.encode(signature),
    })
}

#[tokio::test]
async fn a_nodes_message_that_one_control_plane_has_accepted_is_refused_by_the_other() -> Result<()> {
    needs_one_control_plane!("it starts its own control planes");
    let planes = ControlPlanes::start(|options| options).await?;
    let owner = planes.with_node.owner().await?;
    let terminal = CommandLine::with_token(&planes.with_node, owner.token())?;
    let key = terminal.text(&["organization", "key", "add"]).await?;
    let register =
        async |server: &Server, message: &Value| server.post("/register").json(message).send().await;

    // A control plane learns of a new key within a second.
    let message = registration(&key);
    let look = async || register(&planes.without_node, &message).await;
    eventually("the registration", SOON, look, |answer| answer.status == 200).await?;
    for server in [&planes.with_node, &planes.without_node] {
        let refused = register(server, &message).await?.json_with_status(400)?;
        assert_eq!(refused["error_code"], "INVALID_NODE_MESSAGE", "{refused}");
        assert!(refused.to_string().contains("already received"), "{refused}");
    }
    let hashes = query(&planes.database, "SELECT count(*) > 0 FROM node_signatures").await?;
    assert_eq!(hashes.trim(), "t");
    Ok(())
}

/// Logs in at a server, and returns the status.
async fn log_in(server: &Server, email: &str) -> Result<u16> {
    let body = json!({ "email": email, "password": OWNER_PASSWORD });
    Ok(server.post("/user/login").json(&body).send().await?.status)
}

#[tokio::test]
async fn wrong_passwords_at_two_control_planes_count_together_and_right_ones_store_nothing() -> Result<()> {
    needs_one_control_plane!("it starts its own control planes");
    let planes = ControlPlanes::start(|options| options.env("BUCKETRY_RATE_LIMIT", "on")).await?;
    let stored = async || query(&planes.database, "SELECT count(*) FROM login_failures").await;
    assert_eq!(log_in(&planes.with_node, OWNER_EMAIL).await?, 200);
    assert_eq!(stored().await?.trim(), "0");

    // Also for an account that doesn't exist: ten in a burst, and another one each ten seconds. Counted separately, it would be twenty.
    let began = Instant::now();
    let mut wrong = 0;
    for server in [&planes.with_node, &planes.without_node].into_iter().cycle() {
        match log_in(server, "ann@example.com").await? {
            401 => wrong += 1,
            429 => break,
            other => panic!("{other}"),
        }
    }
    let at_most = 11 + began.elapsed().as_secs() / 10;
    assert!((10..=at_most).contains(&wrong), "{wrong} wrong passwords were accepted, not {at_most}");
    for server in [&planes.with_node, &planes.without_node] {
        assert_eq!(log_in(server, OWNER_EMAIL).await?, 200, "another account");
    }
    assert_ne!(stored().await?.trim(), "0");
    Ok(())
}

#[tokio::test]
async fn a_client_that_has_used_its_rate_limit_at_one_control_plane_is_refused_by_the_other() -> Result<()> {
    needs_one_control_plane!("it starts its own control planes");
    let planes = ControlPlanes::start(|options| options.env("BUCKETRY_RATE_LIMIT", "on")).await?;
    // Refreshing is limited to 30 requests in a burst, and to one each two seconds from then on.
    let refresh = async |server: &Server| {
        let body = json!({ "refreshToken": "A".repeat(43) });
        Ok(server.post("/user/refresh").json(&body).send().await?.status)
    };
    let first = async || refresh(&planes.with_node).await;
    eventually("the limit at one", SOON, first, |status| *status == 429).await?;
    let asked = AtomicU32::new(0);
    let other = async || {
        asked.fetch_add(1, Ordering::Relaxed);
        refresh(&planes.without_node).await
    };
    eventually("the limit at the other", SOON, other, |status| *status == 429).await?;
    let asked = asked.into_inner();
    assert!(asked <= 20, "the other admitted {asked} requests, as if it counted alone");
    Ok(())
}

#[tokio::test]
async fn a_token_that_one_control_plane_revokes_is_refused_by_the_other_at_once() -> Result<()> {
    needs_one_control_plane!("it starts its own control planes");
    let planes = ControlPlanes::start(|options| options).await?;
    let owner = planes.with_node.owner().await?;
    let mut longest = Duration::ZERO;
    for round in 0..3 {
        let token = json!({ "name": format!("machine {round}") });
        let token = owner.post("/token", &token).send().await?.json_with_status(201)?;
        let machine = Person::new(&planes.without_node, text(&token["token"]));
        // From here on, the other control plane knows the caller, for five seconds if it isn't told anything.
        machine.get("/bucket").send().await?.json_with_status(200)?;
        owner.delete(&format!("/token/{}", text(&token["id"]))).send().await?.json_with_status(200)?;
        let revoked = Instant::now();
        let look = async || Ok(machine.get("/bucket").send().await?.status);
        eventually("the token being refused", SOON, look, |status| *status == 401).await?;
        longest = longest.max(revoked.elapsed());
    }
    eprintln!("a revoked token was refused after at most {longest:?}");
    assert!(longest < Duration::from_secs(3), "{longest:?}");
    Ok(())
}

/// A stream of server-sent events, as a page of the dashboard has it open.
struct OpenPage {
    stream: TcpStream,
    received: String,
}

impl OpenPage {
    /// Signs the owner in at a server's dashboard, and opens the stream of a page that shows a bucket.
    async fn open(server: &Server, bucket: &str) -> Result<Self> {
        let form = format!("email={}&password={OWNER_PASSWORD}", OWNER_EMAIL.replace('@', "%40"));
        let sign_in = server.post("/ui/sign-in").header("origin", server.api());
        let signed_in = sign_in.raw("application/x-www-form-urlencoded", form).send().await?;
        let cookie = signed_in.header("set-cookie").unwrap_or_default();
        let cookie = cookie.split(';').next().unwrap_or_default();
        let authority = server.api().trim_start_matches("http://");
        let mut stream = TcpStream::connect(authority).await.map_err(Error::Files)?;
        let request =
            format!("GET /ui/live?bucket={bucket} HTTP/1.1\r\nHost: {authority}\r\nCookie: {cookie}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.map_err(Error::Files)?;
        let mut page = Self { stream, received: String::new() };
        page.until_it_has(": open").await?;
        Ok(page)
    }

    /// Reads until the stream contains this text, and forgets what came before.
    async fn until_it_has(&mut self, text: &str) -> Result<()> {
        let reading = async {
            loop {
                if let Some(end) = self.received.find(text) {
                    self.received.drain(..end + text.len());
                    return Ok(());
                }
                let mut buffer = [0; 4096];
                let length = self.stream.read(&mut buffer).await.map_err(Error::Files)?;
                assert!(length > 0, "the stream ended: {}", self.received);
                self.received.push_str(&String::from_utf8_lossy(&buffer[..length]));
            }
        };
        let never = || Error::TimedOut { what: text.to_owned(), within: SOON, last: String::new() };
        tokio::time::timeout(SOON, reading).await.map_err(|_| never())?
    }
}

#[tokio::test]
async fn an_open_page_at_one_control_plane_shows_what_is_changed_at_another() -> Result<()> {
    needs_one_control_plane!("it starts its own control planes");
    let planes = ControlPlanes::start(|options| options.env("BUCKETRY_PROBE_INTERVAL", "3600")).await?;
    let owner = planes.with_node.owner().await?;
    let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    let id = owner.register(&body).await?;
    eventually("ONLINE", SOON, async || owner.status_of(&id).await, |status| status == "ONLINE").await?;
    let mut times = Vec::new();
    for round in 0..3 {
        let mut page = OpenPage::open(&planes.without_node, &id).await?;
        let name = json!({ "name": format!("Photos {round}") });
        owner.put(&format!("/bucket/{id}"), &name).send().await?.json_with_status(200)?;
        let changed = Instant::now();
        page.until_it_has(&format!("bucket/{id}")).await?;
        times.push(changed.elapsed());
    }
    times.sort_unstable();
    eprintln!("an open page at another control plane learned of a change after {times:?}");
    // Usually a fifth of a second. Changes that follow each other this fast are named one by one.
    assert!(times[1] < Duration::from_secs(1), "{times:?}");
    Ok(())
}

#[tokio::test]
async fn an_open_page_at_one_control_plane_shows_a_status_that_another_was_told() -> Result<()> {
    needs_one_control_plane!("it starts its own control planes");
    let planes = ControlPlanes::start(|options| options.env("BUCKETRY_PROBE_INTERVAL", "1")).await?;
    let mut store = SeaweedFs::start().await?;
    let owner = planes.with_node.owner().await?;
    let body = s3_bucket("Photos", OPEN_BUCKET, store.endpoint(), &owner.workspace().await?);
    let id = owner.register(&body).await?;
    eventually("ONLINE", SOON, async || owner.status_of(&id).await, |status| status == "ONLINE").await?;
    let mut page = OpenPage::open(&planes.without_node, &id).await?;
    store.stop().await?;
    // Nothing signals a status to other control planes: they look for it.
    page.until_it_has("data: buckets attention").await?;
    let there = owner.again_at(&planes.without_node);
    eventually("OFFLINE", SOON, async || there.status_of(&id).await, |status| status == "OFFLINE").await?;
    Ok(())
}

#[tokio::test]
async fn a_control_plane_that_is_stopped_leaves_its_leases_to_others() -> Result<()> {
    needs_one_control_plane!("it starts its own control planes");
    let database = new_database().await?;
    let mut server = Server::start(options()?.env("BUCKETRY_DATABASE_URL", &database)).await?;
    let owner = server.owner().await?;
    let channel = json!({
        "name": "Pager", "kind": "WEBHOOK", "url": "http://127.0.0.1:9/hook", "secret": KEY,
        "rules": [{ "code": "BUCKET_OFFLINE" }],
    });
    owner.post("/notification/channel", &channel).send().await?.json_with_status(200)?;
    let held =
        "SELECT count(*) FROM leases WHERE expires_at > 0 AND name IN ('CONDITION_WATCH', 'MAINTENANCE')";
    let held = async || query(&database, held).await;
    eventually("two leases being held", SOON, held, |count| count.trim() == "2").await?;
    let tokens = async || query(&database, "SELECT name, token FROM leases ORDER BY name").await;
    let before = tokens().await?;
    server.terminate().await?;
    assert_eq!(held().await?.trim(), "0", "{}", server.log());
    assert_eq!(tokens().await?, before, "a write under an old lease is still recognised");

    // Another one doesn't wait for 15 seconds or 5 minutes until they would have expired.
    server.restart().await?;
    eventually("the leases of another process", SOON, held, |count| count.trim() == "2").await?;
    assert_ne!(tokens().await?, before);
    Ok(())
}

#[tokio::test]
async fn a_change_at_one_control_plane_reaches_the_node_of_another() -> Result<()> {
    needs_one_control_plane!("it starts its own control planes");
    let planes = ControlPlanes::start(|options| options.env("BUCKETRY_PROBE_INTERVAL", "3600")).await?;
    let there = planes.with_node.owner().await?.again_at(&planes.without_node);
    let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &there.workspace().await?);
    let id = there.register(&body).await?;
    let access = there.repository_access(&planes.with_node, "Media", &[(&id, OPEN_BUCKET)]).await?;
    let path = format!("/repo/{}/apikey", access.repository);
    let (mut granted, mut revoked) = (Vec::new(), Vec::new());
    for round in 0..10 {
        let key = json!({ "name": format!("Reader {round}"), "accessType": "READ" });
        let pair = there.post(&path, &key).send().await?.json_with_status(200)?;
        let reader = RepositoryAccess {
            key: text(&pair["key"]).to_owned(),
            secret: text(&pair["secret"]).to_owned(),
            ..access.clone()
        };
        let look = async || Ok(reader.object(Method::GET, "none").send().await?.status);
        let since = Instant::now();
        eventually("the new key being accepted", SOON, look, |status| *status == 404).await?;
        granted.push(since.elapsed());
        there.delete(&format!("{path}/{}", text(&pair["id"]))).send().await?.json_with_status(200)?;
        let since = Instant::now();
        eventually("the revoked key being refused", SOON, look, |status| *status == 403).await?;
        revoked.push(since.elapsed());
    }
    for (what, times) in [("a new key", &mut granted), ("a revoked key", &mut revoked)] {
        times.sort_unstable();
        let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
        eprintln!(
            "{what} was in force at another control plane's node after {median:?}, at most {longest:?}"
        );
        assert!(median < Duration::from_secs(2) && longest < Duration::from_secs(5), "{times:?}");
    }
    Ok(())
}
