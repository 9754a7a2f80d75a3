//! A client that builds signatures step by step, so that tests can sign what no real client would.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bucketry_gateway::internals::auth::{AccessKey, KeySource, Verified, Verifier};
use bucketry_gateway::internals::error::{Result, S3Error};
use bucketry_gateway::internals::{PayloadBody, SigningSecret, payload};
use bucketry_model::hex;
use bucketry_model::secret::Secret;
use bytes::Bytes;
use futures_util::stream;
use http::Request;
use http::request::Parts;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use jiff::Timestamp;
use ring::{digest, hmac};

pub(crate) const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
pub(crate) const HOST: &str = "gateway.example:9000";
pub(crate) const TIME: &str = "20130524T000000Z";
pub(crate) const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// A key source with a single key.
pub(crate) struct OneKey(SigningSecret);

pub(crate) struct Keys;

impl AccessKey for OneKey {
    fn signing_secret(&self) -> &SigningSecret {
        &self.0
    }
}

impl KeySource for Keys {
    type Key = OneKey;

    fn find(&self, access_key_id: &str) -> Option<OneKey> {
        (access_key_id == KEY).then(|| OneKey(SigningSecret::new(Secret::new(SECRET))))
    }
}

pub(crate) fn now() -> Timestamp {
    "2013-05-24T00:00:00Z".parse().unwrap()
}

pub(crate) fn verify(request: &Parts) -> Result<Verified<OneKey>> {
    verify_at(request, now())
}

pub(crate) fn verify_at(request: &Parts, now: Timestamp) -> Result<Verified<OneKey>> {
    Verifier::new().verify(request, &Keys, now)
}

/// A request that is being built.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Headers to send without signing them.
    pub(crate) unsigned: Vec<(&'static str, String)>,
    pub(crate) region: &'static str,
    pub(crate) key: &'static str,
    pub(crate) secret: &'static str,
}

impl Draft {
    pub(crate) fn new(method: &'static str, target: &str, content: &str) -> Self {
        Self {
            method,
            target: target.to_owned(),
            headers: vec![
                ("host", HOST.to_owned()),
                ("x-amz-content-sha256", content.to_owned()),
                ("x-amz-date", TIME.to_owned()),
            ],
            unsigned: Vec::new(),
            region: "us-east-1",
            key: KEY,
            secret: SECRET,
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    pub(crate) fn set(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.header(name, value)
    }

    pub(crate) fn without(mut self, name: &'static str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self
    }

    pub(crate) fn unsigned(mut self, name: &'static str, value: impl ToString) -> Self {
        self.unsigned.push((name, value.to_string()));
        self
    }

    fn signed_headers(&self) -> BTreeMap<&'static str, String> {
        let mut joined: BTreeMap<&'static str, String> = BTreeMap::new();
        for (name, value) in &self.headers {
            let known = joined.entry(name).or_default();
            if !known.is_empty() {
                known.push(',');
            }
            known.push_str(value);
        }
        joined
    }

    fn signature(&self, query: &str, content: &str) -> [u8; 32] {
        let path = self.target.split('?').next().unwrap();
        let headers = self.signed_headers();
        let mut lines: Vec<&str> = query.split('&').filter(|part| !part.is_empty()).collect();
        lines.sort_unstable();
        let mut canonical = format!("{}\n{path}\n{}\n", self.method, lines.join("&"));
        for (name, value) in &headers {
            writeln!(canonical, "{name}:{value}").unwrap();
        }
        let names: Vec<&str> = headers.into_keys().collect();
        write!(canonical, "\n{}\n{content}", names.join(";")).unwrap();
        let text = format!(
            "AWS4-HMAC-SHA256\n{}\n{}\n{}",
            self.time(),
            self.scope(),
            hex::encode(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref())
        );
        self.chain().sign(&text)
    }

    fn time(&self) -> String {
        let found = self.headers.iter().find(|(name, _)| *name == "x-amz-date");
        found.map_or_else(|| TIME.to_owned(), |(_, value)| value.clone())
    }

    fn scope(&self) -> String {
        format!("{}/{}/s3/aws4_request", &self.time()[..8], self.region)
    }

    fn chain(&self) -> Signer {
        let first = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4{}", self.secret).as_bytes());
        let steps = [&self.time()[..8], self.region, "s3", "aws4_request"];
        Signer(steps.iter().fold(first, |key, step| {
            hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, step.as_bytes()).as_ref())
        }))
    }

    fn content(&self) -> &str {
        self.headers
            .iter()
            .find(|(name, _)| *name == "x-amz-content-sha256")
            .map_or(UNSIGNED, |(_, value)| value)
    }

    /// The request with an `Authorization` header, and a signer for its chunks.
    pub(crate) fn sign(self) -> (Parts, Chunks) {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        let signature = self.signature(query, self.content());
        let names: Vec<&str> = self.signed_headers().into_keys().collect();
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}",
            self.key,
            self.scope(),
            names.join(";"),
            hex::encode(&signature)
        );
        let chunks = Chunks {
            signer: self.chain(),
            time_and_scope: format!("{}\n{}", self.time(), self.scope()),
            previous: hex::encode(&signature),
        };
        (self.unsigned("authorization", authorization).parts(), chunks)
    }

    /// The request as a presigned URL. `expires` is a text, so that tests can send nonsense.
    pub(crate) fn presign(mut self, expires: &str) -> Parts {
        let time = self.time();
        self.headers.retain(|(name, _)| !matches!(*name, "x-amz-date" | "x-amz-content-sha256"));
        let names: Vec<&str> = self.signed_headers().into_keys().collect();
        let parameters = format!(
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={}%2F{}&X-Amz-Date={time}&X-Amz-Expires={expires}\
             &X-Amz-SignedHeaders={}",
            self.key,
            self.scope().replace('/', "%2F"),
            names.join("%3B")
        );
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let query = if query.is_empty() { parameters } else { format!("{query}&{parameters}") };
        let target = format!("{path}?{query}");
        let signature = self.signature(&query, UNSIGNED);
        self.target = format!("{target}&X-Amz-Signature={}", hex::encode(&signature));
        self.parts()
    }

    /// The unsigned request.
    pub(crate) fn parts(self) -> Parts {
        let mut builder = Request::builder().method(self.method).uri(self.target);
        for (name, value) in self.headers.into_iter().chain(self.unsigned) {
            builder = builder.header(name, value);
        }
        builder.body(()).unwrap().into_parts().0
    }
}

