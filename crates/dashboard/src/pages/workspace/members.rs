//! The members of a workspace: who they are, what they may do, and forms to add, change and remove them.

use axum::extract::Path;
use axum::response::Response;
use bucketry_control::cursor::Cursor as _;
use bucketry_control::workspaces::WorkspaceView;
use bucketry_control::{Error, ResourceKind};
use bucketry_model::id::{UserId, WorkspaceId};
use bucketry_model::role::WorkspaceRole;
use bucketry_store::workspace::Member;
use maud::{Markup, html};

use super::{LABELS, PER_PAGE, WorkspaceForm, administers, again, changed, parsed, path};
use crate::failure::PageError;
use crate::field_values::{FieldValues, SentForm};
use crate::form_problems::FormProblems;
use crate::parts::field::{ChoiceCard, FieldKind, TextField, cards};
use crate::parts::pager::pager;
use crate::screen::FormOutcome;
use crate::viewer::Viewer;

/// The roles, with what each allows.
const ROLES: [(WorkspaceRole, &str); 3] = [
    (WorkspaceRole::Read, "Sees buckets, repositories and statistics."),
    (WorkspaceRole::Write, "Also adds, changes and removes buckets, repositories and keys."),
    (WorkspaceRole::Admin, "Also manages members, and renames or deletes the workspace."),
];

/// `POST /members`: adds the person with an e-mail address.
pub(crate) async fn add(viewer: Viewer, Path(id): Path<String>, SentForm(fields): SentForm) -> Response {
    let outcome = add_member(&viewer, &id, &fields).await;
    viewer.answer_form(outcome).await
}

async fn add_member(viewer: &Viewer, id: &str, fields: &FieldValues) -> Result<FormOutcome, PageError> {
    let workspace = parsed(id)?;
    administers(viewer, workspace)?;
    let email = fields.text("email");
    let added = match role(fields) {
        Ok(role) => viewer.control().add_member_by_email(&viewer.caller, workspace, email, role).await,
        Err(error) => Err(error),
    };
    match added {
        Ok(()) => Ok(changed(viewer, workspace, "member-added")),
        Err(error) => {
            let problems = FormProblems::of(error, LABELS)?;
            let sent = WorkspaceForm {
                title: "Nobody was added",
                email: email.to_owned(),
                role: fields.text("role").to_owned(),
                problems,
                ..WorkspaceForm::default()
            };
            again(viewer, id, &sent).await
        }
    }
}

/// `POST /members/{user}`: changes a member's role.
pub(crate) async fn change(
    viewer: Viewer,
    Path((id, user)): Path<(String, String)>,
    SentForm(fields): SentForm,
) -> Response {
    let outcome = async {
        let (workspace, user) = (parsed(&id)?, member(&user)?);
        administers(&viewer, workspace)?;
        let changed_to = match role(&fields) {
            Ok(role) => viewer.control().set_member_role(&viewer.caller, workspace, user, role).await,
            Err(error) => Err(error),
        };
        answer(&viewer, &id, workspace, changed_to, ("member-changed", "The role was not changed")).await
    };
    let outcome = outcome.await;
    viewer.answer_form(outcome).await
}

/// `POST /members/{user}/remove`
pub(crate) async fn remove(viewer: Viewer, Path((id, user)): Path<(String, String)>) -> Response {
    let outcome = async {
        let (workspace, user) = (parsed(&id)?, member(&user)?);
        let removed = viewer.control().remove_member(&viewer.caller, workspace, user).await;
        // A user who removes themselves may no longer see the workspace.
        if removed.is_ok() && user == viewer.caller.user_id && !viewer.caller.org_role.is_global() {
            let to = viewer.links().ui_with("/workspaces", &[("done", "member-removed")]);
            return Ok(FormOutcome::Moved(to));
        }
        answer(&viewer, &id, workspace, removed, ("member-removed", "The member was not removed")).await
    };
    let outcome = outcome.await;
    viewer.answer_form(outcome).await
}

