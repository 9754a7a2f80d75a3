//! `bucketry notify …`: notification channels and their log.

use std::collections::HashMap;

use bucketry_api_types::notification::{ChannelFields, ChannelInfo, DeliveryInfo, RuleInfo};
use bucketry_client::ApiClient;
use bucketry_model::notification::DeliveryState;
use bucketry_model::secret::Secret;

use crate::channel_choice::{FLAGS, find_channel};
use crate::credentials::connect;
use crate::failure::{Failure, Result};
use crate::notify_arguments::{ChannelArguments, KindArgument, NotifyCommand};
use crate::remote::Remote;
use crate::table::{Cell, Column, Table};
use crate::workspace_choice::{given_workspace, workspace_names};
use crate::{output, refusal, silences, text_file};

const CHANNEL_COLUMNS: &[Column] = &[
    Column::text("NAME", "name", 0, 12),
    Column::new("KIND", "kind", 2),
    Column::text("TO", "to", 1, 16),
    Column::new("SENDS", "sends", 3),
    Column::text("WORKSPACE", "workspace", 4, 12),
    Column::only_wide("WORKSPACE ID", "workspace_id"),
    Column::only_wide("RULES", "rules"),
    Column::only_wide("ID", "id"),
];
const DELIVERY_COLUMNS: &[Column] = &[
    Column::new("TIME", "time", 3),
    Column::new("STATE", "state", 1),
    Column::number("TRIES", "tries", 5),
    Column::number("STATUS", "status", 4),
    Column::text("MESSAGE", "message", 0, 20),
    Column::text("ERROR", "error", 2, 12),
    Column::only_wide("NEXT TRY", "next_try"),
    Column::only_wide("ID", "id"),
];

/// Runs a command on notifications.
pub(crate) async fn run(remote: &Remote, command: NotifyCommand) -> Result<()> {
    let client = connect(remote).await?;
    match command {
        NotifyCommand::List { workspace } => list(remote, &client, workspace.as_deref()).await,
        NotifyCommand::Add { name, kind, workspace, fields } => {
            let mut fields = channel_fields(&fields)?;
            fields.name = Some(name);
            fields.kind = Some(kind_text(kind).to_owned());
            let workspace = given_workspace(&client, workspace.as_deref()).await?;
            fields.workspace_id = workspace.map(|id| id.to_string());
            let made = client.create_notification_channel(&fields, None).await;
            let made = made.map_err(|error| refusal::failure(error, FLAGS))?;
            let sentence =
                format!("added the channel {}: send a test with `bucketry notify test`", made.name);
            output::done(remote.json, &made, &sentence)
        }
        NotifyCommand::Update { channel, name, enable, disable, fields } => {
            let channel = find_channel(&client, &channel).await?;
            let mut fields = channel_fields(&fields)?;
            fields.name = name;
            fields.enabled = (enable || disable).then_some(enable);
            let changed = client.update_notification_channel(channel.id, &fields).await;
            let changed = changed.map_err(|error| refusal::failure(error, FLAGS))?;
            output::done(remote.json, &changed, &format!("updated the channel {}", changed.name))
        }
        NotifyCommand::Test { channel } => {
            let channel = find_channel(&client, &channel).await?;
            tested(remote, &channel, &client.test_notification_channel(channel.id).await?)
        }
        NotifyCommand::Rm { channel, confirmation } => {
            let channel = find_channel(&client, &channel).await?;
            confirmation.ask(&format!(
                "Delete the channel {}? Its stored secret is destroyed, which can't be undone. Messages that have not been \
                 delivered yet are dropped.",
                channel.name
            ))?;
            client.delete_notification_channel(channel.id).await?;
            let value = serde_json::json!({ "deleted": channel.id });
            output::done(remote.json, &value, &format!("deleted the channel {}", channel.name))
        }
        NotifyCommand::Log { channel, limit } => {
            let channel = find_channel(&client, &channel).await?;
            log(remote, &client.notification_deliveries(channel.id, limit).await?)
        }
        NotifyCommand::Silence { command } => silences::run(remote, &client, command).await,
    }
}

fn kind_text(kind: KindArgument) -> &'static str {
    match kind {
        KindArgument::Webhook => "WEBHOOK",
        KindArgument::Slack => "SLACK",
        KindArgument::Email => "EMAIL",
        KindArgument::Alertmanager => "ALERTMANAGER",
    }
}

