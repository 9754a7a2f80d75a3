//! `/ui/repositories/{id}/settings`: renames a repository, attaches and detaches buckets, deletes it.

use axum::extract::Path;
use axum::response::Response;
use bucketry_control::repositories::{RepositoryBucketInput, RepositoryInput, RepositoryView};
use bucketry_control::{Error, ResourceKind};
use bucketry_model::id::{BucketId, RepoId};
use bucketry_model::repository::RepositoryMode;
use bucketry_model::role::WorkspaceRole;
use http::StatusCode;
use maud::{Markup, html};

use crate::failure::PageError;
use crate::field_values::{FieldValues, SentForm};
use crate::form_problems::FormProblems;
use crate::human;
use crate::parts::field::{TextField, select};
use crate::parts::heading::Heading;
use crate::screen::{FormOutcome, Screen, Section};
use crate::viewer::Viewer;
use crate::wording::Labels;

/// Buckets that the form offers at once.
const OFFERED: u32 = 100;

const LABELS: &Labels = &[
    ("name", "Name"),
    ("bucketId", "Bucket"),
    ("folder", "Folder"),
    ("repoBuckets", "Buckets"),
    ("confirm", "Name"),
];

/// What was sent and is shown again, with what is wrong with it.
#[derive(Default)]
struct RepositoryForm {
    title: &'static str,
    fields: FieldValues,
    problems: FormProblems,
}

async fn read(viewer: &Viewer, id: &str) -> Result<RepositoryView, PageError> {
    let id: RepoId = id.parse().map_err(|_| Error::NotFound(ResourceKind::Repository))?;
    let view = viewer.control().repository(&viewer.caller, id).await?;
    if viewer.caller.may(WorkspaceRole::Write, view.repository.workspace_id) {
        return Ok(view);
    }
    let message =
        "changing this repository needs the role WRITE in its workspace: ask an ADMIN of the workspace";
    Err(Error::Forbidden(message.to_owned()).into())
}

fn path(viewer: &Viewer, view: &RepositoryView, rest: &str) -> String {
    viewer.links().ui(format_args!("/repositories/{}{rest}", view.repository.id))
}

/// `GET`
pub(crate) async fn show(viewer: Viewer, Path(id): Path<String>) -> Response {
    let result = async {
        let view = read(&viewer, &id).await?;
        screen(&viewer, &view, &RepositoryForm::default()).await
    };
    let result = result.await;
    viewer.answer(result).await
}

/// `POST`: renames the repository.
pub(crate) async fn submit(viewer: Viewer, Path(id): Path<String>, SentForm(fields): SentForm) -> Response {
    let input = RepositoryInput { name: Some(fields.text("name").to_owned()), ..RepositoryInput::default() };
    let outcome = async {
        let view = read(&viewer, &id).await?;
        change(&viewer, &view, &input, "The repository was not renamed", fields).await
    };
    let outcome = outcome.await;
    viewer.answer_form(outcome).await
}

/// `POST /buckets`: attaches a bucket.
pub(crate) async fn attach(viewer: Viewer, Path(id): Path<String>, SentForm(fields): SentForm) -> Response {
    let outcome = async {
        let view = read(&viewer, &id).await?;
        let mut buckets = attached(&view);
        buckets.push(RepositoryBucketInput {
            bucket_id: Some(fields.text("bucketId").to_owned()),
            folder: Some(fields.text("folder").to_owned()),
            master: Some(false),
        });
        let input = RepositoryInput { buckets: Some(buckets), ..RepositoryInput::default() };
        let title = "The bucket was not attached";
        if fields.get("bucketId").is_none() {
            let problems = FormProblems::of_field("bucketId", "must be chosen", LABELS);
            return again(&viewer, &view, RepositoryForm { title, fields, problems }).await;
        }
        change(&viewer, &view, &input, title, fields).await
    };
    let outcome = outcome.await;
    viewer.answer_form(outcome).await
}

