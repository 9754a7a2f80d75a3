//! `bucketry node`.

use crate::arguments::NodeOptions;
use crate::command_options::command_line;
use crate::failure::Result;
use crate::node_process::NodeProcess;
use crate::serve::{Stop, announce};
use crate::settings::{ServiceCommand, SettingsLayer};
use crate::{environment_variables, logging, output, service_manager};

/// Runs a node until a signal stops it.
pub(crate) async fn run(options: NodeOptions) -> Result<()> {
    let file = match &options.config {
        Some(path) => SettingsLayer::from_file(path, ServiceCommand::Node)?,
        None => SettingsLayer::default(),
    };
    let settings = options.settings.over(file);
    let warnings = environment_variables::warnings(&command_line());
    if options.print_config {
        for warning in &warnings {
            output::remark(&format!("warning: {warning}"));
        }
        return output::line(settings.effective(ServiceCommand::Node)?.trim_end());
    }
    let settings = settings.read_for_node()?;
    logging::start(settings.log_format, &settings.log)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    // From here on, a signal during the start is not lost.
    let stop = Stop::listen()?;
    let node = NodeProcess::start(&settings).await?;
    let (gateway, metrics) = (node.gateway_url(), node.status_url());
    announce(&[("gateway", gateway.as_deref()), ("metrics", Some(&metrics))], options.ready_file.as_deref())?;
    service_manager::ready(&format!("node {} of {}", settings.plan.name, settings.control_plane));
    stop.wait_alive().await;
    node.stop().await;
    Ok(())
}
