//! The options of `bucketry init`.

use std::path::PathBuf;

use clap::Args;

use crate::settings::{SettingsLayer, serve_flag};

/// Every setting of `bucketry serve` is an option, too: it is written to the file.
#[derive(Debug, Args)]
#[command(mut_args(serve_flag))]
pub(crate) struct InitOptions {
    /// Configuration file to write [default: /etc/bucketry/bucketry.toml for root, otherwise ./bucketry.toml]
    #[arg(long, env = "BUCKETRY_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Unit file of systemd to write [default: /etc/systemd/system/bucketry.service for root, otherwise
    /// ./bucketry.service]
    #[arg(long, value_name = "FILE", conflicts_with = "no_unit")]
    pub(crate) unit: Option<PathBuf>,
    /// Don't write a unit file
    #[arg(long)]
    pub(crate) no_unit: bool,
    /// Existing user to run the service as [default: a user that systemd creates, or, if the data directory isn't below
    /// /var/lib, its owner]
    #[arg(long, value_name = "USER")]
    pub(crate) service_user: Option<String>,
    /// Don't ask: use the options and the defaults. Without a terminal, it never asks
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Overwrite existing files
    #[arg(long)]
    pub(crate) force: bool,
    /// Write the files even if a check fails
    #[arg(long)]
    pub(crate) skip_checks: bool,
    #[command(flatten)]
    pub(crate) settings: SettingsLayer,
}
