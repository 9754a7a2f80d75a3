//! Leases. `statement` checks their tokens in each write of a store that is bound to one.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::SignedDuration;
use sqlx::query;

use super::SqlStore;
use super::columns::Columns;
use super::dialect::{lease_is_free, lease_now};
use crate::lease::{Lease, LeaseName, LeaseStore};
use crate::{Result, Store};

#[async_trait]
impl LeaseStore for SqlStore {
    async fn acquire_lease(
        &self,
        name: LeaseName,
        holder: &str,
        lasts: SignedDuration,
    ) -> Result<Option<Lease>> {
        let sql = concat!(
            "INSERT INTO leases (name, holder, token, expires_at) VALUES ($1, $2, 1, ",
            lease_now!(),
            " + $3) ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at, \
             token = CASE WHEN leases.holder = excluded.holder THEN leases.token ELSE leases.token + 1 END \
             WHERE ",
            lease_is_free!(),
            " RETURNING token"
        );
        let lasts = i64::try_from(lasts.as_micros()).unwrap_or(i64::MAX / 4);
        let mut write = self.write().await?;
        let row = write.row(query(sql).bind(name.as_str()).bind(holder).bind(lasts)).await?;
        let Some(row) = row else { return Ok(None) };
        let token = Columns::of(&row).number()?;
        write.commit().await?;
        Ok(Some(Lease { name, token }))
    }

    async fn release_lease(&self, lease: &Lease) -> Result<()> {
        let mut write = self.write().await?;
        let sql = "UPDATE leases SET expires_at = 0 WHERE name = $1 AND token = $2";
        write.execute(query(sql).bind(lease.name.as_str()).bind(lease.token)).await?;
        write.commit().await
    }

    fn fenced(&self, lease: &Lease) -> Arc<dyn Store> {
        Arc::new(Self { fence: Some(*lease), ..self.clone() })
    }
}
