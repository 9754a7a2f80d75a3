//! `/ui/repositories`: lists repositories and creates them.

use std::collections::HashMap;

use axum::response::Response;
use bucketry_control::cursor::Cursor as _;
use bucketry_control::repositories::{
    RepositoryBucketInput, RepositoryInput, RepositoryListInput, RepositoryView,
};
use bucketry_control::{Error, FieldError};
use bucketry_model::bucket::StorageType;
use bucketry_model::id::{RepoId, WorkspaceId};
use bucketry_model::role::WorkspaceRole;
use bucketry_model::search::SearchWords;
use bucketry_store::bucket::PageStart;
use bucketry_store::listing::ListPosition;
use http::StatusCode;
use maud::{Markup, html};

use super::bucket_rows::{workspace_names, writable_workspaces};
use crate::failure::PageError;
use crate::field_values::{FieldValues, SentForm, SentQuery};
use crate::human;
use crate::parts::empty::{empty, nothing_found};
use crate::parts::field::{FieldKind, TextField, select};
use crate::parts::heading::Heading;
use crate::parts::icon::{Icon, icon};
use crate::parts::notice;
use crate::parts::pager::pager;
use crate::parts::state;
use crate::screen::{FormOutcome, Screen, Section};
use crate::viewer::Viewer;
use crate::wording::{self, Labels};

/// Repositories per page.
const PER_PAGE: u32 = 50;
/// Buckets that the form offers at once.
const OFFERED: u32 = 100;

const LABELS: &Labels =
    &[("name", "Name"), ("workspaceId", "Workspace"), ("bucketId", "Bucket"), ("folder", "Folder")];

/// `GET`
pub(crate) async fn show(viewer: Viewer, SentQuery(query): SentQuery) -> Response {
    let result = list(&viewer, &query).await;
    viewer.answer(result).await
}

/// What the address asks for, as it was entered.
struct EnteredSearch<'a> {
    words: &'a str,
    workspace: &'a str,
}

impl<'a> EnteredSearch<'a> {
    fn of(query: &'a FieldValues) -> Self {
        Self { words: query.text("q"), workspace: query.text("workspace") }
    }

    fn is_empty(&self) -> bool {
        self.words.is_empty() && self.workspace.is_empty()
    }

    fn query(&self) -> Vec<(&'a str, &'a str)> {
        vec![("q", self.words), ("workspace", self.workspace)]
    }

    fn input(&self) -> Result<RepositoryListInput, Error> {
        let words = (!self.words.is_empty()).then(|| SearchWords::parse(self.words)).transpose();
        let workspace = (!self.workspace.is_empty()).then(|| self.workspace.parse()).transpose();
        Ok(RepositoryListInput {
            words: words.map_err(|why| Error::field("The search", why))?,
            workspace: workspace.map_err(|_| Error::field("Workspace", "is not one of yours"))?,
            ..RepositoryListInput::default()
        })
    }

    fn in_words(&self, workspaces: &HashMap<WorkspaceId, String>) -> String {
        let words = match self.words {
            "" => String::new(),
            words => format!(" with “{words}” in the name"),
        };
        let workspace = self.workspace.parse().ok().and_then(|id: WorkspaceId| workspaces.get(&id));
        let workspace = workspace.map(|name| format!(" in the workspace {name}")).unwrap_or_default();
        format!("There are no repositories{words}{workspace}.")
    }
}

async fn list(viewer: &Viewer, query: &FieldValues) -> Result<Screen, PageError> {
    let entered = EnteredSearch::of(query);
    let workspaces = workspace_names(viewer).await?;
    let may_add = viewer.caller.may_somewhere(WorkspaceRole::Write);
    let add = html! {
        a.btn.main-act href=(viewer.links().ui("/repositories/new")) { (icon(Icon::Plus)) "Create repository" }
    };
    let heading =
        Heading { title: "Repositories", actions: may_add.then(|| add.clone()), ..Heading::default() };
    let found = match entered.input() {
        Ok(input) => {
            found(viewer, &entered, &input, query.get("after"), (&workspaces, may_add.then_some(add))).await
        }
        Err(error) => Err(error.into()),
    };
    let found = match found {
        Ok(found) => found,
        // What is wrong with a search is said beside it, and the search can be changed.
        Err(PageError::Control(error @ Error::Invalid(_))) => {
            notice::problems("This can’t be searched for", &[wording::message(&error)], &[])
        }
        Err(error) => return Err(error),
    };
    let body = html! {
        (heading.render())
        (search(viewer, &entered, &workspaces))
        (found)
    };
    Ok(Screen::new(Section::Repositories, "Repositories", body))
}