/// `POST /buckets/{bucket}/detach`
pub(crate) async fn detach(viewer: Viewer, Path((id, bucket)): Path<(String, String)>) -> Response {
    let outcome = async {
        let view = read(&viewer, &id).await?;
        let bucket: BucketId = bucket.parse().map_err(|_| Error::NotFound(ResourceKind::Bucket))?;
        let mut buckets = attached(&view);
        buckets.retain(|one| one.bucket_id.as_deref() != Some(bucket.to_string().as_str()));
        let input = RepositoryInput { buckets: Some(buckets), ..RepositoryInput::default() };
        change(&viewer, &view, &input, "The bucket was not detached", FieldValues::default()).await
    };
    let outcome = outcome.await;
    viewer.answer_form(outcome).await
}

/// `POST /delete`: deletes the repository, if its name was typed.
pub(crate) async fn delete(viewer: Viewer, Path(id): Path<String>, SentForm(fields): SentForm) -> Response {
    let outcome = async {
        let view = read(&viewer, &id).await?;
        if fields.text("confirm") != view.repository.name.as_str() {
            let title = "The repository was not deleted";
            let problems = FormProblems::of_field("confirm", "is not the name of this repository", LABELS);
            return again(&viewer, &view, RepositoryForm { title, fields: FieldValues::default(), problems })
                .await;
        }
        viewer.control().delete_repository(&viewer.caller, view.repository.id).await?;
        Ok(FormOutcome::Moved(viewer.links().ui_with("/repositories", &[("done", "repository-deleted")])))
    };
    let outcome = outcome.await;
    viewer.answer_form(outcome).await
}

/// The attached buckets, as a change has to name them.
fn attached(view: &RepositoryView) -> Vec<RepositoryBucketInput> {
    let input = |one: &bucketry_model::repository::RepositoryBucket| RepositoryBucketInput {
        bucket_id: Some(one.bucket_id.to_string()),
        folder: Some(one.folder.as_str().to_owned()),
        master: Some(one.master),
    };
    view.repository.buckets.iter().map(input).collect()
}

async fn change(
    viewer: &Viewer,
    view: &RepositoryView,
    input: &RepositoryInput,
    title: &'static str,
    fields: FieldValues,
) -> Result<FormOutcome, PageError> {
    match viewer.control().update_repository(&viewer.caller, view.repository.id, input).await {
        Ok(_) => {
            let to = format!("/repositories/{}/settings", view.repository.id);
            Ok(FormOutcome::Moved(viewer.links().ui_with(to, &[("done", "repository-changed")])))
        }
        Err(error) => {
            let problems = FormProblems::of(error, LABELS)?;
            again(viewer, view, RepositoryForm { title, fields, problems }).await
        }
    }
}

async fn again(
    viewer: &Viewer,
    view: &RepositoryView,
    sent: RepositoryForm,
) -> Result<FormOutcome, PageError> {
    Ok(screen(viewer, view, &sent).await?.with_status(StatusCode::UNPROCESSABLE_ENTITY).into())
}

async fn screen(viewer: &Viewer, view: &RepositoryView, sent: &RepositoryForm) -> Result<Screen, PageError> {
    let name = view.repository.name.as_str();
    let heading = Heading {
        crumbs: &[("Repositories", viewer.links().ui("/repositories")), (name, path(viewer, view, ""))],
        title: "Settings",
        about: Some(html! { "Of the repository " bdi { (name) } "." }),
        ..Heading::default()
    };
    let body = html! {
        (heading.render())
        (sent.problems.list(sent.title))
        div.two.wide-left {
            div.form {
                (buckets(viewer, view))
                @if view.repository.mode == RepositoryMode::Normal { (attaching(viewer, view, sent).await?) }
                @else { p.quiet.small { "Replicas of a mirror are changed with " code { "bucketry repo update" } "." } }
            }
            div.form {
                (renaming(viewer, view, sent))
                (removal(viewer, view, sent))
            }
        }
    };
    Ok(Screen::new(Section::Repositories, format!("Settings of {name}"), body))
}