fn channel_fields(arguments: &ChannelArguments) -> Result<ChannelFields> {
    let url = match (&arguments.url, &arguments.url_file) {
        (Some(url), _) => Some(Secret::new(url.as_str())),
        (None, Some(path)) => Some(Secret::new(text_file::read(path, "the URL")?)),
        (None, None) => from_environment("BUCKETRY_CHANNEL_URL"),
    };
    let secret = match &arguments.secret_file {
        Some(path) => Some(Secret::new(text_file::read(path, "the secret")?)),
        None => from_environment("BUCKETRY_CHANNEL_SECRET"),
    };
    let rules = arguments.rules.iter().map(|rule| RuleInfo {
        code: rule.code.clone(),
        after_minutes: rule.after_minutes,
        within_days: rule.within_days,
    });
    Ok(ChannelFields {
        url,
        secret,
        username: arguments.username.clone(),
        host: arguments.host.clone(),
        port: arguments.port.map(i64::from),
        security: arguments.security.map(Into::into),
        from: arguments.from.clone(),
        to: (!arguments.to.is_empty()).then(|| arguments.to.clone()),
        rules: (arguments.usual_rules || !arguments.rules.is_empty()).then(|| rules.collect()),
        send_resolved: arguments.resolved,
        ..ChannelFields::default()
    })
}

fn from_environment(name: &str) -> Option<Secret> {
    std::env::var(name).ok().filter(|text| !text.is_empty()).map(Secret::new)
}

async fn list(remote: &Remote, client: &ApiClient, workspace: Option<&str>) -> Result<()> {
    let workspace = given_workspace(client, workspace).await?;
    let channels = client.notification_channels(workspace).await?;
    if remote.json {
        return output::json(&channels);
    }
    let is_in_a_workspace = channels.iter().any(|channel| channel.workspace_id.is_some());
    let names = if is_in_a_workspace { workspace_names(client).await? } else { HashMap::new() };
    let row = |channel: &ChannelInfo| {
        let workspace = channel.workspace_id.and_then(|id| names.get(&id));
        vec![
            Cell::text(&channel.name),
            Cell::text(channel.kind.as_str()),
            Cell::text(destination(channel)),
            Cell::text(if channel.enabled { "yes" } else { "no" }),
            Cell::optional(workspace),
            Cell::optional(channel.workspace_id),
            Cell::text(rules(channel)),
            Cell::text(channel.id),
        ]
    };
    Table::new(CHANNEL_COLUMNS, channels.iter().map(row)).print(remote)
}

fn destination(channel: &ChannelInfo) -> String {
    match (&channel.to, &channel.origin) {
        (Some(to), _) => to.join(", "),
        (None, Some(origin)) => origin.clone(),
        (None, None) => String::new(),
    }
}

fn rules(channel: &ChannelInfo) -> String {
    if channel.usual_rules {
        return "usual".to_owned();
    }
    channel.rules.iter().map(|rule| rule.code.as_str()).collect::<Vec<_>>().join(" ")
}

fn tested(remote: &Remote, channel: &ChannelInfo, delivery: &DeliveryInfo) -> Result<()> {
    if remote.json {
        output::json(delivery)?;
    }
    let name = &channel.name;
    match delivery.state {
        DeliveryState::Delivered if remote.json => Ok(()),
        DeliveryState::Delivered => {
            let status = delivery.status.map(|status| format!(" with status {status}")).unwrap_or_default();
            output::line(&format!("{name} works: the receiver accepted the message{status}"))
        }
        DeliveryState::Failed => Err(Failure::failed(format!(
            "{name} doesn't work: {}",
            delivery.error.as_deref().unwrap_or("the receiver did not accept the message")
        ))),
        DeliveryState::Pending => Err(Failure::failed(format!(
            "the test of {name} has no result yet: `bucketry notify log` shows it later, if a server with a node is running"
        ))),
    }
}

fn log(remote: &Remote, deliveries: &[DeliveryInfo]) -> Result<()> {
    if remote.json {
        return output::json(&deliveries);
    }
    let row = |one: &DeliveryInfo| {
        vec![
            Cell::time(Some(one.created_at)),
            Cell::text(one.state.as_str()),
            Cell::count(one.attempts),
            one.status.map_or_else(Cell::absent, Cell::count),
            Cell::text(&one.title),
            Cell::optional(one.error.as_deref()),
            one.next_at.map_or_else(Cell::absent, |at| Cell::time(Some(at))),
            Cell::text(one.id),
        ]
    };
    Table::new(DELIVERY_COLUMNS, deliveries.iter().map(row)).print(remote)
}
