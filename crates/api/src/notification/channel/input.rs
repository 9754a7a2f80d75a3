//! The fields of channels in requests.

use bucketry_api_types::notification::{ChannelFields, RuleInfo};
use bucketry_control::ResourceKind;
use bucketry_control::ids::read_id;
use bucketry_control::notifications::{ChannelInput, RuleInput};

use crate::error::ApiResult;

fn rule(rule: RuleInfo) -> RuleInput {
    RuleInput { code: rule.code, after_minutes: rule.after_minutes, within_days: rule.within_days }
}

pub(super) fn channel_input(fields: ChannelFields) -> ApiResult<ChannelInput> {
    Ok(ChannelInput {
        name: fields.name,
        kind: fields.kind,
        workspace_id: read_id(fields.workspace_id.as_deref(), ResourceKind::Workspace)?,
        enabled: fields.enabled,
        url: fields.url,
        secret: fields.secret,
        username: fields.username,
        host: fields.host,
        port: fields.port,
        security: fields.security,
        from: fields.from,
        to: fields.to,
        rules: fields.rules.map(|rules| rules.into_iter().map(rule).collect()),
        send_resolved: fields.send_resolved,
    })
}
