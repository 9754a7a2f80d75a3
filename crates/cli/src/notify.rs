//! `bucketry notify …`: notification channels, their log, and silences.

use bucketry_api_types::notification::{
    ChannelFields, ChannelInfo, DeliveryInfo, NewSilence, RuleInfo, SilenceInfo,
};
use bucketry_client::ApiClient;
use bucketry_model::notification::DeliveryState;
use bucketry_model::secret::Secret;
use bucketry_model::time::{Clock as _, SystemClock, to_wire};

use crate::credentials::connect;
use crate::failure::{Failure, Result};
use crate::named::find_bucket;
use crate::notify_arguments::{
    ChannelArguments, KindArgument, NotifyCommand, SilenceArguments, SilenceCommand,
};
use crate::remote::Remote;
use crate::table::{Cell, Column, Table};
use crate::workspace_choice::given_workspace;
use crate::{output, refusal, text_file};

const CHANNEL_COLUMNS: &[Column] = &[
    Column::text("NAME", "name", 0, 12),
    Column::new("KIND", "kind", 2),
    Column::text("TO", "to", 1, 16),
    Column::new("SENDS", "sends", 3),
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
const SILENCE_COLUMNS: &[Column] = &[
    Column::new("FROM", "from", 3),
    Column::new("UNTIL", "until", 0),
    Column::new("WINDOW", "window", 4),
    Column::text("ABOUT", "about", 1, 12),
    Column::text("COMMENT", "comment", 2, 12),
    Column::text("BY", "by", 5, 12),
    Column::only_wide("ID", "id"),
];
const FLAGS: &refusal::Flags = &[
    ("name", "the name"),
    ("kind", "--kind"),
    ("workspaceId", "--workspace"),
    ("url", "--channel-url (or BUCKETRY_CHANNEL_URL)"),
    ("secret", "--secret-file (or BUCKETRY_CHANNEL_SECRET)"),
    ("username", "--username"),
    ("host", "--host"),
    ("port", "--port"),
    ("security", "--security"),
    ("from", "--from"),
    ("to", "--to"),
    ("rules", "--rule"),
    ("code", "--code"),
    ("startsAt", "--from"),
    ("endsAt", "--until (or --for)"),
    ("window", "--window"),
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
        NotifyCommand::Silence { command } => silence(remote, &client, command).await,
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
    let row = |channel: &ChannelInfo| {
        vec![
            Cell::text(&channel.name),
            Cell::text(channel.kind.as_str()),
            Cell::text(destination(channel)),
            Cell::text(if channel.enabled { "yes" } else { "no" }),
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

async fn silence(remote: &Remote, client: &ApiClient, command: SilenceCommand) -> Result<()> {
    match command {
        SilenceCommand::List { workspace } => {
            let workspace = given_workspace(client, workspace.as_deref()).await?;
            let silences = client.notification_silences(workspace).await?;
            if remote.json {
                return output::json(&silences);
            }
            Table::new(SILENCE_COLUMNS, silences.iter().map(silence_row)).print(remote)
        }
        SilenceCommand::Add(arguments) => {
            let new = new_silence(client, &arguments).await?;
            let made = client.create_notification_silence(&new).await;
            let made = made.map_err(|error| refusal::failure(error, FLAGS))?;
            output::done(remote.json, &made, &format!("silenced until {} ({})", made.ends_at, made.id))
        }
        SilenceCommand::Rm { silence, confirmation } => {
            confirmation.ask("End the silence now? Conditions that still last are sent.")?;
            client.delete_notification_silence(silence).await?;
            output::done(remote.json, &serde_json::json!({ "deleted": silence }), "ended the silence")
        }
    }
}

fn silence_row(silence: &SilenceInfo) -> Vec<Cell> {
    let parts = [
        silence.code.clone(),
        silence.bucket_id.map(|id| format!("bucket {id}")),
        silence.channel_id.map(|id| format!("channel {id}")),
        silence.workspace_id.filter(|_| silence.bucket_id.is_none()).map(|id| format!("workspace {id}")),
    ];
    let about: Vec<String> = parts.into_iter().flatten().collect();
    vec![
        Cell::time(Some(silence.starts_at)),
        Cell::time(Some(silence.ends_at)),
        Cell::optional(silence.window),
        Cell::text(if about.is_empty() { "everything".to_owned() } else { about.join(", ") }),
        Cell::text(&silence.comment),
        Cell::text(&silence.created_by),
        Cell::text(silence.id),
    ]
}

async fn new_silence(client: &ApiClient, arguments: &SilenceArguments) -> Result<NewSilence> {
    let workspace = given_workspace(client, arguments.workspace.as_deref()).await?;
    let workspace_id = workspace.map(|id| id.to_string());
    let bucket_id = match &arguments.bucket {
        Some(name) => Some(find_bucket(client, name).await?.id.to_string()),
        None => None,
    };
    let channel_id = match &arguments.channel {
        Some(channel) => Some(find_channel(client, channel).await?.id.to_string()),
        None => None,
    };
    let start =
        arguments.from.as_deref().and_then(|text| text.parse().ok()).unwrap_or_else(|| SystemClock.now());
    let ends_at = arguments.lasts.map(|lasts| to_wire(start + lasts)).or_else(|| arguments.until.clone());
    Ok(NewSilence {
        workspace_id,
        channel_id,
        bucket_id,
        code: arguments.code.clone(),
        starts_at: arguments.from.clone(),
        ends_at,
        window: arguments.window.clone(),
        comment: arguments.comment.clone(),
    })
}

/// Finds a channel by id, or by a name that only one channel has.
async fn find_channel(client: &ApiClient, name_or_id: &str) -> Result<ChannelInfo> {
    let mut channels = client.notification_channels(None).await?;
    if let Some(at) = channels.iter().position(|channel| channel.id.to_string() == name_or_id) {
        return Ok(channels.swap_remove(at));
    }
    channels.retain(|channel| channel.name.to_lowercase() == name_or_id.trim().to_lowercase());
    match (channels.pop(), channels.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(last), false) => {
            let ids: Vec<String> =
                channels.iter().chain([&last]).map(|channel| channel.id.to_string()).collect();
            Err(Failure::failed(format!(
                "several channels are named {name_or_id:?}: use one of the ids {}",
                ids.join(", ")
            )))
        }
        (None, _) => Err(Failure::failed(format!(
            "there is no channel {name_or_id:?} that you may see: `bucketry notify list` shows them"
        ))),
    }
}
