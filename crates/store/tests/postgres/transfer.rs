//! Moving a registry from SQLite to PostgreSQL and back.

use bucketry_model::id::{NodeId, NodeKeyId};
use bucketry_model::inventory::{Inventory, InventorySchedule, WalkState};
use bucketry_model::node_protocol::UsageBatch;
use bucketry_model::role::Visibility;
use bucketry_model::status::ProbedStatus;
use bucketry_model::uptime::ProbeSample;
use bucketry_model::usage::UsageRow;
use bucketry_store::bucket::{BucketQuery, BucketStore};
use bucketry_store::contract::change;
use bucketry_store::inventory::{InventoryStore, WalkOutcome, WalkOwner};
use bucketry_store::node::{NodeRegistration, NodeStore};
use bucketry_store::organization::OrganizationStore;
use bucketry_store::postgres::PostgresStore;
use bucketry_store::sqlite::SqliteStore;
use bucketry_store::status::{ProbeBatch, StatusStore};
use bucketry_store::sync::{Changes, SyncStore};
use bucketry_store::transfer::{self, Moved, Source, Target, UnfinishedTransfer};
use bucketry_store::usage::UsageStore;
use jiff::SignedDuration;

use crate::engine::{bucket, now, organization};
use crate::server::open_new;

/// A registry with an organization, a node and five buckets, one of them removed.
async fn furnished() -> SqliteStore {
    let store = SqliteStore::open_temporary().await.unwrap();
    store.insert_organization(&organization(), &change(now())).await.unwrap();
    let registration = NodeRegistration {
        id: NodeId::new(now(), [1; 10]),
        org_id: None,
        name: "node".to_owned(),
        region: "eu".to_owned(),
        provider: "OTHER".to_owned(),
        version: "0".to_owned(),
        recipients: Vec::new(),
        approval: bucketry_store::node::KeyApproval::AsBefore,
        key_id: NodeKeyId::new(now(), [1; 10]),
        quota: None,
        silent_at: None,
    };
    store.register_node(&registration, &change(now())).await.unwrap();
    for number in 1..=5 {
        store.insert_bucket(&bucket(number), &change(now())).await.unwrap();
    }
    store.delete_bucket(organization().id, bucket(5).id, &change(now())).await.unwrap();
    let schedule = InventorySchedule::new(24, 5, None).unwrap();
    store.set_inventory_schedule(organization().id, Some(&schedule), &change(now())).await.unwrap();
    store.plan_walks(organization().id, now(), 10).await.unwrap();
    let node_id = NodeId::new(now(), [1; 10]);
    let owner = WalkOwner { bucket_id: bucket(1).id, node_id, started_at: now() };
    store.claim_walk(&owner, now(), now(), now()).await.unwrap();
    let inventory = Box::new(Inventory::of(WalkState::default(), now(), now()));
    let outcome = WalkOutcome::Finish { inventory, size_change: 0, keep: 1 };
    assert!(store.end_walk(&owner, &outcome, None, now()).await.unwrap());
    let sample = ProbeSample {
        at: now(),
        status: ProbedStatus::Online,
        latency_ms: Some(9),
        failure: None,
        version: None,
    };
    let samples = vec![(bucket(1).id, sample)];
    let probes = ProbeBatch {
        node_id,
        org_id: None,
        now: now(),
        longest_gap: SignedDuration::from_secs(150),
        samples,
    };
    assert_eq!(store.record_probes(&probes).await.unwrap(), 1);
    let rows = vec![UsageRow { requests: 1, ..UsageRow::empty(60, bucket(1).id, None) }];
    let usage = UsageBatch { spool: "s".to_owned(), number: 1, rows };
    store.add_usage(node_id, None, &usage, now()).await.unwrap();
    for table in store.tables().await.unwrap() {
        if ["day_records", "status_events", "usage_hours", "usage_series"].contains(&table.name.as_str()) {
            assert_eq!(store.count_rows(&table).await.unwrap(), 1, "{}", table.name);
        }
    }
    store
}

async fn listed(store: &dyn BucketStore) -> Vec<String> {
    let query =
        BucketQuery { org_id: organization().id, visible: Visibility::Organization, after: None, limit: 10 };
    store.buckets(&query).await.unwrap().iter().map(|one| format!("{:?}", one.bucket)).collect()
}

