//! Fuzzes all parsers of network input for as long as `cargo xtask fuzz` says.
//!
//! The input is valid input with damage, so that it passes the first checks. Failures are shrunk and printed.

mod forms;

use std::time::{Duration, Instant};

use bucketry_gateway::internals::error::Result;
use bucketry_gateway::internals::operation::{self, Domains, Query, Target};
use bucketry_gateway::internals::xml;
use http::{HeaderMap, Method, Request};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};

use crate::chunked::{CRC32, SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER, block_on, put, signed_chunks};
use crate::client::{Draft, UNSIGNED, receive, verify};

/// One change to the input.
#[derive(Debug, Clone)]
enum Damage {
    Overwrite(Index, u8),
    Insert(Index, &'static str),
    Remove(Index, usize),
    Repeat(Index, usize),
}

/// Words that parsers look for.
const WORDS: [&str; 32] = [
    "\r\n",
    "\n",
    ":",
    ";",
    ",",
    "=",
    "&",
    "?",
    "/",
    "//",
    "/../",
    "%",
    "%2F",
    "%00",
    "%2e",
    "+",
    "0",
    "-1",
    "ffffffffffffffff",
    ";chunk-signature=",
    "x-amz-trailer-signature:",
    "x-amz-checksum-crc32:",
    "AWS ",
    "X-Amz-Signature=",
    "X-Amz-Expires=",
    "host;",
    "<",
    "</",
    "<!DOCTYPE a [<!ENTITY b \"c\">]>",
    "&b;",
    "&#0;",
    "\u{1FAA3}",
];

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    let damage = prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Overwrite(at, byte)),
        (any::<Index>(), select(&WORDS[..])).prop_map(|(at, word)| Damage::Insert(at, word)),
        (any::<Index>(), 1..20_usize).prop_map(|(at, length)| Damage::Remove(at, length)),
        (any::<Index>(), 1..40_usize).prop_map(|(at, length)| Damage::Repeat(at, length)),
    ];
    vec(damage, 0..6)
}

fn damaged(seed: &[u8], damages: &[Damage]) -> Vec<u8> {
    let mut out = seed.to_vec();
    for damage in damages {
        let (Damage::Overwrite(at, _)
        | Damage::Insert(at, _)
        | Damage::Remove(at, _)
        | Damage::Repeat(at, _)) = damage;
        let at = at.index(out.len() + 1);
        match damage {
            Damage::Overwrite(_, byte) => out[at..].iter_mut().take(1).for_each(|old| *old = *byte),
            Damage::Insert(_, word) => drop(out.splice(at..at, word.bytes())),
            Damage::Remove(_, length) => drop(out.drain(at..(at + length).min(out.len()))),
            Damage::Repeat(_, length) => {
                let piece = out[at..(at + length).min(out.len())].to_vec();
                drop(out.splice(at..at, piece));
            }
        }
    }
    out
}

/// Runs `check` with damaged seeds until the time is up.
#[expect(clippy::print_stdout, reason = "shows how many inputs were tried")]
fn fuzz(seeds: &[Vec<u8>], check: impl Fn(usize, &[u8])) {
    let seconds = std::env::var("BUCKETRY_FUZZ_SECONDS").map_or(1, |text| text.parse().unwrap());
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut cases = 0;
    while Instant::now() < end {
        let config = Config { cases: 500, failure_persistence: None, ..Config::default() };
        let input = (any::<Index>(), damages());
        TestRunner::new(config)
            .run(&input, |(seed, damages)| {
                let seed = seed.index(seeds.len());
                check(seed, &damaged(&seeds[seed], &damages));
                Ok(())
            })
            .unwrap();
        cases += 500;
    }
    println!("{cases} inputs");
}

fn is_the_clients_fault<T>(result: Result<T>) {
    if let Err(error) = result {
        let status = error.status();
        assert!(status.is_client_error() || status == http::StatusCode::NOT_IMPLEMENTED, "{error}");
    }
}

#[test]
#[ignore = "run by cargo xtask fuzz"]
fn aws_chunked() {
    let forms = [SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER];
    let (requests, seeds): (Vec<_>, Vec<_>) = forms
        .map(|form| {
            let (request, mut chunks) = put(form, 11).sign();
            let mut body = match form {
                UNSIGNED_TRAILER => b"5\r\nhello\r\n6\r\n world\r\n0\r\n".to_vec(),
                _ => signed_chunks(&mut chunks, &[b"hello", b" world"]),
            };
            if form != SIGNED {
                body.extend_from_slice(format!("x-amz-checksum-crc32:{CRC32}\r\n").as_bytes());
            }
            if form == SIGNED_TRAILER {
                let signature = chunks.trailer_signature(&format!("x-amz-checksum-crc32:{CRC32}\n"));
                body.extend_from_slice(format!("x-amz-trailer-signature:{signature}\r\n").as_bytes());
            }
            body.extend_from_slice(b"\r\n");
            (request, body)
        })
        .into_iter()
        .unzip();
    fuzz(&seeds, |seed, body| {
        let whole = block_on(receive(&requests[seed], vec![body.to_vec()]));
        let bytes = body.iter().map(|byte| vec![*byte]).collect();
        assert_eq!(whole, block_on(receive(&requests[seed], bytes)));
        if let Ok(content) = &whole {
            assert_eq!(content, b"hello world");
        }
        is_the_clients_fault(whole);
    });
}

