//! `/ui/notifications/new`: the form for a channel of each kind.

use axum::response::Response;
use bucketry_control::Error;
use bucketry_model::notification::ChannelKind;
use bucketry_model::role::{OrgRole, WorkspaceRole};
use http::StatusCode;
use maud::html;

use super::channel_fields::{ChannelValues, LABELS, input};
use super::kind_label;
use crate::failure::PageError;
use crate::field_values::{FieldValues, SentForm, SentQuery};
use crate::form_problems::FormProblems;
use crate::pages::bucket_rows::workspace_names;
use crate::parts::field::select;
use crate::parts::heading::Heading;
use crate::parts::tabs::ranges;
use crate::screen::{FormOutcome, Screen, Section};
use crate::viewer::Viewer;

/// `GET`: the form, with the fields of the kind in the query.
pub(crate) async fn show(viewer: Viewer, SentQuery(query): SentQuery) -> Response {
    let kind = query.text("kind").parse().unwrap_or(ChannelKind::Webhook);
    let result = form(&viewer, &ChannelValues::new(kind), "", &FormProblems::default()).await;
    viewer.answer(result).await
}

/// `POST /ui/notifications`: creates the channel.
pub(crate) async fn submit(viewer: Viewer, SentForm(fields): SentForm) -> Response {
    let outcome = create(&viewer, &fields).await;
    viewer.answer_form(outcome).await
}

async fn create(viewer: &Viewer, fields: &FieldValues) -> Result<FormOutcome, PageError> {
    let kind = fields.text("kind").parse().unwrap_or(ChannelKind::Webhook);
    match try_create(viewer, fields, kind).await {
        Ok(path) => Ok(FormOutcome::Moved(viewer.links().ui_with(path, &[("done", "channel-created")]))),
        Err(error) => {
            let problems = FormProblems::of(error, LABELS)?;
            let values = ChannelValues::new(kind).with(fields);
            let screen = form(viewer, &values, fields.text("workspaceId"), &problems).await?;
            Ok(screen.with_status(StatusCode::UNPROCESSABLE_ENTITY).into())
        }
    }
}

async fn try_create(viewer: &Viewer, fields: &FieldValues, kind: ChannelKind) -> Result<String, Error> {
    let workspace = fields.get("workspaceId").map(str::parse).transpose();
    let workspace = workspace.map_err(|_| Error::field("workspaceId", "is not one of your workspaces"))?;
    let control = viewer.control();
    // Somebody who may create none learns that before what is wrong with the fields.
    control.authorize_channel(&viewer.caller, workspace).await?;
    let mut input = input(fields, kind, None)?;
    input.workspace_id = workspace;
    let created = control.create_channel(&viewer.caller, &input).await?;
    Ok(format!("/notifications/{}", created.id))
}

/// What a new channel can be about: the organization, and workspaces.
async fn scopes(viewer: &Viewer) -> Result<Vec<(String, String)>, PageError> {
    let names = workspace_names(viewer).await?;
    let mut scopes: Vec<(String, String)> = names
        .into_iter()
        .filter(|(id, _)| viewer.caller.may(WorkspaceRole::Admin, *id))
        .map(|(id, name)| (id.to_string(), format!("The workspace {name}")))
        .collect();
    scopes.sort_by_key(|(_, name)| name.to_lowercase());
    if viewer.caller.may_in_org(OrgRole::Administrators) {
        scopes.insert(0, (String::new(), "The whole organization".to_owned()));
    }
    Ok(scopes)
}

async fn form(
    viewer: &Viewer,
    values: &ChannelValues,
    workspace: &str,
    problems: &FormProblems,
) -> Result<Screen, PageError> {
    let scopes = scopes(viewer).await?;
    if scopes.is_empty() {
        let message =
            "adding a notification channel needs the role ADMIN in a workspace: ask an ADMIN of a workspace";
        return Err(Error::Forbidden(message.to_owned()).into());
    }
    let kinds = ChannelKind::ALL.map(|kind| {
        let link = viewer.links().ui_with("/notifications/new", &[("kind", kind.as_str())]);
        (kind_label(kind), link)
    });
    let heading = Heading {
        crumbs: &[("Notifications", viewer.links().ui("/notifications"))],
        title: "Add a channel",
        about: Some(html! { "Where messages are sent when something needs attention." }),
        ..Heading::default()
    };
    let body = html! {
        (heading.render())
        div { (ranges("Kind of the channel", &kinds, kind_label(values.kind))) }
        (problems.list("The channel was not added"))
        form.panel.slim method="post" action=(viewer.links().ui("/notifications")) {
            div.body.form {
                input type="hidden" name="kind" value=(values.kind.as_str());
                (select("workspaceId", "Messages about", &scopes, workspace, problems.at("workspaceId")))
                (values.render(problems))
            }
            div.foot {
                button.btn.main-act { "Add channel" }
                a.btn.plain.push href=(viewer.links().ui("/notifications")) { "Cancel" }
            }
        }
    };
    Ok(Screen::new(Section::Notifications, "Add a channel", body))
}