struct Signer(hmac::Key);

impl Signer {
    fn sign(&self, text: &str) -> [u8; 32] {
        hmac::sign(&self.0, text.as_bytes()).as_ref().try_into().unwrap()
    }
}

/// Signs the chunks of a body in order.
pub(crate) struct Chunks {
    signer: Signer,
    time_and_scope: String,
    previous: String,
}

impl Chunks {
    pub(crate) fn chunk(&mut self, content: &[u8]) -> Vec<u8> {
        let signature = self.next(&format!(
            "AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{}\n{}",
            self.time_and_scope,
            self.previous,
            sha256(b""),
            sha256(content)
        ));
        let mut out = format!("{:x};chunk-signature={signature}\r\n", content.len()).into_bytes();
        out.extend_from_slice(content);
        out.extend_from_slice(if content.is_empty() { b"" } else { b"\r\n" });
        out
    }

    pub(crate) fn trailer_signature(&mut self, headers: &str) -> String {
        self.next(&format!(
            "AWS4-HMAC-SHA256-TRAILER\n{}\n{}\n{}",
            self.time_and_scope,
            self.previous,
            sha256(headers.as_bytes())
        ))
    }

    fn next(&mut self, text: &str) -> String {
        self.previous = hex::encode(&self.signer.sign(text));
        self.previous.clone()
    }
}

/// A body that arrives in these frames.
pub(crate) fn body(
    frames: Vec<Vec<u8>>,
) -> impl http_body::Body<Data = Bytes, Error = std::io::Error> + Send {
    StreamBody::new(stream::iter(frames.into_iter().map(|frame| Ok(Frame::data(Bytes::from(frame))))))
}

/// What a driver gets of a payload: the pieces, and how it ended.
pub(crate) async fn read(mut payload: PayloadBody) -> (Vec<u8>, Result<()>) {
    let mut content = Vec::new();
    while let Some(frame) = payload.frame().await {
        match frame {
            Ok(frame) => content.extend_from_slice(&frame.into_data().unwrap()),
            Err(error) => return (content, Err(error.into())),
        }
    }
    (content, Ok(()))
}

/// Verifies the request and reads its whole body.
pub(crate) async fn receive(request: &Parts, frames: Vec<Vec<u8>>) -> Result<Vec<u8>> {
    let payload = payload::reader(body(frames), &verify(request)?, request)?;
    let length = payload.length();
    let receipt = payload.receipt();
    let (content, result) = read(payload).await;
    assert_eq!(receipt.refusal().map(S3Error::from), result.clone().err(), "the receipt has every refusal");
    match result {
        Ok(()) => assert_eq!(content.len() as u64, length),
        Err(_) => assert!((content.len() as u64) < length || length == 0, "the last byte is never passed on"),
    }
    result.map(|()| content)
}

pub(crate) fn sha256(content: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, content).as_ref())
}
