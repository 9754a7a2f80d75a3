//! Node reports on buckets: current, by hour and by day, also of deleted buckets and of one workspace.

use bucketry_model::diagnosis::CheckCode;
use bucketry_model::id::{BucketId, NodeId};
use bucketry_model::status::{ProbeFailure, ProbedStatus};
use bucketry_model::time::Clock as _;
use bucketry_model::uptime::ProbeSample;
use bucketry_store::status::ProbeBatch;
use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::deployment::Deployment;
use crate::fixtures::{Ownership, TestContext};

impl Deployment {
    async fn node(&self) -> NodeId {
        self.control.node_views().await.unwrap()[0].node.id
    }

    /// Records probes of a bucket: seconds before now, and the latency of a successful one.
    pub(crate) async fn probe(&self, bucket: &str, probes: &[(i64, Option<u32>)]) {
        let bucket: BucketId = bucket.parse().unwrap();
        let sample = |(ago, latency_ms): &(i64, Option<u32>)| {
            let failure = ProbeFailure { code: CheckCode::ConnectionRefused, message: "nobody".to_owned() };
            let online = latency_ms.is_some();
            ProbeSample {
                at: self.clock.now() - SignedDuration::from_secs(*ago),
                status: if online { ProbedStatus::Online } else { ProbedStatus::Offline },
                latency_ms: *latency_ms,
                failure: (!online).then_some(failure),
                version: None,
            }
        };
        let batch = ProbeBatch {
            node_id: self.node().await,
            org_id: None,
            now: self.clock.now(),
            longest_gap: SignedDuration::from_secs(150),
            samples: probes.iter().map(|probe| (bucket, sample(probe))).collect(),
        };
        assert_eq!(self.control.store().record_probes(&batch).await.unwrap(), probes.len());
    }
}

const DAY: i64 = 86_400;

