//! How SQLite executes each statement of the store. The test runs the stories of the contract, explains every
//! statement that they send, and compares the plans with `plans/sqlite.txt`. `UPDATE_PLANS=1` rewrites that file.
//!
//! The test has its own file, and so its own process, because it records all statements of the process.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bucketry_store::sqlite::{DATABASE_FILE, Options, SqliteStore};
use sqlx::{AssertSqlSafe, ConnectOptions, Row, SqliteConnection};
use tempfile::TempDir;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// Statements that may read a whole table or sort, each with its reason.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("FROM nodes n WHERE n.removed_at IS NULL", "nodes are few"),
    ("FROM nodes WHERE key_id", "nodes are few"),
    ("SELECT COUNT(*) FROM buckets WHERE sealed_to", "counts once, at the start of a rotation, in an index"),
    ("WITH uses (id, at, org_id", "reads the rows that it was given"),
    ("WITH n (number, ", "reads the rows that it was given"),
    ("FROM sqlite_schema", "asks at the start whether there is any table"),
    ("FROM organizations ORDER BY created_at", "stops at its limit, in the order of an index"),
    ("FROM changes ORDER BY sequence", "stops at its limit, in the order of the table"),
    (") counted", "counts up to its limit, in the order of an index"),
    ("DELETE FROM audit WHERE id IN", "reads as many rows as it may delete, in the order of the table"),
    ("INSERT INTO search_words", "reads the rows that it was given"),
    ("INSERT INTO report_withdrawals", "reads the rows that it was given"),
    ("FROM facets f", "removes a node from all facets, which are few"),
    ("DISTINCT j.node_id FROM jobs j", "reads the jobs that wait for a node, which are few, in an index"),
    ("FROM unlisted", "has at most two rows"),
    ("DELETE FROM facets", "facets are few"),
    ("SELECT number FROM usage_organizations", "organizations are few"),
    ("SELECT org_id FROM inventory_schedules", "organizations are few"),
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

macro_rules! run_stories {
    ($($area:ident { $($story:ident)* })*) => {
        async fn run_stories() {
            $($({
                let store = SqliteStore::open_temporary().await.unwrap();
                bucketry_store::contract::$area::$story(&store).await;
            })*)*
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

async fn explain(connection: &mut SqliteConnection, statement: &str) -> Vec<String> {
    let sql = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
    let rows = sqlx::query(sql).fetch_all(connection).await.unwrap();
    let mut depths = BTreeMap::from([(0_i64, 0_usize)]);
    rows.iter()
        .map(|row| {
            let depth = depths.get(&row.get::<i64, _>("parent")).map_or(0, |depth| depth + 1);
            depths.insert(row.get("id"), depth);
            format!("{}{}", "  ".repeat(depth), row.get::<String, _>("detail"))
        })
        .collect()
}

fn is_bad(step: &str) -> bool {
    let step = step.trim();
    // A constant row, or the result of a subquery, is not a table.
    let scans = step.starts_with("SCAN") && !step.starts_with("SCAN CONSTANT") && !step.contains("SUBQUERY");
    scans || step.contains("TEMP B-TREE") || step.contains("AUTOMATIC")
}

#[tokio::test]
async fn no_statement_reads_a_table_from_end_to_end_or_sorts() {
    let statements = Statements::default();
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(statements.clone())).unwrap();
    run_stories().await;
    let statements = std::mem::take(&mut *statements.0.lock().unwrap());

    let directory = TempDir::new().unwrap();
    SqliteStore::open(directory.path(), Options::default()).await.unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(directory.path().join(DATABASE_FILE));
    let mut connection = options.connect().await.unwrap();

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

    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans/sqlite.txt");
    if std::env::var_os("UPDATE_PLANS").is_some() {
        std::fs::create_dir_all(golden.parent().unwrap()).unwrap();
        std::fs::write(&golden, &plans).unwrap();
    }
    let expected = std::fs::read_to_string(&golden).unwrap_or_default();
    assert!(plans == expected, "plans have changed; look at the difference after UPDATE_PLANS=1");
}
