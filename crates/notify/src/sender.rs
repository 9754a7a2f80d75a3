//! The task that sends.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bucketry_control::Control;
use bucketry_model::node_protocol::SecretOwner;
use bucketry_model::notification::{ChannelSecret, ChannelTarget, ChannelUrl};
use bucketry_model::secret::Secret;
use bucketry_provider::connection::{ConnectionSettings, Connections, ConnectionsError};
use bucketry_store::notification::ClaimedDelivery;
use bucketry_vault::{Identities, SecretContext};
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use jiff::SignedDuration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::failure::SendFailure;
use crate::{alertmanager, attempt, email, slack, smtp, webhook};

/// How many channels are served at once. Each has at most one message on its way, so a slow receiver delays no other
/// channel's messages.
const AT_ONCE: usize = 16;
/// How often the store is asked for messages that other processes stored.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// How long an attempt may take.
const ATTEMPT_LASTS: Duration = Duration::from_secs(30);
/// After this time, another process may send a message whose attempt hasn't been settled.
const LEASE: SignedDuration = SignedDuration::from_secs(45);
/// How long a receiver may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// Why an attempt failed if no key of the server opens the channel's address and secret.
pub const UNOPENED: &str = "no key of this server opens the channel's address and secret: enter them again";

/// What the sender needs.
#[derive(Debug, Clone)]
pub struct SenderSettings {
    /// The endpoint policy and the certificates to trust. Its timeouts are replaced.
    pub connections: ConnectionSettings,
    /// The file with the keys that open the secrets of channels. It is read for each message, because rotations
    /// replace it.
    pub vault_key: PathBuf,
}

/// Sends the messages of all channels. Cheap to clone.
#[derive(Clone)]
pub struct NotificationSender(Arc<SenderInner>);

struct SenderInner {
    control: Control,
    connections: Connections,
    vault_key: PathBuf,
}

impl NotificationSender {
    /// Prepares to send.
    pub fn new(control: Control, settings: SenderSettings) -> Result<Self, ConnectionsError> {
        let connections = Connections::new(ConnectionSettings {
            answer_timeout: ANSWER_WITHIN,
            max_idle_per_host: 2,
            ..settings.connections
        })?;
        Ok(Self(Arc::new(SenderInner { control, connections, vault_key: settings.vault_key })))
    }

    /// Sends until the future is dropped. Messages on their way may then have been received without that being
    /// stored, and are sent again, with the same id.
    pub async fn run(&self) {
        let slots = Arc::new(Semaphore::new(AT_ONCE));
        let mut sending = JoinSet::new();
        loop {
            let news = self.0.control.outbox_news();
            while sending.try_join_next().is_some() {}
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
            if let Some(delivery) = self.next().await {
                let sender = self.clone();
                sending.spawn(async move {
                    sender.deliver(delivery).await;
                    drop(slot);
                });
                continue;
            }
            drop(slot);
            tokio::select! {
                () = news => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
                // The channel may have further messages.
                Some(_) = sending.join_next() => {}
            }
        }
    }

