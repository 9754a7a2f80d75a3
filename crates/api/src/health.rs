//! `/health`: whether the process lives. `/ready`: whether it can do its work.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::schema::Moment;
use crate::state::ApiState;

/// The process answers.
#[derive(Serialize, ToSchema)]
pub(crate) struct HealthAnswer {
    /// Always true.
    success: bool,
    /// The version that runs.
    #[schema(value_type = String, example = "0.1.0")]
    version: &'static str,
    /// The server's clock: one that is off breaks signatures.
    time: Moment,
}

/// Tells that the process answers.
#[utoipa::path(
    get,
    path = "/health",
    tag = "Operation",
    operation_id = "health",
    responses((status = 200, description = "It does", body = HealthAnswer)),
)]
pub(crate) async fn health(State(state): State<ApiState>) -> Json<HealthAnswer> {
    let time = Moment(state.control().clock().now());
    Json(HealthAnswer { success: true, version: env!("CARGO_PKG_VERSION"), time })
}

/// What the deployment's work depends on.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReadyAnswer {
    /// Whether nothing is missing.
    success: bool,
    /// What is missing, or that nothing is.
    #[schema(value_type = String, example = "ready")]
    message: &'static str,
    /// Whether the database answers.
    database: bool,
    /// Whether it takes writes, as of five seconds ago at most. Reading goes on where it doesn't: the disk may be full, or the
    /// database read-only.
    writes: bool,
    /// Whether the database's schema is the one that this version needs.
    migrations: bool,
    /// Whether a node is connected.
    node: bool,
}

/// Tells whether the deployment can do its work: the database answers and takes writes, migrations, a node.
#[utoipa::path(
    get,
    path = "/ready",
    tag = "Operation",
    operation_id = "ready",
    responses(
        (status = 200, description = "It can", body = ReadyAnswer),
        (status = 503, description = "It can't yet, or is being stopped", body = ReadyAnswer),
    ),
)]
pub(crate) async fn ready(State(state): State<ApiState>) -> (StatusCode, Json<ReadyAnswer>) {
    let readiness = state.control().readiness().await;
    let closing = state.closing().is_cancelled();
    let success = readiness.is_ready() && !closing;
    let message = if closing {
        "the server is being stopped"
    } else if !readiness.database {
        "the database does not answer"
    } else if !readiness.migrations {
        "the database's schema is not the one that this version needs"
    } else if !readiness.writes {
        "the database takes no writes: its disk is full, or it is read-only"
    } else if !readiness.node {
        "no node is connected"
    } else {
        "ready"
    };
    let answer = ReadyAnswer {
        success,
        message,
        database: readiness.database,
        writes: readiness.writes,
        migrations: readiness.migrations,
        node: readiness.node,
    };
    let status = if success { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(answer))
}
