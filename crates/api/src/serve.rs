//! Serves the API on a listener.

use std::future::Future;

use axum::Router;
use bucketry_web::serve::HttpSettings;
use tokio::net::TcpListener;

use crate::state::ApiState;

/// Serves the router as [`bucketry_web::serve::serve`] does. When `stop` resolves, [`ApiState::closing`] is cancelled,
/// so that long polls return.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    state: &ApiState,
    settings: &HttpSettings,
    stop: impl Future<Output = ()>,
) {
    let stop = async {
        stop.await;
        state.closing().cancel();
    };
    bucketry_web::serve::serve(listener, router, settings, &state.settings().trusted_proxies, stop).await;
}
