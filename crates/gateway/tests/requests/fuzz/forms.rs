//! Forms that are damaged after they are signed, and forms whose policy is damaged before it is signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bucketry_gateway::internals::auth::Verifier;
use bucketry_gateway::internals::error::{Code, Result};
use bucketry_gateway::internals::form;
use bucketry_gateway::internals::operation::{PutObject, Target};
use bucketry_model::hex;
use http::request::Parts;
use http::{HeaderMap, Request};
use ring::hmac;

use super::{fuzz, is_the_clients_fault};
use crate::chunked::block_on;
use crate::client::{KEY, Keys, SECRET, TIME, body, now, read};

const POLICY: &str = r#"{"expiration": "2013-05-25T00:00:00.000Z", "conditions": [
    {"bucket": "photos"}, ["starts-with", "$key", "user/"], {"acl": "private"}, ["eq", "$Content-Type", "image/jpeg"],
    ["starts-with", "$x-amz-meta-tag", ""], {"success_action_status": "201"}, ["content-length-range", 2, 20],
    {"x-amz-algorithm": "AWS4-HMAC-SHA256"}, ["starts-with", "$x-amz-credential", ""], ["starts-with", "$x-amz-date", ""]]}"#;
const BOUNDARIES: [&str; 2] = ["----WebKitFormBoundary7MA4YWxkTrZu0gW", "b"];

/// A form of a browser, with a valid signature of its policy.
fn signed(policy: &[u8], boundary: &str, end: &str) -> Vec<u8> {
    let policy = STANDARD.encode(policy);
    let first = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4{SECRET}").as_bytes());
    let key = [&TIME[..8], "us-east-1", "s3", "aws4_request"].into_iter().fold(first, |key, step| {
        hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, step.as_bytes()).as_ref())
    });
    let signature = hex::encode(hmac::sign(&key, policy.as_bytes()).as_ref());
    let mut form = String::new();
    for (name, value) in [
        ("key", "user/${filename}"),
        ("acl", "private"),
        ("Content-Type", "image/jpeg"),
        ("x-amz-meta-tag", "a, b"),
        ("success_action_status", "201"),
        ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
        ("x-amz-credential", &format!("{KEY}/{}/us-east-1/s3/aws4_request", &TIME[..8])),
        ("x-amz-date", TIME),
        ("policy", &policy),
        ("x-amz-signature", &signature),
    ] {
        let disposition = format!("Content-Disposition: form-data; name=\"{name}\"");
        form.extend(["--", boundary, "\r\n", &disposition, "\r\n\r\n", value, "\r\n"]);
    }
    form.extend(["--", boundary, "\r\n"]);
    form.push_str("Content-Disposition: form-data; name=\"file\"; filename=\"a \\\"b\\\".jpg\"\r\n");
    form.extend(["Content-Type: image/jpeg\r\n\r\nthe file\r\n", end]);
    form.into_bytes()
}

fn closing(boundary: &str) -> String {
    format!("--{boundary}--\r\n")
}

/// What a form asks for, and the content of its file.
fn receive(head: &Parts, frames: Vec<Vec<u8>>) -> Result<(PutObject, HeaderMap, Vec<u8>)> {
    block_on(async {
        let mut body = Box::pin(body(frames));
        let form = form::read(head, &mut body).await?;
        let (_, signed) = form.authenticate(&Verifier::new(), &Keys, now())?;
        let post = signed.parse(&Target::Bucket("photos".to_owned()), &HeaderMap::new())?;
        let payload = signed.into_payload(body)?;
        let most = payload.length();
        let (content, result) = read(payload).await;
        assert!(content.len() as u64 <= most);
        result.map(|()| (post.put, post.headers, content))
    })
}

/// The request whose `Content-Type` is the first line, and its body.
fn request(text: &[u8]) -> Option<(Parts, Vec<u8>)> {
    let at = text.iter().position(|byte| *byte == b'\n')?;
    let body = text[at + 1..].to_vec();
    let builder =
        Request::post("/photos").header("content-length", body.len()).header("content-type", &text[..at]);
    Some((builder.body(()).ok()?.into_parts().0, body))
}

fn with_type(boundary: &str, form: &[u8]) -> Vec<u8> {
    [format!("multipart/form-data; boundary={boundary}\n").as_bytes(), form].concat()
}

#[test]
#[ignore = "run by cargo xtask fuzz"]
fn damaged() {
    let more = |boundary: &str| {
        format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"submit\"\r\n\r\nx\r\n{}",
            closing(boundary)
        )
    };
    let seeds: Vec<_> = BOUNDARIES
        .iter()
        .flat_map(|boundary| {
            [closing(boundary), more(boundary)]
                .map(|end| with_type(boundary, &signed(POLICY.as_bytes(), boundary, &end)))
        })
        .collect();
    for seed in &seeds {
        let (head, body) = request(seed).unwrap();
        let (put, _, content) = receive(&head, vec![body]).unwrap();
        assert_eq!((put.key.as_str(), &content[..]), ("user/a \"b\".jpg", &b"the file"[..]));
    }
    fuzz(&seeds, |_, text| {
        let Some((head, body)) = request(text) else { return };
        let whole = receive(&head, vec![body.clone()]);
        let bytes = body.iter().map(|byte| vec![*byte]).collect();
        let (as_bytes, halves) = (receive(&head, bytes), receive(&head, halved(&body)));
        assert_eq!((&whole, &whole), (&as_bytes, &halves));
        if let Ok((put, headers, content)) = &whole {
            assert!(put.key.as_str().starts_with("user/"), "{put:?}");
            assert!((2..=20).contains(&content.len()), "{content:?}");
            for (name, value) in headers {
                let allowed = match name.as_str() {
                    "x-amz-acl" => value == "private",
                    "content-type" => value == "image/jpeg",
                    name => name == "x-amz-meta-tag",
                };
                assert!(allowed, "{name}: {value:?}");
            }
        }
        is_the_clients_fault(whole);
    });
}

fn halved(body: &[u8]) -> Vec<Vec<u8>> {
    let (first, second) = body.split_at(body.len() / 2);
    vec![first.to_vec(), second.to_vec()]
}

#[test]
#[ignore = "run by cargo xtask fuzz"]
fn policies() {
    let short = r#"{"conditions": [["starts-with", "$key", ""], {"bucket": "photos"}], "expiration": "2013-05-25T00:00:00Z"}"#;
    fuzz(&[POLICY.as_bytes().to_vec(), short.as_bytes().to_vec()], |_, policy| {
        let form = signed(policy, "b", &closing("b"));
        let (head, body) = request(&with_type("b", &form)).unwrap();
        let received = receive(&head, vec![body]);
        if let Err(error) = &received {
            assert_ne!(error.code, Code::SignatureDoesNotMatch);
        }
        is_the_clients_fault(received);
    });
}
