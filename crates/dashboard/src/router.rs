//! All routes.

use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use bucketry_web::access_log::observe;
use bucketry_web::panics::catch_panics;
use http::StatusCode;
use tower_http::compression::CompressionLayer;

use crate::guard::refuse_cross_site;
use crate::headers::secure;
use crate::observe::ObservedPages;
use crate::outdated::refuse_if_outdated;
use crate::pages::{
    add_bucket, audit, bucket, bucket_selection, buckets, files, live, missing, node, nodes, notifications,
    overview, password, people, person, repositories, repository, repository_settings, settings, sign_in,
    sign_out, theme, tokens, validation, vault_rotation, workspace, workspaces,
};
use crate::state::Dashboard;

/// The dashboard as an axum router: everything below `/ui`.
pub fn router(app: Dashboard) -> Router {
    pages()
        .layer(catch_panics(panicked))
        .layer(middleware::from_fn_with_state(app.clone(), refuse_cross_site))
        .layer(middleware::from_fn_with_state(app.clone(), refuse_if_outdated))
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn(secure))
        .layer(middleware::from_fn_with_state(ObservedPages, observe::<ObservedPages>))
        .with_state(app)
}

/// The same for an address that serves nothing else: `/` leads to the dashboard, too.
pub fn standalone(app: Dashboard) -> Router {
    let home = Router::new().route("/", get(missing::home)).with_state(app.clone());
    router(app).merge(home)
}

fn pages() -> Router<Dashboard> {
    Router::new()
        .route("/ui", get(overview::show))
        .route("/ui/", get(missing::home))
        .route("/ui/traffic.csv", get(overview::traffic_csv))
        .route("/ui/sign-in", get(sign_in::show).post(sign_in::submit))
        .route("/ui/sign-out", post(sign_out::submit))
        .route("/ui/password", get(password::show).post(password::submit))
        .route("/ui/settings", get(settings::show).post(settings::submit))
        .route("/ui/settings/rotation", post(vault_rotation::start))
        .route("/ui/theme", post(theme::submit))
        .route("/ui/buckets", get(buckets::show))
        .route("/ui/buckets/add", get(add_bucket::show).post(add_bucket::submit))
        .route("/ui/buckets/selected", post(bucket_selection::submit))
        .route("/ui/validations/{validation}", get(validation::of_new_bucket))
        .merge(of_bucket())
        .merge(of_organization())
        .merge(of_notifications())
        .route("/ui/repositories", get(repositories::show).post(repositories::submit))
        .route("/ui/repositories/new", get(repositories::new))
        .route("/ui/repositories/{id}", get(repository::show))
        .route(
            "/ui/repositories/{id}/settings",
            get(repository_settings::show).post(repository_settings::submit),
        )
        .route("/ui/repositories/{id}/buckets", post(repository_settings::attach))
        .route("/ui/repositories/{id}/buckets/{bucket}/detach", post(repository_settings::detach))
        .route("/ui/repositories/{id}/delete", post(repository_settings::delete))
        .route("/ui/repositories/{id}/keys", post(repository::create_key))
        .route("/ui/repositories/{id}/keys/{key}/revoke", post(repository::revoke_key))
        .route("/ui/nodes", get(nodes::show))
        .route("/ui/nodes/keys", post(nodes::keys::create))
        .route("/ui/nodes/keys/{key}/delete", post(nodes::keys::delete))
        .route("/ui/nodes/{node}", get(node::show))
        .route("/ui/nodes/{node}/approval", post(node::approval::submit))
        .route("/ui/nodes/{node}/remove", post(node::removal::submit))
        .route("/ui/live", get(live::show))
        .route("/ui/tokens", get(tokens::show).post(tokens::submit))
        .route("/ui/tokens/{id}/revoke", post(tokens::revoke))
        .route("/ui/assets/{hash}/{name}", get(files::show))
        .route("/ui/{*missing}", get(missing::show))
}

fn of_bucket() -> Router<Dashboard> {
    Router::new()
        .route("/ui/buckets/{id}", get(bucket::summary::show))
        .route("/ui/buckets/{id}/traffic.csv", get(bucket::traffic_csv))
        .route("/ui/buckets/{id}/latency.csv", get(bucket::latency_csv))
        .route("/ui/buckets/{id}/availability.csv", get(bucket::availability_csv))
        .route("/ui/buckets/{id}/activity", get(bucket::activity::show))
        .route("/ui/buckets/{id}/connect", get(bucket::connect::show))
        .route("/ui/buckets/{id}/nodes", get(bucket::nodes::show).post(bucket::nodes::submit))
        .route("/ui/buckets/{id}/inventory", get(bucket::inventory::show).post(bucket::inventory::start))
        .route("/ui/buckets/{id}/settings", get(bucket::change::show).post(bucket::change::submit))
        .route("/ui/buckets/{id}/check", post(bucket::change::check))
        .route("/ui/buckets/{id}/check/{validation}", get(validation::of_bucket))
        .route("/ui/buckets/{id}/delete", post(bucket::change::delete))
}

fn of_organization() -> Router<Dashboard> {
    Router::new()
        .route("/ui/workspaces", get(workspaces::show).post(workspaces::submit))
        .route("/ui/workspaces/new", get(workspaces::new))
        .route("/ui/workspaces/{id}", get(workspace::show).post(workspace::submit))
        .route("/ui/workspaces/{id}/delete", post(workspace::delete))
        .route("/ui/workspaces/{id}/members", post(workspace::add))
        .route("/ui/workspaces/{id}/members/{user}", post(workspace::change))
        .route("/ui/workspaces/{id}/members/{user}/remove", post(workspace::remove))
        .route("/ui/people", get(people::show).post(people::submit))
        .route("/ui/people/new", get(people::new))
        .route("/ui/people/{id}", get(person::show).post(person::submit))
        .route("/ui/people/{id}/reset-password", post(person::reset_password))
        .route("/ui/people/{id}/remove", post(person::remove))
        .route("/ui/audit", get(audit::show))
        .route("/ui/audit/export", get(audit::download))
}

fn of_notifications() -> Router<Dashboard> {
    use notifications::{channel, new_channel, silences};
    Router::new()
        .route("/ui/notifications", get(notifications::show).post(new_channel::submit))
        .route("/ui/notifications/new", get(new_channel::show))
        .route("/ui/notifications/silences", post(silences::submit))
        .route("/ui/notifications/silences/new", get(silences::new))
        .route("/ui/notifications/silences/{id}/end", post(silences::end))
        .route("/ui/notifications/{id}", get(channel::show).post(channel::submit))
        .route("/ui/notifications/{id}/test", post(channel::test))
        .route("/ui/notifications/{id}/delete", post(channel::delete))
}

/// The message goes to the log only. The page is plain, because whatever panicked may be a part of every page.
fn panicked(message: &str) -> Response {
    tracing::error!(message, "a page could not be shown, because a handler panicked");
    let text = "Something went wrong in the server. Its log has the details.";
    (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
}
