//! The head of an HTTP/1.1 response (RFC 9112): status, headers, and how the end of the body is recognised.

use std::mem::MaybeUninit;

use bytes::BytesMut;
use http::header::{
    ACCEPT_RANGES, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, ETAG, HeaderName, LAST_MODIFIED, SERVER,
    TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::chunked::ChunkDecoder;

/// The largest accepted head, in bytes. Storage providers send less than 2 KiB.
pub(super) const MAX_HEAD: usize = 64 * 1024;
/// The largest accepted number of headers.
const MAX_HEADERS: usize = 100;
/// How many headers the caller usually adds before it passes the response on. The map has room for them.
const ADDED_HEADERS: usize = 2;

/// The head of a response.
#[derive(Debug)]
pub(super) struct ResponseHead {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) framing: Framing,
    /// Whether the connection may be used again after the body.
    pub(super) is_persistent: bool,
}

/// How the end of a body is recognised (RFC 9112 §6.3).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// The number of bytes left.
    Length(u64),
    Chunked(ChunkDecoder),
    /// The body ends with the connection.
    UntilClose,
}

/// The bytes are not the head of an HTTP/1 response, or one that leaves open where its body ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotHttp;

/// What the buffer begins with.
#[derive(Debug)]
pub(super) enum Parsed {
    /// The whole head, which was taken out of the buffer.
    Head(ResponseHead),
    /// An interim response (1xx), which was taken out of the buffer.
    Interim,
    /// Part of a head.
    Incomplete,
}

/// Takes the head of a response out of the buffer, if it is complete. `to_head` says that the request was a HEAD,
/// whose response has no body whatever its headers say.
pub(super) fn parse(buffer: &mut BytesMut, to_head: bool) -> Result<Parsed, NotHttp> {
    let mut fields = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        buffer,
        &mut fields,
    );
    let length = match parsed.map_err(|_| NotHttp)? {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial if buffer.len() < MAX_HEAD => return Ok(Parsed::Incomplete),
        httparse::Status::Partial => return Err(NotHttp),
    };
    if length > MAX_HEAD {
        return Err(NotHttp);
    }
    let status = StatusCode::from_u16(response.code.ok_or(NotHttp)?).map_err(|_| NotHttp)?;
    if status.is_informational() {
        // The protocol can't change, because no request asks for that.
        if status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(NotHttp);
        }
        let _ = buffer.split_to(length);
        return Ok(Parsed::Interim);
    }
    let is_http_11 = response.version == Some(1);
    let is_success = status.is_success() || status == StatusCode::NOT_MODIFIED;
    // The values keep their place in the buffer; where they are is noted before it is taken apart.
    let start = buffer.as_ptr() as usize;
    let mut places = Vec::with_capacity(response.headers.len());
    let mut transfer = Transfer::default();
    for field in response.headers.iter() {
        let name = name(field.name)?;
        transfer.read(&name, field.value)?;
        // Nobody reads these in a success, so no value is made of them. In an error, the date tells clocks apart.
        // `Connection` concerns this connection only.
        if name == CONNECTION || (is_success && (name == DATE || name == SERVER)) {
            continue;
        }
        let from = (field.value.as_ptr() as usize).saturating_sub(start);
        places.push((name, from..from + field.value.len()));
    }
    let text = buffer.split_to(length).freeze();
    let mut headers = HeaderMap::with_capacity(places.len() + ADDED_HEADERS);
    for (name, place) in places {
        // An empty value may be anywhere.
        let value = if place.is_empty() { text.slice(..0) } else { text.slice(place) };
        headers.append(name, HeaderValue::from_maybe_shared(value).map_err(|_| NotHttp)?);
    }
    let has_body = !to_head && status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED;
    let framing = transfer.framing(has_body, is_http_11)?;
    let is_persistent = is_http_11 && framing != Framing::UntilClose && !transfer.says_close;
    Ok(Parsed::Head(ResponseHead { status, headers, framing, is_persistent }))
}

