//! The hours of the latest days, which the records of these days contain.

use std::collections::BTreeMap;

use bucketry_model::hours::{DAYS_WITH_HOURS, DayHours};
use bucketry_model::id::BucketId;
use bucketry_model::time::Day;

use super::SqlStore;
use super::columns::Columns;
use super::dialect::Row;
use super::statement::{InList, Write, texts};
use crate::Result;
use crate::status::NodeDayHours;

/// The first and the last day whose hours are no longer retained when a bucket begins a day. `last` is the day of the
/// sample before. If there is none, it is unknown when hours were dropped before.
pub(super) fn expired(last: Option<Day>, begun: Day) -> (Day, Day) {
    let until = begun.number() - DAYS_WITH_HOURS;
    let since = last.map_or(until, Day::number) - DAYS_WITH_HOURS + 1;
    // After a long pause, only the days before it can have hours.
    let until = last.map_or(until, |last| until.min(last.number()));
    (Day::from_number(since), Day::from_number(until))
}

/// Drops the hours of expired days, so that each bucket has hours of few days at each node.
pub(super) async fn drop(
    write: &mut Write,
    node: &str,
    expired: &BTreeMap<(Day, Day), Vec<BucketId>>,
) -> Result<()> {
    for ((first, last), ids) in expired {
        let list = InList::new(
            "UPDATE day_records SET hours = NULL \
             WHERE node_id = $1 AND day >= $2 AND day <= $3 AND hours IS NOT NULL AND bucket_id IN (",
            ")",
        )
        .text(node)
        .number(first.number())
        .number(last.number());
        write.execute_in_list(&list, &texts(ids)).await?;
    }
    Ok(())
}

impl SqlStore {
    /// Implements `StatusStore::hours_between`.
    pub(super) async fn read_hours(
        &self,
        ids: &[BucketId],
        first: Day,
        last: Day,
    ) -> Result<Vec<NodeDayHours>> {
        let list = InList::new(
            "SELECT d.bucket_id, d.day, d.node_id, d.hours FROM day_records d \
             WHERE d.day >= $1 AND d.day <= $2 AND d.hours IS NOT NULL AND d.bucket_id IN (",
            ")",
        )
        .number(first.number())
        .number(last.number());
        let read = |row: &Row| {
            let mut columns = Columns::of(row);
            Ok(NodeDayHours {
                bucket_id: columns.parsed()?,
                day: Day::from_number(columns.number()?),
                node_id: columns.parsed()?,
                hours: columns.read(DayHours::from_text)?,
            })
        };
        self.rows_in_list(&list, &texts(ids)).await?.iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_day_ends_the_hours_of_the_day_that_is_eight_days_older() {
        let day = Day::from_number;
        assert_eq!(expired(Some(day(19)), day(20)), (day(12), day(12)));
        assert_eq!(expired(Some(day(17)), day(20)), (day(10), day(12)));
        assert_eq!(expired(Some(day(5)), day(200)), (day(-2), day(5)), "after a long pause");
        assert_eq!(expired(None, day(20)), (day(5), day(12)), "after a change of the location");
    }
}
