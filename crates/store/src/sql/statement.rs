//! Running statements: on a reader, or within the write transaction.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use bucketry_model::audit::AuditEntry;
use bucketry_model::id::OrgId;
use bucketry_model::time::to_micros;
use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Transaction, query};

use super::SqlStore;
use super::audit_row;
use super::dialect::{self, BEGIN_WRITE, Db, Query, Row, for_share};
use super::generation::{Generations, Touched};
pub(super) use super::multi_row::Rows;
use super::row_values::RowValues;
use crate::lease::Lease;
use crate::signal::Signal;
use crate::sync::Subject;
use crate::{Result, StoreError};

impl SqlStore {
    /// All rows of a query.
    pub(super) async fn rows(&self, query: Query<'_>) -> Result<Vec<Row>> {
        query.fetch_all(&self.readers).await.map_err(dialect::error)
    }

    /// The only row of a query.
    pub(super) async fn row(&self, query: Query<'_>) -> Result<Option<Row>> {
        query.fetch_optional(&self.readers).await.map_err(dialect::error)
    }

    /// All rows of a query with a list of values. The list may have any length.
    pub(super) async fn rows_in_list(&self, list: &InList<'_>, values: &[String]) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for chunk in values.chunks(LONGEST_LIST) {
            let sql = list.sql(chunk.len());
            rows.append(&mut self.rows(list.query(sql, chunk)).await?);
        }
        Ok(rows)
    }

    /// All rows of a query with a list of numbers. The list may have any length.
    pub(super) async fn rows_in_number_list(&self, list: &InList<'_>, values: &[i64]) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for chunk in values.chunks(LONGEST_LIST) {
            let sql = list.sql(chunk.len());
            rows.append(&mut self.rows(list.query(sql, chunk)).await?);
        }
        Ok(rows)
    }

    /// Begins a write transaction, after those that are already waiting. Fails if the store is bound to a lease that
    /// somebody else has acquired.
    pub(super) async fn write(&self) -> Result<Write> {
        let transaction = self.writer.begin_with(BEGIN_WRITE).await.map_err(dialect::error)?;
        let mut write = Write {
            transaction,
            announced: Vec::new(),
            audited: Vec::new(),
            signals: Vec::new(),
            touched: Touched::default(),
            generations: Arc::clone(&self.generations),
            skip_audit: self.skip_audit,
        };
        if let Some(lease) = &self.fence {
            write.check_lease(lease).await?;
        }
        Ok(write)
    }

    /// Sends signals without a change.
    pub(in super::super) async fn send_signals(&self, signals: Vec<Signal>) -> Result<()> {
        let mut write = self.write().await?;
        write.signals = signals;
        write.commit().await
    }

    /// Begins a write transaction whose commit also stores a record. If the record can't be stored, neither is the
    /// change.
    pub(super) async fn write_audited(&self, entry: &AuditEntry) -> Result<Write> {
        let mut write = self.write().await?;
        write.audit(std::slice::from_ref(entry));
        Ok(write)
    }
}

/// A write transaction. Dropping it rolls it back.
pub(super) struct Write {
    transaction: Transaction<'static, Db>,
    announced: Vec<(OrgId, Subject, Timestamp)>,
    audited: Vec<AuditEntry>,
    signals: Vec<Signal>,
    touched: Touched,
    generations: Arc<Generations>,
    skip_audit: bool,
}

impl Write {
    /// Fails unless the lease still has this token. The row stays locked until the transaction ends, so that nobody else
    /// can acquire the lease before.
    async fn check_lease(&mut self, lease: &Lease) -> Result<()> {
        let sql = concat!("SELECT l.token FROM leases l WHERE l.name = $1 AND l.token = $2", for_share!());
        if self.finds(query(sql).bind(lease.name.as_str()).bind(lease.token)).await? {
            Ok(())
        } else {
            Err(StoreError::LeaseLost(lease.name))
        }
    }

    /// Runs a statement. Returns how many rows it changed.
    pub(super) async fn execute(&mut self, query: Query<'_>) -> Result<u64> {
        let done = query.execute(&mut *self.transaction).await.map_err(dialect::error)?;
        Ok(done.rows_affected())
    }

    /// All rows of a statement.
    pub(super) async fn rows(&mut self, query: Query<'_>) -> Result<Vec<Row>> {
        query.fetch_all(&mut *self.transaction).await.map_err(dialect::error)
    }

