//! Validations that began at another control plane, and those of this one that others can show.

use std::time::Duration;

use bucketry_model::id::{BucketId, OrgId, ValidationId};
use bucketry_model::role::Caller;
use bucketry_store::validation::StoredValidation;
use jiff::SignedDuration;
use tokio::sync::broadcast;
use tokio::time::Instant;

use super::ValidationProgress;
use super::registry::{FollowedValidation, KEPT, MOST_PER_ORGANIZATION};
use super::stored_state::StoredState;
use crate::{Control, Error, ResourceKind, Result};

/// How often to look for what no signal announced.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a state is valid if nothing new comes, in addition to the time that nodes may take.
const SLACK: SignedDuration = SignedDuration::from_secs(30);
/// How many nodes may be tried, one after the other, while nothing new comes.
const NODES_TRIED: i32 = 3;
/// How many validations are purged at once.
const PURGED_AT_ONCE: u32 = 1_000;

/// Which validations of other control planes have come further.
pub(crate) struct ValidationNews(broadcast::Sender<ValidationId>);

impl Default for ValidationNews {
    fn default() -> Self {
        Self(broadcast::channel(256).0)
    }
}

impl ValidationNews {
    /// Wakes the callers that wait for this validation.
    pub(crate) fn moved(&self, id: ValidationId) {
        // Without receivers, nobody waits.
        _ = self.0.send(id);
    }
}

/// Returns when the validation has moved, or others may have hidden that it has.
async fn until_moved(news: &mut broadcast::Receiver<ValidationId>, id: ValidationId) {
    loop {
        match news.recv().await {
            Ok(moved) if moved != id => {}
            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => return,
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

impl Control {
    /// Stores a validation that begins, if other control planes may show it.
    pub(super) async fn share_begin(&self, id: ValidationId, followed: &FollowedValidation) -> Result<()> {
        if !self.inner.settings.shares_database {
            return Ok(());
        }
        let stored = self.state_to_store(id, followed)?;
        let at_most = u32::try_from(MOST_PER_ORGANIZATION).unwrap_or(u32::MAX);
        self.inner.store.add_validation(&stored, at_most).await?;
        Ok(())
    }

    /// Stores how far a validation comes, until its end, if other control planes may show it.
    pub(super) fn share_progress(&self, id: ValidationId, mut followed: FollowedValidation) {
        if !self.inner.settings.shares_database {
            return;
        }
        let control = self.clone();
        tokio::spawn(async move {
            while followed.progress.changed().await.is_ok() {
                if let Err(error) = control.share_state(id, &followed).await {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, validation_id = %id, "other control planes can't show a validation");
                }
                if followed.progress.borrow().is_over {
                    return;
                }
            }
        });
    }

    async fn share_state(&self, id: ValidationId, followed: &FollowedValidation) -> Result<()> {
        let stored = self.state_to_store(id, followed)?;
        self.inner.store.update_validation(&stored).await?;
        Ok(())
    }

    fn state_to_store(&self, id: ValidationId, followed: &FollowedValidation) -> Result<StoredValidation> {
        let progress = followed.progress.borrow().clone();
        let end = followed.end.get().filter(|_| progress.is_over).map(|(end, _)| end);
        let settings = &self.inner.settings;
        let per_node = settings.validation_deadline + settings.validation_round_trip;
        let per_node = SignedDuration::try_from(per_node).map_err(Error::internal)?;
        let valid_for = if progress.is_over { KEPT } else { per_node.saturating_mul(NODES_TRIED) + SLACK };
        let revision = progress.revision;
        let state = StoredState::of(followed.subject, followed.scope, progress, end);
        Ok(StoredValidation {
            id,
            org_id: followed.org_id,
            revision,
            state: serde_json::to_string(&state).map_err(Error::internal)?,
            valid_until: self.inner.environment.now() + valid_for,
        })
    }

    /// How far a validation has come that began at another control plane, as [`Control::validation_progress`] does.
    pub(super) async fn progress_elsewhere(
        &self,
        caller: &Caller,
        id: ValidationId,
        of: Option<BucketId>,
        after: Option<u64>,
        wait: Duration,
    ) -> Result<ValidationProgress> {
        if !self.inner.settings.shares_database {
            return Err(Error::NotFound(ResourceKind::Validation));
        }
        let until = Instant::now() + wait;
        let mut news = self.inner.validation_news.0.subscribe();
        let mut may_follow = false;
        loop {
            let (revision, state) = self.stored_state(caller.org_id, id).await?;
            if !may_follow {
                self.authorize_following(caller, state.subject, of).await?;
                may_follow = true;
            }
            let is_news = after.is_none_or(|after| revision > after) || state.is_over();
            if is_news || Instant::now() >= until {
                return Ok(state.progress(id, revision));
            }
            let look_again = until.min(Instant::now() + LOOK_EVERY);
            // Whichever comes first, it looks again.
            _ = tokio::time::timeout_at(look_again, until_moved(&mut news, id)).await;
        }
    }

    async fn stored_state(&self, org_id: OrgId, id: ValidationId) -> Result<(u64, StoredState)> {
        let missing = || Error::NotFound(ResourceKind::Validation);
        let stored = self.inner.store.validation(org_id, id).await?.ok_or_else(missing)?;
        // A newer version may have stored what this one doesn't know.
        let state: StoredState = serde_json::from_str(&stored.state).map_err(|_| missing())?;
        let is_valid = self.inner.environment.now() <= stored.valid_until;
        match (is_valid, state.is_over()) {
            (true, _) => Ok((stored.revision, state)),
            // The process that made it has died.
            (false, false) => Ok((stored.revision + 1, state.given_up())),
            (false, true) => Err(missing()),
        }
    }

    /// Removes validations whose end is forgotten.
    pub(crate) async fn purge_validations(&self) -> Result<()> {
        let before = self.inner.environment.now() - KEPT;
        while self.inner.store.purge_validations(before, PURGED_AT_ONCE).await? >= u64::from(PURGED_AT_ONCE) {
        }
        Ok(())
    }
}
