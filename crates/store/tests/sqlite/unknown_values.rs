//! Values that only a newer version knows. It writes them to a database that this version uses, too, while servers are upgraded.
//!
//! Each column that contains text is listed here with what a reader does with an unknown value, so whoever adds a column must
//! decide. A list for people never fails as a whole because of one row. What is read for nodes doesn't lack the row, because they would
//! drop what they serve: a page of everything fails, and what is read by id says what can't be read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bucketry_model::bucket::{BucketLocation, StorageType};
use bucketry_model::id::{
    BucketId, ChannelId, NodeId, NotificationId, OrgId, RepoId, RepoKeyId, SilenceId, TokenId, UserId,
};
use bucketry_model::node_protocol::NodeRepository;
use bucketry_model::repository::{Folder, KeyAccess, RepositoryBucket, RepositoryMode};
use bucketry_model::role::{OrgRole, Visibility, WorkspaceRole};
use bucketry_model::secret::SealedSecret;
use bucketry_store::audit::{AuditFilter, AuditQuery, AuditScope};
use bucketry_store::bucket::{BucketQuery, NewBucket, StoredSecret};
use bucketry_store::contract::change;
use bucketry_store::listing::{BucketFilter, BucketSearch, RepositorySearch, SearchPage};
use bucketry_store::repository::{NewRepository, RepositoryQuery};
use bucketry_store::repository_key::NewRepositoryKey;
use bucketry_store::sqlite::{DATABASE_FILE, SqliteStore};
use bucketry_store::status_event::{EventQuery, EventScope};
use bucketry_store::sync::Changes;
use bucketry_store::token::{NewToken, TokenKind};
use bucketry_store::user::NewUser;
use bucketry_store::{Store, StoreError};
use jiff::SignedDuration;
use sqlx::{ConnectOptions as _, Connection as _};
use tempfile::TempDir;

use super::{bucket, furnished, name, now, open, organization, run};

/// What a reader does with a value that it doesn't know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// Shows the entry all the same: with the value's own text, or as the closest thing that it knows.
    Shows,
    /// Leaves the entry out, and says so once in the log.
    LeavesOut,
    /// Leaves the entry out of lists for people. Nodes keep what they have of it.
    StopsNodes,
    /// Can't do its work. A version that stores such a value must raise `schema_compatibility.oldest_program`.
    Breaks,
}

use Reader::{Breaks, LeavesOut, Shows, StopsNodes};

const TEXT: &str = "'FROM_THE_FUTURE'";

