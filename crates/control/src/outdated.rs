//! What a control plane does when a newer version has upgraded its database in a way that this version can't work with. It reads
//! and writes nothing any more, because what it wrote might be wrong in the new schema.

use crate::{Control, Result};

impl Control {
    /// Refuses with [`Error::Outdated`](crate::Error::Outdated) once the database is too new for this version. Doesn't ask the
    /// database.
    pub fn refuse_if_outdated(&self) -> Result<()> {
        Ok(self.inner.store.check_version()?)
    }

    /// Does work that uses the database, until it is done or the database is too new for this version.
    pub async fn until_outdated(&self, work: impl Future<Output = ()>) {
        tokio::select! {
            () = self.inner.store.outdated() => {}
            () = work => {}
        }
    }
}