/// The name of a header. The usual ones, as servers spell them, need no parsing.
fn name(text: &str) -> Result<HeaderName, NotHttp> {
    Ok(match text {
        "Content-Length" | "content-length" => CONTENT_LENGTH,
        "Content-Type" | "content-type" => CONTENT_TYPE,
        "Last-Modified" | "last-modified" => LAST_MODIFIED,
        "ETag" | "Etag" | "etag" => ETAG,
        "Date" | "date" => DATE,
        "Server" | "server" => SERVER,
        "Accept-Ranges" | "accept-ranges" => ACCEPT_RANGES,
        "Connection" | "connection" => CONNECTION,
        text => HeaderName::from_bytes(text.as_bytes()).map_err(|_| NotHttp)?,
    })
}

/// What the headers say about the end of the body and of the connection.
#[derive(Debug, Default)]
struct Transfer {
    length: Option<u64>,
    /// The number of `Transfer-Encoding` headers.
    encodings: usize,
    /// Whether the last of them is exactly `chunked`.
    is_chunked: bool,
    says_close: bool,
}

impl Transfer {
    /// Takes one header into account.
    fn read(&mut self, name: &HeaderName, value: &[u8]) -> Result<(), NotHttp> {
        if *name == CONTENT_LENGTH {
            let length = length(value)?;
            if self.length.replace(length).is_some_and(|other| other != length) {
                return Err(NotHttp);
            }
        } else if *name == TRANSFER_ENCODING {
            self.encodings += 1;
            self.is_chunked = value.eq_ignore_ascii_case(b"chunked");
        } else if *name == CONNECTION {
            let close = |token: &[u8]| token.trim_ascii().eq_ignore_ascii_case(b"close");
            self.says_close |= value.split(|byte| *byte == b',').any(close);
        }
        Ok(())
    }

    fn framing(&self, has_body: bool, is_http_11: bool) -> Result<Framing, NotHttp> {
        if !has_body {
            return Ok(Framing::Length(0));
        }
        if self.encodings > 0 {
            // With a length, too, or after another encoding, two readers may see two different ends.
            if !self.is_chunked || self.length.is_some() || self.encodings > 1 || !is_http_11 {
                return Err(NotHttp);
            }
            return Ok(Framing::Chunked(ChunkDecoder::default()));
        }
        Ok(self.length.map_or(Framing::UntilClose, Framing::Length))
    }
}

