//! How many nodes and buckets there are, what is measured, and for how long.

use std::time::Duration;

use clap::Args;

use crate::Plan;

/// The size of the fleet, in place of that of the benchmark.
#[derive(Debug, Clone, Args)]
pub(crate) struct FleetScale {
    /// Private nodes, each with an organization [default: 1,000; 10 with --quick]
    #[arg(long = "fleet-nodes")]
    nodes: Option<usize>,
    /// Nodes of the deployment, which serve all buckets [default: 10; 3 with --quick]
    #[arg(long = "fleet-deployment-nodes")]
    deployment_nodes: Option<usize>,
    /// Buckets of all organizations together [default: 1,000,000; 1,000 with --quick]
    #[arg(long = "fleet-buckets")]
    buckets: Option<u64>,
    /// Seconds between two probes of a bucket
    #[arg(long = "fleet-probe-interval", default_value_t = 3_600)]
    probe_interval: u64,
}

impl FleetScale {
    /// Time between two probes of a bucket.
    pub(super) fn probe_interval(&self) -> Duration {
        Duration::from_secs(self.probe_interval.max(1))
    }
}

/// What is measured, and for how long.
pub(super) struct FleetExtent {
    pub(super) nodes: usize,
    pub(super) deployment_nodes: usize,
    pub(super) buckets: u64,
    pub(super) warm_up: Duration,
    pub(super) window: Duration,
    pub(super) changes: usize,
    pub(super) half_of_failover: Duration,
    /// Numbers of nodes at which the probe load is counted.
    pub(super) loads: Vec<usize>,
    /// Changes that concern all nodes of the deployment, at the largest of these numbers.
    pub(super) wide_changes: usize,
}

impl FleetExtent {
    pub(super) fn of(plan: &Plan) -> Self {
        let FleetScale { nodes, deployment_nodes, buckets, .. } = plan.fleet;
        let seconds = Duration::from_secs;
        let quick = plan.quick;
        let nodes = nodes.unwrap_or(if quick { 10 } else { 1_000 }).max(1);
        let mut loads: Vec<usize> =
            [10, 100, 1_000].into_iter().filter(|count| *count <= nodes.max(30)).collect();
        if quick {
            loads = vec![10, 30];
        }
        Self {
            nodes,
            deployment_nodes: deployment_nodes.unwrap_or(if quick { 3 } else { 10 }).max(1),
            buckets: buckets.unwrap_or(if quick { 1_000 } else { 1_000_000 }),
            warm_up: seconds(if quick { 5 } else { 60 }),
            window: seconds(if quick { 10 } else { 120 }),
            changes: if quick { 5 } else { 100 },
            half_of_failover: seconds(if quick { 5 } else { 30 }),
            loads,
            wide_changes: if quick { 3 } else { 20 },
        }
    }
    /// What was measured, for labels.
    pub(super) fn text(&self) -> String {
        format!("{} nodes, {} buckets", self.nodes + self.deployment_nodes, self.buckets)
    }

    /// The nodes that serve a bucket of the first organization: its private node, and all nodes of the deployment.
    pub(super) fn serving(&self) -> usize {
        self.deployment_nodes + 1
    }
}
