//! `/ui/notifications/{id}`: one channel: its messages and what became of them, a test, its settings, its removal.

use axum::extract::Path;
use axum::response::Response;
use bucketry_control::cursor::Cursor as _;
use bucketry_control::{Error, ResourceKind};
use bucketry_model::id::{ChannelId, NotificationId};
use bucketry_model::role::WorkspaceRole;
use bucketry_store::notification::StoredNotification;
use bucketry_store::notification_channel::NotificationChannel;
use http::StatusCode;
use maud::{Markup, html};

use super::channel_fields::{ChannelValues, LABELS, input};
use super::{delivery, destination, kind_label, may};
use crate::failure::PageError;
use crate::field_values::{FieldValues, SentForm, SentQuery};
use crate::form_problems::FormProblems;
use crate::parts::field::TextField;
use crate::parts::heading::Heading;
use crate::parts::icon::{Icon, icon};
use crate::parts::pager::pager;
use crate::parts::state::{self, Mark};
use crate::screen::{FormOutcome, Screen, Section};
use crate::viewer::Viewer;

/// Messages per page of the log.
const PER_PAGE: u32 = 50;

/// What was sent and is shown again, with what is wrong with it.
#[derive(Default)]
struct ChannelForm {
    title: &'static str,
    values: Option<ChannelValues>,
    problems: FormProblems,
}

/// The channel of an address. One that the viewer may not see is treated as not found.
async fn read(viewer: &Viewer, id: &str) -> Result<NotificationChannel, PageError> {
    let missing = || Error::NotFound(ResourceKind::NotificationChannel);
    let id: ChannelId = id.parse().map_err(|_| missing())?;
    viewer.control().authorize_deliveries(&viewer.caller, id).await?;
    let channels = viewer.control().notification_channels(&viewer.caller, None).await?;
    Ok(channels.into_iter().find(|channel| channel.id == id).ok_or_else(missing)?)
}

fn path(viewer: &Viewer, id: ChannelId, rest: &str) -> String {
    viewer.links().ui(format_args!("/notifications/{id}{rest}"))
}

/// `GET`
pub(crate) async fn show(viewer: Viewer, Path(id): Path<String>, SentQuery(query): SentQuery) -> Response {
    let result = async {
        let channel = read(&viewer, &id).await?;
        screen(&viewer, &channel, &query, &ChannelForm::default()).await
    };
    let result = result.await;
    viewer.answer(result).await
}

/// `POST`: changes the channel.
pub(crate) async fn submit(viewer: Viewer, Path(id): Path<String>, SentForm(fields): SentForm) -> Response {
    let outcome = change(&viewer, &id, &fields).await;
    viewer.answer_form(outcome).await
}

async fn change(viewer: &Viewer, id: &str, fields: &FieldValues) -> Result<FormOutcome, PageError> {
    let channel = read(viewer, id).await?;
    administers(viewer, &channel)?;
    let title = "The channel was not changed";
    // Somebody else's change in the meantime would be overwritten with what this form showed before.
    if fields.get("version").is_some_and(|version| version != channel.updated_at.to_string()) {
        let problems = FormProblems::of_form(
            "Somebody else has changed this channel in the meantime. The fields show your values. Save again to replace what is \
             stored, or reload the page to see it.",
        );
        let values = Some(ChannelValues::of(&channel).with(fields));
        return again(viewer, &channel, &ChannelForm { title, values, problems }).await;
    }
    let changed = match input(fields, channel.target.kind(), Some(&channel)) {
        Ok(input) => viewer.control().update_channel(&viewer.caller, channel.id, &input).await,
        Err(error) => Err(error),
    };
    match changed {
        Ok(_) => {
            let to = format!("/notifications/{}", channel.id);
            Ok(FormOutcome::Moved(viewer.links().ui_with(to, &[("done", "channel-changed")])))
        }
        Err(error) => {
            let problems = FormProblems::of(error, LABELS)?;
            let values = Some(ChannelValues::of(&channel).with(fields));
            again(viewer, &channel, &ChannelForm { title, values, problems }).await
        }
    }
}

/// `POST /test`: sends a test message, and waits for a while for what becomes of it.
pub(crate) async fn test(viewer: Viewer, Path(id): Path<String>) -> Response {
    let outcome = async {
        let channel = read(&viewer, &id).await?;
        match viewer.control().test_channel(&viewer.caller, channel.id).await {
            Ok(stored) => {
                let to = format!("/notifications/{}", channel.id);
                Ok(FormOutcome::Moved(viewer.links().ui_with(to, &[("tested", &stored.id.to_string())])))
            }
            Err(error) => {
                let problems = FormProblems::of(error, LABELS)?;
                again(&viewer, &channel, &ChannelForm { title: "No test was sent", values: None, problems })
                    .await
            }
        }
    };
    let outcome = outcome.await;
    viewer.answer_form(outcome).await
}

/// `POST /delete`: removes the channel, if its name was typed.
pub(crate) async fn delete(viewer: Viewer, Path(id): Path<String>, SentForm(fields): SentForm) -> Response {
    let outcome = remove(&viewer, &id, &fields).await;
    viewer.answer_form(outcome).await
}

