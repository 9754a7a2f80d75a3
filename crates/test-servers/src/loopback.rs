//! A minimal HTTP client for servers on the loopback address: enough to see whether they are ready and to log in.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long a server may stall. Longer than its slowest operation.
const PATIENCE: Duration = Duration::from_secs(30);

/// A response with its whole body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code, such as 200.
    pub status: u16,
    /// The body as text. Invalid UTF-8 is replaced.
    pub body: String,
}

/// Sends a request to a port of `127.0.0.1` and reads the whole response.
///
/// # Errors
/// Nothing listens, the connection breaks, the server stalls for 30 seconds, or the response is not HTTP.
pub fn request(
    method: &str,
    port: u16,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<Answer> {
    request_within(PATIENCE, method, port, path, headers, body)
}

/// Like [`request`], of a server that may stall for `stall` only. Some servers never answer a request that arrives
/// while they start.
///
/// # Errors
/// See [`request`].
pub fn request_within(
    stall: Duration,
    method: &str,
    port: u16,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<Answer> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, stall)?;
    stream.set_read_timeout(Some(stall))?;
    stream.set_write_timeout(Some(stall))?;
    let headers: String =
        headers.iter().map(|(name, value)| name.to_string() + ": " + value + "\r\n").collect();
    // In HTTP/1.0, the server ends the body by closing the connection and doesn't send chunks.
    let head = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {}\r\n", body.len());
    stream.write_all(format!("{head}{headers}\r\n{body}").as_bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    parse(&bytes).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the response is not HTTP"))
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split_whitespace().nth(1)?.parse().ok()?;
    Some(Answer { status, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_status_and_body() {
        let answer = parse(b"HTTP/1.0 200 OK\r\nServer: x\r\n\r\n{\"ok\":true}").unwrap();
        assert_eq!(answer, Answer { status: 200, body: "{\"ok\":true}".to_owned() });
    }

    #[test]
    fn garbage_is_not_an_answer() {
        assert_eq!(parse(b"\x15\x03\x01\x00\x02\x02\x46"), None);
        assert_eq!(parse(b"HTTP/1.1 abc\r\n\r\n"), None);
    }
}