/// The columns with values of an enum, each with the SQL of an unknown one.
const ENUMS: &[(&str, &str, &str, Reader)] = &[
    ("audit", "action", "1007", Shows),
    ("audit", "actor", TEXT, Shows),
    ("audit", "kind", "1007", Shows),
    ("bucket_words", "failure", r#"'{"code":"FROM_THE_FUTURE","message":"No."}'"#, Shows),
    ("bucket_words", "status", TEXT, LeavesOut),
    ("buckets", "storage_type", TEXT, StopsNodes),
    ("changes", "kind", TEXT, StopsNodes),
    ("day_records", "last_failure", r#"'{"code":"FROM_THE_FUTURE","message":"No."}'"#, Shows),
    ("day_records", "last_sample_failure", r#"'{"code":"FROM_THE_FUTURE","message":"No."}'"#, Shows),
    ("day_records", "last_status", TEXT, Shows),
    (
        "diagnoses",
        "checks",
        r#"'[{"name":"from-the-future","ok":false,"latency_ms":1,"message":"No.","error_code":"X"}]'"#,
        Shows,
    ),
    ("facets", "provider", TEXT, Shows),
    ("facets", "reports", "reports || ' 00000000-0000-7000-8000-000000000000?'", Shows),
    ("facets", "storage_type", TEXT, LeavesOut),
    ("inventory_walks", "setting", r#"'{"mode":"fromTheFuture"}'"#, LeavesOut),
    ("memberships", "role", TEXT, LeavesOut),
    (
        "notification_channels",
        "rules",
        r#"'{"rules":[{"code":"FROM_THE_FUTURE","afterMinutes":1}],"sendResolved":true}'"#,
        Shows,
    ),
    ("notification_channels", "target", r#"'{"kind":"FROM_THE_FUTURE"}'"#, LeavesOut),
    ("notification_conditions", "code", TEXT, LeavesOut),
    ("notification_conditions", "item", r#"'{"kind":"from-the-future"}'"#, LeavesOut),
    ("notification_silences", "code", TEXT, LeavesOut),
    ("notifications", "kind", TEXT, LeavesOut),
    ("notifications", "state", TEXT, LeavesOut),
    ("repositories", "mode", TEXT, StopsNodes),
    ("repositories", "storage_type", TEXT, StopsNodes),
    ("repository_keys", "access", TEXT, StopsNodes),
    ("status_events", "failure", r#"'{"code":"FROM_THE_FUTURE","message":"No."}'"#, Shows),
    ("status_events", "from_status", TEXT, LeavesOut),
    ("status_events", "to_status", TEXT, LeavesOut),
    ("tokens", "kind", TEXT, LeavesOut),
    ("tokens", "scope_role", TEXT, LeavesOut),
    ("users", "org_role", "1007", LeavesOut),
    // One process drives a rotation at a time, so it must know every phase.
    ("vault_rotation", "phase", TEXT, Breaks),
];

/// All other columns with text, by table: texts of people and providers, hashes, sealed secrets, positions, and names that no
/// reader takes for a value of an enum.
const FREE_TEXT: &[(&str, &[&str])] = &[
    ("audit", &["actor_name", "address", "code", "state_after", "state_before", "target_name"]),
    ("audit_streams", &["name"]),
    ("bucket_facets", &["name_folded", "words"]),
    (
        "buckets",
        &[
            "access_key",
            "bucket",
            "endpoint",
            "name",
            "name_folded",
            "pinned_to",
            "region",
            "sealed_to",
            "secret",
        ],
    ),
    ("day_records", &["hours", "latencies"]),
    ("freshness_rules", &["error", "prefix"]),
    ("inventories", &["result"]),
    ("inventory_schedules", &["schedule"]),
    ("inventory_walks", &["error", "state"]),
    // Read as JSON in `control`, where an unknown task or outcome ends the job as failed.
    ("jobs", &["outcome", "progress", "task", "validation_of"]),
    // Only compared with what this version writes.
    ("leases", &["holder", "name"]),
    ("login_failures", &["hash"]),
    ("node_keys", &["public_key"]),
    ("node_signatures", &["hash"]),
    // A heartbeat that can't be read counts as none.
    ("nodes", &["approved", "last_heartbeat", "name", "provider", "recipients", "region", "version"]),
    ("notification_channels", &["name", "sealed_to", "secret"]),
    ("notification_conditions", &["condition"]),
    ("notification_silences", &["comment", "created_by", "daily_window"]),
    ("notification_watch", &["holder"]),
    // A message that can't be read is left to newer servers.
    ("notifications", &["error", "message", "title"]),
    ("organizations", &["name"]),
    ("refresh_tokens", &["hash"]),
    ("repositories", &["name", "name_folded", "sealing_key", "sealing_key_sealed_to", "words"]),
    ("repository_buckets", &["folder"]),
    ("repository_keys", &["access_key", "name", "sealed_to", "secret"]),
    ("requests", &["body", "body_hash", "request_key", "route"]),
    // Only compared with what this version writes.
    ("search_words", &["kind", "scope", "word"]),
    ("tokens", &["api_hash", "name", "network"]),
    ("unlisted", &["kind"]),
    ("usage_spools", &["spool"]),
    ("users", &["email", "email_folded", "first_name", "last_name", "password_hash"]),
    // Read as JSON in `control`, where a state that can't be read counts as none.
    ("validations", &["state"]),
    ("vault_rotation", &["last_secret"]),
    ("workspaces", &["name"]),
];

async fn connect(directory: &Path) -> sqlx::SqliteConnection {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(directory.join(DATABASE_FILE));
    options.connect().await.unwrap()
}

#[tokio::test]
async fn each_column_with_text_says_what_a_reader_does_with_an_unknown_value() {
    let directory = TempDir::new().unwrap();
    open(directory.path()).await.close().await;
    let sql = "SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c \
               WHERE t.type = 'table' AND t.name NOT LIKE '_sqlx%' AND t.name NOT LIKE 'sqlite%' \
               AND c.type = 'TEXT' AND c.name <> 'id' AND c.name NOT LIKE '%\\_id' ESCAPE '\\'";
    let columns: Vec<(String, String)> =
        sqlx::query_as(sql).fetch_all(&mut connect(directory.path()).await).await.unwrap();
    let present: BTreeSet<(&str, &str)> =
        columns.iter().map(|(table, column)| (table.as_str(), column.as_str())).collect();
    let free = FREE_TEXT.iter().flat_map(|(table, columns)| columns.iter().map(|column| (*table, *column)));
    let numbers = [("audit", "action"), ("audit", "kind"), ("users", "org_role")];
    let listed: BTreeSet<(&str, &str)> = ENUMS
        .iter()
        .map(|(table, column, ..)| (*table, *column))
        .filter(|column| !numbers.contains(column))
        .chain(free)
        .collect();
    let undecided: Vec<_> = present.difference(&listed).collect();
    assert!(undecided.is_empty(), "add them to ENUMS or FREE_TEXT: {undecided:?}");
    let gone: Vec<_> = listed.difference(&present).collect();
    assert!(gone.is_empty(), "{gone:?}");
}

/// An id of its own kind.
fn id<T>(new: fn(jiff::Timestamp, [u8; 10]) -> T, number: u8) -> T {
    new(now(), [number; 10])
}

/// A registry that has two of each thing, of which the second gets an unknown value.
async fn two_of_each(directory: &Path) {
    let opened = furnished(directory).await;
    let store: &dyn Store = &opened;
    let org = organization();
    let photos = bucket(0, "sealed").id;
    let azure = BucketLocation { storage_type: StorageType::Blob, ..bucket(1, "sealed").location };
    let films = NewBucket { location: azure, ..bucket(1, "sealed") };
    store.insert_bucket(&films, &change(now())).await.unwrap();
    let second = NewUser {
        id: id(UserId::new, 2),
        email: "second@example.com".into(),
        org_role: OrgRole::User,
        ..org.owner.clone()
    };
    store.insert_user(org.id, &second, &change(now())).await.unwrap();
    store.add_member(org.id, org.workspace.id, second.id, WorkspaceRole::Read, &change(now())).await.unwrap();
    for number in [1, 2] {
        let bucket_id = if number == 1 { photos } else { films.id };
        let secret = || StoredSecret { sealed: SealedSecret::from_text("s"), sealed_to: "r".into() };
        let repository = NewRepository {
            id: id(RepoId::new, number),
            org_id: org.id,
            workspace_id: org.workspace.id,
            name: name(&format!("repository {number}")),
            storage_type: StorageType::S3,
            mode: RepositoryMode::Normal,
            buckets: vec![RepositoryBucket { bucket_id, folder: Folder::parse("").unwrap(), master: false }],
            sealing_key: None,
        };
        store.insert_repository(&repository, &change(now())).await.unwrap();
        let key = NewRepositoryKey {
            id: id(RepoKeyId::new, number),
            org_id: org.id,
            repo_id: id(RepoId::new, 1),
            name: name(&format!("key {number}")),
            access: KeyAccess::Read,
            key: format!("AKID{number}"),
            secret: secret(),
        };
        store.insert_repository_key(&key, 10, &change(now())).await.unwrap();
        let token = NewToken {
            id: id(TokenId::new, number),
            org_id: org.id,
            user_id: org.owner.id,
            kind: TokenKind::Session,
            name: String::new(),
            scope: None,
            hash: [number; 32],
            expires_at: None,
            network: None,
        };
        store.insert_token(&token, &change(now())).await.unwrap();
    }
    store.close().await;
    let (org_id, workspace, node) = (org.id, org.workspace.id, id(NodeId::new, 1));
    let mut sql = String::new();
    for (number, bucket) in [(1_u8, photos), (2, films.id)] {
        let channel = id(ChannelId::new, number);
        let (notification, silence) = (id(NotificationId::new, number), id(SilenceId::new, number));
        let rows = format!(
            "INSERT INTO bucket_words VALUES ('{bucket}', '{node}', 'OFFLINE', 1, 1, '{{\"code\":\"DNS_FAILED\",\"message\":\"No.\"}}', 1); \
             INSERT INTO status_events VALUES ({number}, '{org_id}', '{workspace}', '{photos}', '{node}', {number}, 'ONLINE', 'OFFLINE', NULL, 1); \
             INSERT INTO day_records (bucket_id, day, node_id, observed_us, online_us, probes, failures, latency_sum_ms, latencies, last_at, \
             last_status) VALUES ('{bucket}', 0, '{node}', 1, 1, 1, 0, 1, '', 1, 'ONLINE'); \
             INSERT INTO diagnoses VALUES ('{bucket}', '{node}', 1, 1, '[]'); \
             INSERT INTO notification_channels (id, org_id, name, enabled, target, rules, created_at, updated_at, claims, conditions, due_at) \
             VALUES ('{channel}', '{org_id}', 'c', TRUE, '{{\"kind\":\"WEBHOOK\",\"origin\":\"https://a.example\"}}', \
             '{{\"rules\":null,\"sendResolved\":true}}', 1, 1, 0, 0, NULL); \
             INSERT INTO notification_conditions VALUES ('{first}', 'condition {number}', 'BUCKET_OFFLINE', '', 1, NULL); \
             INSERT INTO notification_silences VALUES ('{silence}', '{org_id}', NULL, NULL, 'BUCKET_OFFLINE', NULL, 0, 9000000000000000, NULL, \
             '', 'x', 1); \
             INSERT INTO notifications (id, channel_id, kind, title, message, created_at, state, rank, attempts) \
             VALUES ('{notification}', '{first}', 'ALERTING', 't', '{{}}', 1, 'DELIVERED', 1, 1); ",
            first = id(ChannelId::new, 1),
        );
        sql.push_str(&rows);
    }
    run(directory, &sql).await;
    run(directory, &format!("UPDATE audit SET org_id = '{org_id}'")).await;
}

/// Reads all lists. Returns how many entries each has.
async fn lists(store: &dyn Store) -> bucketry_store::Result<BTreeMap<&'static str, usize>> {
    let (org_id, workspace) = (organization().id, organization().workspace.id);
    let visible = Visibility::Organization;
    let page = || BucketQuery { org_id, visible: visible.clone(), after: None, limit: 10 };
    let repositories = || RepositoryQuery { org_id, visible: visible.clone(), after: None, limit: 10 };
    let both = [bucket(0, "").id, bucket(1, "").id];
    let (repos, channel) = ([id(RepoId::new, 1), id(RepoId::new, 2)], id(ChannelId::new, 1));
    let event =
        |scope| EventQuery { org_id, scope, to: None, since: None, until: None, after: None, limit: 10 };
    let audit = AuditQuery {
        org_id,
        scope: AuditScope::Organization,
        filter: AuditFilter::default(),
        after: None,
        skip: 0,
        limit: 100,
    };
    let search = BucketSearch {
        org_id,
        visible: visible.clone(),
        filter: BucketFilter::default(),
        words: None,
        order: None,
        after: None,
        limit: 10,
    };
    let repository_search = RepositorySearch {
        org_id,
        visible: visible.clone(),
        words: None,
        order: None,
        after: None,
        limit: 10,
    };
    let day = bucketry_model::time::Day::from_number(0);
    let found = |page| match page {
        SearchPage::Found { entries, .. } => entries,
        SearchPage::TooManyToSort => Vec::new(),
    };
    let found_repositories = match store.search_repositories(&repository_search).await? {
        SearchPage::Found { entries, .. } => entries.len(),
        SearchPage::TooManyToSort => 0,
    };
    let caller = store.caller(id(TokenId::new, 1), now()).await?;
    let of_bucket = store.status_events(&event(EventScope::Bucket(both[0]))).await?;
    assert!(store.diagnosis(both[1]).await?.is_some());
    assert!(store.claim_delivery(now(), now() + SignedDuration::from_secs(9)).await?.is_none());
    store.due_walks(None, None, now(), 10).await?;
    Ok(BTreeMap::from([
        ("audit", store.audit(&audit).await?.len()),
        ("audit stream", store.audit_after(0, 100).await?.len()),
        ("buckets", store.buckets(&page()).await?.len()),
        ("buckets that are available", store.available_buckets(&page()).await?.len()),
        ("buckets by id", store.buckets_among(org_id, &both).await?.len()),
        ("buckets by id, also removed ones", store.buckets_ever(org_id, &both).await?.len()),
        ("buckets by search", found(store.search_buckets(&search).await?).len()),
        ("buckets with metrics", store.monitored_buckets(None, 10).await?.len()),
        ("channels", store.channels(org_id).await?.len()),
        ("channels that are watched", store.watched_channels(None, 10).await?.len()),
        ("conditions", store.conditions(channel).await?.len()),
        ("days", store.day_records_between(&both, day, day).await?.len()),
        ("events", store.status_events(&event(EventScope::Visible(visible.clone()))).await?.len()),
        ("events of a bucket", of_bucket.len()),
        ("facets", store.count_facets(org_id, &visible, &BucketFilter::default(), 10).await?.len()),
        ("keys", store.repository_keys(&repos).await?.len()),
        ("names at providers", store.registered_names(org_id, None, 10).await?.names.len()),
        ("members", store.members(&[workspace]).await?.len()),
        ("members by page", store.member_page(workspace, None, 10).await?.len()),
        ("notifications", store.notifications(channel, None, 10).await?.len()),
        ("repositories", store.repositories(&repositories()).await?.len()),
        ("repositories by search", found_repositories),
        ("repositories of buckets", store.repositories_of_buckets(&both).await?.len()),
        ("silences", store.notification_silences(org_id, now()).await?.len()),
        ("tokens", store.tokens(organization().owner.id, now()).await?.len()),
        ("users", store.users(org_id, None, 10).await?.len()),
        ("workspaces of the caller", caller.map_or(0, |caller| caller.memberships.len())),
    ]))
}

/// Reads everything that nodes serve. Returns how many entries each list has, and how many of them can't be read.
async fn lists_for_nodes(
    store: &dyn Store,
    org_id: Option<OrgId>,
) -> BTreeMap<&'static str, bucketry_store::Result<(usize, usize)>> {
    let buckets = [bucket(0, "").id, bucket(1, "").id];
    let repositories = [id(RepoId::new, 1), id(RepoId::new, 2)];
    let changes = store.changes_after(org_id, 0, 100).await.map(|changes| match changes {
        Changes::Since(changes) => (changes.len(), 0),
        Changes::TooOld => (0, 0),
    });
    let (buckets, repositories) =
        (store.node_buckets(org_id, &buckets).await, store.node_repositories(org_id, &repositories).await);
    let keys = |all: &[NodeRepository]| all.iter().map(|one| one.keys.len()).sum::<usize>();
    let all_repositories = store.node_repositories_after(org_id, None, 10).await;
    BTreeMap::from([
        ("buckets", store.node_buckets_after(org_id, None, 10).await.map(|all| (all.len(), 0))),
        ("buckets by id", buckets.map(|all| (all.found.len() + all.unreadable.len(), all.unreadable.len()))),
        ("changes", changes),
        ("keys", all_repositories.as_ref().map(|all| (keys(all), 0)).map_err(|_| unreadable())),
        ("repositories", all_repositories.map(|all| (all.len(), 0))),
        (
            "repositories by id",
            repositories.map(|all| (all.found.len() + all.unreadable.len(), all.unreadable.len())),
        ),
    ])
}

fn unreadable() -> StoreError {
    StoreError::Damaged(String::new())
}

/// Which of these lists can't be read if there is an unknown value in the column.
fn unreadable_for_nodes(table: &str, reader: Reader) -> &'static [&'static str] {
    match table {
        _ if reader != StopsNodes => &[],
        "buckets" => &["buckets"],
        "changes" => &["changes"],
        _ => &["keys", "repositories"],
    }
}

/// The list that says by id what can't be read if there is an unknown value in the column.
fn unreadable_by_id(table: &str, reader: Reader) -> Option<&'static str> {
    match table {
        _ if reader != StopsNodes => None,
        "buckets" => Some("buckets by id"),
        "changes" => None,
        _ => Some("repositories by id"),
    }
}

/// The statement that changes the row of a table with the highest key.
async fn update_of_last_row(connection: &mut sqlx::SqliteConnection, table: &str, change: &str) -> String {
    let keys = "SELECT name FROM pragma_table_info($1) WHERE pk > 0 ORDER BY pk";
    let keys: Vec<String> = sqlx::query_scalar(keys).bind(table).fetch_all(connection).await.unwrap();
    let (all, last) = (keys.join(", "), format!("{} DESC", keys.join(" DESC, ")));
    format!("UPDATE {table} SET {change} WHERE ({all}) = (SELECT {all} FROM {table} ORDER BY {last} LIMIT 1)")
}

#[tokio::test]
async fn a_list_shows_everything_else_if_a_newer_version_has_written_one_row() {
    let directory = TempDir::new().unwrap();
    two_of_each(directory.path()).await;
    let store = open(directory.path()).await;
    let before = lists(&store).await.unwrap();
    let of_nodes = lists_for_nodes(&store, None).await;
    assert!(of_nodes.values().all(|count| matches!(count, Ok((1.., 0)))), "{of_nodes:?}");
    store.close().await;
    drop(store);
    assert!(before.values().all(|count| *count > 0), "{before:?}");

    for (table, column, value, reader) in ENUMS.iter().filter(|(.., reader)| *reader != Breaks) {
        let directory = TempDir::new().unwrap();
        two_of_each(directory.path()).await;
        let mut connection = connect(directory.path()).await;
        let update = update_of_last_row(&mut connection, table, &format!("{column} = {value}")).await;
        let changed = sqlx::query(sqlx::AssertSqlSafe(update)).execute(&mut connection).await.unwrap();
        assert!(changed.rows_affected() == 1 || *table == "inventory_walks", "no row of {table}");
        connection.close().await.unwrap();
        let store = SqliteStore::open(directory.path(), super::quick()).await.unwrap();
        let after = lists(&store).await.unwrap_or_else(|error| panic!("{table}.{column}: {error}"));
        for org_id in [None, Some(organization().id)] {
            for (list, read) in lists_for_nodes(&store, org_id).await {
                let is_stopped = unreadable_for_nodes(table, *reader).contains(&list);
                let is_said = unreadable_by_id(table, *reader) == Some(list);
                let expected =
                    (!is_stopped).then(|| (of_nodes[list].as_ref().unwrap().0, usize::from(is_said)));
                assert_eq!(read.ok(), expected, "{table}.{column}: {list} of nodes");
            }
        }
        store.close().await;
        for (list, count) in &before {
            let missing = count - after[list];
            let most = usize::from([LeavesOut, StopsNodes].contains(reader));
            assert!(missing <= most, "{table}.{column}: {missing} of {count} are missing from {list}");
        }
        let is_shown = after == before;
        let hides = *reader != Shows && !["bucket_words", "changes", "inventory_walks"].contains(table);
        assert!(is_shown != hides, "{table}.{column}: {after:?}");
    }
}

#[tokio::test]
async fn a_page_is_full_even_if_some_of_its_rows_are_left_out() {
    let directory = TempDir::new().unwrap();
    let opened = furnished(directory.path()).await;
    let store: &dyn Store = &opened;
    for number in 1..=5 {
        store.insert_bucket(&bucket(number, "sealed"), &change(now())).await.unwrap();
    }
    store.close().await;
    drop(opened);
    // The list begins with the newest, and so with those that can't be read.
    let newer = format!("'{}', '{}', '{}'", bucket(5, "").id, bucket(4, "").id, bucket(2, "").id);
    run(directory.path(), &format!("UPDATE buckets SET storage_type = 'MOON' WHERE id IN ({newer})")).await;
    let opened = open(directory.path()).await;
    let store: &dyn Store = &opened;
    let page =
        BucketQuery { org_id: organization().id, visible: Visibility::Organization, after: None, limit: 2 };
    let listed = store.buckets(&page).await.unwrap();
    let ids: Vec<BucketId> = listed.iter().map(|one| one.bucket.id).collect();
    assert_eq!(ids, [bucket(3, "").id, bucket(1, "").id]);

    // By type: MOON is before S3.
    let (mut walked, mut after) = (Vec::new(), None);
    loop {
        let page = store.registered_names(organization().id, after.as_ref(), 1).await.unwrap();
        walked.extend(page.names.into_iter().map(|one| one.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    walked.sort_unstable();
    assert_eq!(walked, [0, 1, 3].map(|number| bucket(number, "").id));
}
