//! The tab *Connect* of a bucket: how clients reach it.

use axum::extract::Path;
use axum::response::Response;
use bucketry_control::buckets::BucketView;
use bucketry_control::repositories::{RepositoryView, ServingNode};
use bucketry_model::client_settings::{RepositoryConnection, UNKNOWN_KEY};
use bucketry_model::repository::RepositoryMode;
use maud::html;

use super::{read, top};
use crate::failure::PageError;
use crate::parts::clients::clients;
use crate::parts::empty::empty;
use crate::parts::icon::Icon;
use crate::parts::snippet;
use crate::screen::{Screen, Section};
use crate::viewer::Viewer;

/// `GET`
pub(crate) async fn show(viewer: Viewer, Path(id): Path<String>) -> Response {
    let result = screen(&viewer, &id).await;
    viewer.answer(result).await
}

async fn screen(viewer: &Viewer, id: &str) -> Result<Screen, PageError> {
    let view = read(viewer, id).await?;
    let nodes = viewer.control().nodes(&viewer.caller).await?;
    let repository = first_repository(viewer, &view).await?;
    let name = view.bucket.location.bucket.as_str();
    // Not a question of this bucket's pins only: a mirror serves its master under the names of all of its buckets.
    let serving = repository.iter().flat_map(|one| one.serving_nodes(&nodes));
    let gateways: Vec<ServingNode<'_>> = serving.filter(|one| !one.not_served.contains(&name)).collect();
    let key =
        repository.as_ref().and_then(|one| one.keys.first()).map_or(UNKNOWN_KEY, |key| key.key.as_str());
    let body = html! {
        (top(viewer, &view, "Connect"))
        section.panel aria-labelledby="co" {
            header { h2 #co { "Through the gateway" } }
            @if view.repositories.is_empty() {
                (empty(
                    Icon::Repository,
                    "Not in a repository yet",
                    "Clients reach a bucket through a repository, which has its own keys. The bucket’s own key never leaves the nodes.",
                    None,
                ))
            } @else {
                div.body {
                    p.quiet { "Clients use the name " b { (name) } " and a key of one of these repositories, where keys are created:" }
                    ul.log { @for repository in &view.repositories { li {
                        a.link href=(viewer.links().ui(format_args!("/repositories/{}", repository.id))) {
                            (repository.name.as_str())
                        }
                        span.quiet.small { (repository.storage_type.as_str()) }
                    } } }
                    @if let (Some(first), Some(repository)) = (gateways.first(), &repository) {
                        @if view.repositories.len() > 1 {
                            p.quiet { "For " bdi { (repository.repository.name.as_str()) } ":" }
                        }
                        (clients(&RepositoryConnection {
                            endpoint: &first.endpoint.to_string(), key, secret: None, bucket: Some(name),
                        }))
                    }
                    @if gateways.len() > 1 {
                        h2 { "Endpoints by node" }
                        @for (index, one) in gateways.iter().enumerate() {
                            (snippet::value(&format!("gateway-{index}"), &one.node.node.name, &one.endpoint.to_string()))
                        }
                    }
                    @if gateways.is_empty() { p.quiet { (no_gateway(repository.as_ref(), &view)) } }
                }
            }
        }
    };
    Ok(Screen::new(Section::Buckets, format!("Connect to {}", view.bucket.name.as_str()), body))
}

/// The first repository that has the bucket: its key shows where a key belongs.
async fn first_repository(viewer: &Viewer, view: &BucketView) -> Result<Option<RepositoryView>, PageError> {
    let Some(first) = view.repositories.first() else { return Ok(None) };
    Ok(Some(viewer.control().repository(&viewer.caller, first.id).await?))
}

/// Why there is no address.
fn no_gateway(repository: Option<&RepositoryView>, view: &BucketView) -> &'static str {
    if repository.is_some_and(|one| one.repository.mode == RepositoryMode::Mirror) {
        "No connected node that serves the master of this mirror has a gateway."
    } else if view.bucket.pinned_to.is_empty() {
        "No connected node has a gateway."
    } else {
        "No connected node that the bucket is pinned to has a gateway."
    }
}
