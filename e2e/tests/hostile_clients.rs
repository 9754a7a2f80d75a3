//! Hostile clients that use up memory or connections: what they get is bounded, and legitimate clients are still
//! served.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use bucketry_e2e::{
    HOSTILE_CONNECTIONS, Hostile, OPEN_BUCKET, Person, Result, Server, eventually, needs_one_control_plane,
    options, s3_bucket, shared_s3_endpoint,
};
use http::Method;
use jiff::SignedDuration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const MIB: u64 = 1 << 20;
/// The bar: less than this, in bytes.
const MOST: u64 = 64 * MIB;
/// Time limit for a response.
const PATIENCE: Duration = Duration::from_secs(30);

fn address(url: &str) -> &str {
    url.trim_start_matches("http://")
}

/// The number of tests over which the kinds of hostile clients are distributed, because each kind needs its own
/// server and takes a while.
const PARTS: usize = 4;

/// By how many bytes the process of a new server grows.
async fn growth(hostile: Hostile) -> Result<u64> {
    let server = Server::start(options()?).await?;
    let process = server.process_id().unwrap_or_default();
    let (api, gateway) = (server.api().to_owned(), server.gateway().unwrap_or_default().to_owned());
    Ok(tokio::task::spawn_blocking(move || hostile.growth(process, &api, &gateway)).await??)
}

async fn no_kind_makes_the_process_grow(part: usize) -> Result<()> {
    let mut growths = Vec::new();
    for hostile in Hostile::all().into_iter().skip(part).step_by(PARTS) {
        let name = hostile.name;
        let mut measured = growth(hostile.clone()).await?;
        if measured >= MOST {
            // How much free memory the allocator keeps depends on timing. A hole grows every time.
            measured = measured.min(growth(hostile).await?);
        }
        growths.push(format!("{:>4} MiB  {name}", measured / MIB));
        assert!(measured < MOST, "{HOSTILE_CONNECTIONS} connections:\n{}", growths.join("\n"));
    }
    Ok(())
}

#[tokio::test]
async fn no_stranger_makes_the_process_grow_by_64_mib_first_part() -> Result<()> {
    needs_one_control_plane!("it measures the memory of a single process");
    no_kind_makes_the_process_grow(0).await
}

#[tokio::test]
async fn no_stranger_makes_the_process_grow_by_64_mib_second_part() -> Result<()> {
    needs_one_control_plane!("it measures the memory of a single process");
    no_kind_makes_the_process_grow(1).await
}

#[tokio::test]
async fn no_stranger_makes_the_process_grow_by_64_mib_third_part() -> Result<()> {
    needs_one_control_plane!("it measures the memory of a single process");
    no_kind_makes_the_process_grow(2).await
}

#[tokio::test]
async fn no_stranger_makes_the_process_grow_by_64_mib_fourth_part() -> Result<()> {
    needs_one_control_plane!("it measures the memory of a single process");
    no_kind_makes_the_process_grow(3).await
}

#[tokio::test]
async fn people_sign_in_while_strangers_hold_large_messages_back() -> Result<()> {
    needs_one_control_plane!("it measures the memory of a single process");
    let server = Server::start(options()?).await?;
    let (process, api) = (server.process_id().unwrap_or_default(), server.api().to_owned());
    let attacks: Vec<_> = Hostile::all()
        .into_iter()
        .filter(|hostile| hostile.name.contains("without its last byte, to /node/report"))
        .map(|hostile| {
            let api = api.clone();
            tokio::task::spawn_blocking(move || hostile.growth(process, &api, &api))
        })
        .collect();
    assert!(!attacks.is_empty());
    for _ in 0..5 {
        server.log_in().await?;
    }
    for attack in attacks {
        attack.await??;
    }
    Ok(())
}

/// Sends a request like a client that reads nothing before it has sent everything, and returns the status.
fn send_all(url: &str, head: &str, body: usize) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(address(url))?;
    connection.set_read_timeout(Some(PATIENCE))?;
    write!(connection, "{head}\r\nhost: x\r\ncontent-length: {body}\r\n\r\n")?;
    connection.write_all(&vec![b'x'; body])?;
    let mut line = [0; 12];
    connection.read_exact(&mut line)?;
    Ok(String::from_utf8_lossy(&line[9..]).into_owned())
}

#[tokio::test]
async fn whoever_sends_3_mb_in_vain_is_told_why() -> Result<()> {
    let server = Server::start(options()?).await?;
    let token = server.log_in().await?;
    let (api, gateway) = (server.api().to_owned(), server.gateway().unwrap_or_default().to_owned());
    let response = tokio::task::spawn_blocking(move || {
        let json = "content-type: application/json";
        let cases = [
            (&api, format!("POST /bucket HTTP/1.1\r\n{json}"), "401"),
            (&api, format!("POST /bucket HTTP/1.1\r\n{json}\r\nauthorization: Bearer {token}"), "413"),
            (&api, format!("POST /nowhere HTTP/1.1\r\n{json}"), "404"),
            (&api, format!("PATCH /bucket HTTP/1.1\r\n{json}"), "405"),
            (
                &api,
                format!("POST /bucket HTTP/1.1\r\ncontent-type: text/x\r\nauthorization: Bearer {token}"),
                "415",
            ),
            (&gateway, "PUT /photos/a HTTP/1.1".to_owned(), "403"),
            (&gateway, "PATCH /photos/a HTTP/1.1".to_owned(), "403"),
        ];
        for (url, head, status) in &cases {
            for time in 1..=20 {
                let response = send_all(url, head, 3_000_000);
                assert_eq!(response.ok().as_deref(), Some(*status), "{head}, time {time}");
            }
        }
    });
    Ok(response.await?)
}