    /// The only row of a statement.
    pub(super) async fn row(&mut self, query: Query<'_>) -> Result<Option<Row>> {
        query.fetch_optional(&mut *self.transaction).await.map_err(dialect::error)
    }

    /// Whether a query finds anything.
    pub(super) async fn finds(&mut self, query: Query<'_>) -> Result<bool> {
        Ok(self.row(query).await?.is_some())
    }

    /// All rows of a statement with a list of values. The list may have any length.
    pub(super) async fn rows_in_list(&mut self, list: &InList<'_>, values: &[String]) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for chunk in values.chunks(LONGEST_LIST) {
            let sql = list.sql(chunk.len());
            rows.append(&mut self.rows(list.query(sql, chunk)).await?);
        }
        Ok(rows)
    }

    /// Runs a statement with a list of values. The list may have any length.
    pub(super) async fn execute_in_list(&mut self, list: &InList<'_>, values: &[String]) -> Result<()> {
        for chunk in values.chunks(LONGEST_LIST) {
            self.execute(list.query(list.sql(chunk.len()), chunk)).await?;
        }
        Ok(())
    }

    /// Runs a statement over many rows, in their order. Returns how many rows it changed.
    pub(super) async fn insert_rows<T>(
        &mut self,
        rows: &Rows<'_>,
        values: &[T],
        bind: impl Fn(RowValues, &T) -> RowValues,
    ) -> Result<u64> {
        let mut changed = 0;
        let mut rest = values;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(RowValues::rows_of_next(rest.len(), rows.columns));
            let all = RowValues::new(rows.before, now.len(), rows.columns, rows.after);
            let all = now.iter().fold(all, |all, value| bind(all.begin_row(), value));
            changed += self.execute(all.query()).await?;
            rest = later;
        }
        Ok(changed)
    }

    /// Stores a change event with the commit, so that nodes learn that the bucket or repository changed.
    pub(super) fn record_change(&mut self, org_id: OrgId, subject: Subject, now: Timestamp) {
        self.announced.push((org_id, subject, now));
    }

    /// Stores records with the commit.
    pub(super) fn audit(&mut self, entries: &[AuditEntry]) {
        if !self.skip_audit {
            self.audited.extend_from_slice(entries);
        }
    }

    /// Sends a signal to other processes with the commit.
    pub(super) fn signal(&mut self, signal: Signal) {
        if !self.signals.contains(&signal) {
            self.signals.push(signal);
        }
    }

    /// Makes cached responses about an organization's buckets outdated with the commit, and has open pages show the change.
    /// `None` for all organizations.
    pub(super) fn bump_generation(&mut self, org_id: Option<OrgId>) {
        self.touched.add(org_id);
    }

    /// The same for a routine change, such as the time of the last probe, which open pages need not show at once.
    pub(super) fn bump_generation_quietly(&mut self, org_id: Option<OrgId>) {
        self.touched.add_quietly(org_id);
    }

    /// A signal as it is sent, with the process that sends it.
    fn message(&self, signal: &Signal) -> String {
        format!("{} {signal}", self.generations.process())
    }

    /// Commits, or rolls back if `worth` is false.
    pub(super) async fn commit_if(self, worth: bool) -> Result<()> {
        if worth { self.commit().await } else { Ok(()) }
    }

    /// Commits the transaction.
    pub(super) async fn commit(mut self) -> Result<()> {
        self.flush_changes().await?;
        if self.touched.is_empty() {
            return self.transaction.commit().await.map_err(dialect::error);
        }
        // In a separate task: if the caller is cancelled during the commit, the generation must still be raised.
        // Otherwise responses from before the commit would count as current permanently.
        let Self { transaction, touched, generations, .. } = self;
        let committed = tokio::spawn(async move {
            let committed = transaction.commit().await;
            generations.raise_touched(&touched);
            committed
        });
        committed.await.map_err(|stopped| StoreError::Unavailable(Box::new(stopped)))?.map_err(dialect::error)
    }

    /// Writes the change events and records. This comes last, because from here on other transactions with change events wait
    /// for this one. If this one had to wait for anything else, they could deadlock.
    async fn flush_changes(&mut self) -> Result<()> {
        let announced = std::mem::take(&mut self.announced);
        let audited = std::mem::take(&mut self.audited);
        for signal in std::mem::take(&mut self.signals) {
            if let Some(send) = dialect::SIGNAL {
                let message = self.message(&signal);
                self.execute(sqlx::query(send).bind(message)).await?;
            }
        }
        if !announced.is_empty() {
            if let Some(order) = dialect::ORDER_AND_SIGNAL {
                let message = self.message(&Signal::Changed);
                self.execute(sqlx::query(order).bind(message)).await?;
            }
        } else if !audited.is_empty()
            && let Some(order) = dialect::ORDER_CHANGES
        {
            self.execute(sqlx::query(order)).await?;
        }
        self.insert_rows(&CHANGES, &announced, |values, (org_id, subject, at)| {
            let (kind, id) = match subject {
                Subject::Bucket(id) => ("BUCKET", id.to_string()),
                Subject::Repository(id) => ("REPOSITORY", id.to_string()),
            };
            values.bind(org_id.to_string()).bind(kind).bind(id).bind(to_micros(*at))
        })
        .await?;
        if !audited.is_empty() {
            let stored = self.insert_rows(&audit_row::INSERT, &audited, audit_row::bind).await;
            stored.map_err(StoreError::for_audit)?;
        }
        if let Some(raise) = dialect::RAISE_GENERATION {
            for name in self.touched.names() {
                self.execute(sqlx::query(raise).bind(name)).await?;
            }
        }
        Ok(())
    }
}

