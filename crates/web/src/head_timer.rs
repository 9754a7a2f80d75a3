//! Times out request heads without a timer of the runtime for each request.
//!
//! hyper sets a timer when it begins to wait for a head, and removes it when the head has arrived. Here the connection
//! has one timer, which stays set. It may fire too early, for a head that arrived long ago, and is then set again for
//! the one that is awaited.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use parking_lot::Mutex;
use tokio::task::unconstrained;

/// The timer of one connection. The connection waits for one thing at a time.
#[derive(Default)]
pub struct HeadTimer(Arc<Mutex<ConnectionTimer>>);

#[derive(Default)]
struct ConnectionTimer(Option<SetTimer>);

struct SetTimer {
    timer: Pin<Box<tokio::time::Sleep>>,
    /// The task that the timer will wake.
    waker: Waker,
}

impl ConnectionTimer {
    fn poll(&mut self, cx: &mut Context<'_>, deadline: tokio::time::Instant) -> Poll<()> {
        let SetTimer { timer, waker } = self.0.get_or_insert_with(|| SetTimer {
            timer: Box::pin(tokio::time::sleep_until(deadline)),
            waker: Waker::noop().clone(),
        });
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        } else if waker.will_wake(cx.waker()) && !timer.is_elapsed() {
            return Poll::Pending;
        }
        loop {
            // Without the runtime's budget for a task, which could end before the timer is set.
            if pin!(unconstrained(timer.as_mut())).poll(cx).is_pending() {
                waker.clone_from(cx.waker());
                return Poll::Pending;
            }
            if timer.deadline() >= deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
    }
}

/// Waits for a time with the timer of the connection.
struct HeadSleep {
    timer: Arc<Mutex<ConnectionTimer>>,
    deadline: tokio::time::Instant,
}

impl Future for HeadSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.timer.lock().poll(cx, self.deadline)
    }
}

impl Sleep for HeadSleep {}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(HeadSleep { timer: Arc::clone(&self.0), deadline: deadline.into() })
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn elapsed(since: tokio::time::Instant) -> Duration {
        Duration::from_secs(since.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn every_sleep_ends_at_its_own_deadline() {
        let timer = HeadTimer::default();
        for seconds in [30, 5, 30, 1] {
            let began = tokio::time::Instant::now();
            timer.sleep(seconds * SECOND).await;
            assert_eq!(elapsed(began), seconds * SECOND);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleep_that_was_given_up_does_not_end_the_next_one() {
        let timer = HeadTimer::default();
        let began = tokio::time::Instant::now();
        for _ in 0..10 {
            let mut given_up = timer.sleep(30 * SECOND);
            assert!(poll_fn(|cx| Poll::Ready(given_up.as_mut().poll(cx).is_pending())).await);
            drop(given_up);
            tokio::time::sleep(7 * SECOND).await;
        }
        timer.sleep(30 * SECOND).await;
        assert_eq!(elapsed(began), 100 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn another_task_can_wait_for_the_same_sleep() {
        let timer = HeadTimer::default();
        let began = tokio::time::Instant::now();
        let mut sleep = timer.sleep(30 * SECOND);
        assert!(poll_fn(|cx| Poll::Ready(sleep.as_mut().poll(cx).is_pending())).await);
        tokio::spawn(sleep).await.unwrap();
        assert_eq!(elapsed(began), 30 * SECOND);
    }
}
