//! State that all handlers share.

use std::sync::Arc;

use bucketry_control::Control;
use bucketry_web::body_budget::BodyBudget;
use bucketry_web::login_guard::LoginGuard;
use bucketry_web::rate_exchange::RateExchange;
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

use crate::limits::Limits;
use crate::list_cache::ListCache;
use crate::metrics::Metrics;
use crate::settings::ApiSettings;
use crate::shared_failures::StoredFailures;

/// The state of the API. Cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    inner: Arc<ApiStateInner>,
}

struct ApiStateInner {
    control: Control,
    settings: ApiSettings,
    limits: Option<Limits>,
    rate_exchange: Option<Arc<RateExchange>>,
    lists: ListCache,
    body_budget: BodyBudget,
    metrics: Metrics,
    closing: CancellationToken,
}

impl ApiState {
    /// Creates the state over the use cases.
    pub fn new(control: Control, settings: ApiSettings) -> Self {
        let has_others = control.settings().shares_database && settings.rate_limits.is_some();
        let rate_exchange = has_others.then(Arc::<RateExchange>::default);
        let limits = settings.rate_limits.as_ref().map(|rates| match &rate_exchange {
            Some(exchange) => Limits::shared(rates, Arc::new(StoredFailures(control.clone())), exchange),
            None => Limits::new(rates),
        });
        let inner = ApiStateInner {
            limits,
            rate_exchange,
            metrics: Metrics::new(control.clock().now()),
            control,
            lists: ListCache::new(settings.list_cache_bytes),
            body_budget: BodyBudget::new(settings.unauthenticated_body_bytes),
            settings,
            closing: CancellationToken::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The use cases.
    pub fn control(&self) -> &Control {
        &self.inner.control
    }

    /// Cancelled when the server is stopped: long polls then return, and `/ready` reports 503.
    pub fn closing(&self) -> &CancellationToken {
        &self.inner.closing
    }

    /// Adds metrics of other components in this process to `GET /metrics`. Can be called once; returns whether this
    /// call was the first.
    pub fn add_metrics(&self, more: Registry) -> bool {
        self.inner.metrics.add(more)
    }

    /// What limits wrong passwords. Other code that checks passwords must share it. `None` if there are no limits.
    pub fn login_guard(&self) -> Option<Arc<LoginGuard>> {
        self.limits().map(Limits::logins)
    }

    /// The rate limits that are applied together with other control planes. Other code that limits requests adds its own. `None`
    /// if there can be no others, or no limits.
    pub fn rate_exchange(&self) -> Option<Arc<RateExchange>> {
        self.inner.rate_exchange.clone()
    }

    pub(crate) fn settings(&self) -> &ApiSettings {
        &self.inner.settings
    }

    pub(crate) fn limits(&self) -> Option<&Limits> {
        self.inner.limits.as_ref()
    }

    pub(crate) fn body_budget(&self) -> &BodyBudget {
        &self.inner.body_budget
    }

    pub(crate) fn lists(&self) -> &ListCache {
        &self.inner.lists
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }
}
