//! Traffic by minute and by day, and of workspaces by hour.

use std::sync::Arc;

use bucketry_api::ApiSettings;
use bucketry_control::Settings;
use bucketry_model::id::{BucketId, RepoId};
use bucketry_model::node_protocol::UsageBatch;
use bucketry_model::time::Clock as _;
use bucketry_model::usage::UsageRow;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::deployment::Deployment;

/// The start of the deployment's day, in Unix seconds. Its clock shows noon.
const MIDNIGHT: i64 = 1_772_323_200;
const NOON: i64 = MIDNIGHT + 43_200;
const DAY: i64 = 86_400;

impl Deployment {
    async fn count(&self, number: u64, rows: Vec<UsageRow>) {
        let node = self.control.node_views().await.unwrap()[0].node.id;
        let batch = UsageBatch { spool: "s".into(), number, rows };
        self.control.store().add_usage(node, None, &batch, self.clock.now()).await.unwrap();
    }
}

fn row(bucket: &str, minute: i64, requests: u32) -> UsageRow {
    let bucket: BucketId = bucket.parse().unwrap();
    UsageRow { requests, ..UsageRow::empty(minute, bucket, None) }
}

fn timestamps(body: &Value) -> Vec<i64> {
    body["data"].as_array().unwrap().iter().map(|entry| entry["timestamp"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn traffic_has_a_cost_where_the_operator_has_set_prices() {
    let sheet = json!({
        "currency": "EUR", "provider": { "other": { "reads_per_1000": 2, "egress_gib": 1 } },
    });
    let prices = Some(Arc::new(serde_json::from_value(sheet).unwrap()));
    let api = ApiSettings { rate_limits: None, ..ApiSettings::default() };
    let deployment = Deployment::with(api, Settings { prices, ..Settings::default() }).await;
    let bucket = deployment.add_bucket("photos").await;
    let aws =
        json!({ "name": "Films", "bucket": "films", "endpoint": "https://s3.eu-central-1.amazonaws.com" });
    let mut fields = deployment.bucket_fields("Films");
    fields.as_object_mut().unwrap().extend(aws.as_object().unwrap().clone());
    let unpriced = deployment.post("/bucket", fields).await.body["bucketId"].as_str().unwrap().to_owned();
    let traffic =
        |bucket: &str| UsageRow { reads: 500, download_bytes: 1 << 29, ..row(bucket, NOON - 60, 500) };
    deployment.count(1, vec![traffic(&bucket), traffic(&unpriced)]).await;
    for path in ["/stats/minute", "/stats/daily"] {
        let of = async |bucket: &str| {
            deployment.get(&format!("{path}?bucketId={bucket}")).await.body["data"][0].clone()
        };
        let expected = json!({ "currency": "EUR", "requests": 1.0, "egress": 0.5, "total": 1.5 });
        assert_eq!(of(&bucket).await["estimatedCost"], expected);
        let entry = of(&unpriced).await;
        assert!(entry["requests"] == 500 && entry.get("estimatedCost").is_none(), "{entry}");
    }
    let listed = deployment.get("/bucket").await;
    assert!(!listed.text.contains("estimatedStorageCost"), "nothing was measured: {}", listed.text);
}

#[tokio::test]
async fn an_entry_has_every_field_of_the_contract_and_byte_counts_as_decimal_texts() {
    let deployment = Deployment::start().await;
    let bucket = deployment.add_bucket("photos").await;
    let repo = RepoId::new(deployment.clock.now(), [1; 10]);
    let full = UsageRow {
        repo_id: Some(repo),
        errors: 2,
        provider_errors: 1,
        reads: 1,
        writes: 1,
        lists: 1,
        upload_bytes: 1 << 50,
        download_bytes: 5,
        size_change: -7,
        latency_sum_ms: 10,
        first_byte_sum_ms: 8,
        ..row(&bucket, NOON - 60, 4)
    };
    deployment.count(1, vec![full]).await;
    let expected = |timestamp: i64| {
        json!({
            "timestamp": timestamp, "repoId": repo, "bucketId": bucket, "unitId": bucket,
            "upl_bytes": "1125899906842624", "dwl_bytes": "5", "size_change": "-7", "latency_ms": 2.5,
            "first_byte_ms": 2.0, "host": "node-1", "requests": 4, "errors": 2, "provider_errors": 1, "reads": 1,
            "writes": 1, "lists": 1,
        })
    };
    let minutes = deployment.get("/stats/minute?").await;
    assert_eq!(minutes.body, json!({ "success": true, "data": [expected(NOON - 60)] }), "{}", minutes.text);
    let days = deployment.get("/stats/daily?startDate=undefined&bucketId=").await;
    assert_eq!(days.body, json!({ "success": true, "data": [expected(MIDNIGHT)] }));
}

#[tokio::test]
async fn the_range_is_a_day_of_minutes_and_thirty_days_unless_another_is_asked_for() {
    let deployment = Deployment::start().await;
    let bucket = deployment.add_bucket("photos").await;
    let minutes = [NOON, NOON - DAY, NOON - DAY - 60, NOON - 30 * DAY, NOON - 31 * DAY];
    deployment.count(1, minutes.iter().map(|minute| row(&bucket, *minute, 1)).collect()).await;

    let response = async |query: &str| timestamps(&deployment.get(&format!("/stats/{query}")).await.body);
    assert_eq!(response("minute").await, [NOON, NOON - DAY]);
    let days = [MIDNIGHT, MIDNIGHT - DAY, MIDNIGHT - 30 * DAY];
    assert_eq!(response("daily").await, days);
    assert_eq!(
        response("daily?startDate=2026-02-28&endDate=2026-02-28T23:59:59.999Z").await,
        [MIDNIGHT - DAY]
    );
    assert_eq!(
        response("minute?startDate=2026-02-28&endDate=2026-02-28").await,
        [NOON - DAY, NOON - DAY - 60]
    );
    assert_eq!(
        response("minute?endDate=2026-02-28T12:00:30Z&startDate=2026-02-28T12:00:30Z").await,
        [NOON - DAY]
    );
}

#[tokio::test]
async fn a_series_is_cut_down_to_buckets_hosts_and_repositories_and_paged() {
    let deployment = Deployment::start().await;
    let (a, b) = (deployment.add_bucket("a").await, deployment.add_bucket("b").await);
    deployment.count(1, vec![row(&a, NOON, 1), row(&b, NOON - 60, 1), row(&a, NOON - 120, 1)]).await;
    let response =
        async |query: &str| timestamps(&deployment.get(&format!("/stats/minute?{query}")).await.body);
    assert_eq!(response(&format!("bucketId={a}")).await, [NOON, NOON - 120]);
    assert_eq!(response(&format!("unitId={a}%2C{b}")).await, [NOON, NOON - 60, NOON - 120]);
    assert_eq!(response("hosts=node-1").await.len(), 3);
    assert_eq!(response("hosts=node-2,node-3").await, [0_i64; 0]);

    let first = deployment.get("/stats/minute?limit=2").await.body;
    assert_eq!(timestamps(&first), [NOON, NOON - 60]);
    let cursor = first["nextCursor"].as_str().unwrap();
    let rest = deployment.get(&format!("/stats/minute?limit=2&cursor={cursor}")).await.body;
    assert_eq!((timestamps(&rest), &rest["nextCursor"]), (vec![NOON - 120], &Value::Null));
}

#[tokio::test]
async fn ranges_that_are_backwards_too_long_or_no_dates_are_refused() {
    let deployment = Deployment::start().await;
    for (query, field) in [
        ("minute?startDate=2026-03-02&endDate=2026-03-01", "startDate"),
        ("minute?startDate=2026-01-01", "startDate"),
        ("daily?startDate=1999-01-01", "startDate"),
        ("daily?startDate=yesterday", "startDate"),
        ("daily?endDate=1767225600000", "endDate"),
        ("daily?limit=0", "limit"),
        ("daily?cursor=abc", "cursor"),
    ] {
        let refused = deployment.get(&format!("/stats/{query}")).await;
        assert_eq!(
            (refused.status.as_u16(), refused.fields()),
            (400, vec![field]),
            "{query}: {}",
            refused.text
        );
    }
    let long = "h".repeat(256);
    let refused = deployment.get(&format!("/stats/daily?hosts={long}")).await;
    assert_eq!((refused.status.as_u16(), refused.fields()), (400, vec!["hosts"]));
}

#[tokio::test]
async fn minutes_go_with_time_and_days_stay() {
    let deployment = Deployment::start().await;
    let bucket = deployment.add_bucket("photos").await;
    deployment.count(1, vec![row(&bucket, NOON, 1)]).await;
    deployment.clock.advance(SignedDuration::from_hours(33 * 24));
    deployment.control.tidy().await.unwrap();
    let session = deployment.log_in("owner@example.com").await;
    let response = async |query: &str| {
        let path = format!("/stats/{query}?startDate=2026-03-01&endDate=2026-03-02");
        timestamps(&deployment.ask_as(Some(&session), http::Method::GET, &path, None).await.body)
    };
    assert_eq!(response("minute").await, [0_i64; 0]);
    assert_eq!(response("daily").await, [MIDNIGHT]);
}

#[tokio::test]
async fn traffic_of_what_was_deleted_stays_readable_by_its_id() {
    let deployment = Deployment::start().await;
    let bucket = deployment.add_bucket("photos").await;
    let repo = deployment.add_repository("media", json!([{ "bucketId": bucket, "folder": "" }])).await;
    let through = UsageRow { repo_id: Some(repo.parse().unwrap()), upload_bytes: 7, ..row(&bucket, NOON, 1) };
    deployment.count(1, vec![through]).await;
    for path in [format!("/repo/{repo}"), format!("/bucket/{bucket}")] {
        assert_eq!(deployment.delete(&path).await.status, 200, "{path}");
    }
    let unknown = RepoId::new(deployment.clock.now(), [1; 10]);
    let response = async |path: &str| deployment.get(path).await.body["stats"].clone();
    let of_bucket = json!([{
        "bucketId": bucket, "totalCount": "1", "totalUploadBytes": "7", "totalDownloadBytes": "0",
        "totalSizeChange": "0",
    }]);
    assert_eq!(response(&format!("/bucket/stats?bucketId={unknown},{bucket}")).await, of_bucket);
    assert_eq!(response(&format!("/unit/stats?unitId={bucket}")).await[0]["totalUploadBytes"], "7");
    let of_repo = json!([{
        "repoId": repo, "totalUploadBytes": "7", "totalDownloadBytes": "0", "totalSizeChange": "0",
    }]);
    assert_eq!(response(&format!("/repo/stats?repoId={unknown}%2C{repo}")).await, of_repo);
    assert_eq!(response("/bucket/stats").await, json!([]), "lists without ids are of what there is");
    for query in [
        format!("bucketId={bucket}"),
        format!("bucketId={unknown},{bucket}"),
        format!("repoId={repo}&bucketId={bucket}"),
        format!("repoId={unknown},{repo}"),
    ] {
        let minutes = timestamps(&deployment.get(&format!("/stats/minute?{query}")).await.body);
        assert_eq!(minutes, [NOON], "{query}");
        assert_eq!(timestamps(&deployment.get(&format!("/stats/daily?{query}")).await.body), [MIDNIGHT]);
    }
    for query in [format!("bucketId={unknown}"), format!("bucketId={bucket}&repoId={unknown}")] {
        let none = timestamps(&deployment.get(&format!("/stats/minute?{query}")).await.body);
        assert_eq!(none, [0_i64; 0], "nothing named exists, so the list is empty and not complete: {query}");
    }
}

#[tokio::test]
async fn traffic_is_cut_down_to_a_workspace() {
    let deployment = Deployment::start().await;
    let made = deployment.post("/workspace", json!({ "name": "research" })).await;
    let second = made.body["workspace"]["id"].as_str().unwrap().to_owned();
    let first = deployment.first.workspace_id.to_string();
    let (a, b) = (deployment.add_bucket("a").await, deployment.add_bucket("b").await);
    let moved = deployment.put(&format!("/bucket/{b}"), json!({ "workspaceId": second })).await;
    assert_eq!(moved.status, 200, "{}", moved.text);
    deployment.count(1, vec![row(&a, NOON, 1), row(&b, NOON - 60, 1)]).await;
    for (workspace, expected) in [(&first, NOON), (&second, NOON - 60)] {
        for query in [String::new(), format!("&bucketId={a},{b}")] {
            let response = deployment.get(&format!("/stats/minute?workspaceId={workspace}{query}")).await;
            assert_eq!(timestamps(&response.body), [expected], "{}", response.text);
            let days = deployment.get(&format!("/stats/daily?workspaceId={workspace}{query}")).await;
            assert_eq!(timestamps(&days.body), [MIDNIGHT], "{}", days.text);
        }
    }
    let in_first = deployment.add_repository("media", json!([])).await;
    let response = deployment.get(&format!("/repo/stats?workspaceId={first}")).await.body;
    assert_eq!(response["stats"][0]["repoId"], json!(in_first));
    let response = deployment.get(&format!("/repo/stats?workspaceId={second}&repoId={in_first}")).await.body;
    assert_eq!(response["stats"], json!([]));
    let response = deployment.get(&format!("/repo?workspaceId={second}&repoId={in_first}")).await.body;
    assert_eq!(response["repos"], json!([]));
}

#[tokio::test]
async fn an_hour_has_the_traffic_of_a_workspace_at_a_node() {
    let deployment = Deployment::start().await;
    let made = deployment.post("/workspace", json!({ "name": "research" })).await;
    let second = made.body["workspace"]["id"].as_str().unwrap().to_owned();
    let first = deployment.first.workspace_id.to_string();
    let (a, b) = (deployment.add_bucket("a").await, deployment.add_bucket("b").await);
    let moved = deployment.put(&format!("/bucket/{b}"), json!({ "workspaceId": second })).await;
    assert_eq!(moved.status, 200, "{}", moved.text);
    let full = UsageRow {
        errors: 2,
        provider_errors: 1,
        reads: 1,
        writes: 1,
        lists: 1,
        upload_bytes: 1 << 50,
        download_bytes: 5,
        size_change: -7,
        latency_sum_ms: 10,
        first_byte_sum_ms: 8,
        ..row(&a, NOON - 60, 4)
    };
    let week = 7 * DAY;
    deployment
        .count(1, vec![full, row(&a, NOON - week, 1), row(&a, NOON - week - 60, 1), row(&b, NOON, 1)])
        .await;
    let expected = json!({
        "timestamp": NOON - 3_600, "workspaceId": first, "host": "node-1", "upl_bytes": "1125899906842624",
        "dwl_bytes": "5", "size_change": "-7", "latency_ms": 2.5, "first_byte_ms": 2.0, "requests": 4, "errors": 2,
        "provider_errors": 1, "reads": 1, "writes": 1, "lists": 1,
    });
    let response = deployment.get("/stats/hourly").await;
    assert_eq!(timestamps(&response.body), [NOON, NOON - 3_600, NOON - week], "{}", response.text);
    assert_eq!(response.body["data"][1], expected);
    for (query, expected) in [
        (format!("workspaceId={first}"), vec![NOON - 3_600, NOON - week]),
        (format!("workspaceId={second}"), vec![NOON]),
        ("startDate=2026-02-22&endDate=2026-02-22".to_owned(), vec![NOON - week, NOON - week - 3_600]),
        ("startDate=2026-03-01T11:59:59Z&endDate=2026-03-01T11:59:59Z".to_owned(), vec![NOON - 3_600]),
    ] {
        let response = deployment.get(&format!("/stats/hourly?{query}")).await;
        assert_eq!(timestamps(&response.body), expected, "{query}: {}", response.text);
    }
    let page = deployment.get("/stats/hourly?limit=2").await.body;
    assert_eq!(timestamps(&page), [NOON, NOON - 3_600]);
    let cursor = page["nextCursor"].as_str().unwrap();
    let rest = deployment.get(&format!("/stats/hourly?limit=2&cursor={cursor}")).await.body;
    assert_eq!((timestamps(&rest), &rest["nextCursor"]), (vec![NOON - week], &Value::Null));
    for (query, field) in [
        ("startDate=2025-02-28", "startDate"),
        ("startDate=2026-03-02", "startDate"),
        ("endDate=tomorrow", "endDate"),
        ("limit=1001", "limit"),
        ("cursor=abc", "cursor"),
    ] {
        let refused = deployment.get(&format!("/stats/hourly?{query}")).await;
        assert_eq!((refused.status.as_u16(), refused.fields()), (400, vec![field]), "{query}");
    }
}
