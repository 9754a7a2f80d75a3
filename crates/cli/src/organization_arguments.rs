//! The arguments of `bucketry organization …`.

use std::path::PathBuf;

use bucketry_model::id::NodeKeyId;
use clap::{Args, Subcommand};

use crate::confirmation::Confirmation;
use crate::inventory_arguments::ScheduleArguments;

#[derive(Debug, Subcommand)]
pub(crate) enum OrganizationCommand {
    /// Show the organization, its quota and the external id for roles at AWS
    Show,
    /// Show or set the schedule for inventories of all buckets without a separate setting
    Inventory(ScheduleArguments),
    /// Manage the keys with which the organization's own nodes sign
    Key {
        #[command(subcommand)]
        command: OrganizationKeyCommand,
    },
    /// Show and delete the organization's own nodes
    Node {
        #[command(subcommand)]
        command: OrganizationNodeCommand,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum OrganizationNodeCommand {
    /// List the organization's own nodes, newest first
    #[command(visible_alias = "ls")]
    List,
    /// Delete a node; only a key that is created later brings it back
    #[command(visible_alias = "delete")]
    Rm {
        /// Name or id of the node
        node: String,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum OrganizationKeyCommand {
    /// List the keys, newest first
    #[command(visible_alias = "ls")]
    List,
    /// Create a key; its private half is shown only once
    Add {
        /// Write the private key to this new file, which only you can read [default: print it]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Delete a key; nodes that registered with it must register again with another one
    #[command(visible_alias = "delete")]
    Rm {
        #[command(flatten)]
        which: DeletedKeys,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

/// One key, or all.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct DeletedKeys {
    /// Id of the key
    pub(crate) key: Option<NodeKeyId>,
    /// Delete all keys of the organization
    #[arg(long)]
    pub(crate) all: bool,
}