#[tokio::test]
async fn an_address_has_so_many_connections_and_the_embedded_node_needs_none_of_them() -> Result<()> {
    needs_one_control_plane!("it counts the connections to a single process");
    // The server becomes ready, so the node doesn't need a second connection for a report during its long poll.
    let server = Server::start(options()?.env("BUCKETRY_CONNECTIONS_PER_ADDRESS", "1")).await?;
    let urls = [server.api().to_owned(), server.gateway().unwrap_or_default().to_owned()];
    let closed = tokio::task::spawn_blocking(move || -> std::io::Result<()> {
        for url in &urls {
            let ask = |connection: &mut TcpStream| {
                connection.set_read_timeout(Some(PATIENCE))?;
                connection.write_all(b"GET /ready HTTP/1.1\r\nhost: x\r\n\r\n")?;
                connection.read(&mut [0; 4_096])
            };
            let mut first = TcpStream::connect(address(url))?;
            assert!(ask(&mut first)? > 0, "{url}");
            let mut second = TcpStream::connect(address(url))?;
            assert!(!matches!(ask(&mut second), Ok(1..)), "{url}: a second connection is closed");
            assert!(ask(&mut first)? > 0, "{url}: the first connection stays open");
        }
        Ok(())
    });
    closed.await?.map_err(bucketry_e2e::Error::Files)
}

#[tokio::test]
async fn pages_of_the_named_origins_use_api_and_gateway() -> Result<()> {
    const PAGE: &str = "https://app.example.com";
    let server = Server::start(options()?.arg("--allowed-origins").arg(PAGE)).await?;
    for url in [server.api(), server.gateway().unwrap_or_default()] {
        let preflight = async |origin: &str| {
            bucketry_e2e::Call::new(Method::OPTIONS, url, "/bucket/a")
                .header("origin", origin)
                .header("access-control-request-method", "PUT")
                .header("access-control-request-headers", "authorization,x-amz-date")
                .send()
                .await
        };
        let answer = preflight(PAGE).await?;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some(PAGE)));
        let headers = answer.header("access-control-allow-headers").unwrap_or_default();
        assert!(headers.contains("authorization") && headers.contains("x-amz-date"), "{headers}");
        assert!(preflight("https://evil.example.com").await?.header("access-control-allow-origin").is_none());

        // The page may also read a refusal.
        let answer =
            bucketry_e2e::Call::new(Method::GET, url, "/bucket").header("origin", PAGE).send().await?;
        assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
        let exposed = answer.header("access-control-expose-headers").unwrap_or_default();
        assert!(exposed.contains("request-id"), "{exposed}");
    }
    Ok(())
}

/// The number of requests in progress at the gateway.
async fn in_flight(server: &Server) -> Result<String> {
    let metrics = server.get("/metrics").send().await?.text();
    let line = metrics.lines().find_map(|line| line.strip_prefix("bucketry_gateway_requests_in_flight "));
    Ok(line.unwrap_or_default().to_owned())
}

/// Asks for an object and reads so many bytes of the response every five seconds, through a receive buffer of this size.
async fn read_slowly(head: String, host: String, bytes: usize, buffer: Option<u32>) -> std::io::Result<()> {
    let socket = tokio::net::TcpSocket::new_v4()?;
    if let Some(size) = buffer {
        socket.set_recv_buffer_size(size)?;
    }
    let mut connection = socket.connect(host.parse().map_err(std::io::Error::other)?).await?;
    connection.write_all(head.as_bytes()).await?;
    let mut ticks = tokio::time::interval(Duration::from_secs(5));
    let mut read = vec![0; bytes];
    loop {
        ticks.tick().await;
        connection.read_exact(&mut read).await?;
    }
}

#[tokio::test]
async fn clients_that_read_a_few_bytes_every_five_seconds_give_their_places_up() -> Result<()> {
    let server = Server::start(options()?).await?;
    let owner = Person::new(&server, &server.log_in().await?);
    let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    let bucket = owner.register(&body).await?;
    let access = owner.repository_access(&server, "Photos", &[(&bucket, OPEN_BUCKET)]).await?;
    // More than the systems of both sides take in without anybody reading.
    let key = format!("{}slow", access.prefix);
    let content = vec![b'x'; 64 << 20];
    access.object(Method::PUT, &key).raw("text/plain", content).send().await?;

    let path = format!("/{}/{key}", access.bucket);
    let host = access.endpoint.trim_start_matches("http://").to_owned();
    let mut head = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n");
    for (name, value) in access.signature(&Method::GET, &path, SignedDuration::ZERO) {
        head = head + name + ": " + &value + "\r\n";
    }
    head.push_str("\r\n");
    // With buffers of the usual size and with a small one, of which the gateway's system hears more often.
    let readers = [
        tokio::spawn(read_slowly(head.clone(), host.clone(), 1, None)),
        tokio::spawn(read_slowly(head, host, 2048, Some(4096))),
    ];
    let look = async || in_flight(&server).await;
    eventually("the requests being served", PATIENCE, look, |count| count == "2").await?;
    // The gateway looks at the rate over 30 seconds.
    eventually("the readers being dropped", 2 * PATIENCE, look, |count| count == "0").await?;
    for reader in readers {
        reader.abort();
    }
    Ok(())
}
