//! Records of changes and refusals.

use bucketry_model::audit::{
    AuditAction, AuditActor, AuditDetail, AuditEntry, AuditKind, AuditRecord, RequestOrigin,
};
use bucketry_model::id::{OrgId, UserId, WorkspaceId};
use jiff::Timestamp;

use super::fixture::{TestContext, at, audit, fresh};
use crate::Store;
use crate::audit::{AuditFilter, AuditPosition, AuditQuery, AuditScope};
use crate::bucket::BucketInserted;

fn entry(org_id: OrgId, seconds: i64) -> AuditEntry {
    audit(at(seconds)).in_organization(Some(org_id))
}

fn all(org_id: OrgId) -> AuditQuery {
    AuditQuery {
        org_id,
        scope: AuditScope::Organization,
        filter: AuditFilter::default(),
        after: None,
        skip: 0,
        limit: 100,
    }
}

fn filtered(org_id: OrgId, filter: AuditFilter) -> AuditQuery {
    AuditQuery { filter, ..all(org_id) }
}

fn times(records: &[AuditRecord]) -> Vec<Timestamp> {
    records.iter().map(|record| record.entry.at).collect()
}

pub async fn a_record_reads_back(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let origin =
        RequestOrigin { address: Some("2001:db8::7".parse().unwrap()), request_id: Some("request-1".into()) };
    let user = AuditActor::User {
        id: context.owner,
        email: "owner@example.com".to_owned(),
        token_id: Some(fresh(bucketry_model::id::TokenId::new)),
    };
    let detail = |text: &str| AuditDetail::new(&serde_json::json!({ "name": text }));
    let mut stored = vec![
        AuditEntry::new(at(9), user, AuditKind::Bucket, AuditAction::Updated)
            .in_organization(Some(context.org))
            .from_origin(origin)
            .of("id-1", "a \"name\"\nof two lines")
            .in_workspace(context.workspace)
            .before(detail("a"))
            .after(detail("b")),
    ];
    for actor in [
        AuditActor::Node("node-1".to_owned()),
        AuditActor::Operator,
        AuditActor::System,
        AuditActor::Unknown("nobody@example.com".to_owned()),
    ] {
        let entry = AuditEntry::new(at(8), actor, AuditKind::Session, AuditAction::SignedIn);
        let refused = entry.in_organization(Some(context.org)).refused(401, "INVALID_PASSWORD");
        stored.push(AuditEntry { repeats: 7, ..refused });
    }
    store.record(&stored).await.unwrap();
    let filter = AuditFilter { since: Some(at(1)), ..AuditFilter::default() };
    let found = store.audit(&filtered(context.org, filter)).await.unwrap();
    let mut entries: Vec<AuditEntry> = found.iter().map(|record| record.entry.clone()).collect();
    entries[1..].reverse();
    assert_eq!(entries, stored);
    assert!(found.windows(2).all(|pair| pair[0].id != pair[1].id));
}

pub async fn a_change_and_its_record_are_stored_together(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let before = store.latest_audit().await.unwrap();
    let new = context.new_bucket("photos");
    let change = entry(context.org, 5).of(new.id, "photos");
    assert_eq!(store.insert_bucket(&new, &change).await.unwrap(), BucketInserted::Inserted);
    let found = store.audit_after(before, 10).await.unwrap();
    assert_eq!(found.iter().map(|record| &record.entry).collect::<Vec<_>>(), [&change]);

    let again = context.new_bucket("Photos");
    assert_eq!(store.insert_bucket(&again, &change).await.unwrap(), BucketInserted::NameTaken);
    assert!(
        !store.revoke_token(context.owner, fresh(bucketry_model::id::TokenId::new), &change).await.unwrap()
    );
    assert_eq!(store.latest_audit().await.unwrap(), found[0].id, "what didn't happen has no record");
}

pub async fn records_are_listed_newest_first_by_what_a_reader_looks_for(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let user = fresh(UserId::new);
    let by = |user| AuditActor::User { id: user, email: String::new(), token_id: None };
    let kind = |kind, seconds| AuditEntry { kind, ..entry(context.org, seconds) };
    store
        .record(&[
            entry(context.org, 10),
            kind(AuditKind::Repository, 11).of("x", "X"),
            AuditEntry { actor: by(user), ..kind(AuditKind::ApiToken, 12) },
            AuditEntry { action: AuditAction::Deleted, ..entry(context.org, 13) }
                .in_workspace(context.workspace),
            entry(context.org, 14).refused(403, "FORBIDDEN"),
            entry(other.org, 15),
        ])
        .await
        .unwrap();
    let none = AuditFilter { since: Some(at(1)), ..AuditFilter::default() };
    for (filter, expected) in [
        (none.clone(), vec![14, 13, 12, 11, 10]),
        (AuditFilter { kind: Some(AuditKind::Repository), ..none.clone() }, vec![11]),
        (AuditFilter { action: Some(AuditAction::Deleted), ..none.clone() }, vec![13]),
        (AuditFilter { user_id: Some(user), ..none.clone() }, vec![12]),
        (AuditFilter { target_id: Some("x".to_owned()), ..none.clone() }, vec![11]),
        (
            AuditFilter {
                kind: Some(AuditKind::Repository),
                refused: Some(false),
                target_name: Some("x".to_owned()),
                ..none.clone()
            },
            vec![11],
        ),
        (AuditFilter { workspace_id: Some(context.workspace), ..none.clone() }, vec![13]),
        (AuditFilter { refused: Some(true), ..none.clone() }, vec![14]),
        (AuditFilter { refused: Some(false), ..none.clone() }, vec![13, 12, 11, 10]),
        (AuditFilter { since: Some(at(11)), until: Some(at(13)), ..none.clone() }, vec![12, 11]),
        (AuditFilter { only_public: true, ..none.clone() }, vec![13, 11, 10]),
    ] {
        let query = filtered(context.org, filter);
        let expected: Vec<Timestamp> = expected.into_iter().map(at).collect();
        assert_eq!(times(&store.audit(&query).await.unwrap()), expected, "{query:?}");
        assert_eq!(store.count_audit(&query, 1_000).await.unwrap(), expected.len() as u64, "{query:?}");
        assert_eq!(store.count_audit(&query, 1).await.unwrap(), 1);
    }
}

