//! `/ui/workspaces`: lists workspaces and creates them.

use axum::response::Response;
use bucketry_control::Control;
use bucketry_control::cursor::Cursor as _;
use bucketry_model::id::WorkspaceId;
use bucketry_model::role::OrgRole;
use bucketry_store::workspace::Workspace;
use http::StatusCode;
use maud::{Markup, html};

use crate::failure::PageError;
use crate::field_values::{FieldValues, SentForm, SentQuery};
use crate::form_problems::FormProblems;
use crate::human;
use crate::parts::empty::empty;
use crate::parts::field::TextField;
use crate::parts::heading::Heading;
use crate::parts::icon::{Icon, icon};
use crate::parts::pager::pager;
use crate::parts::time;
use crate::screen::{FormOutcome, Screen, Section};
use crate::viewer::Viewer;
use crate::wording::Labels;

/// Workspaces per page.
const PER_PAGE: u32 = 50;

const LABELS: &Labels = &[("name", "Name")];

/// `GET`
pub(crate) async fn show(viewer: Viewer, SentQuery(query): SentQuery) -> Response {
    let result = list(&viewer, &query).await;
    viewer.answer(result).await
}

async fn list(viewer: &Viewer, query: &FieldValues) -> Result<Screen, PageError> {
    let after = query.get("after").and_then(WorkspaceId::from_text);
    let mut page = viewer.control().list_workspaces(&viewer.caller, after, PER_PAGE + 1).await?;
    let has_more = page.len() > PER_PAGE as usize;
    page.truncate(PER_PAGE as usize);
    let first = after.map(|_| viewer.links().ui("/workspaces"));
    let next = page.last().filter(|_| has_more).map(|last| last.id.to_text());
    let next = next.map(|after| viewer.links().ui_with("/workspaces", &[("after", &after)]));
    let may_create = viewer.caller.may_in_org(OrgRole::Workspaces);
    let create = html! {
        a.btn.main-act href=(viewer.links().ui("/workspaces/new")) { (icon(Icon::Plus)) "Create workspace" }
    };
    let heading = Heading {
        title: "Workspaces",
        about: Some(html! { "A workspace contains buckets and repositories. Its members share them." }),
        actions: may_create.then(|| create.clone()),
        ..Heading::default()
    };
    let body = html! {
        (heading.render())
        @if viewer.caller.org_role.is_global() { (quotas(viewer).await?) }
        section.panel aria-label="Workspaces" {
            @if page.is_empty() && first.is_none() {
                @let text = if may_create {
                    "Create one, then add buckets to it and invite the people who may use them."
                } else {
                    "You are not a member of a workspace yet. Ask an ADMIN of a workspace to add you."
                };
                (empty(Icon::Workspace, "No workspaces", text, may_create.then_some(create)))
            } @else {
                (table(viewer, &page))
                (pager("workspaces", first.as_deref(), next.as_deref()))
            }
        }
    };
    Ok(Screen::new(Section::Workspaces, "Workspaces", body))
}

fn table(viewer: &Viewer, page: &[Workspace]) -> Markup {
    html! {
        table.table {
            thead { tr {
                th scope="col" { "Workspace" } th scope="col" { "Your role" }
                th.c2 scope="col" { "Contents" } th.r.c2 scope="col" { "Created" }
            } }
            tbody { @for workspace in page {
                @let id = workspace.id.to_string();
                tr {
                    td.name {
                        a href=(viewer.links().ui(format_args!("/workspaces/{id}"))) { (workspace.name.as_str()) }
                    }
                    td { (viewer.caller.role_in(workspace.id).map_or("none", |role| role.as_str())) }
                    td.c2 {
                        span.links {
                            a.link href=(viewer.links().ui_with("/buckets", &[("workspace", &id)])) {
                                "Buckets" span.vh { " of " (workspace.name.as_str()) }
                            }
                            a.link href=(viewer.links().ui_with("/repositories", &[("workspace", &id)])) {
                                "Repositories" span.vh { " of " (workspace.name.as_str()) }
                            }
                        }
                    }
                    td.r.c2 { (time::date(workspace.created_at)) }
                }
            } }
        }
    }
}

/// How much of the organization's quotas is used.
async fn quotas(viewer: &Viewer) -> Result<Markup, PageError> {
    let organization = viewer.control().organization(viewer.caller.org_id).await?;
    let number = |count: u64| human::exact(i64::try_from(count).unwrap_or(i64::MAX));
    let used = |what: &str, used: u64, quota: Option<u64>| {
        html! {
            div {
                dt { (what) }
                dd {
                    @match quota {
                        Some(quota) => {
                            (number(used)) " of " (number(quota)) " "
                            meter min="0" max=(quota.max(1)) high=(quota.saturating_mul(9) / 10) value=(used.min(quota))
                                aria-label={ (what) ": " (number(used)) " of " (number(quota)) } {}
                        },
                        None => { (number(used)) span.faint { ", no quota" } },
                    }
                }
            }
        }
    };
    Ok(html! {
        section.panel aria-label="Quotas of the organization" {
            dl.facts {
                (used("Buckets in all workspaces", organization.bucket_count, organization.bucket_quota))
                (used("Repositories in all workspaces", organization.repo_count, organization.repo_quota))
            }
        }
    })
}

/// `GET /new`: the form.
pub(crate) async fn new(viewer: Viewer) -> Response {
    let result = Control::authorize_workspace(&viewer.caller)
        .map(|()| form(&viewer, "", &FormProblems::default()))
        .map_err(PageError::from);
    viewer.answer(result).await
}

/// `POST`: creates a workspace with the viewer as its ADMIN.
pub(crate) async fn submit(viewer: Viewer, SentForm(fields): SentForm) -> Response {
    let outcome = create(&viewer, &fields).await;
    viewer.answer_form(outcome).await
}

async fn create(viewer: &Viewer, fields: &FieldValues) -> Result<FormOutcome, PageError> {
    match viewer.control().create_workspace(&viewer.caller, fields.text("name")).await {
        Ok(created) => {
            let path = format!("/workspaces/{}", created.id);
            Ok(FormOutcome::Moved(viewer.links().ui_with(path, &[("done", "workspace-created")])))
        }
        Err(error) => {
            let problems = FormProblems::of(error, LABELS)?;
            let screen = form(viewer, fields.text("name"), &problems);
            Ok(screen.with_status(StatusCode::UNPROCESSABLE_ENTITY).into())
        }
    }
}

fn form(viewer: &Viewer, name: &str, problems: &FormProblems) -> Screen {
    let heading = Heading {
        crumbs: &[("Workspaces", viewer.links().ui("/workspaces"))],
        title: "Create a workspace",
        about: Some(html! { "You become its ADMIN, and can then add members." }),
        ..Heading::default()
    };
    let body = html! {
        (heading.render())
        (problems.list("The workspace was not created"))
        form.panel.slim method="post" action=(viewer.links().ui("/workspaces")) {
            div.body.form {
                (TextField {
                    id: "name", label: "Name", value: name, is_required: true,
                    placeholder: "media", problem: problems.at("name"), ..TextField::default()
                }.render())
            }
            div.foot {
                button.btn.main-act { "Create workspace" }
                a.btn.plain.push href=(viewer.links().ui("/workspaces")) { "Cancel" }
            }
        }
    };
    Screen::new(Section::Workspaces, "Create a workspace", body)
}
