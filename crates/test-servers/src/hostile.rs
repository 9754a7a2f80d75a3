//! Unauthenticated clients that try to make the server use as much memory as possible, as any stranger could on a
//! public network.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Error, Result};

/// How many clients attack at the same time.
pub const CONNECTIONS: usize = 64;
/// The largest node message that any version of the server has read.
const LARGEST: usize = 4 << 20;
/// How long clients stay connected that withhold the end of their request or don't read.
const HOLD: Duration = Duration::from_secs(3);
/// How long a client reads its response.
const ANSWER_WITHIN: Duration = Duration::from_secs(40);

/// Which listener a client attacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Api,
    Gateway,
}

/// One kind of hostile client.
#[derive(Debug, Clone)]
pub struct Hostile {
    /// What the client does. Results of benchmarks are recorded under this name.
    pub name: &'static str,
    at: At,
    bytes: Arc<Vec<u8>>,
    /// Whether the client waits silently after sending `bytes`, instead of reading the response.
    holds: bool,
}

impl Hostile {
    /// All kinds of hostile clients.
    pub fn all() -> Vec<Self> {
        let tree = object_of(LARGEST, "{\"\":0},");
        let at_api = |name, bytes, holds| Self { name, at: At::Api, bytes: Arc::new(bytes), holds };
        let at_gateway = |name, bytes, holds| Self { name, at: At::Gateway, bytes: Arc::new(bytes), holds };
        let all_but_one = |path, length| {
            let mut request = post(path, &object_of(length, "0,"));
            request.pop();
            request
        };
        let device = format!(
            "{{\"email\":\"a@b.c\",\"password\":\"x\",\"deviceInfo\":{}}}",
            text(object_of(1 << 20, "{\"\":0},"))
        );
        let long_head = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}", "y".repeat(400_000));
        let upload = |length: usize| {
            let head = format!(
                "PUT /photos/a HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\n\
                 x-amz-date: 20260101T000000Z\r\nauthorization: AWS4-HMAC-SHA256 Credential=AKIA/20260101/x/s3/aws4_request, \
                 SignedHeaders=host, Signature=00\r\n\r\n"
            );
            [head.into_bytes(), vec![b'x'; length]].concat()
        };
        vec![
            at_api("small objects, to /register", post("/register", &tree), false),
            at_api("small objects, to /unregister", post("/unregister", &tree), false),
            at_api("small objects, to /node/status", post("/node/status", &tree), false),
            at_api("small objects, to /node/report", post("/node/report", &tree), false),
            at_api(
                "numbers such as 1e20, to /node/status",
                post("/node/status", &object_of(LARGEST, "1e20,")),
                false,
            ),
            at_api("many members, to /node/report", post("/node/report", &members(LARGEST)), false),
            at_api("brackets, to /node/report", post("/node/report", &object_of(LARGEST, "[[[[[[[[")), false),
            at_api("many parameters, to /node/sync", many_parameters(), false),
            at_api("deviceInfo as a tree, to /user/login", post("/user/login", device.as_bytes()), false),
            at_api(
                "4 MiB without its last byte, to /node/report",
                all_but_one("/node/report", LARGEST),
                true,
            ),
            at_api("1 MiB without its last byte, to /user/login", all_but_one("/user/login", 1 << 20), true),
            at_api(
                "60 KiB without its last byte, to /user/login",
                all_but_one("/user/login", 60 << 10),
                true,
            ),
            at_api("8 MiB without a token, to /bucket", post("/bucket", &vec![b'x'; 8 << 20]), false),
            at_api("a head without an end, to the API", long_head.clone().into_bytes(), true),
            at_api(
                "answers that are not read, of the API",
                "GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(200).into_bytes(),
                true,
            ),
            at_api("HTTP/2 with many large heads and bodies, to the API", http2(), true),
            at_gateway("a head without an end, to the gateway", long_head.into_bytes(), true),
            at_gateway("8 MiB with a wrong signature, to the gateway", upload(8 << 20), false),
        ]
    }

    /// Attacks a server with [`CONNECTIONS`] clients of this kind. Returns by how many bytes the resident memory of
    /// its process grew at the peak. `api` and `gateway` are base URLs.
    ///
    /// Blocks until all clients have disconnected.
    pub fn growth(&self, process: u32, api: &str, gateway: &str) -> Result<u64> {
        let url = match self.at {
            At::Api => api,
            At::Gateway => gateway,
        };
        let address = url.strip_prefix("http://").unwrap_or(url).to_owned();
        let before = Memory::of(process)?.resident;
        // proc(5): writing 5 resets the peak to the current size.
        fs::write(format!("/proc/{process}/clear_refs"), "5")
            .map_err(|error| failed("clear_refs", &error))?;
        let together = Arc::new(Barrier::new(CONNECTIONS));
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let (client, address, together) = (self.clone(), address.clone(), Arc::clone(&together));
                thread::spawn(move || client.attack(&address, &together))
            })
            .collect();
        for client in clients {
            client.join().map_err(|_| failed("a client", &"it panicked"))??;
        }
        Ok(Memory::of(process)?.peak.saturating_sub(before))
    }

    fn attack(&self, address: &str, together: &Barrier) -> Result<()> {
        let connected = TcpStream::connect(address);
        together.wait();
        let mut connection = connected.map_err(|error| failed("can't connect", &error))?;
        let set = connection
            .set_write_timeout(Some(HOLD))
            .and_then(|()| connection.set_read_timeout(Some(Duration::from_millis(200))));
        set.map_err(|error| failed("a socket", &error))?;
        // The server may have closed the connection already.
        let _ = connection.write_all(&self.bytes);
        together.wait();
        if self.holds {
            #[expect(
                clippy::disallowed_methods,
                reason = "staying idle is the attack, and the thread serves nothing else"
            )]
            thread::sleep(HOLD);
            return Ok(());
        }
        // The response itself doesn't matter.
        let deadline = Instant::now() + ANSWER_WITHIN;
        let mut buffer = vec![0; 64 << 10];
        while Instant::now() < deadline {
            match connection.read(&mut buffer) {
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                _ => break,
            }
        }
        Ok(())
    }
}

