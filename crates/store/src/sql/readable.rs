//! Lists in which a row can't be read: a newer version of Bucketry, which shares the database while servers are upgraded, has written
//! a value that this version doesn't know. The row is left out, so that the list still shows all others.

use std::collections::BTreeSet;
use std::str::FromStr;

use parking_lot::Mutex;

use super::SqlStore;
use super::columns::Columns;
use super::dialect::{Query, Row};
use crate::sync::ReadForNode;
use crate::{Result, StoreError, left_out};

/// The most rows that are read in place of unreadable ones.
const MOST_IN_PLACE: i64 = 1_000;

/// What has been logged.
static LOGGED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Logs once per column that rows are left out. There are only as many texts as columns.
pub(super) fn note_left_out(what: &str) {
    left_out::note();
    if LOGGED.lock().insert(what.to_owned()) {
        tracing::warn!(
            "rows are left out of lists because this version can't read their {what}: a newer version of Bucketry may have \
             written it, so upgrade this server; otherwise something else has changed the database"
        );
    }
}

/// Reads the rows that this version can read.
pub(super) fn readable<'r, T>(
    rows: impl IntoIterator<Item = &'r Row>,
    read: impl Fn(&'r Row) -> Result<T>,
) -> Result<Vec<T>> {
    let mut all = Vec::new();
    for row in rows {
        match read(row) {
            Ok(one) => all.push(one),
            Err(StoreError::Damaged(what)) => note_left_out(&what),
            Err(other) => return Err(other),
        }
    }
    Ok(all)
}

/// Reads the rows that this version can read, and the ids of the others, with which each row begins.
pub(super) fn readable_for_node<T, Id: FromStr>(
    rows: &[Row],
    read: impl Fn(&Row) -> Result<T>,
) -> Result<ReadForNode<T, Id>> {
    let mut all = ReadForNode { found: Vec::new(), unreadable: Vec::new() };
    for row in rows {
        match read(row) {
            Ok(one) => all.found.push(one),
            Err(StoreError::Damaged(what)) => {
                note_left_out(&what);
                all.unreadable.push(Columns::of(row).parsed()?);
            }
            Err(other) => return Err(other),
        }
    }
    Ok(all)
}

impl SqlStore {
    /// Reads the rows of a page that this version can read. Others are replaced by later ones, because a page with fewer rows than
    /// its limit would count as the last one. `statement` gets the limit.
    pub(super) async fn readable_page<T>(
        &self,
        limit: u32,
        statement: impl Fn(i64) -> Query<'static>,
        read: impl Fn(&Row) -> Result<T>,
    ) -> Result<Vec<T>> {
        let limit = i64::from(limit);
        let mut in_place = 0;
        loop {
            let rows = self.rows(statement(limit + in_place)).await?;
            let mut found = readable(&rows, &read)?;
            let left_out = i64::try_from(rows.len() - found.len()).unwrap_or(MOST_IN_PLACE);
            let is_last = i64::try_from(rows.len()).unwrap_or(i64::MAX) < limit + in_place;
            if left_out <= in_place || is_last || in_place >= MOST_IN_PLACE {
                found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
                return Ok(found);
            }
            in_place = left_out.min(MOST_IN_PLACE);
        }
    }
}
