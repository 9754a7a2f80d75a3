//! Sessions in responses.

use bucketry_api_types::session::{Session, SessionUser};
use bucketry_control::sessions::LoggedIn;
use bucketry_model::secret::Secret;

pub(super) fn session_of(session: LoggedIn) -> Session {
    let user = session.user;
    Session {
        success: true,
        access_token: Secret::new(session.access_token),
        refresh_token: session.refresh_token,
        token_id: session.token_id,
        expires_at: session.expires_at.as_second(),
        user: SessionUser {
            id: user.id,
            email: user.email,
            name: user.first_name.as_str().to_owned(),
            last_name: user.last_name.as_str().to_owned(),
            org_id: user.org_id,
            org_role: user.org_role.number(),
        },
    }
}
