//! Tests of repositories: who may create them, what they may contain, and what buckets and nodes learn about them.

use std::time::Duration;

use crate::support::{TestContext, attachment};
use bucketry_control::buckets::BucketInput;
use bucketry_control::repositories::{RepoErrorCode, RepositoryInput};
use bucketry_control::{Error, ResourceKind, Settings};
use bucketry_model::bucket::StorageType;
use bucketry_model::role::WorkspaceRole;
use bucketry_model::secret::Secret;

fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> RepoErrorCode {
    let response = result.unwrap_err();
    let code = if let Error::Repository { code, .. } = &response { Some(*code) } else { None };
    assert!(code.is_some(), "expected a refusal of the repository, not {response:?}");
    code.unwrap()
}

#[tokio::test]
async fn a_repository_is_listed_with_its_buckets_and_keys() {
    let cx = TestContext::new().await;
    let bucket = cx.bucket_called("photos").await;
    let id = cx.repository_of("Main", &[(bucket, "team")]).await;
    let listed = cx.control.list_repositories(&cx.owner, None, None, 10).await.unwrap();
    assert_eq!(listed.len(), 1);
    let view = &listed[0];
    assert_eq!((view.repository.id, view.repository.name.as_str()), (id, "Main"));
    assert_eq!(view.buckets[0].attachment.folder.as_str(), "team");
    let attached = view.buckets[0].bucket.as_ref().unwrap();
    assert_eq!((attached.bucket.id, attached.repositories[0].id), (bucket, id));
    assert!(view.keys.is_empty());
    let only = cx.control.list_repositories(&cx.owner, Some(cx.workspace), None, 10).await.unwrap();
    assert_eq!(only.len(), 1);
    assert_eq!(cx.control.repository(&cx.owner, id).await.unwrap().buckets.len(), 1);
}

#[tokio::test]
async fn readers_read_writers_write_and_strangers_are_shown_nothing() {
    let cx = TestContext::new().await;
    let id = cx.repository_of("Main", &[]).await;
    let reader = cx.member("reader@example.com", Some(WorkspaceRole::Read)).await;
    let writer = cx.member("writer@example.com", Some(WorkspaceRole::Write)).await;
    let stranger = cx.member("stranger@example.com", None).await;
    let control = &cx.control;
    let change = RepositoryInput { name: Some("Other".to_owned()), ..RepositoryInput::default() };

    assert_eq!(control.list_repositories(&reader, None, None, 10).await.unwrap().len(), 1);
    assert!(control.list_repositories(&stranger, None, None, 10).await.unwrap().is_empty());
    for caller in [&reader, &stranger] {
        let refused = [
            control.create_repository(caller, &cx.repository("New", &[])).await.map(drop),
            control.update_repository(caller, id, &change).await.map(drop),
            control.validate_repository(caller, id, &change).await,
            control.delete_repository(caller, id).await,
        ];
        assert!(refused.iter().all(|one| matches!(one, Err(Error::Forbidden(_)))), "{refused:?}");
    }
    assert!(matches!(control.repository(&stranger, id).await, Err(Error::Forbidden(_))));
    control.update_repository(&writer, id, &change).await.unwrap();
    control.delete_repository(&writer, id).await.unwrap();
    let gone = control.repository(&writer, id).await;
    assert!(matches!(gone, Err(Error::NotFound(ResourceKind::Repository))), "{gone:?}");
}

