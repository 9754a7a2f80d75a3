//! How PostgreSQL executes each statement of the store. The test runs the stories of the contract, explains every
//! statement that they send, and compares the plans with `plans/postgres.txt`. `UPDATE_PLANS=1` rewrites that file.
//!
//! Every operation whose cost grows with the number of rows is switched off for the planner. If a plan contains one
//! nevertheless, an index is missing.
//!
//! The test has its own file, and so its own process, because it records all statements of the process.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "postgres/server.rs"]
#[expect(dead_code, reason = "shared with the other tests on PostgreSQL")]
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bucketry_store::Store as _;
use bucketry_store::postgres::Options;
use sqlx::{AssertSqlSafe, PgConnection, Row};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// Statements that may read a whole table or sort, each with its reason.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("FROM nodes n WHERE n.removed_at IS NULL", "nodes are few"),
    ("FROM nodes WHERE key_id", "nodes are few"),
    ("FROM node_keys WHERE org_id IS NULL", "keys are few"),
    ("SELECT COUNT(*) FROM buckets WHERE sealed_to", "counts once, at the start of a rotation, in an index"),
    ("FROM facets f", "removes a node from all facets, which are few"),
    ("FROM unlisted", "has at most two rows"),
    ("DELETE FROM facets", "facets are few"),
    ("SELECT number FROM usage_organizations", "organizations are few"),
    ("SELECT org_id FROM inventory_schedules", "organizations are few"),
    ("FROM pg_class", "asks at the start whether there is any table"),
    ("GROUP BY u.series, u.minute / 3600", "sorts the minutes of one bucket, of a week at most"),
    ("GROUP BY s.bucket_id, s.workspace_id", "reads the traffic of two days, at most every five seconds"),
    ("GROUP BY f.facet", "counts the buckets of an organization in an index, at most every five seconds"),
    (
        "GROUP BY f.workspace_id, f.facet",
        "counts the buckets of workspaces in an index, at most every five seconds",
    ),
];

/// Collects the texts of statements from the driver's log.
#[derive(Clone, Default)]
struct Statements(Arc<Mutex<BTreeSet<String>>>);

impl<S: tracing::Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            let mut found = Found::default();
            event.record(&mut found);
            let text = if found.statement.trim().is_empty() { found.summary } else { found.statement };
            self.0.lock().unwrap().insert(text.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
}

#[derive(Default)]
struct Found {
    summary: String,
    statement: String,
}

impl Visit for Found {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.summary),
            "db.statement" => value.clone_into(&mut self.statement),
            _ => {}
        }
    }
    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

/// Empties a registry.
const EMPTY: &str = "SET session_replication_role = replica; \
    DO $$ DECLARE one TEXT; BEGIN \
        FOR one IN SELECT relname FROM pg_class WHERE relkind = 'r' AND relname <> '_sqlx_migrations' \
            AND relnamespace = current_schema()::regnamespace LOOP EXECUTE format('DELETE FROM %I', one); END LOOP; \
    END $$; \
    ALTER TABLE changes ALTER COLUMN sequence RESTART; \
    INSERT INTO changes_purged (id, purged_through) VALUES (1, 0)";

macro_rules! run_stories {
    ($($area:ident { $($story:ident)* })*) => {
        async fn run_stories() {
            // Boxed, because all of them in one future would not fit on the stack. One database for all, because
            // creating one for each would take longer than everything else.
            let database = server::database().await;
            let store = server::open(&database, &Options { connections: 4, ..Options::default() }).await;
            $($(Box::pin(async {
                server::run(&database, EMPTY).await;
                bucketry_store::contract::$area::$story(&store).await;
            })
            .await;)*)*
            store.close().await;
        }
    };
}
bucketry_store::contract_stories!(run_stories);

