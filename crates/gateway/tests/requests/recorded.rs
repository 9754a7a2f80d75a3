//! Requests recorded from boto3 (`boto3.json` contains its version), with keys and parameters that are hard to
//! encode.

use std::collections::BTreeMap;

use http::Request;
use jiff::Timestamp;
use serde::Deserialize;

use crate::client::{body, read, verify_at};
use bucketry_gateway::internals::payload;

#[derive(Deserialize)]
struct Recorded {
    now: Timestamp,
    requests: Vec<Sent>,
}

#[derive(Deserialize)]
struct Sent {
    method: String,
    target: String,
    headers: BTreeMap<String, String>,
    body: String,
}

#[tokio::test]
async fn what_boto3_sends_is_verified() {
    let recorded: Recorded = serde_json::from_str(include_str!("boto3.json")).unwrap();
    for sent in recorded.requests {
        let mut builder = Request::builder().method(sent.method.as_str()).uri(&sent.target);
        for (name, value) in &sent.headers {
            builder = builder.header(name, value);
        }
        let request = builder.body(()).unwrap().into_parts().0;
        let name = format!("{} {}", sent.method, sent.target);
        let verified = verify_at(&request, recorded.now).unwrap_or_else(|error| panic!("{name}: {error}"));
        let payload = payload::reader(body(vec![sent.body.into_bytes()]), &verified, &request).unwrap();
        let length = payload.length();
        let (content, result) = read(payload).await;
        result.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(content.len() as u64, length, "{name}");
    }
}
