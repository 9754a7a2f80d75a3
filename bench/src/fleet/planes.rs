//! Three control planes on one PostgreSQL, and what they and PostgreSQL use.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use bucketry_model::id::{BucketId, OrgId};
use bucketry_model::secret::Secret;
use serde::Serialize;

use super::extent::FleetExtent;
use super::results::FleetResults;
use crate::deployment::Deployment;
use crate::postgres::Postgres;
use crate::process::Process;
use crate::seeded::Seeded;
use crate::{Plan, Result};

const CONTROL_PLANES: usize = 3;
/// The control plane that is killed during the measurement.
pub(super) const KILLED: usize = 1;
const MIB: f64 = 1_048_576.0;
/// How long the first start may take to add the buckets to what searches and filters read.
const LISTED_WITHIN: Duration = Duration::from_mins(8);

pub(super) struct FleetPlanes {
    pub(super) servers: Vec<Deployment>,
    /// The private key of the deployment and of all its organizations, as PEM.
    pub(super) key: Secret,
    /// The organizations with buckets; the first is the one whose owner is logged in.
    pub(super) organizations: Vec<OrgId>,
    postgres: Postgres,
    database: String,
    database_server: Process,
    registry: Seeded,
}

/// What a process uses.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Usage {
    /// Cores, on average.
    pub(super) cores: f64,
    /// Resident memory at the end.
    pub(super) mib: f64,
}

/// The CPU times and counts at one moment.
pub(super) struct CpuTimes {
    at: Instant,
    /// `None` for a control plane that doesn't run.
    planes: Vec<Option<Duration>>,
    database: Duration,
    transactions: u64,
}

/// What control planes and PostgreSQL used since a moment.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FleetCost {
    pub(super) seconds: f64,
    pub(super) planes: Vec<Usage>,
    pub(super) database_cores: f64,
    /// Transactions of PostgreSQL, also those that only read.
    pub(super) transactions_per_second: f64,
}

/// Approves each node as soon as it registers, in place of its owner.
const APPROVE_NODES: &str = "CREATE FUNCTION approve_node() RETURNS trigger LANGUAGE plpgsql AS \
                             $$ BEGIN NEW.approved := NEW.recipients; RETURN NEW; END $$; \
                             CREATE TRIGGER approve_nodes BEFORE INSERT OR UPDATE OF recipients ON nodes \
                             FOR EACH ROW EXECUTE FUNCTION approve_node()";

impl FleetPlanes {
    /// Fills a registry, moves it to PostgreSQL, and starts control planes without nodes on it. None without
    /// PostgreSQL.
    pub(super) async fn start(
        plan: &Plan,
        extent: &FleetExtent,
        place: &Path,
        results: &mut FleetResults<'_>,
    ) -> Result<Option<Self>> {
        let Some(postgres) = Postgres::start(plan, place)? else { return Ok(None) };
        let organizations = u64::try_from(extent.nodes)?;
        let registry = Seeded::of_organizations(plan, extent.buckets, organizations, place).await?;
        results.begin("moving it to PostgreSQL");
        let (registry, _) = registry.migrate(plan, &postgres)?;
        let database = registry.database().ok_or("the registry isn't in PostgreSQL")?.to_owned();
        let key = Secret::new(fs::read_to_string(registry.directory.path().join("node.pem"))?);
        // Generating a key for each organization would take minutes, and a control plane wouldn't see a difference.
        let keys = "INSERT INTO node_keys (id, org_id, public_key, created_at) \
                    SELECT gen_random_uuid()::text, o.id, k.public_key, k.created_at FROM organizations o, \
                    (SELECT * FROM node_keys WHERE org_id IS NULL LIMIT 1) k";
        postgres.query(&database, keys)?;
        postgres.query(&database, APPROVE_NODES)?;
        // The node that ran when the registry was created doesn't come back.
        postgres.query(&database, "UPDATE nodes SET removed_at = last_seen")?;
        let ids = postgres.query(&database, "SELECT id FROM organizations ORDER BY created_at, id")?;
        let organizations = ids.lines().map(str::parse).collect::<std::result::Result<Vec<OrgId>, _>>()?;

        results.begin("starting control planes");
        let options = || registry.options(plan).arg("--no-node");
        let mut servers = vec![Deployment::start(options()).await?];
        while servers.len() < CONTROL_PLANES {
            let beside = servers[0].start_beside(options()).await?;
            servers.push(beside);
        }
        let database_server = postgres.process()?;
        let planes = Self { servers, key, organizations, postgres, database, database_server, registry };
        results.begin("waiting until all buckets can be searched");
        let listed = planes.wait_until_listed().await;
        results.end("all buckets can be searched", listed)?;
        planes.postgres.settle(&planes.database)?;
        Ok(Some(planes))
    }

