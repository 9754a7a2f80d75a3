//! The node inside `bucketry serve`: the same node as a remote one, with the same protocol.

use std::path::Path;

use bucketry_client::PipeConnector;
use bucketry_control::Control;
use bucketry_node::{ControlPlaneAddress, NodeKeys, RunningNode};
use bucketry_telemetry::Tracer;
use bucketry_vault::NodeSigningKey;
use bucketry_web::in_process::InProcess;

use crate::data_directory::{NODE_KEY, SPOOL, VAULT_KEY};
use crate::failure::{Failure, Result};
use crate::node_start::{NodeGateway, node_settings};
use crate::settings::NodePlan;

/// Creates the node's keys at the first start, registers them as trusted, and starts the node, with a gateway if
/// there is a listener. It calls the API inside the process, so busy clients can't keep it out.
pub(crate) async fn start(
    control: &Control,
    tracer: Option<Tracer>,
    url: &str,
    api: InProcess,
    data_dir: &Path,
    plan: &NodePlan,
    gateway: Option<NodeGateway>,
) -> Result<RunningNode> {
    let failed = |error: &dyn std::error::Error| Failure::because("the embedded node can't start", error);
    let keys = NodeKeys::load_or_create(&data_dir.join(NODE_KEY), &data_dir.join(VAULT_KEY))
        .await
        .map_err(|error| failed(&error))?;
    let public = keys.verifying_key().map_err(|error| failed(&error))?;
    control.trust_deployment_key(&public).await.map_err(|error| failed(&error))?;
    control.trust_vault_keys(keys.recipients());
    let connector = PipeConnector::new(move || api.connect());
    let control_plane = ControlPlaneAddress::InProcess { url: url.to_owned(), connector };
    let settings = node_settings(plan, control_plane, data_dir.join(SPOOL), gateway, tracer)?;
    RunningNode::start(keys, settings).map_err(|error| failed(&error))
}

/// Creates the key of the deployment's nodes for a server without an embedded node, if the deployment has none yet. A
/// node elsewhere gets a copy of it. It only signs messages: it opens no secret.
pub(crate) async fn create_deployment_key(control: &Control, data_dir: &Path) -> Result<()> {
    let failed = |error: &dyn std::error::Error| Failure::because("can't create the key for nodes", error);
    if control.has_deployment_key().await.map_err(|error| failed(&error))? {
        return Ok(());
    }
    let file = data_dir.join(NODE_KEY);
    // Generating an RSA key keeps a core busy for a moment.
    let key = tokio::task::spawn_blocking(move || NodeSigningKey::load_or_create(&file))
        .await
        .map_err(|error| failed(&error))?
        .map_err(|error| failed(&error))?;
    let public = key.verifying_key().map_err(|error| failed(&error))?;
    control.trust_deployment_key(&public).await.map_err(|error| failed(&error))
}
