//! Facets of buckets that several nodes report on at the same time.

use bucketry_model::id::{NodeId, NodeKeyId};
use bucketry_model::status::ProbedStatus;
use bucketry_model::uptime::ProbeSample;
use bucketry_store::bucket::{BucketStore as _, NewBucket};
use bucketry_store::contract::change;
use bucketry_store::node::{NodeRegistration, NodeStore as _};
use bucketry_store::organization::OrganizationStore as _;
use bucketry_store::postgres::Options;
use bucketry_store::status::{ProbeBatch, StatusStore as _};
use jiff::SignedDuration;

use crate::engine::{bucket, now, organization};
use crate::server::{connect, database, open};

#[tokio::test]
async fn two_nodes_that_report_on_a_bucket_at_once_are_both_in_its_facet() {
    let database = database().await;
    let store = open(&database, &Options::default()).await;
    store.insert_organization(&organization(), &change(now())).await.unwrap();
    let buckets: Vec<_> = (1..=9).map(bucket).collect();
    for one in &buckets {
        store.insert_bucket(one, &change(now())).await.unwrap();
    }
    let mut nodes = Vec::new();
    for name in ["a", "b", "c"] {
        let registration = NodeRegistration {
            id: NodeId::new(now(), [name.as_bytes()[0]; 10]),
            org_id: None,
            name: name.to_owned(),
            region: "eu".to_owned(),
            provider: "AWS".to_owned(),
            version: "1".to_owned(),
            recipients: Vec::new(),
            approval: bucketry_store::node::KeyApproval::AsBefore,
            key_id: NodeKeyId::new(now(), [1; 10]),
            quota: None,
            silent_at: None,
        };
        store.register_node(&registration, &change(now())).await.unwrap();
        nodes.push(registration.id);
    }
    for round in 1..=20 {
        let at = now() + SignedDuration::from_secs(round);
        let report = |node_id: NodeId| {
            let sample = |one: &NewBucket| {
                let status = if round % 2 == 0 { ProbedStatus::Online } else { ProbedStatus::Offline };
                (one.id, ProbeSample { at, status, latency_ms: Some(1), failure: None, version: None })
            };
            let samples = buckets.iter().map(sample).collect();
            ProbeBatch { node_id, org_id: None, now: at, longest_gap: SignedDuration::from_secs(60), samples }
        };
        let [a, b, c] = [report(nodes[0]), report(nodes[1]), report(nodes[2])];
        let added =
            tokio::try_join!(store.record_probes(&a), store.record_probes(&b), store.record_probes(&c));
        assert_eq!(added.unwrap(), (9, 9, 9));
        let mut connection = connect(&database).await;
        let facets: Vec<String> = sqlx::query_scalar(
            "SELECT DISTINCT t.reports FROM bucket_facets f JOIN facets t ON t.number = f.facet",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        let sign = if round % 2 == 0 { '+' } else { '-' };
        let [facet] = &facets[..] else { panic!("{facets:?}") };
        assert_eq!(facet.split(' ').filter(|report| report.ends_with(sign)).count(), 3, "{facet}");
    }
}