/// Digits only: no sign, no list.
fn length(digits: &[u8]) -> Result<u64, NotHttp> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NotHttp);
    }
    digits
        .iter()
        .try_fold(0_u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
        .ok_or(NotHttp)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Result<ResponseHead, NotHttp> {
        head_of(text, false)
    }

    fn head_of(text: &str, to_head: bool) -> Result<ResponseHead, NotHttp> {
        let text = text.replace('\n', "\r\n") + "\r\nrest";
        match parse(&mut BytesMut::from(text.as_bytes()), to_head)? {
            Parsed::Head(head) => Ok(head),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_end_of_a_body_is_where_the_head_says() {
        let chunked = || Framing::Chunked(ChunkDecoder::default());
        for (text, framing, is_persistent) in [
            ("HTTP/1.1 200 OK\nContent-Length: 12\n", Framing::Length(12), true),
            ("HTTP/1.1 200 OK\ncontent-length: 12\ncontent-length: 12\n", Framing::Length(12), true),
            ("HTTP/1.1 200 OK\nTransfer-Encoding: Chunked\n", chunked(), true),
            ("HTTP/1.1 200 OK\n", Framing::UntilClose, false),
            ("HTTP/1.1 204 No Content\n", Framing::Length(0), true),
            ("HTTP/1.1 304 Not Modified\ncontent-length: 12\n", Framing::Length(0), true),
            (
                "HTTP/1.1 200 OK\ncontent-length: 1\nconnection: keep-alive, Close\n",
                Framing::Length(1),
                false,
            ),
            ("HTTP/1.0 200 OK\ncontent-length: 1\nconnection: keep-alive\n", Framing::Length(1), false),
            ("HTTP/1.0 200 OK\n", Framing::UntilClose, false),
        ] {
            let head = head(text).unwrap();
            assert_eq!((head.framing, head.is_persistent), (framing, is_persistent), "{text}");
        }
        let head = head_of("HTTP/1.1 200 OK\ncontent-length: 12\n", true).unwrap();
        assert_eq!(head.framing, Framing::Length(0));
        assert_eq!(head.headers[CONTENT_LENGTH], "12");
    }

    #[test]
    fn a_head_that_two_readers_could_end_differently_is_refused() {
        for text in [
            "HTTP/1.1 200 OK\ncontent-length: 12\ncontent-length: 13\n",
            "HTTP/1.1 200 OK\ncontent-length: 12, 12\n",
            "HTTP/1.1 200 OK\ncontent-length: +12\n",
            "HTTP/1.1 200 OK\ncontent-length: \n",
            "HTTP/1.1 200 OK\ncontent-length: 99999999999999999999\n",
            "HTTP/1.1 200 OK\ncontent-length: 12\ntransfer-encoding: chunked\n",
            "HTTP/1.1 200 OK\ntransfer-encoding: gzip, chunked\n",
            "HTTP/1.1 200 OK\ntransfer-encoding: chunked\ntransfer-encoding: chunked\n",
            "HTTP/1.1 200 OK\ntransfer-encoding: identity\n",
            "HTTP/1.0 200 OK\ntransfer-encoding: chunked\n",
            "HTTP/1.1 101 Switching Protocols\n",
            "HTTP/1.1 200 OK\ncontent-length : 12\n",
            "HTTP/1.1 200 OK\n folded: 12\n",
            "ICY 200 OK\n",
            "<html>\n",
        ] {
            assert!(head(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_interim_response_is_skipped_and_what_follows_stays() {
        let mut buffer = BytesMut::from(&b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"[..]);
        assert!(matches!(parse(&mut buffer, false), Ok(Parsed::Interim)));
        assert!(matches!(parse(&mut buffer, false), Ok(Parsed::Incomplete)));
        assert_eq!(&buffer[..], b"HTTP/1.1 200 OK\r\n");
    }

    #[test]
    fn names_are_the_same_however_they_are_spelled() {
        for name in [
            "Content-Length",
            "Content-Type",
            "Last-Modified",
            "ETag",
            "Etag",
            "Date",
            "Server",
            "Accept-Ranges",
            "Connection",
            "X-Amz-Meta-Colour",
        ] {
            let expected = HeaderName::from_bytes(name.as_bytes()).unwrap();
            for text in [name, &name.to_lowercase(), &name.to_uppercase()] {
                assert_eq!(super::name(text), Ok(expected.clone()), "{text}");
            }
        }
        assert!(name("a b").is_err());
    }

    #[test]
    fn date_and_server_are_known_of_errors_only() {
        let fields = "Date: Thu, 29 Feb 2024 12:00:00 GMT\nServer: s\nx-a: 1\ncontent-length: 0\n";
        for (status, count) in
            [("200 OK", 2), ("206 Partial Content", 2), ("304 Not Modified", 2), ("403 No", 4)]
        {
            assert_eq!(
                head(&format!("HTTP/1.1 {status}\n{fields}")).unwrap().headers.len(),
                count,
                "{status}"
            );
        }
    }

    #[test]
    fn a_head_has_its_limits() {
        let endless = format!("HTTP/1.1 200 OK\nx: {}\n", "x".repeat(MAX_HEAD));
        assert!(head(&endless).is_err());
        let mut without_end =
            BytesMut::from(format!("HTTP/1.1 200 OK\r\nx: {}", "x".repeat(MAX_HEAD)).as_bytes());
        assert!(parse(&mut without_end, false).is_err());
        let many = "HTTP/1.1 200 OK\n".to_owned() + &"x: y\n".repeat(MAX_HEADERS + 1);
        assert!(head(&many).is_err());
        let values = head("HTTP/1.1 200 OK\nETag: \"a\"\nx-empty:\nx-empty: \nX-Two: 1\n").unwrap().headers;
        assert_eq!(values["etag"], "\"a\"");
        assert_eq!(values.get_all("x-empty").iter().filter(|value| value.is_empty()).count(), 2);
        assert_eq!(values["x-two"], "1");
    }
}
