//! Notification channels and silences.

use bucketry_model::finding::FindingCode;
use bucketry_model::id::{BucketId, ChannelId, SilenceId};
use bucketry_model::node_protocol::SecretOwner;
use bucketry_model::notification::{
    ChannelRule, ChannelRules, ChannelTarget, MailSecurity, MailTarget, NotificationSilence, SilencedPart,
};

use super::fixture::{TestContext, at, audit, fresh, name, secret};
use crate::Store;
use crate::bucket::SecretUpdate;
use crate::notification_channel::{ChannelInserted, ChannelUpdate, NewChannel};

fn webhook() -> ChannelTarget {
    ChannelTarget::Webhook { origin: "https://hooks.example.com".to_owned() }
}

/// A webhook of the whole organization.
pub(super) fn new_channel(context: &TestContext<'_>) -> NewChannel {
    NewChannel {
        id: fresh(ChannelId::new),
        org_id: context.org,
        workspace_id: None,
        name: name("on call"),
        enabled: true,
        target: webhook(),
        secret: Some(secret("sealed")),
        rules: ChannelRules::default(),
    }
}

pub async fn a_channel_reads_back_without_its_secret(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let mail = NewChannel {
        workspace_id: Some(context.workspace),
        target: ChannelTarget::Email(MailTarget {
            host: "mail.example.com".to_owned(),
            port: 587,
            security: MailSecurity::Starttls,
            username: Some("bucketry".to_owned()),
            from: "bucketry@example.com".to_owned(),
            to: vec!["on-call@example.com".to_owned()],
        }),
        rules: ChannelRules::new(
            Some(vec![ChannelRule { code: FindingCode::BucketOffline, after_minutes: 3, within_days: None }]),
            false,
        )
        .unwrap(),
        ..new_channel(&context)
    };
    assert_eq!(store.insert_channel(&mail, 5, &audit(at(7))).await.unwrap(), ChannelInserted::Inserted);
    let open = NewChannel { secret: None, enabled: false, ..new_channel(&context) };
    store.insert_channel(&open, 5, &audit(at(8))).await.unwrap();

    let read = store.channel(context.org, mail.id).await.unwrap().unwrap();
    assert_eq!((read.workspace_id, read.enabled, read.has_secret), (mail.workspace_id, true, true));
    assert_eq!((&read.name, &read.target, &read.rules), (&mail.name, &mail.target, &mail.rules));
    assert_eq!((read.created_at, read.updated_at), (at(7), at(7)));
    let ids: Vec<ChannelId> =
        store.channels(context.org).await.unwrap().iter().map(|channel| channel.id).collect();
    assert_eq!(ids, [open.id, mail.id]);
    assert!(!store.channel(context.org, open.id).await.unwrap().unwrap().has_secret);

    let other = TestContext::another(store).await;
    assert_eq!(store.channel(other.org, mail.id).await.unwrap(), None);
    assert!(store.channels(other.org).await.unwrap().is_empty());
    let watched = store.watched_channels(None, 10).await.unwrap();
    assert_eq!(watched.iter().map(|one| one.channel.id).collect::<Vec<_>>(), [mail.id], "one is disabled");
    assert!(store.watched_channels(Some(mail.id), 10).await.unwrap().is_empty());
}

pub async fn channels_are_bounded_and_in_a_workspace_of_the_organization(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let foreign = NewChannel { workspace_id: Some(other.workspace), ..new_channel(&context) };
    assert_eq!(
        store.insert_channel(&foreign, 2, &audit(at(0))).await.unwrap(),
        ChannelInserted::WorkspaceNotFound
    );
    for expected in [ChannelInserted::Inserted, ChannelInserted::Inserted, ChannelInserted::TooMany] {
        let new = new_channel(&context);
        assert_eq!(store.insert_channel(&new, 2, &audit(at(0))).await.unwrap(), expected);
    }
}

