//! The watch: compares what is found with what channels know, and stores messages.
//!
//! What a channel knows is stored, and so is each message, in the transaction that changes what the channel knows. A
//! process that ends at any moment therefore loses nothing: the next one finds the same difference, or none. One process
//! of a deployment watches at a time, under a lease without which its messages aren't stored.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bucketry_model::finding::FindingCode;
use bucketry_model::id::{ChannelId, NotificationId, OrgId};
use bucketry_model::notification::{
    ChannelKind, Notification, NotificationItem, NotificationKind, NotificationSilence,
};
use bucketry_store::lease::LeaseName;
use bucketry_store::notification::{NewNotification, StoredCondition};
use bucketry_store::notification_channel::{NotificationChannel, WatchedChannel};
use bucketry_store::{Store, StoreError};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use super::plan::{BegunGroup, ChannelPlan, ChannelView, EndedGroup, OpenGroups, plan};
use super::source::FoundInOrganization;
use crate::{Control, Error, Result};

/// How often the watch looks.
const EVERY: Duration = Duration::from_secs(2);
/// Channels per page.
const PAGE: u32 = 500;
/// Conditions per transaction.
const AT_ONCE: usize = 2_000;
/// How often an Alertmanager is reminded of conditions that last. It forgets them when it restarts.
const REMIND_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// How many messages a channel gets per hour. Further conditions wait, and are then in one message.
const PER_HOUR: u32 = 60;
/// How many messages of a channel may wait to be sent. Further conditions wait.
const MOST_WAITING: u32 = 200;

/// What the watch remembers between two looks. None of it is needed for messages to be right.
#[derive(Default)]
pub(crate) struct ConditionWatch {
    state: Mutex<WatchState>,
}

#[derive(Default)]
struct WatchState {
    open: HashMap<ChannelId, OpenGroups>,
    /// When receivers that forget were last reminded.
    reminded: HashMap<ChannelId, Timestamp>,
}

impl Control {
    /// Watches until the future is dropped.
    pub async fn watch_conditions(&self) {
        loop {
            if let Err(error) = self.look_for_conditions().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "looking for conditions to notify about failed and will be retried"
                );
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Looks once, unless another process does.
    pub async fn look_for_conditions(&self) -> Result<()> {
        let channels = self.all_watched_channels().await?;
        self.forget_other_channels(&channels);
        if channels.is_empty() {
            return Ok(());
        }
        let looked = self.under_lease(LeaseName::ConditionWatch, |store| self.look(store, &channels)).await?;
        if looked.is_none() {
            // What was about to become a message does so elsewhere.
            self.inner.condition_watch.state.lock().open.clear();
        }
        Ok(())
    }

    async fn look(&self, store: Arc<dyn Store>, channels: &[WatchedChannel]) -> Result<()> {
        let found = self.found().await?;
        let mut silences: HashMap<OrgId, Vec<NotificationSilence>> = HashMap::new();
        for watched in channels {
            let channel = &watched.channel;
            // An organization that was created a moment ago may be missing.
            let Some(found) = found.get(&channel.org_id) else { continue };
            if found.findings().is_empty() && watched.conditions == 0 {
                continue;
            }
            let silences: &[NotificationSilence] = match silences.entry(channel.org_id) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => unknown.insert(self.active_silences(channel.org_id).await?),
            };
            let looked = self.look_at_channel(&*store, watched, found, silences).await;
            if let Err(lost @ Error::Unavailable(StoreError::LeaseLost(_))) = looked {
                return Err(lost);
            }
            if let Err(error) = looked {
                tracing::warn!(
                    channel_id = %channel.id,
                    error = &error as &dyn std::error::Error,
                    "looking for conditions of a notification channel failed and will be retried"
                );
            }
        }
        Ok(())
    }

    fn forget_other_channels(&self, channels: &[WatchedChannel]) {
        let known: HashSet<ChannelId> = channels.iter().map(|one| one.channel.id).collect();
        let mut state = self.inner.condition_watch.state.lock();
        state.open.retain(|id, _| known.contains(id));
        state.reminded.retain(|id, _| known.contains(id));
    }

