//! A feed of what may have changed in an organization, for pages that are open in a browser. It names topics and contains no
//! data, so a page that follows it reads again what it shows, with the permissions of its user.
//!
//! One task per organization looks for changes, and only while somebody follows: when this process or another control plane on
//! the same database says that something changed, and otherwise several times per second. It compares the generation of the
//! lists. The first changes after a quiet time are sent at once; while changes continue, messages have a distance.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bucketry_model::id::{NodeId, OrgId};
use bucketry_model::node::{Node, is_meant_for};
use bucketry_model::role::Caller;
use bucketry_model::status::is_connected;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::{Control, Result};

/// How often changes are looked for. A change that no signal announces, such as a bucket's new status, is noticed within twice
/// this time: what other processes store is read at most every half second.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// How long changes that a signal announced may take to become more.
const SETTLED_WITHIN: Duration = Duration::from_millis(100);
/// The time between two messages while changes continue.
const SHORTEST_PAUSE: Duration = Duration::from_secs(2);
/// By how much each follower makes that time longer: everybody who follows reads again what changed.
const PAUSE_PER_FOLLOWER: Duration = Duration::from_millis(100);
/// How many messages need no pause between them after a quiet time. What a person does is often several changes: a bucket is
/// registered, has its first status, and gets into a repository.
const BURST: u32 = 3;
/// How often all topics are named, because of what changes with time alone or too often to be compared: counts of traffic,
/// latencies, and when nodes last reported and last probed.
const TIMED_EVERY: Duration = Duration::from_secs(30);

/// What may have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeTopic {
    /// Buckets and their states, and repositories.
    Buckets,
    /// Which nodes are connected.
    Nodes,
    /// The findings.
    Attention,
    /// Counts of requests and bytes.
    Traffic,
}

impl ChangeTopic {
    /// All topics.
    pub const ALL: [Self; 4] = [Self::Buckets, Self::Nodes, Self::Attention, Self::Traffic];

    /// The name in messages to browsers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Buckets => "buckets",
            Self::Nodes => "nodes",
            Self::Attention => "attention",
            Self::Traffic => "traffic",
        }
    }
}

/// How often each topic has been named. Followers compare it with what they saw last, so a slow one misses nothing.
type TopicCounts = [u64; ChangeTopic::ALL.len()];

/// Follows what changes in an organization. Dropping it ends that.
#[derive(Debug)]
pub struct ChangeFeed {
    counts: watch::Receiver<TopicCounts>,
    seen: TopicCounts,
}

impl ChangeFeed {
    /// Waits until something may have changed since the last call. `None` if nothing will be found any more, because the
    /// task that looks for changes has failed.
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Vec<ChangeTopic>> {
        loop {
            self.counts.changed().await.ok()?;
            let counts = *self.counts.borrow_and_update();
            let topics = changed(&self.seen, &counts);
            self.seen = counts;
            if !topics.is_empty() {
                return Some(topics);
            }
        }
    }
}

fn changed(before: &TopicCounts, after: &TopicCounts) -> Vec<ChangeTopic> {
    let pairs = before.iter().zip(after).zip(ChangeTopic::ALL);
    pairs.filter(|((before, after), _)| before != after).map(|(_, topic)| topic).collect()
}

/// The feeds of all organizations that somebody follows.
#[derive(Default)]
pub(crate) struct ChangeFeeds {
    /// The sender belongs to the task that looks for changes, so that followers notice if the task ends.
    by_org: Mutex<HashMap<OrgId, Weak<watch::Sender<TopicCounts>>>>,
}

impl ChangeFeeds {
    /// A receiver of the organization's feed, and its sender if there was no feed yet.
    fn follow(
        &self,
        org_id: OrgId,
    ) -> (watch::Receiver<TopicCounts>, Option<Arc<watch::Sender<TopicCounts>>>) {
        let mut feeds = self.by_org.lock();
        if let Some(sender) = feeds.get(&org_id).and_then(Weak::upgrade) {
            return (sender.subscribe(), None);
        }
        let (sender, receiver) = watch::channel(TopicCounts::default());
        let sender = Arc::new(sender);
        feeds.insert(org_id, Arc::downgrade(&sender));
        (receiver, Some(sender))
    }

    /// Removes a feed that nobody follows. Returns whether it was removed.
    fn end_unfollowed(&self, org_id: OrgId, sender: &watch::Sender<TopicCounts>) -> bool {
        // Under the lock, so that nobody begins to follow in between.
        let mut feeds = self.by_org.lock();
        let is_unfollowed = sender.receiver_count() == 0;
        if is_unfollowed {
            feeds.remove(&org_id);
        }
        is_unfollowed
    }
}

