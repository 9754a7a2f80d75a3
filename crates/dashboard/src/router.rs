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
use crate::pages::{
    add_bucket, bucket, bucket_selection, buckets, files, live, missing, nodes, overview, password,
    repositories, repository, settings, sign_in, sign_out, theme, tokens,
};
use crate::state::Dashboard;

/// The dashboard as an axum router: everything below `/ui`.
pub fn router(app: Dashboard) -> Router {
    pages()
        .layer(catch_panics(panicked))
        .layer(middleware::from_fn_with_state(app.clone(), refuse_cross_site))
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
        .route("/ui/theme", post(theme::submit))
        .route("/ui/buckets", get(buckets::show))
        .route("/ui/buckets/add", get(add_bucket::show).post(add_bucket::submit))
        .route("/ui/buckets/selected", post(bucket_selection::submit))
        .merge(of_bucket())
        .route("/ui/repositories", get(repositories::show).post(repositories::submit))
        .route("/ui/repositories/new", get(repositories::new))
        .route("/ui/repositories/{id}", get(repository::show))
        .route("/ui/repositories/{id}/keys", post(repository::create_key))
        .route("/ui/repositories/{id}/keys/{key}/revoke", post(repository::revoke_key))
        .route("/ui/nodes", get(nodes::show))
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
        .route("/ui/buckets/{id}/inventory", get(bucket::inventory::show).post(bucket::inventory::start))
        .route("/ui/buckets/{id}/settings", get(bucket::change::show).post(bucket::change::submit))
        .route("/ui/buckets/{id}/check", post(bucket::change::check))
        .route("/ui/buckets/{id}/delete", post(bucket::change::delete))
}

/// The message goes to the log only. The page is plain, because whatever panicked may be a part of every page.
fn panicked(message: &str) -> Response {
    tracing::error!(message, "a page could not be shown, because a handler panicked");
    let text = "Something went wrong in the server. Its log has the details.";
    (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
}
