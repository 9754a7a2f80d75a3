//! Decides when each bucket is probed: a heap of due times, and a fair queue per host.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

use bucketry_model::id::BucketId;
use tokio::time::Instant;

/// A planned probe. The generation distinguishes a bucket's current state from earlier ones, whose plans are
/// skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ProbeTicket {
    pub(crate) bucket: BucketId,
    pub(crate) generation: u64,
}

/// Decides which probe is next. Hosts take turns, so that a host with many buckets or slow responses doesn't delay
/// the others.
#[derive(Debug)]
pub(crate) struct Schedule {
    due: BinaryHeap<Reverse<(Instant, ProbeTicket)>>,
    hosts: HashMap<Arc<str>, HostSchedule>,
    /// Hosts that have a waiting probe and room for it, each once.
    turns: VecDeque<Arc<str>>,
    running: usize,
    max_running: usize,
    max_per_host: usize,
}

#[derive(Debug, Default)]
struct HostSchedule {
    waiting: VecDeque<ProbeTicket>,
    running: usize,
    has_turn: bool,
}

impl Schedule {
    pub(crate) fn new(max_running: usize, max_per_host: usize) -> Self {
        Self {
            due: BinaryHeap::new(),
            hosts: HashMap::new(),
            turns: VecDeque::new(),
            running: 0,
            max_running: max_running.max(1),
            max_per_host: max_per_host.max(1),
        }
    }

    /// Plans a probe.
    pub(crate) fn plan(&mut self, at: Instant, ticket: ProbeTicket) {
        self.due.push(Reverse((at, ticket)));
    }

    /// When the next planned probe is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    /// Moves due probes into the queues of their hosts. `host_of` returns the host of a ticket, or `None` if the
    /// ticket is stale.
    pub(crate) fn advance(&mut self, now: Instant, host_of: impl Fn(ProbeTicket) -> Option<Arc<str>>) {
        while self.next_due().is_some_and(|at| at <= now) {
            let Some(Reverse((_, ticket))) = self.due.pop() else { return };
            let Some(name) = host_of(ticket) else { continue };
            self.hosts.entry(Arc::clone(&name)).or_default().waiting.push_back(ticket);
            self.offer_turn(&name);
        }
    }

    /// Takes the next probe to start, if there is one and there is room for it. The caller must call
    /// [`Self::finished`] with the host of every ticket taken.
    pub(crate) fn begin(&mut self) -> Option<(ProbeTicket, Arc<str>)> {
        if self.running >= self.max_running {
            return None;
        }
        let name = self.turns.pop_front()?;
        let host = self.hosts.get_mut(&name)?;
        host.has_turn = false;
        let ticket = host.waiting.pop_front()?;
        host.running += 1;
        self.running += 1;
        self.offer_turn(&name);
        Some((ticket, name))
    }

    /// Records that a probe of a host has ended.
    pub(crate) fn finished(&mut self, name: &Arc<str>) {
        self.running = self.running.saturating_sub(1);
        if let Some(host) = self.hosts.get_mut(name) {
            host.running = host.running.saturating_sub(1);
            if host.running == 0 && host.waiting.is_empty() {
                self.hosts.remove(name);
            }
        }
        self.offer_turn(name);
    }

    fn offer_turn(&mut self, name: &Arc<str>) {
        let Some(host) = self.hosts.get_mut(name) else { return };
        if !host.has_turn && !host.waiting.is_empty() && host.running < self.max_per_host {
            host.has_turn = true;
            self.turns.push_back(Arc::clone(name));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;

    fn ticket(n: u8) -> ProbeTicket {
        ProbeTicket { bucket: BucketId::new(Timestamp::UNIX_EPOCH, [n; 10]), generation: 0 }
    }

    /// Buckets below 100 share one host. Each of the others has a separate one.
    #[expect(clippy::unnecessary_wraps, reason = "the signature that `advance` requires")]
    fn host(ticket: ProbeTicket) -> Option<Arc<str>> {
        let shared = (0..100).any(|n| self::ticket(n) == ticket);
        Some(if shared { "shared".into() } else { ticket.bucket.to_string().into() })
    }

    fn begun(schedule: &mut Schedule) -> Vec<(ProbeTicket, Arc<str>)> {
        std::iter::from_fn(|| schedule.begin()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn probes_begin_when_they_are_due_and_not_before() {
        let start = Instant::now();
        let mut schedule = Schedule::new(10, 10);
        schedule.plan(start + Duration::from_secs(2), ticket(2));
        schedule.plan(start + Duration::from_secs(1), ticket(1));
        schedule.advance(start, host);
        assert!(schedule.begin().is_none());
        assert_eq!(schedule.next_due(), Some(start + Duration::from_secs(1)));
        schedule.advance(start + Duration::from_secs(1), host);
        assert_eq!(begun(&mut schedule), [(ticket(1), "shared".into())]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_never_answers_leaves_room_for_the_others() {
        let now = Instant::now();
        let mut schedule = Schedule::new(4, 2);
        for n in (0..50).chain([100, 101]) {
            schedule.plan(now, ticket(n));
        }
        schedule.advance(now, host);
        let first = begun(&mut schedule);
        let shared = first.iter().filter(|(_, host)| &**host == "shared").count();
        assert_eq!((first.len(), shared), (4, 2));

        for (_, host) in first.iter().filter(|(_, host)| &**host != "shared") {
            schedule.finished(host);
        }
        assert!(schedule.begin().is_none(), "the shared host stays within its limit");
        schedule.finished(&"shared".into());
        assert_eq!(begun(&mut schedule).len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn hosts_take_turns() {
        let now = Instant::now();
        let mut schedule = Schedule::new(1, 1);
        for n in [0, 1, 2, 100, 101] {
            schedule.plan(now, ticket(n));
        }
        schedule.advance(now, host);
        let mut order = vec![];
        while let Some((ticket, host)) = schedule.begin() {
            order.push(ticket);
            schedule.finished(&host);
        }
        assert_eq!(order, [0, 100, 101, 1, 2].map(ticket));
        assert!(schedule.hosts.is_empty(), "hosts without probes are forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn stale_plans_are_passed_over() {
        let now = Instant::now();
        let mut schedule = Schedule::new(1, 1);
        schedule.plan(now, ticket(0));
        schedule.advance(now, |_| None);
        assert!(schedule.begin().is_none());
    }
}