/// The request target in the first line, then `name: value` lines.
fn as_text(request: &http::request::Parts) -> Vec<u8> {
    let mut text = request.uri.to_string().into_bytes();
    for (name, value) in &request.headers {
        text.extend_from_slice(format!("\n{name}: ").as_bytes());
        text.extend_from_slice(value.as_bytes());
    }
    text
}

fn from_text(text: &[u8]) -> Option<http::request::Parts> {
    let mut lines = text.split(|byte| *byte == b'\n');
    let mut builder = Request::get(lines.next()?);
    for line in lines {
        let colon = line.windows(2).position(|pair| pair == b": ")?;
        builder = builder.header(&line[..colon], &line[colon + 2..]);
    }
    Some(builder.body(()).ok()?.into_parts().0)
}

#[test]
#[ignore = "run by cargo xtask fuzz"]
fn signatures() {
    let seeds = [
        Draft::new("GET", "/b/a%20b//c?list-type=2&prefix=x%2Fy", UNSIGNED)
            .header("x-amz-meta-a", "1")
            .sign()
            .0,
        Draft::new("GET", "/b/k?versionId=1", UNSIGNED).presign("3600"),
        put(SIGNED, 11).sign().0,
    ]
    .map(|request| as_text(&request));
    fuzz(&seeds, |seed, text| {
        let Some(request) = from_text(text) else { return };
        let result = verify(&request);
        if result.is_ok() {
            // Only headers that the operations ignore show whether a request is signed.
            let signed = from_text(&seeds[seed]).unwrap();
            let domains = Domains::new([]);
            let target = |parts: &http::request::Parts| Target::parse(parts.uri.path(), None, &domains);
            assert_eq!(target(&request), target(&signed));
            let amazon = |parts: &http::request::Parts| {
                let named = parts.headers.iter().filter(|(name, _)| name.as_str().starts_with("x-amz-"));
                named.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect::<Vec<_>>()
            };
            let names = |parts| amazon(parts).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
            assert_eq!(names(&request), names(&signed));
        }
        is_the_clients_fault(result.map(|_| ()));
    });
}

#[test]
#[ignore = "run by cargo xtask fuzz"]
fn targets_and_queries() {
    let seeds = [
        "/bucket/key%20with%2Fescapes//and/../dots?partNumber=1&uploadId=abc",
        "/bucket?list-type=2&prefix=a%2F&delimiter=%2F&max-keys=10&continuation-token=x&encoding-type=url",
        "/bucket/key?response-content-type=text%2Fplain&versionId=1&x-amz-checksum-crc32=AAAAAA%3D%3D",
        "/?uploads&key-marker=a&upload-id-marker=b",
    ]
    .map(|text| text.as_bytes().to_vec());
    let domains = Domains::new(["s3.example".to_owned()]);
    fuzz(&seeds, |_, text| {
        let Ok(text) = std::str::from_utf8(text) else { return };
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let host = text.get(..20.min(text.len()));
        is_the_clients_fault(Target::parse(path, host, &domains));
        let (Ok(target), Ok(query)) = (Target::parse(path, None, &domains), Query::parse(Some(query))) else {
            return;
        };
        for method in [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::HEAD] {
            is_the_clients_fault(operation::parse(&method, &target, &query, &HeaderMap::new()));
        }
    });
}

#[test]
#[ignore = "run by cargo xtask fuzz"]
fn documents() {
    let seeds = [
        "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet><Object><Key>a&amp;b</Key>\
         <VersionId>1</VersionId></Object><Object><Key>&#x1F;c</Key></Object></Delete>",
        "<?xml version=\"1.0\"?><CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>\"e\"</ETag></Part>\
         <Part><ETag>&quot;f&quot;</ETag><PartNumber>2</PartNumber></Part></CompleteMultipartUpload>",
    ]
    .map(|text| text.as_bytes().to_vec());
    fuzz(&seeds, |_, document| {
        is_the_clients_fault(xml::read_delete(document));
        is_the_clients_fault(bucketry_gateway::internals::completed_parts::read_parts(document));
    });
}