    async fn next(&self) -> Option<ClaimedDelivery> {
        let now = self.0.control.clock().now();
        match self.0.control.claim_delivery(now.saturating_add(LEASE).unwrap_or(now)).await {
            Ok(delivery) => delivery,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "notifications can't be read from the store: they are sent when that works again"
                );
                None
            }
        }
    }

    async fn deliver(&self, delivery: ClaimedDelivery) {
        let outcome = match timeout(ATTEMPT_LASTS, self.send(&delivery)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(SendFailure::new("the receiver did not answer in time")),
        };
        let (channel_id, notification_id) = (delivery.channel.id, delivery.stored.id);
        if let Err(failure) = &outcome {
            let reason = failure.reason.as_str();
            tracing::warn!(%channel_id, %notification_id, reason, "a notification was not accepted");
        }
        let control = &self.0.control;
        let random = control.jitter().unwrap_or(u32::MAX / 2);
        let attempt = attempt::after(&delivery.stored, outcome, control.clock().now(), random);
        match control.settle_delivery(&delivery.claim, &attempt).await {
            Ok(true) => {}
            Ok(false) => {
                tracing::info!(%channel_id, %notification_id, "another process sends the notification again");
            }
            Err(error) => tracing::warn!(
                %channel_id, %notification_id,
                error = &error as &dyn std::error::Error,
                "the outcome of a notification can't be stored: it will be sent again, with the same id"
            ),
        }
    }

    async fn send(&self, delivery: &ClaimedDelivery) -> Result<Option<u16>, SendFailure> {
        let ChannelSecret { url, secret } = self.open(delivery).await?;
        let now = self.0.control.clock().now();
        match &delivery.channel.target {
            ChannelTarget::Email(mail) => {
                let message = email::compose(mail, delivery)?;
                smtp::send(&self.0.connections, mail, secret.as_ref(), &message).await.map(Some)
            }
            ChannelTarget::Webhook { .. } => {
                let key = secret.ok_or_else(|| {
                    SendFailure::new("the channel has no key for signatures: enter it again")
                })?;
                let body = webhook::body(delivery)?;
                let headers = webhook::headers(delivery.stored.id, &key, &body, now)?;
                self.post(&parse(url.as_ref())?.expose(), headers, body).await
            }
            ChannelTarget::Slack { .. } => {
                let mut headers = HeaderMap::new();
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                self.post(&parse(url.as_ref())?.expose(), headers, slack::body(&delivery.message)).await
            }
            ChannelTarget::Alertmanager { username, .. } => {
                let headers = alertmanager::headers(username.as_deref(), secret.as_ref())?;
                let url = parse(url.as_ref())?.expose_below(alertmanager::PATH);
                self.post(&url, headers, alertmanager::body(delivery, now)).await
            }
        }
    }

    async fn post(
        &self,
        url: &str,
        mut headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Option<u16>, SendFailure> {
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("Bucketry/", env!("CARGO_PKG_VERSION"))));
        let uri: Uri = url.parse().map_err(|_| SendFailure::new("the URL isn't valid: enter it again"))?;
        let answer = self.0.connections.call_out(&uri, headers, body).await;
        let answer = answer.map_err(|error| SendFailure::of_connection(&error))?;
        accepted(answer.status, answer.retry_after)
    }

    /// Opens the channel's secret. One without a secret, such as a mail server without a password, has an empty one.
    async fn open(&self, delivery: &ClaimedDelivery) -> Result<ChannelSecret, SendFailure> {
        let Some(sealed) = delivery.secret.clone() else { return Ok(ChannelSecret::default()) };
        let path = self.0.vault_key.clone();
        let context = SecretContext::of(delivery.channel.org_id, SecretOwner::Channel(delivery.channel.id));
        let opened = tokio::task::spawn_blocking(move || {
            let keys = Identities::load(&path).ok().flatten()?;
            bucketry_vault::open(&sealed, &context, &keys).ok()
        });
        let opened = opened.await.ok().flatten();
        opened.as_ref().and_then(ChannelSecret::from_plain).ok_or_else(|| SendFailure::new(UNOPENED))
    }
}

/// What a response over HTTP means.
fn accepted(status: StatusCode, retry_after: Option<u64>) -> Result<Option<u16>, SendFailure> {
    if status.is_success() {
        return Ok(Some(status.as_u16()));
    }
    Err(SendFailure::of_status(status, retry_after))
}

fn parse(url: Option<&Secret>) -> Result<ChannelUrl, SendFailure> {
    let url = url.ok_or_else(|| SendFailure::new("the channel has no URL: enter it again"))?;
    ChannelUrl::parse(url.expose())
        .map_err(|_| SendFailure::new("the channel's URL isn't valid: enter it again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_success_is_one() {
        for status in [StatusCode::OK, StatusCode::ACCEPTED, StatusCode::NO_CONTENT] {
            assert_eq!(accepted(status, None), Ok(Some(status.as_u16())));
        }
        for status in [StatusCode::FOUND, StatusCode::NOT_FOUND, StatusCode::SERVICE_UNAVAILABLE] {
            let failure = accepted(status, Some(7)).unwrap_err();
            assert_eq!((failure.status, failure.retry_after), (Some(status.as_u16()), Some(7)));
        }
    }

    #[test]
    fn an_attempt_ends_before_another_process_may_make_one() {
        let attempt = SignedDuration::try_from(ATTEMPT_LASTS).unwrap();
        assert!(attempt + SignedDuration::from_secs(10) < LEASE, "there is time to store how it ended");
        assert!(ANSWER_WITHIN < ATTEMPT_LASTS);
    }
}