pub async fn a_cursor_walks_all_records_once(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let many: Vec<AuditEntry> = (0..25).map(|number| entry(context.org, 10 + number / 10)).collect();
    store.record(&many).await.unwrap();
    let filter = AuditFilter { since: Some(at(1)), ..AuditFilter::default() };
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let query = AuditQuery { after, limit: 4, ..filtered(context.org, filter.clone()) };
        let page = store.audit(&query).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(AuditPosition { at: last.entry.at, id: last.id });
        seen.extend(page.iter().map(|record| record.id));
    }
    assert_eq!(seen.len(), 25);
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]));
    let skipped = AuditQuery { skip: 20, ..filtered(context.org, filter) };
    let skipped: Vec<i64> = store.audit(&skipped).await.unwrap().iter().map(|record| record.id).collect();
    assert_eq!(skipped, seen[20..]);
}

pub async fn a_member_sees_own_records_and_those_of_the_workspaces_once(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let [user, stranger] = [0, 1].map(|_| fresh(UserId::new));
    let by = |user, seconds| AuditEntry {
        actor: AuditActor::User { id: user, email: String::new(), token_id: None },
        ..entry(context.org, seconds)
    };
    let [mine, other] = [context.workspace, fresh(WorkspaceId::new)];
    store
        .record(&[
            by(user, 10),
            by(user, 11).in_workspace(mine),
            by(user, 12).in_workspace(other),
            by(stranger, 13).in_workspace(mine),
            by(stranger, 14).in_workspace(other),
            entry(context.org, 15).in_workspace(mine),
            by(stranger, 16),
        ])
        .await
        .unwrap();
    for (workspaces, expected) in [(vec![], vec![12, 11, 10]), (vec![mine], vec![15, 13, 12, 11, 10])] {
        let scope = AuditScope::Own { user_id: user, workspaces };
        let query = AuditQuery { scope, ..all(context.org) };
        let expected: Vec<Timestamp> = expected.into_iter().map(at).collect();
        assert_eq!(times(&store.audit(&query).await.unwrap()), expected);
        assert_eq!(store.count_audit(&query, 100).await.unwrap(), expected.len() as u64);
    }
    // More workspaces than one statement merges.
    let many = (0..100).map(|_| fresh(WorkspaceId::new)).chain([mine]).collect();
    let scope = AuditScope::Own { user_id: user, workspaces: many };
    let query = AuditQuery { scope, ..all(context.org) };
    assert_eq!(times(&store.audit(&query).await.unwrap()), [15, 13, 12, 11, 10].map(at));
}

pub async fn read_marks_belong_to_a_user_and_an_organization(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    store.record(&[entry(context.org, 10), entry(context.org, 11), entry(other.org, 12)]).await.unwrap();
    let newest = store.latest_audit().await.unwrap();
    let ids = [newest - 2, newest - 1, newest];
    for _ in 0..2 {
        store.mark_audit(context.org, context.owner, &[ids[0], ids[2], 999_999], true).await.unwrap();
    }
    assert_eq!(store.audit_marked(context.owner, &ids).await.unwrap(), [ids[0]]);
    assert!(store.audit_marked(other.owner, &ids).await.unwrap().is_empty());
    let unread = AuditFilter { since: Some(at(1)), unread_by: Some(context.owner), ..AuditFilter::default() };
    assert_eq!(times(&store.audit(&filtered(context.org, unread)).await.unwrap()), [at(11)]);
    for _ in 0..2 {
        store.mark_audit(context.org, context.owner, &ids, false).await.unwrap();
    }
    assert!(store.audit_marked(context.owner, &ids).await.unwrap().is_empty());
}

pub async fn old_records_are_purged_in_slices_with_their_read_marks(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let many: Vec<AuditEntry> = (0..10).map(|number| entry(context.org, 10 + number)).collect();
    store.record(&many).await.unwrap();
    let newest = store.latest_audit().await.unwrap();
    store.mark_audit(context.org, context.owner, &[newest - 9], true).await.unwrap();
    let mut slices = Vec::new();
    loop {
        let purged = store.purge_audit(at(16), 3).await.unwrap();
        slices.push(purged);
        if purged < 3 {
            break;
        }
    }
    assert!(slices.iter().all(|slice| *slice <= 3), "{slices:?}");
    let left = store.audit(&all(context.org)).await.unwrap();
    assert_eq!(times(&left), [19, 18, 17, 16].map(at));
    assert!(store.audit_marked(context.owner, &[newest - 9]).await.unwrap().is_empty());
}

pub async fn a_stream_continues_where_it_was(store: &dyn Store) {
    let context = TestContext::new(store).await;
    assert_eq!(store.audit_stream("a").await.unwrap(), None);
    let start = store.latest_audit().await.unwrap();
    store.record(&[entry(context.org, 10), entry(context.org, 11)]).await.unwrap();
    let first = store.audit_after(start, 1).await.unwrap();
    assert_eq!(times(&first), [at(10)]);
    store.set_audit_stream("a", first[0].id).await.unwrap();
    store.set_audit_stream("a", first[0].id).await.unwrap();
    let position = store.audit_stream("a").await.unwrap().unwrap();
    assert_eq!(times(&store.audit_after(position, 10).await.unwrap()), [at(11)]);
}