#[tokio::test]
async fn a_repository_that_breaks_a_rule_is_refused_with_the_contracts_code() {
    let settings = Settings { repo_quota: Some(3), ..Settings::default() };
    let cx = TestContext::with(settings).await;
    let (a, b) = (cx.bucket_called("a").await, cx.bucket_called("b").await);
    let (c, d) = (cx.bucket_called("c").await, cx.bucket_called("d").await);
    let twin = cx.unchecked("twin").await;
    let other_twin = cx.unchecked("other twin").await;
    cx.repository_of("Normal", &[(a, "x")]).await;
    let mirror = |name: &str, attachments| RepositoryInput {
        mode: Some("MIRROR".to_owned()),
        buckets: Some(attachments),
        ..cx.repository(name, &[])
    };
    let made = mirror("Mirror", vec![attachment(b, "", true), attachment(c, "", false)]);
    let made = cx.control.create_repository(&cx.owner, &made).await.unwrap();
    assert!(made.message.unwrap().contains("not filled yet"));

    let gone = bucketry_model::id::BucketId::new(jiff::Timestamp::UNIX_EPOCH, [1; 10]);
    for (input, expected) in [
        (cx.repository(" nORMAL", &[]), RepoErrorCode::NameAlreadyUsed),
        (cx.repository("New", &[(gone, "")]), RepoErrorCode::NotFound),
        (cx.repository("New", &[(a, "x/y")]), RepoErrorCode::NormalUnitFolderAlreadyUsed),
        (cx.repository("New", &[(d, ""), (d, "x")]), RepoErrorCode::NormalUnitFolderAlreadyUsed),
        (cx.repository("New", &[(twin, ""), (other_twin, "")]), RepoErrorCode::NameAlreadyUsed),
        (cx.repository("New", &[(b, "")]), RepoErrorCode::MirrorUnitAlreadyInOtherRepo),
        (mirror("New", vec![attachment(a, "", true)]), RepoErrorCode::MirrorUnitAlreadyInOtherRepo),
        (mirror("New", vec![attachment(d, "", false)]), RepoErrorCode::MirrorMasterUnitMissing),
        (
            mirror("New", vec![attachment(d, "", true), attachment(twin, "", true)]),
            RepoErrorCode::MirrorMasterUnitCountInvalid,
        ),
    ] {
        assert_eq!(code(cx.control.create_repository(&cx.owner, &input).await), expected);
        assert_eq!(code(cx.control.validate_new_repository(&cx.owner, &input).await), expected);
    }
    cx.repository_of("Third", &[]).await;
    let input = cx.repository("Fourth", &[]);
    let refused = cx.control.create_repository(&cx.owner, &input).await;
    assert_eq!(code(refused), RepoErrorCode::QuotaExceeded);
    cx.control.delete_repository(&cx.owner, made.id).await.unwrap();
    cx.control.create_repository(&cx.owner, &input).await.unwrap();
}

#[tokio::test]
async fn what_is_not_sent_stays_and_the_folder_of_an_attached_bucket_stays_in_any_case() {
    let cx = TestContext::new().await;
    let (a, b) = (cx.bucket_called("a").await, cx.bucket_called("b").await);
    let id = cx.repository_of("Main", &[(a, "x")]).await;
    let control = &cx.control;
    let rename = RepositoryInput { name: Some("Other".to_owned()), ..RepositoryInput::default() };
    control.update_repository(&cx.owner, id, &rename).await.unwrap();
    let buckets = |attachments| RepositoryInput { buckets: Some(attachments), ..RepositoryInput::default() };
    let elsewhere = buckets(vec![attachment(a, "y", false)]);
    for refused in [
        control.update_repository(&cx.owner, id, &elsewhere).await.map(drop),
        control.validate_repository(&cx.owner, id, &elsewhere).await,
    ] {
        assert_eq!(code(refused), RepoErrorCode::NormalUnitCannotEditFolder);
    }
    let view = control.repository(&cx.owner, id).await.unwrap();
    assert_eq!((view.repository.name.as_str(), view.repository.version), ("Other", 2));
    assert_eq!((view.buckets.len(), view.buckets[0].attachment.folder.as_str()), (1, "x"));

    let swapped = buckets(vec![attachment(b, "", false)]);
    control.validate_repository(&cx.owner, id, &swapped).await.unwrap();
    control.update_repository(&cx.owner, id, &swapped).await.unwrap();
    assert!(control.bucket(&cx.owner, a).await.unwrap().repositories.is_empty());
    control.update_repository(&cx.owner, id, &buckets(vec![])).await.unwrap();
    assert!(control.bucket(&cx.owner, b).await.unwrap().repositories.is_empty());
}

