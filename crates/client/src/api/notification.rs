//! Notification channels, deliveries and silences.

use bucketry_api_types::notification::{
    ChannelFields, ChannelInfo, ChannelList, ChannelStored, ChannelTested, DeliveryInfo, DeliveryList,
    NewSilence, SilenceInfo, SilenceList, SilenceStored,
};
use bucketry_model::id::{ChannelId, SilenceId, WorkspaceId};
use serde_json::Value;

use super::{ApiClient, with_query};
use crate::error::ClientError;

impl ApiClient {
    /// Lists the notification channels that the caller sees, newest first.
    pub async fn notification_channels(
        &self,
        workspace: Option<WorkspaceId>,
    ) -> Result<Vec<ChannelInfo>, ClientError> {
        let workspace = workspace.map(|id| id.to_string());
        let path = with_query("/notification/channel", &[("workspaceId", workspace.as_deref())]);
        self.get(&path).await.map(|list: ChannelList| list.channels)
    }

    /// Creates a channel. With an idempotency key, the call can be repeated safely.
    pub async fn create_notification_channel(
        &self,
        fields: &ChannelFields,
        idempotency_key: Option<&str>,
    ) -> Result<ChannelInfo, ClientError> {
        let stored = self.post_once("/notification/channel", fields, idempotency_key).await;
        stored.map(|stored: ChannelStored| stored.channel)
    }

    /// Changes a channel. Fields that are absent stay as they are.
    pub async fn update_notification_channel(
        &self,
        id: ChannelId,
        fields: &ChannelFields,
    ) -> Result<ChannelInfo, ClientError> {
        let stored = self.put(&format!("/notification/channel/{id}"), fields).await;
        stored.map(|stored: ChannelStored| stored.channel)
    }

    /// Deletes a channel. Messages that wait are not sent.
    pub async fn delete_notification_channel(&self, id: ChannelId) -> Result<(), ClientError> {
        self.delete(&format!("/notification/channel/{id}")).await.map(|_: Value| ())
    }

    /// Sends a test message, and returns what became of it.
    pub async fn test_notification_channel(&self, id: ChannelId) -> Result<DeliveryInfo, ClientError> {
        let tested = self.post_empty(&format!("/notification/channel/{id}/test")).await;
        tested.map(|tested: ChannelTested| tested.delivery)
    }

    /// Returns the newest `limit` messages of a channel, and what became of them.
    pub async fn notification_deliveries(
        &self,
        id: ChannelId,
        limit: u32,
    ) -> Result<Vec<DeliveryInfo>, ClientError> {
        let path = format!("/notification/channel/{id}/deliveries");
        let path = with_query(&path, &[("limit", Some(&limit.to_string()))]);
        self.get(&path).await.map(|list: DeliveryList| list.deliveries)
    }

    /// Lists the silences that haven't ended and that the caller sees, newest first.
    pub async fn notification_silences(
        &self,
        workspace: Option<WorkspaceId>,
    ) -> Result<Vec<SilenceInfo>, ClientError> {
        let workspace = workspace.map(|id| id.to_string());
        let path = with_query("/notification/silence", &[("workspaceId", workspace.as_deref())]);
        self.get(&path).await.map(|list: SilenceList| list.silences)
    }

    /// Creates a silence.
    pub async fn create_notification_silence(&self, new: &NewSilence) -> Result<SilenceInfo, ClientError> {
        self.post("/notification/silence", new).await.map(|stored: SilenceStored| stored.silence)
    }

    /// Ends a silence.
    pub async fn delete_notification_silence(&self, id: SilenceId) -> Result<(), ClientError> {
        self.delete(&format!("/notification/silence/{id}")).await.map(|_: Value| ())
    }
}
