//! `bucketry organization …`.

use crate::credentials::connect;
use crate::failure::Result;
use crate::organization_arguments::OrganizationCommand;
use crate::remote::Remote;
use crate::{inventory, organization_key, organization_node, output};

/// Runs a command on the organization.
pub(crate) async fn run(remote: &Remote, command: OrganizationCommand) -> Result<()> {
    match command {
        OrganizationCommand::Show => show(remote).await,
        OrganizationCommand::Inventory(arguments) => {
            inventory::organization(remote, &connect(remote).await?, &arguments).await
        }
        OrganizationCommand::Key { command } => organization_key::run(remote, command).await,
        OrganizationCommand::Node { command } => organization_node::run(remote, command).await,
    }
}

async fn show(remote: &Remote) -> Result<()> {
    let client = connect(remote).await?;
    let profile = client.profile().await?;
    let organization = client.organization(profile.org_id).await?;
    if remote.json {
        return output::json(&organization);
    }
    let quota = organization.bucket_quota.map_or_else(|| "none".to_owned(), |quota| quota.to_string());
    output::pairs(&[
        ("name", organization.name),
        ("id", organization.id.to_string()),
        ("buckets", format!("{} (limit: {quota})", organization.bucket_count)),
        ("created", organization.created_at.to_string()),
        ("AWS external id", organization.aws_external_id),
    ])
}