fn search(viewer: &Viewer, entered: &EnteredSearch<'_>, workspaces: &HashMap<WorkspaceId, String>) -> Markup {
    let mut named: Vec<(String, String)> =
        workspaces.iter().map(|(id, name)| (id.to_string(), name.clone())).collect();
    named.sort_by_key(|(_, name)| name.to_lowercase());
    named.insert(0, (String::new(), "All workspaces".to_owned()));
    html! {
        form.search.short role="search" method="get" action=(viewer.links().ui("/repositories")) data-auto {
            (TextField {
                id: "q", label: "Search", value: entered.words, kind: FieldKind::Search, placeholder: "Name",
                ..TextField::default()
            }.render())
            (select("workspace", "Workspace", &named, entered.workspace, None))
            button.btn { (icon(Icon::Search)) "Search" }
        }
    }
}

async fn found(
    viewer: &Viewer,
    entered: &EnteredSearch<'_>,
    input: &RepositoryListInput,
    after: Option<&str>,
    (workspaces, add): (&HashMap<WorkspaceId, String>, Option<Markup>),
) -> Result<Markup, PageError> {
    let position = after.and_then(ListPosition::<RepoId>::from_text);
    let found = viewer.control().search_repositories(&viewer.caller, input, position, PER_PAGE).await?;
    let first = after.map(|_| viewer.links().ui_with("/repositories", &entered.query()));
    let next = found.next.map(|position| position.to_text());
    let next = next.map(|after| {
        let mut query = entered.query();
        query.push(("after", &after));
        viewer.links().ui_with("/repositories", &query)
    });
    Ok(html! {
        section.panel #list data-refresh="buckets" aria-label="Repositories" {
            @if found.entries.is_empty() && first.is_none() {
                @if entered.is_empty() {
                    (empty(
                        Icon::Repository,
                        "No repositories yet",
                        "A repository makes buckets, or folders in them, available to S3 clients at one address, with separate keys.",
                        add,
                    ))
                } @else { (nothing_found(&entered.in_words(workspaces), &viewer.links().ui("/repositories"))) }
            } @else {
                (table(viewer, &found.entries, workspaces))
                (pager("repositories", first.as_deref(), next.as_deref()))
            }
        }
    })
}

fn table(viewer: &Viewer, entries: &[RepositoryView], workspaces: &HashMap<WorkspaceId, String>) -> Markup {
    html! {
        table.table {
            thead { tr {
                th scope="col" { "Repository" } th scope="col" { "State" }
                th.r scope="col" { "Buckets" } th.r scope="col" { "Keys" } th.c2 scope="col" { "Mode" }
            } }
            tbody { @for view in entries {
                @let repository = &view.repository;
                tr {
                    td.name {
                        a href=(viewer.links().ui(format_args!("/repositories/{}", repository.id))) { (repository.name.as_str()) }
                        span { (workspaces.get(&repository.workspace_id).map_or("", String::as_str)) }
                    }
                    td { @match view.status() { Some(status) => (state::status(status)), None => span.quiet { "empty" } } }
                    td.r { (view.buckets.len()) }
                    td.r { (view.keys.len()) }
                    td.c2.quiet { (repository.mode.as_str()) }
                }
            } }
        }
    }
}

/// `GET /new`: the form, perhaps with a bucket and its workspace from the query.
pub(crate) async fn new(viewer: Viewer, SentQuery(query): SentQuery) -> Response {
    let result = form(&viewer, &query, &[], &[]).await;
    viewer.answer(result).await
}

/// `POST`: creates a repository with one bucket. Others are attached on its page.
pub(crate) async fn submit(viewer: Viewer, SentForm(fields): SentForm) -> Response {
    let outcome = create(&viewer, &fields).await;
    viewer.answer_form(outcome).await
}

