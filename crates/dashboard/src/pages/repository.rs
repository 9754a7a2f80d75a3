//! `/ui/repositories/{id}`: one repository, its buckets and keys, and how clients connect.

use axum::extract::Path;
use axum::response::Response;
use bucketry_control::repositories::{CreatedKey, KeyInput, RepositoryView, ServingNode};
use bucketry_control::{Error, FieldError, ResourceKind};
use bucketry_model::client_settings::{RepositoryConnection, UNKNOWN_KEY};
use bucketry_model::id::{RepoId, RepoKeyId};
use bucketry_model::role::WorkspaceRole;
use http::StatusCode;
use maud::{Markup, html};

use super::node;
use crate::failure::PageError;
use crate::field_values::{FieldValues, SentForm};
use crate::human;
use crate::parts::clients::clients;
use crate::parts::field::{ChoiceCard, TextField, cards};
use crate::parts::heading::Heading;
use crate::parts::notice;
use crate::parts::snippet;
use crate::parts::state::{self, Mark};
use crate::parts::time;
use crate::screen::{FormOutcome, Screen, Section};
use crate::viewer::Viewer;
use crate::wording::{self, Labels};

const LABELS: &Labels = &[("name", "Name of the key"), ("accessType", "Access"), ("confirm", "Name")];

/// The most endpoints that are listed.
const ENDPOINTS: usize = 30;

async fn read(viewer: &Viewer, id: &str) -> Result<RepositoryView, PageError> {
    let id: RepoId = id.parse().map_err(|_| Error::NotFound(ResourceKind::Repository))?;
    Ok(viewer.control().repository(&viewer.caller, id).await?)
}

/// `GET`
pub(crate) async fn show(viewer: Viewer, Path(id): Path<String>) -> Response {
    let result = page(&viewer, &id).await;
    viewer.answer(result).await
}

async fn page(viewer: &Viewer, id: &str) -> Result<Screen, PageError> {
    let view = read(viewer, id).await?;
    screen(viewer, &view, &[]).await
}

/// `POST /keys`: creates a key. Its secret is in the response and nowhere else.
pub(crate) async fn create_key(
    viewer: Viewer,
    Path(id): Path<String>,
    SentForm(fields): SentForm,
) -> Response {
    let outcome = new_key(&viewer, &id, &fields).await;
    viewer.answer_form(outcome).await
}

