//! The servers that the tests share, and the environment variables with their addresses.

use std::path::Path;

use bucketry_test_servers::azurite::{self, Azurite};
use bucketry_test_servers::fake_gcs::FakeGcs;
use bucketry_test_servers::postgres::Postgres;
use bucketry_test_servers::seaweedfs::{self, Identity, SeaweedFs};

use crate::command::Result;
use crate::node_tools::NodeTools;
use crate::tools::Tools;

/// The running servers. Dropping this stops them.
#[derive(Debug)]
pub(crate) struct Servers {
    /// SeaweedFS, the S3 server.
    pub(crate) s3: SeaweedFs,
    azure: Azurite,
    gcs: FakeGcs,
    postgres: Postgres,
}

impl Servers {
    /// Starts all servers and waits until they accept requests.
    pub(crate) fn start(tools: &Tools, node: &NodeTools) -> Result<Self> {
        Ok(Self {
            s3: SeaweedFs::start(&tools.weed())?,
            azure: Azurite::start(&node.azurite())?,
            gcs: FakeGcs::start(&tools.fake_gcs_server()?)?,
            postgres: Postgres::start(&tools.postgres()?)?,
        })
    }

    /// The variables that tests read. `CONTRIBUTING.md` lists them.
    pub(crate) fn environment(
        &self,
        tools: &Tools,
        node: &NodeTools,
        binary: &Path,
    ) -> Result<Vec<(String, String)>> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let mut variables = vec![
            ("BUCKETRY_TEST_BINARY".to_owned(), text(binary)),
            ("BUCKETRY_TEST_PYTHON".to_owned(), text(&tools.python())),
            ("BUCKETRY_TEST_OLDER_PYTHON".to_owned(), text(&tools.older_python())),
            ("BUCKETRY_TEST_DATA_PYTHON".to_owned(), text(&tools.data_python())),
            ("BUCKETRY_TEST_PROGRAMS".to_owned(), text(tools.programs())),
            ("BUCKETRY_TEST_NODE_MODULES".to_owned(), text(node.modules())),
            ("BUCKETRY_TEST_WEED".to_owned(), text(&tools.weed())),
            ("BUCKETRY_TEST_OLDER_WEED".to_owned(), text(&tools.older_weed())),
            ("BUCKETRY_TEST_CADDY".to_owned(), text(&tools.caddy())),
            ("BUCKETRY_TEST_TRAEFIK".to_owned(), text(&tools.traefik())),
            ("BUCKETRY_TEST_AZURITE".to_owned(), text(&node.azurite())),
            ("BUCKETRY_TEST_FAKE_GCS".to_owned(), text(&tools.fake_gcs_server()?)),
            ("BUCKETRY_TEST_S3_ENDPOINT".to_owned(), self.s3.endpoint()),
            ("BUCKETRY_TEST_AZURE_ENDPOINT".to_owned(), self.azure.endpoint()),
            ("BUCKETRY_TEST_AZURE_ACCOUNT".to_owned(), azurite::ACCOUNT.to_owned()),
            ("BUCKETRY_TEST_AZURE_KEY".to_owned(), azurite::KEY.to_owned()),
            ("BUCKETRY_TEST_GCS_ENDPOINT".to_owned(), self.gcs.endpoint()),
            ("BUCKETRY_TEST_POSTGRES".to_owned(), self.postgres.address()),
            ("BUCKETRY_TEST_POSTGRES_PROGRAMS".to_owned(), text(&tools.postgres()?)),
        ];
        let optional = [
            ("BUCKETRY_TEST_NGINX", tools.nginx().map(text)),
            ("BUCKETRY_TEST_FAKETIME", tools.faketime().map(text)),
            ("BUCKETRY_TEST_PROMTOOL", tools.promtool().map(text)),
            ("BUCKETRY_TEST_ALERTMANAGER", tools.alertmanager().map(text)),
            ("BUCKETRY_TEST_TRACE_COLLECTOR", tools.trace_collector().as_deref().map(text)),
            ("BUCKETRY_TEST_DEPLOYMENT_PYTHON", tools.deployment_python().as_deref().map(text)),
        ];
        variables.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        let mut identity = |prefix: &str, identity: Identity| {
            variables.push((format!("BUCKETRY_TEST_S3_{prefix}KEY"), identity.key.to_owned()));
            variables.push((format!("BUCKETRY_TEST_S3_{prefix}SECRET"), identity.secret.to_owned()));
        };
        identity("", seaweedfs::ADMIN);
        identity("READONLY_", seaweedfs::READ_ONLY);
        identity("WRITEONLY_", seaweedfs::WRITE_ONLY);
        identity("NOLIST_", seaweedfs::NO_LIST);
        Ok(variables)
    }
}