async fn create(viewer: &Viewer, fields: &FieldValues) -> Result<FormOutcome, PageError> {
    let bucket = fields.get("bucketId").map(|id| RepositoryBucketInput {
        bucket_id: Some(id.to_owned()),
        folder: fields.get("folder").map(str::to_owned),
        master: None,
    });
    let input = RepositoryInput {
        name: Some(fields.text("name").to_owned()),
        storage_type: Some(StorageType::S3),
        mode: Some("NORMAL".to_owned()),
        workspace_id: Some(fields.text("workspaceId").to_owned()),
        buckets: Some(bucket.into_iter().collect()),
    };
    let (general, wrong) = match viewer.control().create_repository(&viewer.caller, &input).await {
        Ok(created) => {
            let path = format!("/repositories/{}", created.id);
            return Ok(FormOutcome::Moved(viewer.links().ui_with(path, &[("done", "repository-created")])));
        }
        Err(Error::Invalid(wrong)) => (Vec::new(), wrong),
        Err(error @ (Error::Repository { .. } | Error::Rule { .. } | Error::NotFound(_))) => {
            (vec![wording::message(&error)], Vec::new())
        }
        Err(error) => return Err(error.into()),
    };
    let screen = form(viewer, fields, &general, &wrong).await?;
    Ok(screen.with_status(StatusCode::UNPROCESSABLE_ENTITY).into())
}

async fn form(
    viewer: &Viewer,
    fields: &FieldValues,
    general: &[String],
    wrong: &[FieldError],
) -> Result<Screen, PageError> {
    let workspaces = writable_workspaces(viewer).await?;
    if workspaces.is_empty() {
        let message =
            "creating a repository needs the role WRITE in a workspace: ask an ADMIN of a workspace";
        return Err(Error::Forbidden(message.to_owned()).into());
    }
    let start: Option<PageStart> = None;
    let buckets = viewer.control().available_buckets(&viewer.caller, None, start, OFFERED).await?;
    let none = (String::new(), "No bucket yet".to_owned());
    let offered =
        buckets.iter().map(|view| (view.bucket.id.to_string(), view.bucket.name.as_str().to_owned()));
    let offered: Vec<(String, String)> = std::iter::once(none).chain(offered).collect();
    let problem = |field: &str| {
        wrong.iter().find(|one| one.field == field).map(|one| wording::field_sentence(one, LABELS))
    };
    let name = problem("name");
    let listed: Vec<(&str, String)> =
        wrong.iter().map(|one| (one.field, wording::field_sentence(one, LABELS))).collect();
    let heading = Heading {
        crumbs: &[("Repositories", viewer.links().ui("/repositories"))],
        title: "Create a repository",
        about: Some(
            html! { "Clients reach its buckets through the gateway, with keys that you create for it." },
        ),
        ..Heading::default()
    };
    let body = html! {
        (heading.render())
        @if !listed.is_empty() || !general.is_empty() {
            (notice::problems("The repository was not created", general, &listed))
        }
        form.panel method="post" action=(viewer.links().ui("/repositories")) {
            div.body.form {
                div.pair {
                    (TextField {
                        id: "name", label: "Name", value: fields.text("name"), is_required: true,
                        problem: name.as_deref(), ..TextField::default()
                    }.render())
                    (select("workspaceId", "Workspace", &workspaces, fields.text("workspaceId"), None))
                }
                div.pair {
                    (select("bucketId", "Bucket", &offered, fields.text("bucketId"), None))
                    (TextField {
                        id: "folder", label: "Folder", value: fields.text("folder"),
                        help: Some("Leave empty for the whole bucket."), ..TextField::default()
                    }.render())
                }
                @if buckets.len() == OFFERED as usize {
                    p.quiet.small { "The list has the newest " (human::exact(i64::from(OFFERED))) " buckets." }
                }
            }
            div.foot {
                button.btn.main-act { "Create repository" }
                a.btn.plain.push href=(viewer.links().ui("/repositories")) { "Cancel" }
            }
        }
    };
    Ok(Screen::new(Section::Repositories, "Create a repository", body))
}
