//! State that all pages share.

use std::sync::Arc;

use bucketry_control::Control;
use bucketry_web::body_budget::BodyBudget;

use crate::assets::Assets;
use crate::limits::PageLimits;
use crate::links::Links;
use crate::live_streams::LiveStreams;
use crate::settings::DashboardSettings;

/// The most bytes that all forms may occupy together while they are received.
const FORM_BYTES: usize = 8 << 20;

/// The state of the dashboard. Cheap to clone.
#[derive(Clone)]
pub struct Dashboard {
    inner: Arc<DashboardInner>,
}

struct DashboardInner {
    control: Control,
    settings: DashboardSettings,
    limits: PageLimits,
    links: Links,
    assets: Assets,
    forms: BodyBudget,
    live_streams: LiveStreams,
}

impl Dashboard {
    /// Creates the state over the use cases.
    pub fn new(control: Control, settings: DashboardSettings) -> Self {
        let prefix = settings.public_url.as_ref().map(|url| url.path().to_owned()).unwrap_or_default();
        let inner = DashboardInner {
            control,
            limits: PageLimits::new(&settings),
            links: Links::below(&prefix),
            assets: Assets::embedded(),
            forms: BodyBudget::new(FORM_BYTES),
            live_streams: LiveStreams::default(),
            settings,
        };
        Self { inner: Arc::new(inner) }
    }

    pub(crate) fn control(&self) -> &Control {
        &self.inner.control
    }

    pub(crate) fn settings(&self) -> &DashboardSettings {
        &self.inner.settings
    }

    pub(crate) fn limits(&self) -> &PageLimits {
        &self.inner.limits
    }

    pub(crate) fn links(&self) -> &Links {
        &self.inner.links
    }

    pub(crate) fn assets(&self) -> &Assets {
        &self.inner.assets
    }

    pub(crate) fn live_streams(&self) -> &LiveStreams {
        &self.inner.live_streams
    }

    pub(crate) fn forms(&self) -> &BodyBudget {
        &self.inner.forms
    }
}