async fn remove(viewer: &Viewer, id: &str, fields: &FieldValues) -> Result<FormOutcome, PageError> {
    let channel = read(viewer, id).await?;
    administers(viewer, &channel)?;
    if fields.text("confirm") != channel.name.as_str() {
        let problems = FormProblems::of_field("confirm", "is not the name of this channel", LABELS);
        let sent = ChannelForm { title: "The channel was not removed", values: None, problems };
        return again(viewer, &channel, &sent).await;
    }
    viewer.control().delete_channel(&viewer.caller, channel.id).await?;
    Ok(FormOutcome::Moved(viewer.links().ui_with("/notifications", &[("done", "channel-deleted")])))
}

/// Refuses a viewer who may read the channel, but not change it.
fn administers(viewer: &Viewer, channel: &NotificationChannel) -> Result<(), PageError> {
    if may(viewer, channel.workspace_id, WorkspaceRole::Admin) {
        return Ok(());
    }
    let message = "changing a notification channel needs the role ADMIN in its workspace: ask an ADMIN of the workspace";
    Err(Error::Forbidden(message.to_owned()).into())
}

async fn again(
    viewer: &Viewer,
    channel: &NotificationChannel,
    sent: &ChannelForm,
) -> Result<FormOutcome, PageError> {
    let screen = screen(viewer, channel, &FieldValues::default(), sent).await?;
    Ok(screen.with_status(StatusCode::UNPROCESSABLE_ENTITY).into())
}

async fn screen(
    viewer: &Viewer,
    channel: &NotificationChannel,
    query: &FieldValues,
    sent: &ChannelForm,
) -> Result<Screen, PageError> {
    let after = query.get("after").and_then(NotificationId::from_text);
    let log = viewer.control().deliveries(&viewer.caller, channel.id, after, PER_PAGE + 1).await?;
    let kind = channel.target.kind();
    let tested = query.get("tested").and_then(|id| log.iter().find(|one| one.id.to_string() == id));
    let is_admin = may(viewer, channel.workspace_id, WorkspaceRole::Admin);
    let name = channel.name.as_str();
    let test = html! {
        form method="post" action=(path(viewer, channel.id, "/test")) {
            button.btn data-working="Sending…" { (icon(Icon::Bell)) "Send a test" }
        }
    };
    let (mark, word) = if channel.enabled { (Mark::Good, "Enabled") } else { (Mark::Mute, "Disabled") };
    let heading = Heading {
        crumbs: &[("Notifications", viewer.links().ui("/notifications"))],
        title: name,
        beside: Some(state::pill(mark, word)),
        about: Some(html! { (kind_label(kind)) ", " (destination(&channel.target)) }),
        actions: (is_admin && channel.enabled).then_some(test),
    };
    let body = html! {
        (heading.render())
        @if let Some(tested) = tested { (delivery::of_test(tested, kind)) }
        (sent.problems.list(sent.title))
        (messages(viewer, channel, after, &log))
        @if is_admin {
            div.two.wide-left { (settings(viewer, channel, sent)) (removal(viewer, channel, sent)) }
        }
    };
    Ok(Screen::new(Section::Notifications, name, body))
}

/// The log. It has one message more than a page if there is another page.
fn messages(
    viewer: &Viewer,
    channel: &NotificationChannel,
    after: Option<NotificationId>,
    log: &[StoredNotification],
) -> Markup {
    let has_more = log.len() > PER_PAGE as usize;
    let shown = &log[..log.len().min(PER_PAGE as usize)];
    let first = after.map(|_| path(viewer, channel.id, ""));
    let next = shown.last().filter(|_| has_more).map(|last| last.id.to_text());
    let here = format!("/notifications/{}", channel.id);
    let next = next.map(|next| viewer.links().ui_with(here, &[("after", &next)]));
    let now = viewer.frame.now;
    html! {
        section.panel #log data-refresh aria-labelledby="dl" {
            header { h2 #dl { "Messages" } }
            @if shown.is_empty() {
                div.body { p.quiet { "Nothing was sent yet. A test shows whether the receiver accepts messages." } }
            } @else {
                ul.rows { @for stored in shown { li { (delivery::line(stored, channel.target.kind(), now)) } } }
                (pager("messages", first.as_deref(), next.as_deref()))
            }
        }
    }
}

fn settings(viewer: &Viewer, channel: &NotificationChannel, sent: &ChannelForm) -> Markup {
    let values = sent.values.clone().unwrap_or_else(|| ChannelValues::of(channel));
    html! {
        section.panel aria-labelledby="cs" {
            header { h2 #cs { "Settings" } }
            form.body.form method="post" action=(path(viewer, channel.id, "")) {
                input type="hidden" name="version" value=(channel.updated_at);
                (values.render(&sent.problems))
                div { button.btn.main-act { "Save" } }
            }
        }
    }
}

fn removal(viewer: &Viewer, channel: &NotificationChannel, sent: &ChannelForm) -> Markup {
    html! {
        section.panel.danger aria-labelledby="rm" {
            header { h2 #rm { "Remove" } }
            form.body.form method="post" action=(path(viewer, channel.id, "/delete")) {
                p.quiet { "Messages that have not been delivered yet are dropped, and the log is deleted." }
                (TextField {
                    id: "confirm", label: "Type the channel’s name to confirm", placeholder: channel.name.as_str(),
                    problem: sent.problems.at("confirm"), ..TextField::default()
                }.render())
                div { button.btn.danger { "Remove channel" } }
            }
        }
    }
}
