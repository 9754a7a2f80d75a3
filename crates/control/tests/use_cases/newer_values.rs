//! What a server does with values that only a newer version knows, which shares the database while servers are upgraded.

use crate::support::TestContext;
use bucketry_control::Error;
use bucketry_control::repositories::KeyInput;

#[tokio::test]
async fn a_node_keeps_what_it_has_until_a_server_can_read_what_changed() {
    let cx = TestContext::new().await;
    let bucket = cx.unchecked("Photos").await;
    let repository = cx.repository_of("Main", &[(bucket, "")]).await;
    let key = KeyInput { name: Some("ci".to_owned()), access: Some("READ".to_owned()) };
    let key = cx.control.create_repository_key(&cx.owner, repository, &key).await.unwrap().id;
    let known = cx.node.sync("", 0).await.unwrap().cursor;
    for (table, id, column, now, later) in [
        ("buckets", bucket.to_string(), "storage_type", "S3", "MOON"),
        ("repositories", repository.to_string(), "storage_type", "S3", "MOON"),
        ("repositories", repository.to_string(), "mode", "NORMAL", "QUANTUM"),
        ("repository_keys", key.to_string(), "access", "READ", "GLANCE"),
    ] {
        let change = |value: &str| {
            let kind = if table == "buckets" { "BUCKET" } else { "REPOSITORY" };
            let subject = if table == "buckets" { bucket.to_string() } else { repository.to_string() };
            format!(
                "UPDATE {table} SET {column} = '{value}' WHERE id = '{id}'; \
                 INSERT INTO changes (org_id, kind, subject_id, at) VALUES ('{}', '{kind}', '{subject}', 1)",
                cx.owner.org_id
            )
        };
        cx.newer_version_writes(&change(later)).await;
        for cursor in ["", &known] {
            let answer = cx.node.sync(cursor, 0).await;
            assert!(matches!(answer, Err(Error::Internal(_))), "{table}.{column}: {answer:?}");
        }
        cx.newer_version_writes(&change(now)).await;
        let answer = cx.node.sync(&known, 0).await.unwrap();
        assert!(answer.removed.is_empty() && answer.removed_repositories.is_empty(), "{answer:?}");
        assert_eq!(answer.buckets.len() + answer.repositories.len(), if table == "buckets" { 1 } else { 2 });
    }
}

#[tokio::test]
async fn a_node_passes_no_change_of_a_kind_that_its_server_does_not_know() {
    let cx = TestContext::new().await;
    let known = cx.node.sync("", 0).await.unwrap().cursor;
    let sql = "INSERT INTO changes (org_id, kind, subject_id, at) VALUES ('{}', 'COMET', 'x', 1)";
    cx.newer_version_writes(&sql.replace("{}", &cx.owner.org_id.to_string())).await;
    cx.unchecked("Photos").await;
    for _ in 0..2 {
        let answer = cx.node.sync(&known, 0).await;
        assert!(matches!(answer, Err(Error::Internal(_))), "{answer:?}");
    }
    cx.newer_version_writes("UPDATE changes SET kind = 'BUCKET', subject_id = org_id WHERE kind = 'COMET'")
        .await;
    assert_eq!(cx.node.sync(&known, 0).await.unwrap().buckets.len(), 1);
}
