//! Rate limits of requests, which control planes on one database apply together.

use bucketry_control::Control;
use bucketry_web::rate_exchange::{RateExchange, TELL_EVERY};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{MissedTickBehavior, interval};

use crate::state::ApiState;

impl ApiState {
    /// Exchanges with other control planes on the same database which requests were admitted, until the future is dropped.
    /// Returns immediately if there can be no others, or no limits.
    pub async fn share_rate_limits(&self) {
        if let Some(exchange) = self.rate_exchange() {
            tokio::join!(tell(self.control(), &exchange), hear(self.control(), &exchange));
        }
    }
}

async fn tell(control: &Control, exchange: &RateExchange) {
    let mut ticks = interval(TELL_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let untold = exchange.untold();
        if untold.is_empty() {
            continue;
        }
        if let Err(error) = control.tell_admitted(untold).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "requests are counted by each server");
        }
    }
}

async fn hear(control: &Control, exchange: &RateExchange) {
    let mut admitted = control.admitted_elsewhere();
    loop {
        match admitted.recv().await {
            Ok(requests) => exchange.hear(&requests),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}
