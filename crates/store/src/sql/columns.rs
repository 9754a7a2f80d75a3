//! Reads the columns of a row in the order of the SELECT, and converts each to its domain type. An error names the
//! column that can't be read, never its value.

use std::str::FromStr;

use bucketry_model::name::Name;
use bucketry_model::pinning::BucketPins;
use bucketry_model::time;
use jiff::Timestamp;
use sqlx::{Decode, Row as _, Type};

use super::dialect::{Db, Row};
use crate::{Result, StoreError};

/// Reads one row from left to right.
pub(super) struct Columns<'r> {
    row: &'r Row,
    next: usize,
}

impl<'r> Columns<'r> {
    pub(super) fn of(row: &'r Row) -> Self {
        Self { row, next: 0 }
    }

    fn take<T: Decode<'r, Db> + Type<Db>>(&mut self) -> Result<T> {
        let index = self.next;
        self.next += 1;
        self.row.try_get(index).map_err(|_| self.damaged(index))
    }

    fn damaged(&self, index: usize) -> StoreError {
        let name = self.row.columns().get(index).map_or("?", |column| sqlx::Column::name(column));
        StoreError::Damaged(format!("column {name}"))
    }

    // An error for the column that was read last.
    fn wrong<E>(&self) -> impl FnOnce(E) -> StoreError {
        move |_| self.damaged(self.next - 1)
    }

    pub(super) fn text(&mut self) -> Result<String> {
        self.take()
    }

    pub(super) fn optional_text(&mut self) -> Result<Option<String>> {
        self.take()
    }

    pub(super) fn flag(&mut self) -> Result<bool> {
        self.take()
    }

    pub(super) fn optional_flag(&mut self) -> Result<Option<bool>> {
        self.take()
    }

    pub(super) fn number(&mut self) -> Result<i64> {
        self.take()
    }

    /// A number of a narrower type.
    pub(super) fn narrow<T: TryFrom<i64>>(&mut self) -> Result<T> {
        let number: i64 = self.take()?;
        T::try_from(number).map_err(self.wrong())
    }

    pub(super) fn optional_narrow<T: TryFrom<i64>>(&mut self) -> Result<Option<T>> {
        let number: Option<i64> = self.take()?;
        number.map(|number| T::try_from(number).map_err(self.wrong())).transpose()
    }

    /// An id, an enum, or another type that is stored as text.
    pub(super) fn parsed<T: FromStr>(&mut self) -> Result<T> {
        let text: &str = self.take()?;
        text.parse().map_err(self.wrong())
    }

    pub(super) fn optional_parsed<T: FromStr>(&mut self) -> Result<Option<T>> {
        let text: Option<&str> = self.take()?;
        text.map(|text| text.parse().map_err(self.wrong())).transpose()
    }

    /// A type that is stored as text, or `None` for the empty text.
    pub(super) fn parsed_unless_empty<T: FromStr>(&mut self) -> Result<Option<T>> {
        let text: &str = self.take()?;
        if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(self.wrong()) }
    }

    /// A text that `read` parses.
    pub(super) fn read<T, E>(
        &mut self,
        read: impl FnOnce(&'r str) -> std::result::Result<T, E>,
    ) -> Result<T> {
        let text: &str = self.take()?;
        read(text).map_err(self.wrong())
    }

    pub(super) fn optional_read<T, E>(
        &mut self,
        read: impl FnOnce(&'r str) -> std::result::Result<T, E>,
    ) -> Result<Option<T>> {
        let text: Option<&str> = self.take()?;
        text.map(|text| read(text).map_err(self.wrong())).transpose()
    }

    pub(super) fn name(&mut self) -> Result<Name> {
        self.read(Name::parse)
    }

    /// Pins of a bucket, which are NULL if it has none.
    pub(super) fn pins(&mut self) -> Result<BucketPins> {
        Ok(self.optional_read(serde_json::from_str)?.unwrap_or_default())
    }

    pub(super) fn time(&mut self) -> Result<Timestamp> {
        Ok(time::from_micros(self.take()?))
    }

    pub(super) fn optional_time(&mut self) -> Result<Option<Timestamp>> {
        Ok(self.take::<Option<i64>>()?.map(time::from_micros))
    }
}

/// A count as it is stored. One that exceeds the column is stored as its largest value.
pub(super) fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