fn days(body: &Value) -> Vec<u64> {
    body["data"].as_array().unwrap().iter().map(|row| row["day"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn the_present_state_has_every_field_of_the_contract() {
    let deployment = Deployment::start().await;
    assert_eq!(deployment.get("/stats/nodes/minute").await.body, json!({ "success": true, "data": [] }));
    let (silent, bucket) = (deployment.add_bucket("silent").await, deployment.add_bucket("photos").await);
    deployment.probe(&bucket, &[(60, Some(12)), (0, None)]).await;
    let response = deployment.get("/stats/nodes/minute").await;
    let row = json!({
        "nodeId": deployment.node().await, "bucketId": bucket, "unitId": bucket, "nodeStatus": "OFFLINE",
        "lastUpdated": "2026-03-01T12:00:00.000Z", "latency_ms": 0,
    });
    assert_eq!(response.body, json!({ "success": true, "data": [row] }), "{}", response.text);
    for query in [format!("bucketId={bucket}%2C{silent}"), format!("unitId={bucket}")] {
        let named = deployment.get(&format!("/stats/nodes/minute?{query}")).await;
        assert_eq!(named.body["data"], response.body["data"], "{query}");
    }
    // The node stops sending messages.
    deployment.clock.advance(SignedDuration::from_secs(90));
    let response = deployment.get("/stats/nodes/minute").await.body;
    assert_eq!(response["data"][0]["nodeStatus"], "DISCONNECTED");
    assert_eq!(deployment.delete(&format!("/bucket/{bucket}")).await.status, 200);
    let gone = deployment.get(&format!("/stats/nodes/minute?bucketId={bucket}")).await;
    assert_eq!(gone.body, json!({ "success": true, "data": [] }), "no node reports on a deleted bucket");
}

#[tokio::test]
async fn a_day_has_every_field_of_the_contract_and_outlives_its_bucket() {
    let deployment = Deployment::start().await;
    assert_eq!(deployment.get("/stats/nodes/daily").await.body, json!({ "success": true, "data": [] }));
    let bucket = deployment.add_bucket("photos").await;
    deployment.probe(&bucket, &[(DAY, Some(30)), (120, Some(10)), (60, None), (0, Some(20))]).await;
    let row = |day: u32, online: f64, latency_ms: f64| {
        json!({
            "nodeId": null, "bucketId": bucket, "unitId": bucket, "day": day, "online": online,
            "latency_ms": latency_ms, "endpoint": "https://s3.example.com", "region": "eu-central-1",
            "storageType": "S3", "provider": "OTHER", "status": "ONLINE", "version": "1",
        })
    };
    let mut expected = json!([row(1_032_026, 50.0, 15.0), row(28_022_026, 100.0, 30.0)]);
    for row in expected.as_array_mut().unwrap() {
        row["nodeId"] = json!(deployment.node().await);
    }
    let response = deployment.get("/stats/nodes/daily").await;
    assert_eq!(response.body, json!({ "success": true, "data": expected }), "{}", response.text);

    assert_eq!(deployment.delete(&format!("/bucket/{bucket}")).await.status, 200);
    assert_eq!(deployment.get("/stats/nodes/daily").await.body["data"], json!([]));
    let named = deployment.get(&format!("/stats/nodes/daily?unitId={bucket}")).await;
    assert_eq!(named.body["data"], expected, "{}", named.text);
    let day = deployment.post(&format!("/bucket/{bucket}/stats"), json!({ "day": "2026-03-01" })).await;
    assert_eq!(day.body["nodeStats"][0]["perc_uptime"], 50.0, "{}", day.text);
}

#[tokio::test]
async fn hours_are_those_of_seven_days_and_outlive_their_bucket() {
    let deployment = Deployment::start().await;
    assert_eq!(deployment.get("/stats/nodes/hourly").await.body, json!({ "success": true, "data": [] }));
    let bucket = deployment.add_bucket("photos").await;
    let week = 7 * DAY;
    // The clock shows 12:00:00, so a probe of now is the first in its hour.
    deployment
        .probe(
            &bucket,
            &[(week, Some(1)), (week - 3_600, Some(2)), (120, Some(10)), (60, None), (0, Some(14))],
        )
        .await;
    let hour = |ago: i64, online: Option<f64>, latency: u32, probes: u32, failures: u32| {
        json!({
            "timestamp": deployment.clock.now().as_second() - ago, "online": online, "p50_latency_ms": latency,
            "p99_latency_ms": latency, "probes": probes, "failures": failures,
        })
    };
    let newest = hour(0, None, 14, 1, 0);
    let hours = [newest.clone(), hour(3_600, Some(50.0), 10, 2, 1), hour(week - 3_600, None, 2, 1, 0)];
    let entry = |hours: &[Value], node: NodeId| json!([{ "nodeId": node, "bucketId": bucket, "unitId": bucket, "ip": "node-1", "hours": hours }]);
    let node = deployment.node().await;
    let response = deployment.get("/stats/nodes/hourly").await;
    assert_eq!(response.body["data"], entry(&hours, node), "{}", response.text);
    for (query, expected) in [
        ("startDate=2026-03-01T12:59:59Z", entry(&[newest], node)),
        ("endDate=2026-02-28", entry(&hours[2..], node)),
        ("startDate=2026-03-01&endDate=2026-03-01", entry(&hours[..2], node)),
        ("endDate=2020-01-01", json!([])),
    ] {
        let response = deployment.get(&format!("/stats/nodes/hourly?{query}")).await;
        assert_eq!(response.body["data"], expected, "{query}: {}", response.text);
    }
    for (query, field) in [
        ("startDate=1032026", "startDate"),
        ("endDate=x", "endDate"),
        ("startDate=2026-03-02&endDate=2026-03-01", "startDate"),
        ("limit=0", "limit"),
        ("cursor=abc", "cursor"),
    ] {
        let refused = deployment.get(&format!("/stats/nodes/hourly?{query}")).await;
        assert_eq!((refused.status.as_u16(), refused.fields()), (400, vec![field]), "{query}");
    }
    assert_eq!(deployment.delete(&format!("/bucket/{bucket}")).await.status, 200);
    assert_eq!(deployment.get("/stats/nodes/hourly").await.body["data"], json!([]));
    let named = deployment.get(&format!("/stats/nodes/hourly?unitId={bucket}")).await;
    assert_eq!(named.body["data"], entry(&hours, node), "{}", named.text);
}

#[tokio::test]
async fn a_page_of_hours_has_fifty_buckets_at_most() {
    let deployment = Deployment::start().await;
    for number in 0..51 {
        let bucket = deployment.add_bucket(&format!("bucket-{number}")).await;
        deployment.probe(&bucket, &[(0, Some(1))]).await;
    }
    let page = deployment.get("/stats/nodes/hourly?limit=100").await.body;
    assert_eq!(page["data"].as_array().unwrap().len(), 50);
    let cursor = page["nextCursor"].as_str().unwrap();
    let rest = deployment.get(&format!("/stats/nodes/hourly?limit=100&cursor={cursor}")).await.body;
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["nextCursor"]), (1, &Value::Null));
    let whole = deployment.get("/stats/nodes/hourly").await.body;
    assert_eq!(whole["data"].as_array().unwrap().len(), 51);
}

#[tokio::test]
async fn dates_are_read_from_the_right_and_both_belong_to_the_range() {
    let deployment = Deployment::start().await;
    let bucket = deployment.add_bucket("photos").await;
    deployment
        .probe(&bucket, &[(31 * DAY, Some(1)), (29 * DAY, Some(1)), (DAY, Some(1)), (0, Some(1))])
        .await;
    let response =
        async |query: &str| days(&deployment.get(&format!("/stats/nodes/daily?{query}")).await.body);
    assert_eq!(response("").await, [1_032_026, 28_022_026, 31_012_026], "thirty days including today");
    assert_eq!(response("startDate=29012026&endDate=31012026").await, [31_012_026, 29_012_026]);
    assert_eq!(response("startDate=1032026&endDate=01032026").await, [1_032_026]);
    assert_eq!(response("startDate=undefined&endDate=28022026").await, [28_022_026, 31_012_026]);
    for (query, field) in [
        ("startDate=2026-03-01", "startDate"),
        ("endDate=32012026", "endDate"),
        ("endDate=1767225600", "endDate"),
        ("startDate=2032026", "startDate"),
        ("startDate=28022025", "startDate"),
        ("startDate=1032026&startDate=1032026", "startDate"),
        ("limit=0", "limit"),
        ("cursor=abc", "cursor"),
    ] {
        let refused = deployment.get(&format!("/stats/nodes/daily?{query}")).await;
        let response = (refused.status.as_u16(), refused.fields());
        assert_eq!(response, (400, vec![field]), "{query}: {}", refused.text);
    }
}

#[tokio::test]
async fn pages_count_buckets_and_lead_to_the_end() {
    let deployment = Deployment::start().await;
    let mut buckets = Vec::new();
    for number in 0..5 {
        let bucket = deployment.add_bucket(&format!("bucket-{number}")).await;
        if number != 2 {
            deployment.probe(&bucket, &[(DAY, Some(1)), (0, Some(1))]).await;
        }
        buckets.push(bucket);
        deployment.clock.advance(SignedDuration::from_secs(1));
    }
    buckets.reverse();
    for (path, rows) in [("/stats/nodes/minute", 1), ("/stats/nodes/hourly", 1), ("/stats/nodes/daily", 2)] {
        for named in [String::new(), format!("&bucketId={}", buckets.join("%2C"))] {
            let (mut cursor, mut seen) = (String::new(), Vec::new());
            loop {
                let page = deployment.get(&format!("{path}?limit=2{named}{cursor}")).await;
                let data = page.body["data"].as_array().unwrap();
                seen.extend(data.iter().map(|row| row["bucketId"].as_str().unwrap().to_owned()));
                match page.body["nextCursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            let probed = buckets.iter().enumerate().filter(|(index, _)| *index != 2).map(|(_, id)| id);
            let expected: Vec<String> = probed.flat_map(|id| vec![id.clone(); rows]).collect();
            assert_eq!(seen, expected, "{path} {named}");
        }
    }
}

#[tokio::test]
async fn statistics_are_those_of_the_workspaces_that_the_caller_can_enter() {
    let context = TestContext::make().await;
    let mut ids = Vec::new();
    for ownership in Ownership::ALL {
        let bucket = context.fresh_bucket(ownership).await;
        context.deployment.probe(&bucket, &[(0, Some(1))]).await;
        ids.push(bucket);
    }
    let [own, other, foreign] = &ids[..] else { panic!() };
    let seen = async |role, path: &str| {
        let answer = context.deployment.ask_as(context.token(role), Method::GET, path, None).await;
        let rows = ["data", "stats"].iter().find_map(|name| answer.body[*name].as_array());
        let rows = rows.unwrap_or_else(|| panic!("{role} {path}: {}", answer.text));
        let id = |row: &Value| row["bucketId"].as_str().or(row["unitId"].as_str()).unwrap().to_owned();
        rows.iter().map(id).collect::<std::collections::BTreeSet<_>>()
    };
    let set = |ids: &[&String]| ids.iter().map(|id| (*id).clone()).collect::<std::collections::BTreeSet<_>>();
    for path in
        ["/stats/nodes/minute", "/stats/nodes/hourly", "/stats/nodes/daily", "/bucket/stats", "/unit/stats"]
    {
        for (role, expected) in [
            ("USER", set(&[])),
            ("READ", set(&[own])),
            ("OWNER", set(&[own, other])),
            ("FOREIGN", set(&[foreign])),
        ] {
            assert_eq!(seen(role, path).await, expected, "{role} {path}");
        }
        let within = |ownership| format!("{path}?workspaceId={}", context.workspace(ownership));
        assert_eq!(seen("OWNER", &within(Ownership::OtherWorkspace)).await, set(&[other]), "{path}");
        assert_eq!(seen("READ", &within(Ownership::OwnWorkspace)).await, set(&[own]), "{path}");
        let both = format!("{}&bucketId={own},{other},{foreign}", within(Ownership::OwnWorkspace));
        assert_eq!(seen("OWNER", &both).await, set(&[own]), "{path}: both named, limited to one workspace");
        for (role, ownership, status) in [
            ("READ", Ownership::OtherWorkspace, 403),
            ("READ", Ownership::OtherOrganization, 404),
            ("OWNER", Ownership::OtherOrganization, 404),
        ] {
            let answer =
                context.deployment.ask_as(context.token(role), Method::GET, &within(ownership), None).await;
            assert_eq!(answer.status, status, "{role} {path} {}", ownership.name());
        }
        let named = format!("{path}?bucketId={other}");
        let answer = context.deployment.ask_as(context.token("READ"), Method::GET, &named, None).await;
        assert_eq!(answer.status, 403, "a bucket that exists, but not for the caller: {path}");
    }
}