fn buckets(viewer: &Viewer, view: &RepositoryView) -> Markup {
    html! {
        section.panel aria-labelledby="rb" {
            header { h2 #rb { "Buckets" } }
            @if view.buckets.is_empty() { div.body { p.quiet { "It has no bucket yet." } } }
            @else { ul.rows { @for attached in &view.buckets {
                @let bucket = attached.attachment.bucket_id;
                @let name = attached.bucket.as_ref().map_or("a bucket that was removed", |view| view.bucket.name.as_str());
                @let folder = attached.attachment.folder.as_str();
                li { div.line {
                    span.what {
                        b { bdi { (name) } }
                        span.quiet.small { @if folder.is_empty() { "the whole bucket" } @else { "folder " code { "/" (folder) } } }
                    }
                    @if view.repository.mode == RepositoryMode::Normal {
                        form method="post" action=(path(viewer, view, &format!("/buckets/{bucket}/detach"))) {
                            button.btn { "Detach" span.vh { " " (name) } }
                        }
                    }
                } }
            } } }
        }
    }
}

async fn attaching(
    viewer: &Viewer,
    view: &RepositoryView,
    sent: &RepositoryForm,
) -> Result<Markup, PageError> {
    let workspace = Some(view.repository.workspace_id);
    let found = viewer.control().available_buckets(&viewer.caller, workspace, None, OFFERED).await?;
    let none = (String::new(), "Choose a bucket".to_owned());
    let offered = found.iter().map(|one| (one.bucket.id.to_string(), one.bucket.name.as_str().to_owned()));
    let offered: Vec<(String, String)> = std::iter::once(none).chain(offered).collect();
    let problems = &sent.problems;
    Ok(html! {
        section.panel aria-labelledby="ab" {
            header { h2 #ab { "Attach a bucket" } }
            form.body.form method="post" action=(path(viewer, view, "/buckets")) {
                div.pair {
                    (select("bucketId", "Bucket", &offered, sent.fields.text("bucketId"), problems.at("bucketId")))
                    (TextField {
                        id: "folder", label: "Folder", value: sent.fields.text("folder"),
                        help: Some("Leave empty for the whole bucket."), problem: problems.at("folder"),
                        ..TextField::default()
                    }.render())
                }
                @if found.len() == OFFERED as usize {
                    p.quiet.small { "The list has the newest " (human::exact(i64::from(OFFERED))) " buckets of the workspace." }
                }
                div { button.btn.main-act { "Attach bucket" } }
            }
        }
    })
}

fn renaming(viewer: &Viewer, view: &RepositoryView, sent: &RepositoryForm) -> Markup {
    let name = sent.fields.get("name").unwrap_or(view.repository.name.as_str());
    html! {
        section.panel aria-labelledby="rn" {
            header { h2 #rn { "Rename" } }
            form.body.form method="post" action=(path(viewer, view, "/settings")) {
                (TextField {
                    id: "name", label: "Name", value: name, is_required: true, problem: sent.problems.at("name"),
                    ..TextField::default()
                }.render())
                div { button.btn { "Save" } }
            }
        }
    }
}

fn removal(viewer: &Viewer, view: &RepositoryView, sent: &RepositoryForm) -> Markup {
    html! {
        section.panel.danger aria-labelledby="rm" {
            header { h2 #rm { "Delete" } }
            form.body.form method="post" action=(path(viewer, view, "/delete")) {
                p.quiet { "Clients lose access at once, because its keys are revoked. Buckets and objects stay." }
                (TextField {
                    id: "confirm", label: "Type the repository’s name to confirm",
                    placeholder: view.repository.name.as_str(), problem: sent.problems.at("confirm"),
                    ..TextField::default()
                }.render())
                div { button.btn.danger { "Delete repository" } }
            }
        }
    }
}
