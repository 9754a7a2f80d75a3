//! Silences: times in which channels aren't notified.

use std::collections::HashMap;

use axum::extract::Path;
use axum::response::Response;
use bucketry_control::buckets::BucketListInput;
use bucketry_control::notifications::SilenceInput;
use bucketry_control::{Error, ResourceKind};
use bucketry_model::id::{BucketId, SilenceId, WorkspaceId};
use bucketry_model::notification::{NotificationSilence, code_text};
use bucketry_model::role::{OrgRole, WorkspaceRole};
use bucketry_model::search::SearchWords;
use bucketry_store::notification_channel::NotificationChannel;
use http::StatusCode;
use jiff::SignedDuration;
use maud::{Markup, html};

use super::finding_names::{ALL, label};
use super::may;
use crate::failure::PageError;
use crate::field_values::{FieldValues, SentForm};
use crate::form_problems::FormProblems;
use crate::pages::bucket_rows::workspace_names;
use crate::parts::field::{TextField, select};
use crate::parts::heading::Heading;
use crate::parts::icon::{Icon, icon};
use crate::parts::state::{self, Mark};
use crate::parts::time;
use crate::screen::{FormOutcome, Screen, Section};
use crate::viewer::Viewer;
use crate::wording::Labels;

const LABELS: &Labels = &[
    ("workspaceId", "Workspace"),
    ("channelId", "Channel"),
    ("code", "Messages"),
    ("bucket", "Bucket"),
    ("endsAt", "For"),
    ("window", "Only at these times"),
    ("comment", "Reason"),
];

/// How long a silence can last, in hours.
const LENGTHS: [(i64, &str); 7] = [
    (1, "1 hour"),
    (4, "4 hours"),
    (12, "12 hours"),
    (24, "1 day"),
    (72, "3 days"),
    (168, "7 days"),
    (720, "30 days"),
];
/// How many buckets are searched for one with a name.
const SEARCHED: u32 = 50;

/// The list on the page of notifications.
pub(super) async fn panel(
    viewer: &Viewer,
    channels: &[NotificationChannel],
    workspaces: &HashMap<WorkspaceId, String>,
) -> Result<Markup, PageError> {
    let silences = viewer.control().notification_silences(&viewer.caller, None).await?;
    let ids: Vec<BucketId> = silences.iter().filter_map(|silence| silence.part.bucket_id).collect();
    let buckets = if ids.is_empty() {
        Vec::new()
    } else {
        viewer.control().buckets_named(&viewer.caller, &ids).await?
    };
    let buckets: HashMap<BucketId, &str> =
        buckets.iter().map(|view| (view.bucket.id, view.bucket.name.as_str())).collect();
    let may_add = viewer.caller.may_somewhere(WorkspaceRole::Write);
    Ok(html! {
        section.panel #silences aria-labelledby="sl" {
            header {
                h2 #sl { "Silences" }
                @if may_add {
                    a.btn href=(viewer.links().ui("/notifications/silences/new")) { (icon(Icon::Plus)) "Add silence" }
                }
            }
            @if silences.is_empty() {
                div.body { p.quiet { "Every channel is notified. Add a silence for the time of planned work." } }
            } @else {
                ul.rows.after-head { @for silence in &silences { li {
                    (row(viewer, silence, &about(silence, channels, workspaces, &buckets)))
                } } }
            }
        }
    })
}

/// What a silence is about, in words.
fn about(
    silence: &NotificationSilence,
    channels: &[NotificationChannel],
    workspaces: &HashMap<WorkspaceId, String>,
    buckets: &HashMap<BucketId, &str>,
) -> String {
    let part = silence.part;
    let what = part.code.map_or("Everything", label);
    let mut parts = vec![what.to_owned()];
    if let Some(id) = part.bucket_id {
        parts.push(buckets.get(&id).map_or_else(|| "a bucket".to_owned(), |name| format!("bucket {name}")));
    }
    if let Some(id) = part.workspace_id {
        let name = workspaces.get(&id).map_or("another one", String::as_str);
        parts.push(format!("workspace {name}"));
    }
    if let Some(id) = part.channel_id {
        let name = channels.iter().find(|one| one.id == id).map_or("another one", |one| one.name.as_str());
        parts.push(format!("channel {name}"));
    }
    parts.join(", ")
}

