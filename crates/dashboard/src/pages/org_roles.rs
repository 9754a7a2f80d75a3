//! Roles in the organization, in words.

use bucketry_model::role::{Caller, OrgRole};

use crate::parts::field::ChoiceCard;

/// What a role allows, in a sentence.
pub(super) fn sentence(role: OrgRole) -> &'static str {
    match role {
        OrgRole::User => "Uses buckets and repositories of the workspaces that the person is a member of.",
        OrgRole::Billing => "The same as USER in this version.",
        OrgRole::Workspaces => "Also creates workspaces, and accounts with lower roles.",
        OrgRole::Administrators => {
            "Does everything in the organization, except changing owners and other administrators."
        }
        OrgRole::Owner => "Does everything in the organization, and appoints owners.",
    }
}

/// The roles that somebody may grant, lowest first.
pub(super) fn grantable(caller: &Caller) -> impl Iterator<Item = OrgRole> {
    let own = caller.org_role;
    OrgRole::ALL.into_iter().filter(move |role| own.may_grant(*role))
}

/// The same as cards.
pub(super) fn choices(caller: &Caller) -> Vec<ChoiceCard<'static>> {
    let card = |role: OrgRole| ChoiceCard {
        value: role.as_str(),
        mark: "",
        label: role.as_str(),
        about: sentence(role),
    };
    grantable(caller).map(card).collect()
}

/// The role of this name.
pub(super) fn named(name: &str) -> Option<OrgRole> {
    OrgRole::ALL.into_iter().find(|role| role.as_str() == name)
}
