//! The tab *Connect* of a bucket: how clients reach it.

use axum::extract::Path;
use axum::response::Response;
use bucketry_control::buckets::BucketView;
use bucketry_model::client_settings::{RepositoryConnection, UNKNOWN_KEY};
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
    let pins = &view.bucket.pinned_to;
    let nodes = viewer.control().nodes(&viewer.caller).await?;
    let gateways: Vec<(String, String)> = nodes
        .iter()
        .filter(|node| node.serves_applications() && pins.admit(node.node.id, &node.node.region))
        .filter_map(|node| Some((node.node.name.clone(), node.gateway_url.as_ref()?.to_string())))
        .collect();
    let key = first_key(viewer, &view).await?;
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
                    p.quiet { "Clients use the name " b { (view.bucket.location.bucket) } " and a key of one of these repositories, where keys are created:" }
                    ul.log { @for repository in &view.repositories { li {
                        a.link href=(viewer.links().ui(format_args!("/repositories/{}", repository.id))) {
                            (repository.name.as_str())
                        }
                        span.quiet.small { (repository.storage_type.as_str()) }
                    } } }
                    @if let Some((_, endpoint)) = gateways.first() {
                        (clients(&RepositoryConnection { endpoint, key: &key, secret: None, bucket: Some(&view.bucket.location.bucket) }))
                    }
                    @if gateways.len() > 1 {
                        h2 { "Endpoints by node" }
                        @for (index, (node, url)) in gateways.iter().enumerate() {
                            (snippet::value(&format!("gateway-{index}"), node, url))
                        }
                    }
                    @if gateways.is_empty() {
                        p.quiet {
                            "No connected node "
                            @if !pins.is_empty() { "that the bucket is pinned to " }
                            "has a gateway."
                        }
                    }
                }
            }
        }
    };
    Ok(Screen::new(Section::Buckets, format!("Connect to {}", view.bucket.name.as_str()), body))
}

/// A key of the first repository that has the bucket, to show where a key belongs.
async fn first_key(viewer: &Viewer, view: &BucketView) -> Result<String, PageError> {
    let unknown = || UNKNOWN_KEY.to_owned();
    let Some(first) = view.repositories.first() else { return Ok(unknown()) };
    let repository = viewer.control().repository(&viewer.caller, first.id).await?;
    Ok(repository.keys.first().map_or_else(unknown, |key| key.key.clone()))
}
