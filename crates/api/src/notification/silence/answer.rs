//! Silences in responses.

use bucketry_api_types::moment::Moment;
use bucketry_api_types::notification::SilenceInfo;
use bucketry_model::notification::{NotificationSilence, code_text};

/// A silence in its wire format.
pub(super) fn silence_info(silence: &NotificationSilence) -> SilenceInfo {
    SilenceInfo {
        id: silence.id,
        workspace_id: silence.part.workspace_id,
        channel_id: silence.part.channel_id,
        code: silence.part.code.map(code_text),
        bucket_id: silence.part.bucket_id,
        starts_at: Moment(silence.starts_at),
        ends_at: Moment(silence.ends_at),
        window: silence.window,
        comment: silence.comment.clone(),
        created_by: silence.created_by.clone(),
        created_at: Moment(silence.created_at),
    }
}