fn row(viewer: &Viewer, silence: &NotificationSilence, about: &str) -> Markup {
    let now = viewer.frame.now;
    let may_end = may(viewer, silence.part.workspace_id, WorkspaceRole::Write);
    let end = viewer.links().ui(format_args!("/notifications/silences/{}/end", silence.id));
    html! {
        div.line {
            span.what {
                b { bdi { (about) } }
                span.quiet.small {
                    @if silence.starts_at > now { "from " (time::moment(silence.starts_at)) " " }
                    "until " (time::moment(silence.ends_at))
                    @if let Some(window) = silence.window { ", daily " (window) " UTC" }
                    ", by " (silence.created_by)
                }
                @if !silence.comment.is_empty() { span.quiet.small { bdi { (silence.comment) } } }
            }
            @if silence.is_active(now) { (state::state(Mark::Mute, "Silent")) } @else { span.quiet.small { "not now" } }
            @if may_end {
                form method="post" action=(end) { button.btn { "End" span.vh { " the silence: " (about) } } }
            } @else { span {} }
        }
    }
}

/// `GET /silences/new`: the form.
pub(crate) async fn new(viewer: Viewer) -> Response {
    let result = form(&viewer, &FieldValues::default(), &FormProblems::default()).await;
    viewer.answer(result).await
}

/// `POST /silences`: creates a silence.
pub(crate) async fn submit(viewer: Viewer, SentForm(fields): SentForm) -> Response {
    let outcome = create(&viewer, &fields).await;
    viewer.answer_form(outcome).await
}

async fn create(viewer: &Viewer, fields: &FieldValues) -> Result<FormOutcome, PageError> {
    let created = match input(viewer, fields).await {
        Ok(input) => viewer.control().create_silence(&viewer.caller, &input).await,
        Err(error) => Err(error),
    };
    match created {
        Ok(_) => {
            Ok(FormOutcome::Moved(viewer.links().ui_with("/notifications", &[("done", "silence-created")])))
        }
        Err(error) => {
            let problems = FormProblems::of(error, LABELS)?;
            let screen = form(viewer, fields, &problems).await?;
            Ok(screen.with_status(StatusCode::UNPROCESSABLE_ENTITY).into())
        }
    }
}

/// `POST /silences/{id}/end`
pub(crate) async fn end(viewer: Viewer, Path(id): Path<String>) -> Response {
    let outcome = async {
        let id: SilenceId = id.parse().map_err(|_| Error::NotFound(ResourceKind::NotificationSilence))?;
        viewer.control().delete_silence(&viewer.caller, id).await?;
        Ok(FormOutcome::Moved(viewer.links().ui_with("/notifications", &[("done", "silence-ended")])))
    };
    let outcome = outcome.await;
    viewer.answer_form(outcome).await
}

async fn input(viewer: &Viewer, fields: &FieldValues) -> Result<SilenceInput, Error> {
    let workspace = fields.get("workspaceId").map(str::parse).transpose();
    let channel = fields.get("channelId").map(str::parse).transpose();
    let hours = LENGTHS.iter().find(|(hours, _)| hours.to_string() == fields.text("endsAt"));
    let (hours, _) = hours.ok_or_else(|| Error::field("endsAt", "must be one of the lengths"))?;
    Ok(SilenceInput {
        workspace_id: workspace.map_err(|_| Error::field("workspaceId", "is not one of yours"))?,
        channel_id: channel.map_err(|_| Error::field("channelId", "is not one of yours"))?,
        code: fields.get("code").map(str::to_owned),
        bucket_id: match fields.get("bucket") {
            Some(name) => Some(bucket(viewer, name).await?),
            None => None,
        },
        starts_at: None,
        ends_at: viewer.frame.now.checked_add(SignedDuration::from_hours(*hours)).ok(),
        window: fields.get("window").map(str::to_owned),
        comment: fields.get("comment").map(str::to_owned),
    })
}

