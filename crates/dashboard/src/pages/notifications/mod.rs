//! `/ui/notifications`: where messages about what needs attention are sent, and when they are not.

pub(crate) mod channel;
mod channel_fields;
mod delivery;
mod finding_names;
pub(crate) mod new_channel;
mod rules;
pub(crate) mod silences;

use axum::response::Response;
use bucketry_model::id::WorkspaceId;
use bucketry_model::notification::{ChannelKind, ChannelTarget};
use bucketry_model::role::{OrgRole, WorkspaceRole};
use bucketry_store::notification::StoredNotification;
use bucketry_store::notification_channel::NotificationChannel;
use maud::{Markup, html};

use super::bucket_rows::workspace_names;
use crate::failure::PageError;
use crate::parts::empty::empty;
use crate::parts::heading::Heading;
use crate::parts::icon::{Icon, icon};
use crate::parts::state::{self, Mark};
use crate::screen::{Screen, Section};
use crate::viewer::Viewer;

/// `GET`
pub(crate) async fn show(viewer: Viewer) -> Response {
    let result = screen(&viewer).await;
    viewer.answer(result).await
}

/// Whether the viewer may do this in a workspace, or in the organization if there is none.
fn may(viewer: &Viewer, workspace: Option<WorkspaceId>, needed: WorkspaceRole) -> bool {
    match workspace {
        Some(id) => viewer.caller.may(needed, id),
        None => viewer.caller.may_in_org(OrgRole::Administrators),
    }
}

async fn screen(viewer: &Viewer) -> Result<Screen, PageError> {
    let control = viewer.control();
    let channels = control.notification_channels(&viewer.caller, None).await?;
    let names = workspace_names(viewer).await?;
    let mut rows = Vec::with_capacity(channels.len());
    for channel in &channels {
        let last = control.deliveries(&viewer.caller, channel.id, None, 1).await?.into_iter().next();
        let about = match channel.workspace_id {
            Some(id) => names.get(&id).map_or("a workspace", String::as_str),
            None => "the whole organization",
        };
        rows.push(row(viewer, channel, about, last.as_ref()));
    }
    let may_add = viewer.caller.may_somewhere(WorkspaceRole::Admin);
    let add = html! {
        a.btn.main-act href=(viewer.links().ui("/notifications/new")) { (icon(Icon::Plus)) "Add channel" }
    };
    let heading = Heading {
        title: "Notifications",
        about: Some(html! { "Messages about what needs attention: when it begins, and when it ends." }),
        actions: may_add.then(|| add.clone()),
        ..Heading::default()
    };
    let body = html! {
        (heading.render())
        section.panel #channels data-refresh aria-labelledby="nc" {
            @if rows.is_empty() {
                h2.vh #nc { "Channels" }
                (empty(
                    Icon::Bell,
                    "No channels yet",
                    "A channel sends messages to a webhook, to Slack, by mail or to an Alertmanager, so that somebody hears of an \
                     outage without looking here.",
                    may_add.then_some(add),
                ))
            } @else {
                header { h2 #nc { "Channels" } }
                table.table {
                    thead { tr {
                        th scope="col" { "Channel" } th scope="col" { "Last message" }
                        th.c2 scope="col" { "About" } th.r.c2 scope="col" { "Kind" }
                    } }
                    tbody { @for row in &rows { (row) } }
                }
            }
        }
        (silences::panel(viewer, &channels, &names).await?)
    };
    Ok(Screen::new(Section::Notifications, "Notifications", body))
}

/// The kind for people.
fn kind_label(kind: ChannelKind) -> &'static str {
    match kind {
        ChannelKind::Webhook => "Webhook",
        ChannelKind::Slack => "Slack",
        ChannelKind::Email => "E-mail",
        ChannelKind::Alertmanager => "Alertmanager",
    }
}

/// Where messages go. Only what isn't secret.
fn destination(target: &ChannelTarget) -> String {
    match target {
        ChannelTarget::Webhook { origin }
        | ChannelTarget::Slack { origin }
        | ChannelTarget::Alertmanager { origin, .. } => origin.clone(),
        ChannelTarget::Email(mail) => match mail.to.as_slice() {
            [] => mail.host.clone(),
            [only] => only.clone(),
            [first, others @ ..] => format!("{first} and {} more", others.len()),
        },
    }
}

fn row(
    viewer: &Viewer,
    channel: &NotificationChannel,
    about: &str,
    last: Option<&StoredNotification>,
) -> Markup {
    html! {
        tr {
            td.name {
                a href=(viewer.links().ui(format_args!("/notifications/{}", channel.id))) { bdi { (channel.name.as_str()) } }
                span { (destination(&channel.target)) }
            }
            td {
                @if channel.enabled {
                    @match last {
                        Some(last) => (delivery::summary(last, channel.target.kind(), viewer.frame.now)),
                        None => span.quiet { "none yet" },
                    }
                } @else { (state::state(Mark::Mute, "Disabled")) }
            }
            td.c2.wrap { (about) }
            td.r.c2 { (kind_label(channel.target.kind())) }
        }
    }
}