fn is_whole(moved: &Moved) -> bool {
    matches!(moved, Moved::Whole { rows } if *rows > 10)
}

#[tokio::test]
async fn a_registry_is_the_same_after_a_move_there_and_back() {
    let first = furnished().await;
    let tables = first.tables().await.unwrap();
    let there: PostgresStore = open_new().await;
    let moved = transfer::run(&first, &there, &tables, |_, _, _| ()).await.unwrap();
    assert!(is_whole(&moved), "{moved:?}");
    assert_eq!(there.unfinished_transfer().await.unwrap(), None);
    assert_eq!(listed(&there).await, listed(&first).await);

    // The numbers of changes continue after those that were moved.
    let latest = first.latest_change().await.unwrap();
    there.insert_bucket(&bucket(6), &change(now())).await.unwrap();
    let Changes::Since(since) = there.changes_after(None, latest, 10).await.unwrap() else {
        panic!("too old")
    };
    assert_eq!(since.len(), 1);

    let back = SqliteStore::open_temporary().await.unwrap();
    let moved = transfer::run(&there, &back, &tables, |_, _, _| ()).await.unwrap();
    assert!(is_whole(&moved), "{moved:?}");
    assert_eq!(listed(&back).await, listed(&there).await);
    back.insert_bucket(&bucket(7), &change(now())).await.unwrap();
    assert_eq!(back.latest_change().await.unwrap(), there.latest_change().await.unwrap() + 1);
}

#[tokio::test]
async fn a_move_that_broke_off_goes_on_where_it_ended() {
    let first = furnished().await;
    let tables = first.tables().await.unwrap();
    let there = open_new().await;
    assert!(there.begin_transfer(&tables).await.unwrap());
    // As far as the first tables, and half of the buckets.
    for name in ["organizations", "users", "workspaces", "buckets"] {
        let table = tables.iter().find(|table| table.name == name).unwrap();
        let rows = first.rows_after(table, None, 3).await.unwrap();
        let after = rows.last().map(|row| row[..table.key].to_vec());
        let place = transfer::TransferCursor { after, rows: rows.len() as u64 };
        there.put_rows(table, &rows, &place).await.unwrap();
    }
    assert_eq!(there.unfinished_transfer().await.unwrap(), Some(UnfinishedTransfer::Migration));
    let moved = transfer::run(&first, &there, &tables, |_, _, _| ()).await.unwrap();
    assert!(is_whole(&moved), "{moved:?}");
    assert_eq!(listed(&there).await, listed(&first).await);
}

#[tokio::test]
async fn a_target_with_a_registry_of_its_own_is_left_alone() {
    let first = furnished().await;
    let there = open_new().await;
    there.insert_organization(&organization(), &change(now())).await.unwrap();
    let tables = first.tables().await.unwrap();
    let moved = transfer::run(&first, &there, &tables, |_, _, _| ()).await.unwrap();
    assert_eq!(moved, Moved::TargetInUse);
    assert!(listed(&there).await.is_empty());
}

#[tokio::test]
async fn a_row_that_differs_is_told_and_the_target_stays_unfinished() {
    let first = furnished().await;
    let tables = first.tables().await.unwrap();
    let there = open_new().await;
    assert!(there.begin_transfer(&tables).await.unwrap());
    let organizations = tables.iter().find(|table| table.name == "organizations").unwrap();
    let rows = first.rows_after(organizations, None, 10).await.unwrap();
    let place = transfer::TransferCursor { after: rows.last().map(|row| row[..1].to_vec()), rows: 1 };
    there.put_rows(organizations, &rows, &place).await.unwrap();
    // Changed at the source after it was moved.
    first.set_bucket_quota(organization().id, Some(7)).await.unwrap();
    let moved = transfer::run(&first, &there, &tables, |_, _, _| ()).await.unwrap();
    assert_eq!(moved, Moved::Different { table: "organizations".to_owned() });
    assert_eq!(there.unfinished_transfer().await.unwrap(), Some(UnfinishedTransfer::Migration));
}