pub async fn a_channel_changes_and_its_secret_is_kept_replaced_or_erased(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let new = new_channel(&context);
    store.insert_channel(&new, 5, &audit(at(0))).await.unwrap();
    let sealed = || async {
        let page = store.secrets_after(Some(SecretOwner::Channel(fresh(ChannelId::new))), 10).await.unwrap();
        assert!(page.is_empty(), "the page after the last");
        let page = store.secrets_after(None, 10).await.unwrap();
        page.first().map(|(bound, _)| (bound.owner, bound.secret.as_text().to_owned()))
    };
    let owner = SecretOwner::Channel(new.id);
    assert_eq!(sealed().await, Some((owner, "sealed".to_owned())));
    let update = |secret| ChannelUpdate {
        name: name("renamed"),
        enabled: true,
        target: webhook(),
        secret,
        rules: ChannelRules::default(),
    };
    assert!(
        store.update_channel(context.org, new.id, &update(SecretUpdate::Keep), &audit(at(5))).await.unwrap()
    );
    let read = store.channel(context.org, new.id).await.unwrap().unwrap();
    assert_eq!((read.name, read.updated_at, read.has_secret), (name("renamed"), at(5), true));

    let replace = SecretUpdate::Replace { secret: secret("new"), expires_at: None };
    store.update_channel(context.org, new.id, &update(replace), &audit(at(6))).await.unwrap();
    assert_eq!(sealed().await, Some((owner, "new".to_owned())));
    let again = vec![(owner, secret("new").sealed, secret("sealed again"))];
    assert_eq!(store.replace_secrets(&again, at(7)).await.unwrap(), 1);
    assert_eq!(store.replace_secrets(&again, at(7)).await.unwrap(), 0, "the old one is no longer stored");
    assert_eq!(store.count_secrets().await.unwrap(), 1);

    store.update_channel(context.org, new.id, &update(SecretUpdate::Clear), &audit(at(8))).await.unwrap();
    assert_eq!(sealed().await, None);
    let other = TestContext::another(store).await;
    assert!(
        !store.update_channel(other.org, new.id, &update(SecretUpdate::Keep), &audit(at(9))).await.unwrap()
    );
}

pub async fn a_deleted_channel_is_gone_at_once_and_so_are_those_of_a_deleted_workspace(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let workspace = context.another_workspace(1).await;
    let new = new_channel(&context);
    let of_workspace = NewChannel { workspace_id: Some(workspace), ..new_channel(&context) };
    for channel in [&new, &of_workspace] {
        store.insert_channel(channel, 5, &audit(at(0))).await.unwrap();
    }
    let other = TestContext::another(store).await;
    assert!(!store.delete_channel(other.org, new.id, &audit(at(1))).await.unwrap());
    assert!(store.delete_channel(context.org, new.id, &audit(at(1))).await.unwrap());
    assert!(!store.delete_channel(context.org, new.id, &audit(at(1))).await.unwrap());
    store.delete_workspace(context.org, workspace, &audit(at(2))).await.unwrap();
    assert!(store.channels(context.org).await.unwrap().is_empty());
    assert!(store.watched_channels(None, 10).await.unwrap().is_empty());
    assert_eq!(store.count_secrets().await.unwrap(), 0, "secrets are erased");
    assert_eq!(store.purge_channels(100).await.unwrap(), 1);
    assert_eq!(store.purge_channels(100).await.unwrap(), 1);
    assert_eq!(store.purge_channels(100).await.unwrap(), 0);
}

pub async fn a_silence_reads_back_until_it_has_ended(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let silence = |from, until, part| NotificationSilence {
        id: fresh(SilenceId::new),
        org_id: context.org,
        part,
        starts_at: at(from),
        ends_at: at(until),
        window: Some("01:00-05:00".parse().unwrap()),
        comment: "maintenance".to_owned(),
        created_by: "ada@example.com".to_owned(),
        created_at: at(0),
    };
    let part = SilencedPart {
        workspace_id: Some(context.workspace),
        channel_id: Some(fresh(ChannelId::new)),
        code: Some(FindingCode::BucketOffline),
        bucket_id: Some(fresh(BucketId::new)),
    };
    let narrow = silence(0, 100, part);
    let wide = NotificationSilence { window: None, ..silence(50, 200, SilencedPart::default()) };
    for one in [&narrow, &wide] {
        assert!(store.insert_notification_silence(one, 2, &audit(at(0))).await.unwrap());
    }
    assert!(!store.insert_notification_silence(&silence(0, 1, part), 2, &audit(at(0))).await.unwrap());
    assert_eq!(
        store.notification_silences(context.org, at(99)).await.unwrap(),
        [wide.clone(), narrow.clone()]
    );
    assert_eq!(store.notification_silences(context.org, at(100)).await.unwrap(), std::slice::from_ref(&wide));

    let other = TestContext::another(store).await;
    assert!(store.notification_silences(other.org, at(0)).await.unwrap().is_empty());
    assert!(!store.delete_notification_silence(other.org, wide.id, &audit(at(0))).await.unwrap());
    assert!(store.delete_notification_silence(context.org, wide.id, &audit(at(0))).await.unwrap());
    assert_eq!(store.purge_notification_silences(at(101), 10).await.unwrap(), 1);
    assert!(store.notification_silences(context.org, at(0)).await.unwrap().is_empty());
}
