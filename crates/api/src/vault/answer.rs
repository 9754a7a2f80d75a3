//! The progress of a rotation in responses.

use bucketry_api_types::moment::Moment;
use bucketry_api_types::vault::{Phase, VaultRotation};
use bucketry_store::vault::{RotationPhase, RotationState};

pub(super) fn vault_rotation(state: RotationState) -> VaultRotation {
    VaultRotation {
        phase: match state.phase {
            RotationPhase::NewIdentity => Phase::NewIdentity,
            RotationPhase::Resealing => Phase::Resealing,
            RotationPhase::Retiring => Phase::Retiring,
            RotationPhase::Done => Phase::Done,
        },
        total: state.total,
        done: state.done,
        failed: state.failed,
        started_at: Moment(state.started_at),
        finished_at: state.finished_at.map(Moment),
    }
}