/// What is compared to find changes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ChangeMarks {
    /// Changes with what pages are to show at once. Further probes and heartbeats alone don't change it.
    generation: u64,
    connected: Vec<NodeId>,
}

/// Which topics are due, and when they may be sent.
struct PendingTopics {
    counts: TopicCounts,
    /// Whether there is a change that wasn't sent.
    has_change: bool,
    /// Whether topics that are named from time to time weren't sent. They never delay a change.
    has_timed: bool,
    sent_at: Option<Instant>,
    timed_at: Instant,
    /// Each message about a change moves it by one pause into the future. It may be `BURST` pauses ahead.
    booked_until: Instant,
    last: ChangeMarks,
}

impl PendingTopics {
    fn new(now: Instant, last: ChangeMarks) -> Self {
        Self {
            counts: TopicCounts::default(),
            has_change: false,
            has_timed: false,
            sent_at: None,
            timed_at: now,
            booked_until: now,
            last,
        }
    }

    fn add(&mut self, topics: &[ChangeTopic]) {
        for topic in topics {
            self.counts[*topic as usize] += 1;
        }
    }

    /// Compares with what was seen last.
    fn look(&mut self, now: Instant, marks: ChangeMarks) {
        use ChangeTopic::{Attention, Buckets, Nodes};
        if self.last.connected != marks.connected {
            self.add(&[Nodes]);
        }
        if self.last != marks {
            self.add(&[Buckets, Attention]);
            self.has_change = true;
            self.last = marks;
        }
        if now.duration_since(self.timed_at) >= TIMED_EVERY {
            self.timed_at = now;
            self.add(&ChangeTopic::ALL);
            self.has_timed = true;
        }
    }

    /// When what is pending may be sent to this many followers. `None` if nothing is.
    fn due_at(&self, followers: usize) -> Option<Instant> {
        let pause = pause(followers);
        let after_pause = self.sent_at.map_or(self.timed_at, |sent| sent + pause);
        // An instant before the clock's first is long past.
        let in_burst =
            self.booked_until.checked_sub(pause.saturating_mul(BURST - 1)).unwrap_or(self.timed_at);
        match (self.has_change, self.has_timed) {
            (true, _) => Some(in_burst.min(after_pause)),
            (false, true) => Some(after_pause),
            (false, false) => None,
        }
    }

    /// What to send now to this many followers, if it is time.
    fn due(&mut self, now: Instant, followers: usize) -> Option<TopicCounts> {
        self.due_at(followers).filter(|due| *due <= now)?;
        if self.has_change {
            let pause = pause(followers);
            // There may have been more followers before.
            let most = now + pause.saturating_mul(BURST);
            self.booked_until = (self.booked_until.max(now) + pause).min(most);
        }
        (self.has_change, self.has_timed) = (false, false);
        self.sent_at = Some(now);
        Some(self.counts)
    }
}

/// The time between two messages to this many followers while changes continue.
fn pause(followers: usize) -> Duration {
    let followers = u32::try_from(followers).unwrap_or(u32::MAX);
    SHORTEST_PAUSE.max(PAUSE_PER_FOLLOWER.saturating_mul(followers))
}

impl Control {
    /// Follows what changes in the caller's organization from now on. Must be called inside a Tokio runtime.
    ///
    /// Topics don't depend on what the caller may see: they reveal that something changed, and nothing about it.
    pub async fn subscribe(&self, caller: &Caller) -> Result<ChangeFeed> {
        let org_id = caller.org_id;
        let marks = self.change_marks(org_id).await?;
        let (counts, new) = self.inner.change_feeds.follow(org_id);
        if let Some(sender) = new {
            let control = self.clone();
            tokio::spawn(async move { control.look_for_changes(org_id, &sender, marks).await });
        }
        let seen = *counts.borrow();
        Ok(ChangeFeed { counts, seen })
    }

    /// Runs until nobody follows the organization any more.
    async fn look_for_changes(&self, org_id: OrgId, sender: &watch::Sender<TopicCounts>, marks: ChangeMarks) {
        let mut pending = PendingTopics::new(Instant::now(), marks);
        loop {
            // From here on, no signal is missed: one that arrives while the marks are read has them read again.
            let news = self.inner.changes.notified();
            if self.inner.change_feeds.end_unfollowed(org_id, sender) {
                return;
            }
            // While the database can't be reached, nothing is known to have changed.
            match self.change_marks(org_id).await {
                Ok(marks) => pending.look(Instant::now(), marks),
                Err(error) => {
                    tracing::debug!(error = &error as &dyn std::error::Error, "changes can't be looked for");
                }
            }
            let now = Instant::now();
            if let Some(counts) = pending.due(now, sender.receiver_count()) {
                sender.send_replace(counts);
            }
            let due_at = pending.due_at(sender.receiver_count());
            let look_at = now + LOOK_EVERY;
            tokio::select! {
                () = sleep_until(due_at.map_or(look_at, |due| due.min(look_at))) => {}
                // A change seldom comes alone.
                () = news => sleep(SETTLED_WITHIN).await,
            }
        }
    }