/// The resident memory of a process in bytes, now and at its peak.
struct Memory {
    resident: u64,
    peak: u64,
}

impl Memory {
    fn of(process: u32) -> Result<Self> {
        let path = format!("/proc/{process}/status");
        let status = fs::read_to_string(&path).map_err(|error| failed(&path, &error))?;
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            Some(1024 * line.trim().trim_end_matches(" kB").parse::<u64>().ok()?)
        };
        let both = bytes("VmRSS:").zip(bytes("VmHWM:"));
        let (resident, peak) = both.ok_or_else(|| failed(&path, &"VmRSS or VmHWM is missing"))?;
        Ok(Self { resident, peak })
    }
}

fn failed(what: &str, why: &dyn std::fmt::Display) -> Error {
    Error::UnexpectedAnswer(format!("{what}: {why}"))
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A node message of about `length` bytes, filled with an array of `item`, which includes its comma.
fn object_of(length: usize, item: &str) -> Vec<u8> {
    let mut body =
        format!("{{\"ip\":\"node-1\",\"timestamp\":{},\"signature\":\"AAAA\",\"a\":[", now_ms()).into_bytes();
    let fits = length.saturating_sub(body.len() + 4) / item.len();
    body.extend(item.as_bytes().repeat(fits));
    body.extend(b"0]}");
    body
}

/// A node message of about `length` bytes, filled with members.
fn members(length: usize) -> Vec<u8> {
    let mut body = b"{".to_vec();
    let mut number = 0;
    while body.len() + 20 < length {
        body.extend(format!("\"{number:x}\":0,").into_bytes());
        number += 1;
    }
    body.extend(format!("\"timestamp\":{}}}", now_ms()).into_bytes());
    body
}

fn now_ms() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_millis()
}

fn post(path: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn many_parameters() -> Vec<u8> {
    let parameters = (0..10_000).map(|n| format!("&{n:x}=")).collect::<Vec<_>>().concat();
    format!(
        "GET /node/sync?ip=x&timestamp={}&signature=AAAA{parameters} HTTP/1.1\r\nhost: x\r\n\r\n",
        now_ms()
    )
    .into_bytes()
}

/// Many requests on one HTTP/2 connection, each with a large head and an unfinished body (RFC 9113, RFC 7541).
fn http2() -> Vec<u8> {
    let frame = |kind: u8, flags: u8, stream: u32, payload: &[u8]| {
        let length = u32::try_from(payload.len()).unwrap_or(0).to_be_bytes();
        [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
    };
    // An HPACK string literal without Huffman coding.
    let literal = |text: &[u8]| {
        let mut out = Vec::new();
        if text.len() < 127 {
            out.push(u8::try_from(text.len()).unwrap_or(0));
        } else {
            out.push(127);
            let mut rest = text.len() - 127;
            while rest >= 128 {
                out.push(u8::try_from(rest % 128).unwrap_or(0) | 128);
                rest /= 128;
            }
            out.push(u8::try_from(rest).unwrap_or(0));
        }
        [&out, text].concat()
    };
    let mut head = vec![0x83, 0x86, 0x01];
    head.extend(literal(b"x"));
    head.push(0x04);
    head.extend(literal(b"/user/login"));
    for (name, value) in [(&b"content-type"[..], &b"application/json"[..]), (b"x-large", &[b'y'; 15_000])] {
        head.push(0);
        head.extend(literal(name));
        head.extend(literal(value));
    }
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    for number in 0..128 {
        let stream = 2 * number + 1;
        bytes.extend(frame(1, 4, stream, &head));
        if number < 4 {
            bytes.extend(frame(0, 0, stream, &[b' '; 16_000]));
        }
    }
    bytes
}
