//! The rules, one per file: pure functions over what was observed. Each returns what is wrong now, whether or not it is
//! to be shown, and names the cause where another finding explains it.

mod bucket_offline;
mod bucket_unused;
mod buckets_overlap;
mod certificate;
mod credential;
mod deployment;
mod endpoint_offline;
mod error_rate_high;
mod inventory_old;
mod key_too_broad;
mod node_duplicated;
mod node_isolated;
mod node_silent;
mod objects_stale;
mod pinned_nodes_missing;
mod quota;
mod reports_waiting;
mod secret_unreadable;
mod several;
mod uploads_abandoned;

pub use credential::CREDENTIAL_WARNING;
pub(super) use error_rate_high::WINDOW;
pub(super) use key_too_broad::MOST_BROAD_KEYS;

use super::observations::Observations;
use super::outcome::FindingScan;
use bucket_offline::Causes;

/// Applies all rules.
pub(super) fn evaluate(seen: &Observations) -> FindingScan {
    let causes = Causes {
        outages: endpoint_offline::outages(seen),
        isolated: node_isolated::nodes(seen),
        unreadable: secret_unreadable::by_node(seen),
    };
    let buckets = bucket_offline::check(seen, &causes);
    let more = bucket_offline::unlisted(seen, &buckets);
    let findings = [
        node_silent::check(seen),
        pinned_nodes_missing::check(seen),
        node_isolated::check(seen, &causes.isolated),
        node_duplicated::check(seen),
        endpoint_offline::check(seen, &causes.outages, &causes.isolated),
        secret_unreadable::check(seen, &causes.unreadable),
        buckets,
        credential::check(seen),
        quota::check(seen),
        reports_waiting::check(seen),
        inventory_old::check(seen),
        objects_stale::check(seen),
        uploads_abandoned::check(seen),
        error_rate_high::check(seen),
        key_too_broad::check(seen),
        buckets_overlap::check(seen),
        bucket_unused::check(seen),
        deployment::check(seen),
        certificate::check(seen),
    ];
    FindingScan::new(findings.concat(), more)
}

#[cfg(test)]
mod tests;