    async fn change_marks(&self, org_id: OrgId) -> Result<ChangeMarks> {
        let generation = self.inner.store.shown_generation(org_id).await?;
        let (now, nodes) = (self.inner.environment.now(), self.known_nodes().await?);
        let is_connected = |node: &&Node| is_connected(node.last_seen, now) && is_meant_for(node, org_id);
        let connected = nodes.iter().filter(is_connected).map(|node| node.id).collect();
        Ok(ChangeMarks { generation, connected })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(generation: u64, nodes: &[u8]) -> ChangeMarks {
        let node = |number: &u8| NodeId::new(jiff::Timestamp::UNIX_EPOCH, [*number; 10]);
        ChangeMarks { generation, connected: nodes.iter().map(node).collect() }
    }

    fn named(pending: &mut PendingTopics, before: &TopicCounts, at: Instant) -> Vec<ChangeTopic> {
        pending.due(at, 1).map(|counts| changed(before, &counts)).unwrap_or_default()
    }

    #[test]
    fn a_change_is_named_once() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut pending = PendingTopics::new(start, marks(1, &[1]));
        pending.look(at(0), marks(1, &[1]));
        assert_eq!(pending.due(at(0), 1), None);
        let before = pending.counts;
        pending.look(at(1), marks(2, &[1]));
        assert_eq!(named(&mut pending, &before, at(1)), [ChangeTopic::Buckets, ChangeTopic::Attention]);
        pending.look(at(2), marks(2, &[1]));
        assert_eq!(pending.due(at(10), 1), None);
        let before = pending.counts;
        pending.look(at(11), marks(3, &[]));
        let topics = named(&mut pending, &before, at(11));
        assert_eq!(topics, [ChangeTopic::Buckets, ChangeTopic::Nodes, ChangeTopic::Attention]);
    }

    #[test]
    fn many_changes_are_one_message_and_many_followers_make_messages_rare() {
        let start = Instant::now();
        let messages = |followers| {
            let mut pending = PendingTopics::new(start, marks(100, &[]));
            let mut sent = 0;
            for second in 0..20 {
                pending.look(start, marks(second, &[]));
                sent += usize::from(pending.due(start + Duration::from_secs(second), followers).is_some());
            }
            sent
        };
        assert_eq!((messages(1), messages(20), messages(50), messages(200)), (12, 12, 6, 3));
    }

    #[test]
    fn the_first_changes_after_a_quiet_time_are_sent_at_once_even_after_a_timed_message() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut pending = PendingTopics::new(start, marks(0, &[]));
        let mut generation = 0;
        let mut changed_at = |pending: &mut PendingTopics, millis| {
            generation += 1;
            pending.look(at(millis), marks(generation, &[]));
            pending.due(at(millis), 1).is_some()
        };
        for quiet in [40_000, 80_000] {
            // Named with time alone.
            let last = pending.last.clone();
            pending.look(at(quiet), last);
            assert!(pending.due(at(quiet), 1).is_some());
            let sent = [10, 20, 30, 40].map(|millis| changed_at(&mut pending, quiet + millis));
            assert_eq!(sent, [true, true, true, false]);
            assert_eq!(pending.due_at(1), Some(at(quiet + 10 + 2_000)), "one pause after the first of them");
            assert!(
                pending.due(at(quiet + 2_009), 1).is_none() && pending.due(at(quiet + 2_010), 1).is_some()
            );
        }
    }

    #[test]
    fn what_changes_with_time_is_named_twice_a_minute() {
        let start = Instant::now();
        let mut pending = PendingTopics::new(start, marks(1, &[1]));
        let mut all = Vec::new();
        for second in 0..61 {
            let before = pending.counts;
            pending.look(start + Duration::from_secs(second), marks(1, &[1]));
            all.extend(named(&mut pending, &before, start + Duration::from_secs(second)));
        }
        let traffic = all.iter().filter(|topic| **topic == ChangeTopic::Traffic).count();
        assert_eq!((traffic, all.contains(&ChangeTopic::Buckets)), (2, true));
    }
}
