//! Reads what the rules look at, in a bounded number of bounded steps.

use std::collections::{BTreeSet, HashMap};

use bucketry_model::bucket::BucketLocation;
use bucketry_model::id::{BucketId, NodeId, OrgId};
use bucketry_model::node::serves;
use bucketry_model::provider::Provider;
use bucketry_model::role::Visibility;
use bucketry_model::status::{ProbedStatus, Status};
use bucketry_store::bucket::ListedBucket;
use bucketry_store::listing::{BucketFilter, BucketSearch, ListOrder, SearchPage};

use super::observations::{Observations, ObservedNode, UnreachableBucket};
use super::rules::CREDENTIAL_WARNING;
use super::sentence::COUNTED;
use crate::buckets::BucketView;
use crate::{Control, Result};

/// How many buckets of a status are looked at one by one.
const LOOKED_AT: u32 = 1_000;
/// From this number of OFFLINE buckets on, it matters which nodes reach others.
const SEVERAL: u64 = 3;

impl Control {
    /// Reads what the rules look at, in the workspaces that are visible.
    pub(super) async fn observe(&self, org_id: OrgId, visible: &Visibility) -> Result<Observations> {
        let now = self.inner.environment.now();
        let store = &self.inner.store;
        let clocks = self.clock_disagreements(org_id, &self.known_nodes().await?);
        let nodes: Vec<ObservedNode> = self
            .node_views()
            .await?
            .into_iter()
            .filter(|view| serves(&view.node, org_id))
            .map(|view| ObservedNode {
                id: view.node.id,
                clock: clocks.get(&view.node.id).copied(),
                connected: view.connected,
                last_seen: view.node.last_seen,
                waiting: view.node.last_heartbeat.as_ref().and_then(|heartbeat| heartbeat.waiting),
                processes: view.node.last_heartbeat.and_then(|heartbeat| heartbeat.processes),
                name: view.node.name,
                region: view.node.region,
            })
            .collect();
        let connected = self.connected_node_ids().await?;
        let filter = |statuses: &[Status]| BucketFilter {
            statuses: statuses.to_vec(),
            connected: connected.clone(),
            ..BucketFilter::default()
        };
        let unreached = filter(&[Status::Offline, Status::Disconnected]);
        let mut seen = Observations {
            now,
            delay: self.inner.settings.finding_delay,
            nodes,
            counts: store.count_facets(org_id, visible, &unreached, COUNTED).await?,
            credentials: store.credential_ends(org_id, visible, now + CREDENTIAL_WARNING, LOOKED_AT).await?,
            organization: match visible {
                Visibility::Organization => store.organization(org_id).await?,
                Visibility::Workspaces(_) => None,
            },
            deployment: match visible {
                Visibility::Organization => self.deployment_state(org_id).await?,
                Visibility::Workspaces(_) => None,
            },
            ..Observations::default()
        };
        self.observe_contents(org_id, visible, &mut seen).await?;
        self.observe_traffic(org_id, visible, &mut seen).await?;
        self.add_hourly(org_id, visible, &mut seen);
        let offline = seen.count(|kind| seen.has_connected(&kind.reports));
        if offline > 0 {
            seen.unreachable = self.unreachable(org_id, visible, filter(&[Status::Offline])).await?;
        }
        if seen.count(|kind| !seen.has_connected(&kind.reports)) > 0 {
            let disconnected = filter(&[Status::Disconnected]);
            seen.unreachable.extend(self.unreachable(org_id, visible, disconnected).await?);
        }
        if offline >= SEVERAL {
            // Of the whole organization: a node isn't isolated if it reaches a bucket that this caller can't see.
            let online = filter(&[Status::Online]);
            let reached = store.count_facets(org_id, &Visibility::Organization, &online, 1).await?;
            let reports = reached.into_iter().chain(seen.counts.clone()).flat_map(|kind| kind.reports);
            seen.reaching = reaching(reports);
        }
        Ok(seen)
    }

    /// The newest buckets that the filter selects.
    async fn unreachable(
        &self,
        org_id: OrgId,
        visible: &Visibility,
        filter: BucketFilter,
    ) -> Result<Vec<UnreachableBucket>> {
        let search = BucketSearch {
            org_id,
            visible: visible.clone(),
            filter,
            words: None,
            order: Some(ListOrder::Newest),
            after: None,
            limit: LOOKED_AT,
        };
        let SearchPage::Found { entries, .. } = self.inner.store.search_buckets(&search).await? else {
            return Ok(Vec::new());
        };
        let mut reports: HashMap<BucketId, Vec<(NodeId, ProbedStatus)>> =
            entries.iter().map(|one| (one.bucket.id, reports_of(one))).collect();
        let views = self.views_of(entries).await?;
        let unreachable = |view: BucketView| {
            let reports = reports.remove(&view.bucket.id).unwrap_or_default();
            unreachable_bucket(view, reports)
        };
        // A node may have reported after the page was selected.
        Ok(views.into_iter().filter(|view| view.status != Status::Online).map(unreachable).collect())
    }
}

fn reaching(reports: impl Iterator<Item = (NodeId, ProbedStatus)>) -> BTreeSet<NodeId> {
    reports.filter(|(_, status)| *status == ProbedStatus::Online).map(|(node, _)| node).collect()
}

fn reports_of(listed: &ListedBucket) -> Vec<(NodeId, ProbedStatus)> {
    let mut reports: Vec<_> = listed.nodes.iter().map(|row| (row.node_id, row.status)).collect();
    reports.sort_unstable_by_key(|(node, _)| *node);
    reports
}

fn unreachable_bucket(view: BucketView, reports: Vec<(NodeId, ProbedStatus)>) -> UnreachableBucket {
    let repositories = view.repositories.iter().map(|one| one.name.to_string()).collect();
    UnreachableBucket {
        id: view.bucket.id,
        name: view.bucket.name.to_string(),
        workspace_id: view.bucket.workspace_id,
        provider: view.provider,
        storage_type: view.bucket.location.storage_type,
        status: view.status,
        since: view.since,
        updated_at: view.bucket.updated_at,
        failure: view.last_error,
        reports,
        endpoint: endpoint(&view.bucket.location, view.provider),
        repositories,
        pinned_to: view.bucket.pinned_to,
    }
}

/// The host that requests to a bucket go to, without the bucket's name. Without an endpoint, the cloud and its region.
fn endpoint(location: &BucketLocation, provider: Provider) -> String {
    match (&location.endpoint, &location.region) {
        (Some(endpoint), _) => {
            let authority = endpoint.authority();
            let of_bucket = authority.strip_prefix(&format!("{}.", location.bucket));
            of_bucket.unwrap_or(&authority).to_owned()
        }
        (None, Some(region)) => format!("{} {region}", provider.as_str()),
        (None, None) => provider.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use bucketry_model::bucket::StorageType;

    use super::*;

    #[test]
    fn buckets_of_one_server_have_one_endpoint() {
        let at = |endpoint: Option<&str>, region: Option<&str>| BucketLocation {
            storage_type: StorageType::S3,
            bucket: "photos".to_owned(),
            key: None,
            endpoint: endpoint.map(|text| text.parse().unwrap()),
            region: region.map(str::to_owned),
        };
        let of = |location: &BucketLocation| endpoint(location, Provider::Aws);
        assert_eq!(of(&at(Some("http://minio:9000"), None)), "minio:9000");
        assert_eq!(of(&at(Some("https://photos.fra1.example.com"), None)), "fra1.example.com");
        assert_eq!(of(&at(None, Some("eu-west-1"))), "AWS eu-west-1");
        assert_eq!(of(&at(None, None)), "AWS");
    }
}
