//! The options that all commands share: the server to call, and how to print the result.

use std::path::PathBuf;

use clap::Args;

use crate::context_name::ContextName;

/// The server to call, and how to print the result. Without `url`, the session that `bucketry login` saved decides.
#[derive(Debug, Clone, Args)]
pub(crate) struct Remote {
    /// URL of the API [default: the server that you logged in to, or http://127.0.0.1:8080]
    #[arg(long, global = true, env = "BUCKETRY_URL", value_name = "URL", help_heading = "Connection")]
    pub(crate) url: Option<String>,
    /// Context to use: a deployment that `bucketry context` remembers [default: the one that `context use` chose]
    #[arg(long, global = true, env = "BUCKETRY_CONTEXT", value_name = "NAME", help_heading = "Connection")]
    pub(crate) context: Option<ContextName>,
    /// PEM file of CA certificates to trust for the API, in addition to the system's
    #[arg(
        long,
        global = true,
        env = "BUCKETRY_API_CA_FILE",
        value_name = "FILE",
        help_heading = "Connection"
    )]
    pub(crate) api_ca_file: Option<PathBuf>,
    /// Format of the result: table (fits the terminal), wide (all columns in full, with ids), csv (only lists) or json
    #[arg(
        short,
        long,
        global = true,
        value_name = "FORMAT",
        conflicts_with = "json",
        help_heading = "Output"
    )]
    pub(crate) output: Option<OutputFormat>,
    /// Print JSON, like `-o json`
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,
}

impl Remote {
    /// The same with `json` set if `-o json` was given.
    pub(crate) fn with_json_of_output(self) -> Self {
        Self { json: self.json || self.output == Some(OutputFormat::Json), ..self }
    }
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum OutputFormat {
    Table,
    Wide,
    Csv,
    Json,
}

impl OutputFormat {
    /// Whether only lists have this format.
    pub(crate) fn is_of_lists(self) -> bool {
        matches!(self, Self::Wide | Self::Csv)
    }
}