/// The bucket of this name.
async fn bucket(viewer: &Viewer, name: &str) -> Result<BucketId, Error> {
    let words = SearchWords::parse(name).map_err(|why| Error::field("bucket", why))?;
    let input = BucketListInput { words: Some(words), ..BucketListInput::default() };
    let found = viewer.control().search_buckets(&viewer.caller, &input, None, SEARCHED).await?;
    let mut same = found.entries.iter().filter(|view| view.bucket.name.as_str() == name);
    match (same.next(), same.next()) {
        (Some(only), None) => Ok(only.bucket.id),
        (Some(_), Some(_)) => {
            Err(Error::field("bucket", "is the name of several buckets: choose a workspace instead"))
        }
        _ => Err(Error::field("bucket", "is not the name of one of your buckets")),
    }
}

/// What a silence can be about: the organization, and workspaces.
async fn silenced_workspaces(viewer: &Viewer) -> Result<Vec<(String, String)>, PageError> {
    let names = workspace_names(viewer).await?;
    let mut workspaces: Vec<(String, String)> = names
        .into_iter()
        .filter(|(id, _)| viewer.caller.may(WorkspaceRole::Write, *id))
        .map(|(id, name)| (id.to_string(), name))
        .collect();
    workspaces.sort_by_key(|(_, name)| name.to_lowercase());
    if viewer.caller.may_in_org(OrgRole::Administrators) {
        workspaces.insert(0, (String::new(), "The whole organization".to_owned()));
    }
    Ok(workspaces)
}

async fn form(viewer: &Viewer, fields: &FieldValues, problems: &FormProblems) -> Result<Screen, PageError> {
    if !viewer.caller.may_somewhere(WorkspaceRole::Write) {
        let message = "adding a silence needs the role WRITE in a workspace: ask an ADMIN of a workspace";
        return Err(Error::Forbidden(message.to_owned()).into());
    }
    let workspaces = silenced_workspaces(viewer).await?;
    let channels = viewer.control().notification_channels(&viewer.caller, None).await?;
    let all = std::iter::once((String::new(), "All channels".to_owned()));
    let channels: Vec<_> =
        all.chain(channels.iter().map(|one| (one.id.to_string(), one.name.as_str().to_owned()))).collect();
    let all = std::iter::once((String::new(), "Everything".to_owned()));
    let codes: Vec<_> = all.chain(ALL.map(|code| (code_text(code), label(code).to_owned()))).collect();
    let lengths = LENGTHS.map(|(hours, label)| (hours.to_string(), label.to_owned()));
    let length = fields.get("endsAt").unwrap_or("4");
    let text = |id, label, placeholder, help| {
        let (value, problem) = (fields.text(id), problems.at(id));
        TextField { id, label, value, placeholder, help: Some(help), problem, ..TextField::default() }
            .render()
    };
    let heading = Heading {
        crumbs: &[("Notifications", viewer.links().ui("/notifications"))],
        title: "Add a silence",
        about: Some(
            html! { "While the silence lasts, nothing is sent about what it covers. Problems that still last at its end are sent then." },
        ),
        ..Heading::default()
    };
    let body = html! {
        (heading.render())
        (problems.list("The silence was not added"))
        form.panel.slim method="post" action=(viewer.links().ui("/notifications/silences")) {
            div.body.form {
                div.pair {
                    (select("code", "Messages", &codes, fields.text("code"), problems.at("code")))
                    (select("endsAt", "For", &lengths, length, problems.at("endsAt")))
                }
                div.pair {
                    (select("workspaceId", "Workspace", &workspaces, fields.text("workspaceId"), problems.at("workspaceId")))
                    (select("channelId", "Channel", &channels, fields.text("channelId"), problems.at("channelId")))
                }
                div.pair {
                    (text("bucket", "Bucket", "photos", "Leave empty for all buckets."))
                    (text("window", "Only at these times", "22:00-05:00", "Daily, in UTC. Leave empty for all day."))
                }
                (text("comment", "Reason", "planned maintenance", "Shown to others who see the silence."))
            }
            div.foot {
                button.btn.main-act { "Add silence" }
                a.btn.plain.push href=(viewer.links().ui("/notifications")) { "Cancel" }
            }
        }
    };
    Ok(Screen::new(Section::Notifications, "Add a silence", body))
}
