//! `bucketry notify silence …`: times in which channels aren't notified.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;

use bucketry_api_types::notification::{NewSilence, SilenceInfo};
use bucketry_client::ApiClient;
use bucketry_model::id::{ChannelId, WorkspaceId};
use bucketry_model::time::{Clock as _, SystemClock, to_wire};

use crate::bucket_names::BucketNames;
use crate::channel_choice::{FLAGS, find_channel};
use crate::failure::Result;
use crate::named::find_bucket;
use crate::notify_arguments::{SilenceArguments, SilenceCommand};
use crate::remote::Remote;
use crate::table::{Cell, Column, Table};
use crate::workspace_choice::{given_workspace, workspace_names};
use crate::{output, refusal};

const SILENCE_COLUMNS: &[Column] = &[
    Column::new("FROM", "from", 3),
    Column::new("UNTIL", "until", 0),
    Column::new("WINDOW", "window", 4),
    Column::text("ABOUT", "about", 1, 12),
    Column::text("COMMENT", "comment", 2, 12),
    Column::text("BY", "by", 5, 12),
    Column::only_wide("ID", "id"),
];

/// Runs a command on silences.
pub(crate) async fn run(remote: &Remote, client: &ApiClient, command: SilenceCommand) -> Result<()> {
    match command {
        SilenceCommand::List { workspace } => {
            let workspace = given_workspace(client, workspace.as_deref()).await?;
            let silences = client.notification_silences(workspace).await?;
            if remote.json {
                return output::json(&silences);
            }
            let names = SilencedNames::read(client, &silences).await?;
            let row = |silence: &SilenceInfo| silence_row(silence, &names);
            Table::new(SILENCE_COLUMNS, silences.iter().map(row)).print(remote)
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

/// The names of what silences are limited to. What was deleted, or the caller may not see, has none.
#[derive(Default)]
struct SilencedNames {
    buckets: BucketNames,
    channels: HashMap<ChannelId, String>,
    workspaces: HashMap<WorkspaceId, String>,
}

impl SilencedNames {
    /// Asks for the names that are needed.
    async fn read(client: &ApiClient, silences: &[SilenceInfo]) -> Result<Self> {
        let buckets = silences.iter().filter_map(|silence| silence.bucket_id);
        let buckets = BucketNames::read(client, buckets).await?;
        let mut names = Self { buckets, ..Self::default() };
        if silences.iter().any(|silence| silence.channel_id.is_some()) {
            let channels = client.notification_channels(None).await?;
            names.channels = channels.into_iter().map(|channel| (channel.id, channel.name)).collect();
        }
        if silences.iter().any(|silence| silence.workspace_id.is_some()) {
            names.workspaces = workspace_names(client).await?;
        }
        Ok(names)
    }
}

/// What a silence is limited to: `channel Pager`, or with its id if the name isn't known.
fn limit<Id: Eq + Hash + Display>(kind: &str, id: Option<Id>, names: &HashMap<Id, String>) -> Option<String> {
    let id = id?;
    Some(match names.get(&id) {
        Some(name) => format!("{kind} {name}"),
        None => format!("{kind} {id}"),
    })
}

fn silence_row(silence: &SilenceInfo, names: &SilencedNames) -> Vec<Cell> {
    let parts = [
        silence.code.clone(),
        silence.bucket_id.map(|id| format!("bucket {}", names.buckets.name(id))),
        limit("channel", silence.channel_id, &names.channels),
        limit("workspace", silence.workspace_id.filter(|_| silence.bucket_id.is_none()), &names.workspaces),
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
