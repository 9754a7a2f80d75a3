//! Every call of the client on buckets, with every member that the client's types require, right after
//! registration.

use bucketry_e2e::{
    Answer, OPEN_BUCKET, Person, Result, Server, options, s3_bucket, shared_s3_endpoint, text, with,
};
use http::Method;
use serde_json::{Value, json};

/// The required type of a member: the client's types, and texts that are times.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Time,
    Number,
    Flag,
    List,
    /// A 64-bit counter.
    Decimal,
    Status,
}

impl Kind {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.as_str().is_some_and(|text| !text.is_empty()),
            Self::Time => text(value).parse::<jiff::Timestamp>().is_ok(),
            Self::Number => value.is_number(),
            Self::Flag => value == &json!(true),
            Self::List => value.is_array(),
            Self::Decimal => text(value).parse::<i64>().is_ok(),
            Self::Status => value == &json!("ONLINE"),
        }
    }
}

type Members = &'static [(&'static str, Kind)];

const DONE: Members = &[("success", Kind::Flag)];
const STORED: Members = &[("success", Kind::Flag), ("bucketId", Kind::Text)];
const UPDATED: Members = &[
    ("success", Kind::Flag),
    ("bucketId", Kind::Text),
    ("status", Kind::Status),
    ("latency_ms", Kind::Number),
];
const BUCKET: Members = &[
    ("id", Kind::Text),
    ("name", Kind::Text),
    ("bucket", Kind::Text),
    ("storageType", Kind::Text),
    ("key", Kind::Text),
    ("status", Kind::Status),
    ("workspaceId", Kind::Text),
    ("createdAt", Kind::Time),
];
const LISTED: Members = &[
    ("id", Kind::Text),
    ("name", Kind::Text),
    ("bucket", Kind::Text),
    ("storageType", Kind::Text),
    ("key", Kind::Text),
    ("endpoint", Kind::Text),
    ("region", Kind::Text),
    ("status", Kind::Status),
    ("lastStatusAt", Kind::Time),
    ("workspaceId", Kind::Text),
    ("createdAt", Kind::Time),
    ("repos", Kind::List),
];
const NODE: Members = &[
    ("ip", Kind::Text),
    ("region", Kind::Text),
    ("version", Kind::Text),
    ("status", Kind::Status),
    ("latency_ms", Kind::Number),
    ("latencyMs", Kind::Number),
    ("lastUpdated", Kind::Time),
];
const DAY: Members = &[
    ("ip", Kind::Text),
    ("host", Kind::Text),
    ("perc_uptime", Kind::Number),
    ("avg_latency_ms", Kind::Number),
    ("version", Kind::Text),
    ("node_status", Kind::Status),
    ("last_updated", Kind::Time),
    ("last_latency_ms", Kind::Number),
];
const VALIDATED: Members = &[
    ("success", Kind::Flag),
    ("message", Kind::Text),
    ("latency_ms", Kind::Number),
    ("status", Kind::Status),
];
const TOTALS: Members = &[
    ("bucketId", Kind::Text),
    ("totalCount", Kind::Decimal),
    ("totalUploadBytes", Kind::Decimal),
    ("totalDownloadBytes", Kind::Decimal),
    ("totalSizeChange", Kind::Decimal),
];
const UNIT_TOTALS: Members = &[("unitId", Kind::Text), ("totalCount", Kind::Decimal)];

/// Checks that the response to one call has the members that the client's types require, at the given place.
#[expect(clippy::print_stderr, reason = "the table of calls is for people to read")]
fn check(call: &str, answer: &Answer, at: &str, required: Members) -> Result<Value> {
    let whole = answer.json_with_status(200)?;
    let response = whole.pointer(at).cloned().unwrap_or_default();
    for (member, kind) in required {
        assert!(kind.fits(&response[member]), "{call}: {member} of {response}");
    }
    let names: Vec<_> = required.iter().map(|(name, _)| *name).collect();
    eprintln!("| {call} | {} | {} |", answer.status, names.join(", "));
    Ok(whole)
}

#[tokio::test]
async fn every_bucket_call_answers_what_the_types_require_right_after_a_creation() -> Result<()> {
    let server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    let created = owner.post("/bucket", &with(&body, &json!({ "walletAddress": "0x0" }))).send().await?;
    let id = text(&check("POST /bucket", &created, "", STORED)?["bucketId"]).to_owned();
    right_after(&owner, &id, &body).await?;

    // The client's update sends all fields, with an empty secret if the form shows none.
    let whole = with(&body, &json!({ "name": "Films", "secret": "" }));
    let path = format!("/bucket/{id}");
    check("PUT /bucket/{id}", &owner.put(&path, &whole).send().await?, "", UPDATED)?;
    check("PUT /bucket/{id}, validated", &owner.put(&path, &body).send().await?, "", UPDATED)?;
    right_after(&owner, &id, &body).await?;
    let deleted = owner.delete(&path).json(&json!({})).send().await?;
    check("DELETE /bucket/{id}", &deleted, "", DONE)?;
    Ok(())
}

async fn right_after(owner: &Person, id: &str, body: &Value) -> Result<()> {
    let workspace = text(&body["workspaceId"]);
    let mut listed = Value::Null;
    for path in
        ["/bucket?workspaceId=undefined&walletAddress=undefined", &format!("/bucket?workspaceId={workspace}")]
    {
        listed = check("GET /bucket", &owner.get(path).send().await?, "/buckets/0", LISTED)?;
    }
    for path in ["/bucket/available?", &format!("/bucket/available?workspaceId={workspace}")] {
        check("GET /bucket/available", &owner.get(path).send().await?, "/0", BUCKET)?;
    }
    let status = owner.get(&format!("/bucket/{id}/status")).send().await?;
    assert_eq!(check("GET /bucket/{id}/status", &status, "/nodeStatus/0", NODE)?["bucketId"], id);
    let day = json!({ "day": listed["buckets"][0]["lastStatusAt"] });
    let stats = owner.post(&format!("/bucket/{id}/stats"), &day).send().await?;
    check("POST /bucket/{id}/stats", &stats, "/nodeStats/0", DAY)?;
    let path = format!("/bucket/{id}/validate");
    check("POST /bucket/{id}/validate", &owner.call(Method::POST, &path).send().await?, "", VALIDATED)?;
    let trial = json!({ "key": body["key"], "secret": body["secret"], "endpoint": body["endpoint"], "bucket": body["bucket"] });
    check(
        "POST /bucket/{id}/validate, with fields",
        &owner.post(&path, &trial).send().await?,
        "",
        VALIDATED,
    )?;
    for path in ["/bucket/stats".to_owned(), format!("/bucket/stats?bucketId={id}")] {
        check("GET /bucket/stats", &owner.get(&path).send().await?, "/stats/0", TOTALS)?;
    }
    let units = owner.get(&format!("/unit/stats?unitId={id}")).send().await?;
    check("GET /unit/stats", &units, "/stats/0", UNIT_TOTALS)?;
    Ok(())
}