    async fn all_watched_channels(&self) -> Result<Vec<WatchedChannel>> {
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let page = self.inner.store.watched_channels(after, PAGE).await?;
            let is_last = page.len() < PAGE as usize;
            after = page.last().map(|one| one.channel.id);
            all.extend(page);
            if is_last {
                return Ok(all);
            }
        }
    }

    async fn look_at_channel(
        &self,
        store: &dyn Store,
        watched: &WatchedChannel,
        found: &FoundInOrganization,
        silences: &[NotificationSilence],
    ) -> Result<()> {
        let channel = &watched.channel;
        let conditions = match watched.conditions {
            0 => Vec::new(),
            _ => self.inner.store.conditions(channel.id).await?,
        };
        let plan = {
            let view = ChannelView {
                channel_id: channel.id,
                workspace_id: channel.workspace_id,
                rules: &channel.rules,
                findings: found.findings(),
                is_complete: found.is_complete(),
                silences,
                conditions: &conditions,
                now: self.inner.environment.now(),
                window: self.inner.settings.notification_window,
            };
            let mut state = self.inner.condition_watch.state.lock();
            plan(&view, state.open.entry(channel.id).or_default())
        };
        self.carry_out(store, channel, plan).await?;
        self.remind(store, channel, conditions).await
    }

    /// Repeats what lasts, for a receiver that forgets it otherwise.
    async fn remind(
        &self,
        store: &dyn Store,
        channel: &NotificationChannel,
        conditions: Vec<StoredCondition>,
    ) -> Result<()> {
        let now = self.inner.environment.now();
        if channel.target.kind() != ChannelKind::Alertmanager {
            return Ok(());
        }
        {
            let mut state = self.inner.condition_watch.state.lock();
            // The first reminder after a start may come early, which does no harm.
            let last = state.reminded.entry(channel.id).or_insert(now - REMIND_EVERY);
            if now.duration_since(*last).abs() < REMIND_EVERY {
                return Ok(());
            }
            *last = now;
        }
        let mut by_code: BTreeMap<FindingCode, Vec<NotificationItem>> = BTreeMap::new();
        for condition in conditions.into_iter().filter(|one| one.cleared_at.is_none()) {
            by_code.entry(condition.code).or_default().extend(condition.item);
        }
        let room = self.room(channel.id).await?;
        for items in by_code.into_values().filter(|items| !items.is_empty()).take(room as usize) {
            let total = items.len() as u64;
            let message = self.message(NotificationKind::Reminder, items, total, None)?;
            store.insert_notification(channel.id, &message).await?;
        }
        self.inner.outbox.notify_waiters();
        Ok(())
    }

    async fn carry_out(
        &self,
        store: &dyn Store,
        channel: &NotificationChannel,
        plan: ChannelPlan,
    ) -> Result<()> {
        let now = self.inner.environment.now();
        if !plan.cleared.is_empty() {
            store.mark_conditions(channel.id, &plan.cleared, Some(now)).await?;
        }
        if !plan.found_again.is_empty() {
            store.mark_conditions(channel.id, &plan.found_again, None).await?;
        }
        if !plan.dropped.is_empty() {
            store.end_conditions(channel.id, &plan.dropped, None).await?;
        }
        if !plan.has_messages() {
            return Ok(());
        }
        let mut room = self.room(channel.id).await?;
        for group in plan.ended {
            if room == 0 {
                break;
            }
            room -= u32::from(self.store_end(store, channel, group).await?);
        }
        for group in plan.begun {
            if room == 0 {
                break;
            }
            room -= u32::from(self.store_begin(store, channel, group).await?);
        }
        if room == 0 {
            tracing::info!(channel_id = %channel.id, "a notification channel has reached its limit of messages: further conditions wait");
        }
        self.inner.outbox.notify_waiters();
        Ok(())
    }

    /// How many messages the channel may get now.
    async fn room(&self, id: ChannelId) -> Result<u32> {
        let hour_ago = self.inner.environment.now() - SignedDuration::from_hours(1);
        let since = NotificationId::new(hour_ago, [0; 10]);
        let load = self.inner.store.channel_load(id, since, PER_HOUR.max(MOST_WAITING)).await?;
        Ok(PER_HOUR.saturating_sub(load.recent).min(MOST_WAITING.saturating_sub(load.waiting)))
    }

    async fn store_begin(
        &self,
        store: &dyn Store,
        channel: &NotificationChannel,
        group: BegunGroup,
    ) -> Result<bool> {
        let total = group.conditions.len() as u64;
        let items = group.conditions.iter().filter_map(|one| one.item.clone()).collect();
        let message = self.message(NotificationKind::Alerting, items, total, group.cause)?;
        let mut slices = group.conditions.chunks(AT_ONCE);
        let first: &[StoredCondition] = slices.next().unwrap_or_default();
        let stored = store.begin_conditions(channel.id, first, Some(&message)).await?;
        for slice in slices.filter(|_| stored) {
            // The message counts these too. Should the process end here, they get another message.
            store.begin_conditions(channel.id, slice, None).await?;
        }
        Ok(stored)
    }

    async fn store_end(
        &self,
        store: &dyn Store,
        channel: &NotificationChannel,
        group: EndedGroup,
    ) -> Result<bool> {
        let total = group.conditions.len() as u64;
        let message = self.message(NotificationKind::Resolved, group.items, total, None)?;
        let mut slices = group.conditions.chunks(AT_ONCE);
        let first: &[String] = slices.next().unwrap_or_default();
        let stored = store.end_conditions(channel.id, first, Some(&message)).await?;
        for slice in slices.filter(|_| stored) {
            store.end_conditions(channel.id, slice, None).await?;
        }
        Ok(stored)
    }

    fn message(
        &self,
        kind: NotificationKind,
        items: Vec<NotificationItem>,
        total: u64,
        cause: Option<String>,
    ) -> Result<NewNotification> {
        let at = self.inner.environment.now();
        let id = self.inner.environment.id(NotificationId::new)?;
        Ok(NewNotification { id, message: Notification::about(kind, items, total, cause, at) })
    }
}
