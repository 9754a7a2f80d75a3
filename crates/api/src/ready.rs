//! `GET /ready`: whether the deployment can do its work.

use axum::Json;
use axum::extract::State;
use bucketry_control::readiness::DatabaseWrites;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::endpoint::RequestSample;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/ready");

/// Whether the deployment's dependencies are available.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReadyAnswer {
    /// Whether everything is available.
    success: bool,
    /// What is missing, or `ready`.
    #[schema(value_type = String, example = "ready")]
    message: &'static str,
    /// Whether the database responds.
    database: bool,
    /// Whether the database accepts writes, checked in the last five seconds. False if the disk is full or the
    /// database is read-only; reads still work then.
    writes: bool,
    /// Whether this version can work with the database's schema.
    migrations: bool,
    /// Whether a node is connected.
    node: bool,
}

/// Reports whether the deployment can do its work.
///
/// A ready deployment has a database that responds and accepts writes, a schema that this version can work with, and a
/// connected node.
#[utoipa::path(
    get,
    path = "/ready",
    tag = "Operation",
    operation_id = "ready",
    responses(
        (status = 200, description = "The deployment is ready", body = ReadyAnswer),
        (status = 503, description = "The deployment is not ready, or is being stopped", body = ReadyAnswer),
    ),
)]
pub(crate) async fn ready(State(state): State<ApiState>) -> (StatusCode, Json<ReadyAnswer>) {
    let readiness = state.control().readiness().await;
    let closing = state.closing().is_cancelled();
    let success = readiness.is_ready() && !closing;
    let message = if closing {
        "the server is being stopped"
    } else if !readiness.database {
        "the database does not respond"
    } else if state.control().refuse_if_outdated().is_err() {
        "a newer version of Bucketry has upgraded the database, and this server can't work with it: upgrade this server"
    } else if !readiness.migrations {
        "this version can't work with the database's schema: see the server's log"
    } else if readiness.writes == DatabaseWrites::ReadOnly {
        "the database is read-only: if it is a standby, let the address lead to the primary; otherwise, permit writes"
    } else if !readiness.writes.are_accepted() {
        "the database accepts no writes: its disk is full, or another program has locked it"
    } else if !readiness.node {
        "no node is connected"
    } else {
        "ready"
    };
    let answer = ReadyAnswer {
        success,
        message,
        database: readiness.database,
        writes: readiness.writes.are_accepted(),
        migrations: readiness.migrations,
        node: readiness.node,
    };
    let status = if success { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(answer))
}