/// Lists and rows come in several lengths, which count as the same statement. The shortest represents all.
fn without_lengths(statement: &str) -> String {
    let mut short = String::new();
    let statement = statement.replace('?', "$");
    let mut rest = statement.as_str();
    while let Some(at) = rest.find('$') {
        let (before, after) = rest.split_at(at);
        short.push_str(before);
        let digits = after[1..].find(|c: char| !c.is_ascii_digit()).map_or(after.len(), |end| end + 1);
        short.push('$');
        rest = &after[digits..];
    }
    short.push_str(rest);
    while short.contains("$, $") {
        short = short.replace("$, $", "$");
    }
    while short.contains("($), ($)") {
        short = short.replace("($), ($)", "($)");
    }
    match (short.split_once(" UNION ALL "), short.rsplit_once(" UNION ALL ")) {
        (Some((first, _)), Some((_, last))) => format!("{first} UNION ALL {last}"),
        _ => short,
    }
}

/// Turns off everything that costs more with every row, wherever there is an alternative.
const PREFER: &str = "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off; \
    SET enable_incremental_sort = off; SET enable_hashjoin = off; SET enable_mergejoin = off; \
    SET enable_material = off; SET jit = off";

async fn explain(connection: &mut PgConnection, statement: &str) -> Vec<String> {
    // For a parameter that stands alone, only the driver knows the type.
    let typed = statement.replace("(VALUES ($1, $2, $3)", "(VALUES ($1::text, $2::bigint, $3::text)");
    let sql = AssertSqlSafe(format!("EXPLAIN (GENERIC_PLAN, COSTS OFF) {typed}"));
    let rows = sqlx::raw_sql(sql).fetch_all(connection).await.expect(statement);
    rows.iter().map(|row| row.get::<String, _>(0)).collect()
}

fn is_bad(step: &str) -> bool {
    let step = step.trim().trim_start_matches("->").trim();
    step.starts_with("Seq Scan") || step == "Sort" || step == "Incremental Sort" || step.contains("Disabled")
}

#[tokio::test]
async fn no_statement_reads_a_table_from_end_to_end_or_sorts() {
    let statements = Statements::default();
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(statements.clone())).unwrap();
    run_stories().await;
    let statements = std::mem::take(&mut *statements.0.lock().unwrap());

    let database = server::database().await;
    server::open(&database, &Options::default()).await.close().await;
    let mut connection = server::connect(&database).await;
    sqlx::raw_sql(PREFER).execute(&mut connection).await.unwrap();

    let mut by_shape: BTreeMap<String, String> = BTreeMap::new();
    for statement in statements {
        let first = statement.split(' ').next().unwrap_or_default();
        if !["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].contains(&first) || statement.contains("_sqlx") {
            continue;
        }
        let kept = by_shape.entry(without_lengths(&statement)).or_insert_with(|| statement.clone());
        if statement.len() < kept.len() {
            *kept = statement;
        }
    }
    assert!(by_shape.len() > 80, "only {} statements were seen", by_shape.len());

    let mut plans = String::new();
    let mut bad = String::new();
    for statement in by_shape.into_values() {
        let plan = explain(&mut connection, &statement).await;
        let excepted = EXCEPTIONS.iter().any(|(part, _)| statement.contains(part));
        if !excepted && plan.iter().any(|step| is_bad(step)) {
            let _ = writeln!(bad, "{statement}\n    {}\n", plan.join("\n    "));
        }
        let _ = writeln!(plans, "{statement}\n    {}\n", plan.join("\n    "));
    }
    assert!(bad.is_empty(), "statements that cost more with every row there is:\n\n{bad}");

    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans/postgres.txt");
    if std::env::var_os("UPDATE_PLANS").is_some() {
        std::fs::create_dir_all(golden.parent().unwrap()).unwrap();
        std::fs::write(&golden, &plans).unwrap();
    }
    let expected = std::fs::read_to_string(&golden).unwrap_or_default();
    assert!(plans == expected, "plans have changed; look at the difference after UPDATE_PLANS=1");
}
