//! The options of `bucketry demo`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::database::DatabaseUrl;
use crate::settings::{ApiAddress, GatewayAddress};

/// A cloud that the demo can emulate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Cloud {
    /// Azure Blob Storage, with the program `azurite-blob`
    Azurite,
    /// Google Cloud Storage, with the program `fake-gcs-server`
    Gcs,
}

#[derive(Debug, Args)]
pub(crate) struct DemoOptions {
    /// Address of the API; a free port is used if this one is taken
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub(crate) listen: ApiAddress,
    /// Address of the gateway; a free port is used if this one is taken
    #[arg(long, default_value = "127.0.0.1:9000", value_name = "ADDRESS")]
    pub(crate) gateway_listen: GatewayAddress,
    /// Store the registry in this PostgreSQL database, in a separate schema that is removed when the demo ends
    // Not read from the environment: a URL there is usually that of a real registry.
    #[arg(long, value_name = "URL", value_parser = DatabaseUrl::parser())]
    pub(crate) database_url: Option<DatabaseUrl>,
    /// Put two of the buckets at emulators of these clouds, which must be installed
    #[arg(long, value_name = "CLOUDS", value_delimiter = ',')]
    pub(crate) with: Vec<Cloud>,
    /// Write the addresses and credentials to this file as JSON once the demo is ready
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
}
