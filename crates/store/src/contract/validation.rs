//! Validations that any control plane may show.

use bucketry_model::id::{OrgId, ValidationId};

use super::fixture::{at, fresh};
use crate::Store;
use crate::validation::StoredValidation;

fn begun(org_id: OrgId) -> StoredValidation {
    let (id, state) = (fresh(ValidationId::new), "begun".to_owned());
    StoredValidation { id, org_id, revision: 0, state, valid_until: at(60) }
}

async fn is_known(store: &dyn Store, validation: &StoredValidation) -> bool {
    store.validation(validation.org_id, validation.id).await.unwrap().is_some()
}

pub async fn a_validation_is_shown_as_it_was_last_stored(store: &dyn Store) {
    let begun = begun(fresh(OrgId::new));
    let later = |revision: u64| StoredValidation {
        revision,
        state: format!("after {revision}"),
        valid_until: at(90),
        ..begun.clone()
    };
    store.update_validation(&later(1)).await.unwrap();
    assert!(!is_known(store, &begun).await, "it was removed");
    store.add_validation(&begun, 10).await.unwrap();
    let read = async || store.validation(begun.org_id, begun.id).await.unwrap().unwrap();
    assert_eq!(read().await, begun);
    store.update_validation(&later(2)).await.unwrap();
    store.update_validation(&later(1)).await.unwrap();
    assert_eq!(read().await, later(2), "an older state comes too late");
    assert_eq!(store.validation(fresh(OrgId::new), begun.id).await.unwrap(), None);
}

pub async fn only_so_many_validations_of_an_organization_are_remembered(store: &dyn Store) {
    let (org_id, other) = (fresh(OrgId::new), begun(fresh(OrgId::new)));
    store.add_validation(&other, 2).await.unwrap();
    let all = [begun(org_id), begun(org_id), begun(org_id)];
    for validation in &all {
        store.add_validation(validation, 2).await.unwrap();
    }
    let known =
        [is_known(store, &all[0]).await, is_known(store, &all[1]).await, is_known(store, &all[2]).await];
    assert_eq!((known, is_known(store, &other).await), ([false, true, true], true));
}

pub async fn old_validations_are_purged(store: &dyn Store) {
    let one = begun(fresh(OrgId::new));
    store.add_validation(&one, 2).await.unwrap();
    assert_eq!(store.purge_validations(at(60), 10).await.unwrap(), 0);
    assert_eq!(store.purge_validations(at(61), 10).await.unwrap(), 1);
    assert!(!is_known(store, &one).await);
}
