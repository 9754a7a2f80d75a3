//! The rotation of the vault's keys.

use bucketry_model::role::OrgRole;
use bucketry_store::vault::RotationPhase;
use http::StatusCode;

use crate::deployment::{Deployment, OWNER};

#[tokio::test]
async fn an_owner_rotates_the_vault_and_sees_how_far_it_is() {
    let deployment = Deployment::new().await;
    deployment.bucket("photos").await;
    let cookie = deployment.sign_in(OWNER).await;
    let before = deployment.get(&cookie, "/ui/settings").await.text;
    assert!(
        before.contains("The keys have not been rotated yet.") && before.contains("Rotate keys"),
        "{before}"
    );
    let started = deployment.post(&cookie, "/ui/settings/rotation", &[]).await;
    assert_eq!(started.location(), "/ui/settings?done=rotation-started#vault");
    let page = deployment.get(&cookie, "/ui/settings?done=rotation-started").await.text;
    assert!(page.contains("Nodes are creating new keys.") && !page.contains("Rotate keys"), "{page}");

    let store = deployment.control.store();
    let mut state = store.rotation().await.unwrap().unwrap();
    (state.phase, state.done, state.total) = (RotationPhase::Resealing, 3, 10);
    store.set_rotation(&state).await.unwrap();
    let page = deployment.get(&cookie, "/ui/settings").await.text;
    assert!(
        page.contains("3 of 10 secrets are done.") && page.contains("<progress max=\"10\" value=\"3\""),
        "{page}"
    );

    (state.phase, state.done, state.failed) = (RotationPhase::Done, 10, 2);
    state.finished_at = Some(state.started_at);
    store.set_rotation(&state).await.unwrap();
    let page = deployment.get(&cookie, "/ui/settings").await.text;
    assert!(page.contains("Incomplete") && page.contains("No connected node could open 2 secrets"), "{page}");
    assert!(page.contains("Rotate keys"));
}

#[tokio::test]
async fn only_owners_see_the_vault() {
    let deployment = Deployment::new().await;
    deployment.user("admin@example.com", OrgRole::Administrators, None).await;
    let admin = deployment.sign_in("admin@example.com").await;
    let page = deployment.get(&admin, "/ui/settings").await.text;
    assert!(page.contains("Deployment") && !page.contains("Vault"), "{page}");
    let refused = deployment.post(&admin, "/ui/settings/rotation", &[]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.text.contains("role OWNER"), "{}", refused.text);
}
