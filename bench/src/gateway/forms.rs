//! G3 and G4 for forms that browsers upload (`PostObject`), compared with the same object in a PUT.

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode};
use serde_json::{Map, Value, json};

use super::load::{Compared, Work, ratio, round};
use super::memory::{STREAMS, growth};
use super::objects::{LARGE, content};
use super::sign::{PayloadHash, Signer};
use super::{Field, S3_BUCKET, cpu, write};
use crate::report::{self, Bar};
use crate::{Plan, Result};

const BOUNDARY: &str = "----WebKitFormBoundary7MA4YWxkTrZu0gW";

/// A form with a file of this size. Its signature is valid for an hour.
pub(super) fn form(
    signer: &Signer,
    bucket: &str,
    size: usize,
    connections: usize,
    requests: usize,
) -> Result<Work> {
    let mut body = String::new();
    let mut field = |name: &str, value: &str| {
        body.extend(["--", BOUNDARY, "\r\nContent-Disposition: form-data; name=\"", name, "\"\r\n\r\n"]);
        body.extend([value, "\r\n"]);
    };
    field("key", "written");
    for (name, value) in signer.form_fields(&[("bucket", bucket), ("key", "written")])? {
        field(name, &value);
    }
    body.extend(["--", BOUNDARY, "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n"]);
    body.push_str("Content-Type: application/octet-stream\r\n\r\n");
    let end = format!("\r\n--{BOUNDARY}--\r\n");
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    Ok(Work {
        method: Method::POST,
        path: format!("/{bucket}"),
        content: Bytes::from([body.as_bytes(), &content(size), end.as_bytes()].concat()),
        payload_hash: String::new(),
        form: Some(HeaderValue::from_str(&content_type)?),
        expected: (StatusCode::NO_CONTENT, None),
        repeated: 1,
        connections,
        requests,
    })
}

/// Compares forms with PUTs of the same content, in pairs. The PUT is unsigned, because nothing signs the file of a form.
pub(super) async fn measure(
    field: &Field,
    plan: &Plan,
    rounds: usize,
    figures: &mut Map<String, Value>,
) -> Result<Vec<Bar>> {
    report::complain("G3, G4 forms");
    let gateway = field.gateway();
    let requests = if plan.quick { 8 } else { 24 };
    let put = write(S3_BUCKET, LARGE.1, PayloadHash::Unsigned, 4, requests);
    let post = form(&gateway.signer, S3_BUCKET, LARGE.1, 4, requests)?;
    let (mut posts, mut puts) = (Vec::new(), Vec::new());
    for work in [&put, &post] {
        round(&gateway, work).await?;
    }
    for _ in 0..rounds {
        puts.push(round(&gateway, &put).await?);
        posts.push(round(&gateway, &post).await?);
    }
    let (posts, puts) = (Compared::of(&gateway, posts), Compared::of(&gateway, puts));
    let spread = ratio(&posts, &puts, cpu);
    let each = posts.cpu_us_per_request.median;
    let what = "G3 CPU (µs) per form of 64 MiB (PostObject), relative to the same PUT";
    let mut bars =
        vec![Bar::at_most(what, (1.2, "≤ 1.2 ×"), spread.median, format!("{spread} × ({each:.1})"))];
    figures.insert("g3 forms".to_owned(), json!([posts, puts]));

    let all = form(&gateway.signer, S3_BUCKET, LARGE.1, STREAMS, STREAMS * 2)?;
    let growth = growth(&gateway, &all).await? / STREAMS as f64;
    let what = format!("G4 memory per form of 64 MiB, {STREAMS} in flight");
    bars.push(Bar::at_most(&what, (1.0, "≤ 1 MiB"), growth, format!("{growth:.2} MiB")));
    figures.insert("g4 forms MiB".to_owned(), json!(growth));
    Ok(bars)
}
