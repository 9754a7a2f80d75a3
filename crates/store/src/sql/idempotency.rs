//! Stored responses for requests that may arrive twice.

use async_trait::async_trait;
use bucketry_model::hex;
use bucketry_model::time::{is_ahead, to_micros};
use jiff::Timestamp;
use sqlx::query;

use super::SqlStore;
use super::columns::Columns;
use super::dialect::{Query, for_update};
use crate::Result;
use crate::idempotency::{Begun, IdempotencyStore, RequestName};

/// Begins a statement whose first three parameters identify a request.
fn of_request<'q>(sql: &'static str, name: &RequestName) -> Query<'q> {
    query(sql).bind(name.token_id.to_string()).bind(name.route.clone()).bind(name.key.clone())
}

#[async_trait]
impl IdempotencyStore for SqlStore {
    async fn begin_request(
        &self,
        name: &RequestName,
        body_hash: &[u8; 32],
        stale: Timestamp,
        now: Timestamp,
    ) -> Result<Begun> {
        let mut write = self.write().await?;
        let hash = hex::encode(body_hash);
        let reserve = "INSERT INTO requests (token_id, route, request_key, body_hash, begun_at) \
                       VALUES ($1, $2, $3, $4, $5) ON CONFLICT (token_id, route, request_key) DO NOTHING";
        let reserved = write.execute(of_request(reserve, name).bind(&hash).bind(to_micros(now))).await?;
        if reserved > 0 {
            write.commit().await?;
            return Ok(Begun::New);
        }
        let known = concat!(
            "SELECT body_hash, begun_at, status, body FROM requests \
             WHERE token_id = $1 AND route = $2 AND request_key = $3",
            for_update!()
        );
        // The request was abandoned in between. Only possible on an engine with several writers.
        let Some(row) = write.row(of_request(known, name)).await? else { return Ok(Begun::InProgress) };
        let mut columns = Columns::of(&row);
        let same_body = columns.text()? == hash;
        let begun_at = columns.time()?;
        match (columns.optional_narrow()?, columns.optional_text()?) {
            (None, _) if begun_at < stale || is_ahead(begun_at, now) => {
                let take_over = "UPDATE requests SET body_hash = $4, begun_at = $5 \
                                 WHERE token_id = $1 AND route = $2 AND request_key = $3";
                write.execute(of_request(take_over, name).bind(&hash).bind(to_micros(now))).await?;
                write.commit().await?;
                Ok(Begun::New)
            }
            _ if !same_body => Ok(Begun::OtherBody),
            (None, _) => Ok(Begun::InProgress),
            (Some(status), body) => Ok(Begun::Answered { status, body: body.unwrap_or_default() }),
        }
    }

    async fn complete_request(&self, name: &RequestName, status: u16, body: &str) -> Result<()> {
        let mut write = self.write().await?;
        let sql = "UPDATE requests SET status = $4, body = $5 \
                   WHERE token_id = $1 AND route = $2 AND request_key = $3";
        write.execute(of_request(sql, name).bind(i64::from(status)).bind(body)).await?;
        write.commit().await
    }

    async fn abandon_request(&self, name: &RequestName) -> Result<()> {
        let mut write = self.write().await?;
        let sql =
            "DELETE FROM requests WHERE token_id = $1 AND route = $2 AND request_key = $3 AND status IS NULL";
        write.execute(of_request(sql, name)).await?;
        write.commit().await
    }

    async fn purge_requests(&self, before: Timestamp) -> Result<u64> {
        let mut write = self.write().await?;
        let removed =
            write.execute(query("DELETE FROM requests WHERE begun_at < $1").bind(to_micros(before))).await?;
        write.commit().await?;
        Ok(removed)
    }
}