async fn answer(
    viewer: &Viewer,
    id: &str,
    workspace: WorkspaceId,
    result: Result<(), Error>,
    (done, title): (&str, &'static str),
) -> Result<FormOutcome, PageError> {
    match result {
        Ok(()) => Ok(changed(viewer, workspace, done)),
        Err(error) => {
            let problems = FormProblems::of(error, LABELS)?;
            again(viewer, id, &WorkspaceForm { title, problems, ..WorkspaceForm::default() }).await
        }
    }
}

fn role(fields: &FieldValues) -> Result<WorkspaceRole, Error> {
    fields.text("role").parse().map_err(|error| Error::field("role", error))
}

fn member(id: &str) -> Result<UserId, Error> {
    id.parse().map_err(|_| Error::NotFound(ResourceKind::Member))
}

/// The list. `view` has one member more than a page if there is another page.
pub(super) fn panel(viewer: &Viewer, view: &WorkspaceView, after: Option<UserId>, is_admin: bool) -> Markup {
    let id = view.workspace.id;
    let has_more = view.members.len() > PER_PAGE as usize;
    let shown = &view.members[..view.members.len().min(PER_PAGE as usize)];
    let first = after.map(|_| path(viewer, id, ""));
    let next = shown.last().filter(|_| has_more).map(|last| last.user.id.to_text());
    let next = next.map(|next| viewer.links().ui_with(format_args!("/workspaces/{id}"), &[("after", &next)]));
    html! {
        section.panel aria-labelledby="mb" {
            header { h2 #mb { "Members" } }
            @if shown.is_empty() {
                div.body { p.quiet {
                    "It has no members. People with the role ADMINISTRATORS or OWNER in the organization can use it nevertheless."
                } }
            } @else {
                ul.rows { @for member in shown { li { (row(viewer, id, member, is_admin)) } } }
                (pager("members", first.as_deref(), next.as_deref()))
            }
        }
    }
}

fn row(viewer: &Viewer, id: WorkspaceId, member: &Member, is_admin: bool) -> Markup {
    let user = &member.user;
    let name = format!("{} {}", user.first_name.as_str(), user.last_name.as_str());
    let line = html! {
        span.what {
            b { bdi { (name) } } @if user.id == viewer.caller.user_id { " " span.faint { "(you)" } }
            span.quiet.small { (user.email) }
        }
        span.small { (member.role.as_str()) }
    };
    if !is_admin {
        return html! { div.line { (line) } };
    }
    let role = format!("role-{}", user.id);
    let action = path(viewer, id, &format!("/members/{}", user.id));
    html! {
        details id={ "member-" (user.id) } {
            summary.line { (line) }
            div.inner {
                form.inline method="post" action=(action) {
                    label.small for=(role) { "Role" span.vh { " of " (name) } }
                    select.in #(role) name="role" {
                        @for (one, _) in ROLES { option value=(one.as_str()) selected[one == member.role] { (one.as_str()) } }
                    }
                    button.btn { "Save" span.vh { " the role of " (name) } }
                }
                form method="post" action={ (action) "/remove" } {
                    button.btn.danger { "Remove" span.vh { " " (name) } }
                }
            }
        }
    }
}

/// The form to add somebody.
pub(super) fn form(viewer: &Viewer, id: WorkspaceId, sent: &WorkspaceForm) -> Markup {
    let choice =
        ROLES.map(|(role, about)| ChoiceCard { value: role.as_str(), mark: "", label: role.as_str(), about });
    let chosen = if sent.role.is_empty() { WorkspaceRole::Read.as_str() } else { sent.role.as_str() };
    html! {
        section.panel aria-labelledby="am" {
            header { h2 #am { "Add a member" } }
            form.body.form method="post" action=(path(viewer, id, "/members")) {
                (TextField {
                    id: "email", label: "E-mail address", value: &sent.email, is_required: true,
                    kind: FieldKind::OthersEmail, help: Some("Of somebody who has an account in your organization."),
                    problem: sent.problems.at("email"), ..TextField::default()
                }.render())
                (cards("role", "Role", "wide", &choice, chosen))
                div { button.btn.main-act { "Add member" } }
            }
        }
    }
}