#[tokio::test]
async fn storage_types_that_nodes_do_not_speak_and_unknown_modes_are_wrong_fields() {
    let cx = TestContext::new().await;
    for input in [
        RepositoryInput { storage_type: Some(StorageType::Gcs), ..cx.repository("New", &[]) },
        RepositoryInput { mode: Some("BACKUP".to_owned()), ..cx.repository("New", &[]) },
    ] {
        let refused = cx.control.create_repository(&cx.owner, &input).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn a_bucket_in_use_is_neither_deleted_nor_moved_and_the_repositories_are_named() {
    let cx = TestContext::new().await;
    let bucket = cx.bucket_called("photos").await;
    let id = cx.repository_of("Main", &[(bucket, "")]).await;
    let refused = cx.control.delete_bucket(&cx.owner, bucket).await;
    assert!(matches!(&refused, Err(Error::InUse(response)) if response.contains("\"Main\"")), "{refused:?}");
    let second = cx.control.create_workspace(&cx.owner, "Second").await.unwrap();
    let moved = BucketInput { workspace_id: Some(second.id.to_string()), ..BucketInput::default() };
    let refused = cx.control.update_bucket(&cx.owner, bucket, &moved).await;
    assert!(
        matches!(&refused, Err(Error::Rule { code: "BUCKET_IN_USE", message }) if message.contains("Main")),
        "{refused:?}"
    );
    cx.control.delete_repository(&cx.owner, id).await.unwrap();
    cx.control.update_bucket(&cx.owner, bucket, &moved).await.unwrap();
    cx.control.delete_bucket(&cx.owner, bucket).await.unwrap();
}

#[tokio::test]
async fn buckets_of_a_mirror_are_not_available_and_those_of_other_repositories_are() {
    let cx = TestContext::new().await;
    let (a, b) = (cx.bucket_called("a").await, cx.bucket_called("b").await);
    cx.repository_of("Normal", &[(a, "x")]).await;
    let mirror = RepositoryInput {
        mode: Some("MIRROR".to_owned()),
        buckets: Some(vec![attachment(b, "", true)]),
        ..cx.repository("Mirror", &[])
    };
    cx.control.create_repository(&cx.owner, &mirror).await.unwrap();
    let available = cx.control.available_buckets(&cx.owner, None, None, 10).await.unwrap();
    let available: Vec<_> = available.iter().map(|view| view.bucket.id).collect();
    assert_eq!(available, [a]);
}

#[tokio::test]
async fn nodes_are_sent_repositories_with_a_snapshot_and_changes_at_once() {
    let cx = TestContext::new().await;
    let bucket = cx.bucket_called("photos").await;
    let id = cx.repository_of("Main", &[(bucket, "team")]).await;
    let snapshot = cx.node.sync("", 0).await.unwrap();
    assert!(snapshot.snapshot && !snapshot.more);
    assert_eq!((snapshot.buckets.len(), snapshot.repositories.len()), (1, 1));
    let sent = &snapshot.repositories[0];
    assert_eq!(
        (sent.id, sent.buckets[0].bucket.as_str(), sent.buckets[0].folder.as_str()),
        (id, "photos", "team")
    );

    let waiting = {
        let (node, cursor) = (cx.node.clone(), snapshot.cursor.clone());
        tokio::spawn(async move { node.sync(&cursor, 25).await })
    };
    let rename = RepositoryInput { name: Some("Other".to_owned()), ..RepositoryInput::default() };
    cx.control.update_repository(&cx.owner, id, &rename).await.unwrap();
    let changed = tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap().unwrap();
    assert_eq!((changed.repositories[0].name.as_str(), changed.repositories[0].version), ("Other", 2));
    assert!(changed.buckets.is_empty());

    let credentials =
        BucketInput { secret: Some(Secret::new("another")), skip_validation: true, ..BucketInput::default() };
    cx.control.update_bucket(&cx.owner, bucket, &credentials).await.unwrap();
    let of_bucket = cx.node.sync(&changed.cursor, 0).await.unwrap();
    assert_eq!((of_bucket.buckets.len(), of_bucket.repositories.len()), (1, 0));
    cx.control.delete_repository(&cx.owner, id).await.unwrap();
    let removed = cx.node.sync(&of_bucket.cursor, 0).await.unwrap();
    assert_eq!((removed.removed_repositories.as_slice(), removed.repositories.len()), ([id].as_slice(), 0));
}

#[tokio::test]
async fn many_repositories_come_in_pages_each_once() {
    let cx = TestContext::new().await;
    cx.bucket_called("photos").await;
    let mut made = Vec::new();
    for n in 0..120 {
        made.push(cx.repository_of(&format!("Repository {n}"), &[]).await);
    }
    made.sort();
    for first in ["", "c.0"] {
        let (mut cursor, mut got, mut pages) = (first.to_owned(), Vec::new(), 0);
        loop {
            let answer = cx.node.sync(&cursor, 0).await.unwrap();
            got.extend(answer.repositories.iter().map(|one| one.id));
            pages += 1;
            cursor = answer.cursor;
            if !answer.more {
                break;
            }
        }
        got.sort();
        assert_eq!((got.as_slice(), pages), (made.as_slice(), 3), "from {first:?}");
        assert!(cx.node.sync(&cursor, 0).await.unwrap().repositories.is_empty());
    }
}
