//! `/ui/buckets/{id}`: one bucket. Each tab is a module; here is what they have in common.

pub(crate) mod activity;
mod availability;
pub(crate) mod change;
pub(crate) mod connect;
pub(crate) mod inventory;
mod latency;
pub(crate) mod nodes;
mod pins;
mod stale;
pub(crate) mod summary;
mod traffic;

pub(crate) use availability::csv as availability_csv;
pub(crate) use latency::csv as latency_csv;
pub(crate) use traffic::csv as traffic_csv;

use bucketry_control::buckets::{BucketInput, BucketView, UpdatedBucket};
use bucketry_control::{Error, ResourceKind};
use bucketry_model::id::BucketId;
use bucketry_model::role::WorkspaceRole;
use bucketry_model::status::Status;
use jiff::SignedDuration;
use maud::{Markup, html};

use super::bucket_rows::location;
use super::live::bucket_topic;
use crate::failure::PageError;
use crate::human;
use crate::parts::heading::Heading;
use crate::parts::icon::{Icon, icon};
use crate::parts::live;
use crate::parts::notice::notice;
use crate::parts::state::{self, Mark};
use crate::parts::tabs::tabs;
use crate::parts::time;
use crate::viewer::Viewer;

/// How long before its end a credential is warned of.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The bucket of an address. A malformed id is treated as not found.
async fn read(viewer: &Viewer, id: &str) -> Result<BucketView, PageError> {
    let id: BucketId = id.parse().map_err(|_| Error::NotFound(ResourceKind::Bucket))?;
    Ok(viewer.control().bucket(&viewer.caller, id).await?)
}

/// The address of a tab of a bucket.
pub(super) fn path(viewer: &Viewer, id: BucketId, tab: &str) -> String {
    viewer.links().ui(format_args!("/buckets/{id}{tab}"))
}

/// Whether the viewer may change the bucket.
fn may_change(viewer: &Viewer, view: &BucketView) -> bool {
    viewer.caller.may(WorkspaceRole::Write, view.bucket.workspace_id)
}

/// Changes the bucket. When its secret is only sealed again meanwhile, as after the approval of a node, its version grows, too.
/// That is no reason to refuse a change, which is made once more if the bucket is still as its form has shown it.
async fn update(
    viewer: &Viewer,
    id: BucketId,
    input: &BucketInput,
    is_as_shown: impl Fn(&BucketView) -> bool,
) -> Result<UpdatedBucket, Error> {
    let (control, caller) = (viewer.control(), &viewer.caller);
    match control.update_bucket(caller, id, input).await {
        Err(Error::Conflict) if is_as_shown(&control.bucket(caller, id).await?) => {
            control.update_bucket(caller, id, input).await
        }
        first => first,
    }
}

/// Everything above the contents of a tab: title, state, actions, why the bucket is offline, tabs.
pub(super) fn top(viewer: &Viewer, view: &BucketView, tab: &str) -> Markup {
    let id = view.bucket.id;
    let mut all = vec![
        ("Overview", path(viewer, id, "")),
        ("Connect", path(viewer, id, "/connect")),
        ("Nodes", path(viewer, id, "/nodes")),
        ("Activity", path(viewer, id, "/activity")),
        ("Inventory", path(viewer, id, "/inventory")),
    ];
    let may_change = may_change(viewer, view);
    if may_change {
        all.push(("Settings", path(viewer, id, "/settings")));
    }
    let new_repository = {
        let (bucket, workspace) = (id.to_string(), view.bucket.workspace_id.to_string());
        viewer.links().ui_with("/repositories/new", &[("bucketId", &bucket), ("workspaceId", &workspace)])
    };
    let actions = html! {
        (live::mark())
        @if may_change && view.repositories.is_empty() {
            a.btn href=(new_repository) { "Put into a repository" }
        }
        @if may_change { form method="post" action=(path(viewer, id, "/check")) data-follows {
            button.btn data-working="Checking…" { (icon(Icon::Again)) "Check now" }
        }
        a.btn href=(path(viewer, id, "/settings")) { "Edit" } }
    };
    let heading = Heading {
        crumbs: &[("Buckets", viewer.links().ui("/buckets"))],
        title: view.bucket.name.as_str(),
        beside: Some(state::pill(Mark::of_status(view.status), state::word(view.status))),
        about: Some(html! { (location(&view.bucket.location, view.provider)) }),
        actions: Some(actions),
    };
    html! {
        div.stack #state data-refresh=(bucket_topic(view.bucket.id)) {
            (heading.render())
            (why(viewer, view))
        }
        (tabs("Parts of this bucket", &all, tab))
    }
}

/// Why a bucket is not online.
fn why(viewer: &Viewer, view: &BucketView) -> Markup {
    let now = viewer.frame.now;
    let action = may_change(viewer, view).then(|| {
        html! { a.btn href=(path(viewer, view.bucket.id, "/settings")) { "Change settings" } }
    });
    match view.status {
        Status::Online => expires_soon(viewer, view, action),
        Status::Offline => {
            let title = view.since.map_or_else(
                || "Offline".to_owned(),
                |since| format!("Offline for {}", human::duration(now.duration_since(since))),
            );
            let reason =
                view.last_error.as_ref().map_or("No node reaches it.", |failure| failure.message.as_str());
            let text = html! {
                (time::in_text(reason))
                @if let Some(since) = view.since { " Since " (time::moment(since)) "." }
            };
            notice(Mark::Bad, &title, text, action)
        }
        Status::Disconnected => {
            let text = html! {
                "No connected node reports on it, so its state is unknown. It may be fine."
                @if let Some(at) = view.last_status_at { " Last seen " (time::ago(at, now)) "." }
            };
            notice(Mark::Mute, "Not seen by any node", text, None)
        }
    }
}

/// Warns while there is time to replace the credential.
fn expires_soon(viewer: &Viewer, view: &BucketView, action: Option<Markup>) -> Markup {
    let now = viewer.frame.now;
    let soon = view.bucket.credential.expires_at.filter(|at| at.duration_since(now) < SOON);
    let Some(at) = soon else { return html! {} };
    let text = html! {
        "It is temporary. Replace it before " (time::moment(at)) ", or nodes and clients lose access to the bucket."
    };
    let title = format!("The credential expires in {}", human::duration(at.duration_since(now)));
    notice(Mark::Warn, &title, text, action)
}
