//! Signatures of accepted messages of nodes.

use async_trait::async_trait;
use bucketry_model::hex;
use bucketry_model::time::to_micros;
use jiff::Timestamp;
use sqlx::query;

use super::SqlStore;
use crate::Result;
use crate::node_signature::NodeSignatureStore;

#[async_trait]
impl NodeSignatureStore for SqlStore {
    async fn remember_signature(&self, hash: &[u8; 32], now: Timestamp, until: Timestamp) -> Result<bool> {
        let mut write = self.write().await?;
        let sql = "INSERT INTO node_signatures (hash, until) VALUES ($1, $2) \
                   ON CONFLICT (hash) DO UPDATE SET until = excluded.until WHERE node_signatures.until <= $3";
        let remember = query(sql).bind(hex::encode(hash)).bind(to_micros(until)).bind(to_micros(now));
        let is_new = write.execute(remember).await? > 0;
        write.commit_if(is_new).await?;
        Ok(is_new)
    }

    async fn purge_signatures(&self, now: Timestamp, at_most: u32) -> Result<u64> {
        let mut write = self.write().await?;
        let sql = "DELETE FROM node_signatures WHERE hash IN \
                   (SELECT s.hash FROM node_signatures s WHERE s.until < $1 LIMIT $2)";
        let removed = write.execute(query(sql).bind(to_micros(now)).bind(i64::from(at_most))).await?;
        write.commit().await?;
        Ok(removed)
    }
}
