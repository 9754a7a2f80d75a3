//! Unused connections, kept for the next request to the same origin and closed when nobody uses them.

use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Weak};
use std::time::Duration;

use foldhash::fast::RandomState;
use http::uri::Authority;
use parking_lot::Mutex;

/// How many times per idle timeout the pool looks for connections that have reached it.
const SWEEPS: u32 = 4;

/// A connection that can be used again.
pub(super) trait Reusable: Send + 'static {
    /// Whether the connection can take another request: the last one is complete in both directions and, as far as
    /// is known, the server has not closed the connection.
    fn is_fit(&mut self) -> bool;

    /// Where the connection leads, and its pool.
    fn home(&self) -> &PoolSlot<Self>
    where
        Self: Sized;
}

/// The destination of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) tls: bool,
    pub(crate) authority: Authority,
}

/// Compares the spelling, which is always the same for a bucket. [`Authority`] would fold the case of each
/// character.
impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        self.tls == other.tls && self.authority.as_str() == other.authority.as_str()
    }
}

impl Eq for Origin {}

impl Hash for Origin {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.tls.hash(state);
        self.authority.as_str().hash(state);
    }
}

/// The place of a connection in its pool.
pub(super) struct PoolSlot<C> {
    origin: Origin,
    pool: Weak<IdlePool<C>>,
}

impl<C: Reusable> PoolSlot<C> {
    /// Puts a connection that is known to be fit back into its pool. Without the pool it is closed.
    pub(super) fn release(connection: Box<C>) {
        if let Some(pool) = connection.home().pool.upgrade() {
            pool.put(connection);
        }
    }
}

/// The unused connections.
pub(super) struct IdlePool<C> {
    idle_timeout: Duration,
    max_idle_per_host: usize,
    idle: Mutex<Idle<C>>,
}

struct Idle<C> {
    /// The most recently used connection is at the end. Each has the number of sweeps at the time when it became
    /// idle.
    by_origin: HashMap<Origin, VecDeque<(Box<C>, u64)>, RandomState>,
    /// The number of sweeps so far. Measures how long a connection has been idle.
    sweeps: u64,
    /// Whether a task sweeps the pool.
    watched: bool,
}

impl<C: Reusable> IdlePool<C> {
    pub(super) fn new(idle_timeout: Duration, max_idle_per_host: usize) -> Arc<Self> {
        let idle = Idle { by_origin: HashMap::default(), sweeps: 0, watched: false };
        Arc::new(Self { idle_timeout, max_idle_per_host, idle: Mutex::new(idle) })
    }

    /// The place of a new connection to this origin.
    pub(super) fn home(self: &Arc<Self>, origin: Origin) -> PoolSlot<C> {
        PoolSlot { origin, pool: Arc::downgrade(self) }
    }

    /// Takes the most recently used connection that is still fit.
    pub(super) fn take(&self, origin: &Origin) -> Option<Box<C>> {
        loop {
            let (mut connection, _) = self.idle.lock().by_origin.get_mut(origin)?.pop_back()?;
            if connection.is_fit() {
                return Some(connection);
            }
        }
    }

    fn put(self: Arc<Self>, connection: Box<C>) {
        // Without a runtime, no task could close the connection later, so it is closed now.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let mut idle = self.idle.lock();
        let since = idle.sweeps;
        let line = match idle.by_origin.get_mut(&connection.home().origin) {
            Some(line) => line,
            None => idle.by_origin.entry(connection.home().origin.clone()).or_default(),
        };
        line.push_back((connection, since));
        let surplus = if line.len() > self.max_idle_per_host { line.pop_front() } else { None };
        let is_watched = std::mem::replace(&mut idle.watched, true);
        drop(idle);
        drop(surplus);
        if !is_watched {
            let watch = Watch { pool: Arc::downgrade(&self), done: false };
            runtime.spawn(watch.run(self.idle_timeout / SWEEPS));
        }
    }

    /// Closes connections that have been idle for too long. Returns whether any are left.
    fn sweep(&self) -> bool {
        let mut closed = Vec::new();
        let mut idle = self.idle.lock();
        idle.sweeps += 1;
        let sweeps = idle.sweeps;
        idle.by_origin.retain(|_, line| {
            while line.front().is_some_and(|(_, since)| sweeps - since >= u64::from(SWEEPS)) {
                closed.extend(line.pop_front());
            }
            !line.is_empty()
        });
        idle.watched = !idle.by_origin.is_empty();
        idle.watched
    }
}

/// The task that sweeps the pool. If it ends with its runtime, the next connection that becomes idle starts
/// another.
struct Watch<C: Reusable> {
    pool: Weak<IdlePool<C>>,
    /// The pool is empty and has recorded that no task watches it.
    done: bool,
}

impl<C: Reusable> Watch<C> {
    async fn run(mut self, every: Duration) {
        while !self.done {
            tokio::time::sleep(every).await;
            let Some(pool) = self.pool.upgrade() else { return };
            self.done = !pool.sweep();
        }
    }
}

impl<C: Reusable> Drop for Watch<C> {
    fn drop(&mut self) {
        if !self.done
            && let Some(pool) = self.pool.upgrade()
        {
            pool.idle.lock().watched = false;
        }
    }
}

#[cfg(test)]
impl<C: Reusable> IdlePool<C> {
    pub(super) fn count(&self) -> usize {
        self.idle.lock().by_origin.values().map(VecDeque::len).sum()
    }

    pub(super) fn is_watched(&self) -> bool {
        self.idle.lock().watched
    }

    pub(super) fn has_no_fit_connection(&self) -> bool {
        self.idle.lock().by_origin.values_mut().flatten().all(|(connection, _)| !connection.is_fit())
    }
}
