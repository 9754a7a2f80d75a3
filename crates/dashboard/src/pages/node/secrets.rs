//! How far a node can open the stored secrets, in words.

use bucketry_control::presence::NodeView;
use bucketry_control::secret_access::SecretAccess;
use maud::{Markup, html};

use crate::human;
use crate::parts::state::{self, Mark};

/// For the list of nodes: nothing about a node that opens all secrets.
pub(in crate::pages) fn summary(view: &NodeView) -> Markup {
    html! {
        @match view.secrets {
            SecretAccess::Pending => div { (state::state(Mark::Warn, "Waits for approval")) },
            SecretAccess::Complete if view.node.recipients.is_empty() => div.why { (NONE) },
            SecretAccess::Complete => {},
            SecretAccess::Sealing { percent } => div.why { (sealing(percent)) },
            SecretAccess::Incomplete { failed } => div.why { (incomplete(failed)) },
        }
    }
}

/// For the page of a node.
pub(super) fn detail(view: &NodeView) -> Markup {
    html! {
        @match view.secrets {
            SecretAccess::Pending => "It gets none until it is approved",
            SecretAccess::Complete if view.node.recipients.is_empty() => (NONE),
            SecretAccess::Complete => "It opens those of the buckets that it serves",
            SecretAccess::Sealing { percent } => {
                (sealing(percent))
                progress max="100" value=(percent) aria-label="Secrets that have been sealed again" {}
            },
            SecretAccess::Incomplete { failed } => (incomplete(failed)),
        }
    }
}

/// A node that registered without a public key.
const NONE: &str = "It has no public key, so it opens no secrets";

fn sealing(percent: u8) -> String {
    format!("Secrets are being sealed to it: {percent} %")
}

fn incomplete(failed: Option<u64>) -> String {
    let which =
        failed.map_or_else(|| "Some secrets".to_owned(), |failed| human::plural(failed, "secret", "secrets"));
    format!("{which} could not be sealed again, because no connected node opens them")
}