    async fn wait_until_listed(&self) -> Result {
        let deadline = Instant::now() + LISTED_WITHIN;
        while self.postgres.query(&self.database, "SELECT count(*) FROM unlisted")? != "0" {
            if Instant::now() > deadline {
                return Err(format!("not all buckets can be searched after {LISTED_WITHIN:?}").into());
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Ok(())
    }

    pub(super) fn urls(&self) -> Vec<String> {
        self.servers.iter().map(|server| server.url().to_owned()).collect()
    }

    /// The control planes without the one that is killed.
    pub(super) fn remaining(&self) -> impl Iterator<Item = &Deployment> {
        self.servers.iter().enumerate().filter(|(number, _)| *number != KILLED).map(|(_, server)| server)
    }

    pub(super) fn remaining_urls(&self) -> Vec<String> {
        self.remaining().map(|server| server.url().to_owned()).collect()
    }

    /// Buckets of the first organization.
    pub(super) fn buckets(&self) -> Vec<BucketId> {
        let mut ids: Vec<BucketId> = self.registry.samples.iter().map(|sample| sample.id).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    pub(super) fn cpu(&self) -> Result<CpuTimes> {
        let planes = self.servers.iter().map(|server| server.process.cpu().ok()).collect();
        let sql =
            "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()";
        let transactions = self.postgres.query(&self.database, sql)?.parse()?;
        let database = self.database_server.cpu_with_children()?;
        Ok(CpuTimes { at: Instant::now(), planes, database, transactions })
    }

    /// What those that run have used since a moment at which they were running.
    pub(super) fn cost_since(&self, before: &CpuTimes) -> Result<FleetCost> {
        let now = self.cpu()?;
        let seconds = (now.at - before.at).as_secs_f64();
        let cores = |now: Duration, before: Duration| now.saturating_sub(before).as_secs_f64() / seconds;
        let mut planes = Vec::new();
        for (server, times) in self.servers.iter().zip(now.planes.iter().zip(&before.planes)) {
            // One that was killed has none.
            let (Some(now), Some(before), Ok(resident)) = (times.0, times.1, server.process.resident())
            else {
                continue;
            };
            planes.push(Usage { cores: cores(*now, *before), mib: resident as f64 / MIB });
        }
        let transactions = now.transactions.saturating_sub(before.transactions) as f64;
        Ok(FleetCost {
            seconds,
            planes,
            database_cores: cores(now.database, before.database),
            transactions_per_second: transactions / seconds,
        })
    }

    /// Stops those that still run.
    pub(super) fn stop(self) -> Result {
        self.servers.into_iter().try_for_each(Deployment::stop)
    }
}

impl FleetCost {
    /// The cores of the control planes, for the table.
    pub(super) fn cores_text(&self) -> String {
        let each: Vec<String> = self.planes.iter().map(|usage| format!("{:.3}", usage.cores)).collect();
        format!("{} of a core (PostgreSQL: {:.3})", each.join(", "), self.database_cores)
    }

    /// The memory of the control planes, for the table.
    pub(super) fn memory_text(&self) -> String {
        let each: Vec<String> = self.planes.iter().map(|usage| format!("{:.0}", usage.mib)).collect();
        format!("{} MiB", each.join(", "))
    }
}