const CHANGES: Rows<'static> =
    Rows { before: "INSERT INTO changes (org_id, kind, subject_id, at) ", columns: 4, after: "" };

/// The largest number of values in one list. A longer list is split into several statements.
const LONGEST_LIST: usize = 512;

/// A statement with a list of values: `before` (which may have parameters), the list, `after`.
pub(super) struct InList<'a> {
    before: &'a str,
    fixed: Vec<Fixed>,
    after: &'a str,
}

enum Fixed {
    Text(String),
    Number(i64),
}

impl<'a> InList<'a> {
    pub(super) fn new(before: &'a str, after: &'a str) -> Self {
        Self { before, fixed: Vec::new(), after }
    }

    /// Binds a text to the next parameter of `before`.
    pub(super) fn text(mut self, value: impl ToString) -> Self {
        self.fixed.push(Fixed::Text(value.to_string()));
        self
    }

    /// Binds a number to the next parameter of `before`.
    pub(super) fn number(mut self, value: i64) -> Self {
        self.fixed.push(Fixed::Number(value));
        self
    }

    // Lists are padded to a power of two by repeating the last value, so that there are few statement texts and
    // each is prepared once per connection.
    fn sql(&self, values: usize) -> String {
        let mut sql = String::with_capacity(self.before.len() + self.after.len() + values * 10);
        sql.push_str(self.before);
        for index in 0..values.next_power_of_two() {
            let comma = if index == 0 { "" } else { ", " };
            // Writing to a string can't fail.
            let _ = write!(sql, "{comma}${}", self.fixed.len() + index + 1);
        }
        sql.push_str(self.after);
        sql
    }

    fn query<T>(&self, sql: String, values: &[T]) -> Query<'static>
    where
        T: Clone + Send + Sync + sqlx::Type<Db> + for<'q> sqlx::Encode<'q, Db> + 'static,
    {
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for fixed in &self.fixed {
            query = match fixed {
                Fixed::Text(text) => query.bind(text.clone()),
                Fixed::Number(number) => query.bind(*number),
            };
        }
        let filling = values.len().next_power_of_two() - values.len();
        for value in values.iter().chain(values.last().into_iter().cycle().take(filling)) {
            query = query.bind(value.clone());
        }
        query
    }
}

/// The texts of ids for a list, sorted and without duplicates. Neighbours in an index are then read one after the
/// other.
pub(super) fn texts<T: ToString>(ids: impl IntoIterator<Item = T>) -> Vec<String> {
    let texts: BTreeSet<String> = ids.into_iter().map(|id| id.to_string()).collect();
    texts.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_filled_up_to_a_power_of_two_after_the_statements_own_parameters() {
        let list = InList::new("SELECT a FROM t WHERE b = $1 AND a IN (", ")").text("b");
        assert_eq!(list.sql(3), "SELECT a FROM t WHERE b = $1 AND a IN ($2, $3, $4, $5)");
    }
}