async fn new_key(viewer: &Viewer, id: &str, fields: &FieldValues) -> Result<FormOutcome, PageError> {
    let view = read(viewer, id).await?;
    let input = KeyInput {
        name: Some(fields.text("name").to_owned()),
        access: fields.get("accessType").map(str::to_owned),
    };
    match viewer.control().create_repository_key(&viewer.caller, view.repository.id, &input).await {
        Ok(created) => Ok(shown_once(viewer, &view, &created).await?.into()),
        Err(Error::Invalid(wrong)) => {
            Ok(screen(viewer, &view, &wrong).await?.with_status(StatusCode::UNPROCESSABLE_ENTITY).into())
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /keys/{key}/revoke`
pub(crate) async fn revoke_key(viewer: Viewer, Path((id, key)): Path<(String, String)>) -> Response {
    let outcome = revoke(&viewer, &id, &key).await;
    viewer.answer_form(outcome).await
}

async fn revoke(viewer: &Viewer, id: &str, key: &str) -> Result<FormOutcome, PageError> {
    let view = read(viewer, id).await?;
    let key: RepoKeyId = key.parse().map_err(|_| Error::NotFound(ResourceKind::RepositoryKey))?;
    viewer.control().revoke_repository_key(&viewer.caller, view.repository.id, key).await?;
    let path = format!("/repositories/{}", view.repository.id);
    Ok(FormOutcome::Moved(viewer.links().ui_with(path, &[("done", "key-revoked")])))
}

async fn shown_once(
    viewer: &Viewer,
    view: &RepositoryView,
    created: &CreatedKey,
) -> Result<Screen, PageError> {
    let name = view.repository.name.as_str();
    let here = viewer.links().ui(format_args!("/repositories/{}", view.repository.id));
    let heading = Heading {
        crumbs: &[("Repositories", viewer.links().ui("/repositories")), (name, here.clone())],
        title: "The key was created",
        ..Heading::default()
    };
    let body = html! {
        (heading.render())
        (notice::notice(
            Mark::Warn,
            "Store the secret now",
            html! { "It is shown only this once, and can’t be read again. If you lose it, create another key." },
            None,
        ))
        section.panel aria-label="The key" {
            div.body.form {
                (snippet::value("key", "Access key ID", &created.key))
                (snippet::value("secret", "Secret access key", created.secret.expose()))
                div { a.btn.main-act href=(here) { "I have stored it" } }
            }
        }
        (settings(viewer, view, &created.key, Some(created.secret.expose())).await?)
    };
    Ok(Screen::new(Section::Repositories, "The key was created", body))
}

async fn settings(
    viewer: &Viewer,
    view: &RepositoryView,
    key: &str,
    secret: Option<&str>,
) -> Result<Markup, PageError> {
    let nodes = viewer.control().nodes(&viewer.caller).await?;
    let serving = view.serving_nodes(&nodes);
    Ok(html! {
        section.panel #connect-panel aria-labelledby="connect" {
            header { h2 #connect { "Connect" } }
            div.body {
                @match serving.first() {
                    None => p.quiet { "No connected node that serves this repository has a gateway." },
                    Some(best) => {
                        (clients(&RepositoryConnection {
                            endpoint: &best.endpoint.to_string(), key, secret, bucket: first_served(view, best),
                        }))
                        (endpoints(viewer, &serving))
                    },
                }
            }
        }
    })
}

/// The name of a bucket that clients find at a node.
fn first_served<'a>(view: &'a RepositoryView, node: &ServingNode<'_>) -> Option<&'a str> {
    let names = view.buckets.iter().filter_map(|one| one.bucket.as_ref());
    let mut names = names.map(|view| view.bucket.location.bucket.as_str());
    names.find(|name| !node.not_served.contains(name))
}

/// At which nodes clients reach the repository, and what is missing there. Nothing if there is no choice.
fn endpoints(viewer: &Viewer, serving: &[ServingNode<'_>]) -> Markup {
    if serving.len() < 2 && serving.iter().all(|one| one.not_served.is_empty()) {
        return html! {};
    }
    let more = serving.len().saturating_sub(ENDPOINTS) as u64;
    html! {
        h2 { "Endpoints by node" }
        p.quiet.small { "The same keys work at each of these nodes. Choose the one that is nearest to the program." }
        ul.log { @for one in serving.iter().take(ENDPOINTS) {
            @let node = &one.node.node;
            li {
                span.what {
                    code { (one.endpoint) }
                    span.quiet.small {
                        a.link href=(node::path(viewer, node.id, "")) { (node.name) } ", " (node.region)
                    }
                    @if !one.not_served.is_empty() {
                        span.quiet.small { "without " (one.not_served.join(", ")) ", because of pins" }
                    }
                }
            }
        } }
        @if more > 0 { p.quiet.small { (human::plural(more, "more node", "more nodes")) } }
    }
}

async fn screen(viewer: &Viewer, view: &RepositoryView, wrong: &[FieldError]) -> Result<Screen, PageError> {
    let repository = &view.repository;
    let may_change = viewer.caller.may(WorkspaceRole::Write, repository.workspace_id);
    let status = view.status();
    let heading = Heading {
        crumbs: &[("Repositories", viewer.links().ui("/repositories"))],
        title: repository.name.as_str(),
        beside: status.map(|status| state::pill(Mark::of_status(status), state::word(status))),
        actions: may_change.then(|| {
            let to = viewer.links().ui(format_args!("/repositories/{}/settings", repository.id));
            html! { a.btn href=(to) { "Edit" } }
        }),
        about: Some(
            html! { (repository.mode.as_str()) ", created " (time::ago(repository.created_at, viewer.frame.now)) },
        ),
    };
    let listed: Vec<(&str, String)> =
        wrong.iter().map(|one| (one.field, wording::field_sentence(one, LABELS))).collect();
    let key = view.keys.first().map_or(UNKNOWN_KEY, |key| key.key.as_str());
    let body = html! {
        (heading.render())
        @if !listed.is_empty() { (notice::problems("The key was not created", &[], &listed)) }
        div.two {
            (buckets(viewer, view))
            (keys(viewer, view, may_change))
        }
        @if may_change { (key_form(viewer, view, wrong)) }
        (settings(viewer, view, key, None).await?)
    };
    Ok(Screen::new(Section::Repositories, repository.name.as_str(), body))
}

fn buckets(viewer: &Viewer, view: &RepositoryView) -> Markup {
    html! {
        section.panel aria-labelledby="rb" {
            header { h2 #rb { "Buckets" } }
            div.body {
                @if view.buckets.is_empty() { p.quiet { "It has no bucket yet." } }
                ul.log { @for attached in &view.buckets {
                    @if let Some(bucket) = &attached.bucket { li {
                        span {
                            a.link href=(viewer.links().ui(format_args!("/buckets/{}", bucket.bucket.id))) { (bucket.bucket.name.as_str()) }
                            @if !attached.attachment.folder.as_str().is_empty() { " " code { "/" (attached.attachment.folder.as_str()) } }
                            @if attached.attachment.master { span.quiet.small { " master" } }
                        }
                        (state::status(bucket.status))
                    } }
                } }
            }
        }
    }
}

fn keys(viewer: &Viewer, view: &RepositoryView, may_change: bool) -> Markup {
    let now = viewer.frame.now;
    html! {
        section.panel aria-labelledby="rk" {
            header { h2 #rk { "Keys" } }
            div.body {
                @if view.keys.is_empty() { p.quiet { "It has no key yet, so no client can reach it." } }
                ul.log { @for key in &view.keys { li {
                    span {
                        b { (key.name.as_str()) } " " span.quiet.small { (key.access.as_str()) } br;
                        code { (key.key) } br;
                        span.quiet.small {
                            @match key.last_used_at { Some(at) => { "used " (time::ago(at, now)) }, None => "never used" }
                        }
                    }
                    @if may_change {
                        form method="post" action=(viewer.links().ui(format_args!("/repositories/{}/keys/{}/revoke", view.repository.id, key.id))) {
                            button.btn.danger { "Revoke" span.vh { " " (key.name.as_str()) } }
                        }
                    }
                } } }
            }
        }
    }
}

fn key_form(viewer: &Viewer, view: &RepositoryView, wrong: &[FieldError]) -> Markup {
    let problem =
        wrong.iter().find(|one| one.field == "name").map(|one| wording::field_sentence(one, LABELS));
    let access = [
        ChoiceCard { value: "READ", mark: "", label: "Read", about: "Lists and downloads objects." },
        ChoiceCard { value: "WRITE", mark: "", label: "Write", about: "Also uploads and deletes objects." },
        ChoiceCard { value: "ADMIN", mark: "", label: "Admin", about: "The same as Write in this version." },
    ];
    html! {
        section.panel aria-labelledby="nk" {
            header { h2 #nk { "Create a key" } }
            form.body.form method="post" action=(viewer.links().ui(format_args!("/repositories/{}/keys", view.repository.id))) {
                (TextField {
                    id: "name", label: "Name of the key", is_required: true, placeholder: "laptop",
                    problem: problem.as_deref(), ..TextField::default()
                }.render())
                (cards("accessType", "Access", "wide", &access, "READ"))
                div { button.btn.main-act { "Create key" } }
            }
        }
    }
}
