//! Traffic by hour and workspace, limited to what the caller may see.

use bucketry_model::id::WorkspaceId;
use bucketry_model::role::Caller;
use bucketry_store::usage::{HourPoint, HourPosition, HourQuery};
use jiff::{SignedDuration, Timestamp};

use crate::{Control, Error, Result};

/// The longest range, in days.
const MOST_DAYS: i64 = 366;
/// The default length of a range.
const USUAL: SignedDuration = SignedDuration::from_hours(7 * 24);
const SECONDS_AN_HOUR: i64 = 3_600;

/// Traffic by hour that the caller may read.
#[derive(Debug, Clone)]
pub struct HourlyTraffic(HourQuery);

impl Control {
    /// Selects the traffic of a workspace, or of all that the caller has access to, from the hour that contains `from`
    /// to the one that contains `until`. The default is the seven days before `until`, and `until` is now.
    pub async fn hourly_traffic(
        &self,
        caller: &Caller,
        workspace: Option<WorkspaceId>,
        from: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<HourlyTraffic> {
        let (first, last) = range(from, until, self.inner.environment.now())?;
        let visible = self.visible(caller, workspace).await?;
        Ok(HourlyTraffic(HourQuery { org_id: caller.org_id, visible, first, last, after: None, limit: 0 }))
    }

    /// Returns a page of traffic by hour, newest hour first.
    pub async fn hourly_traffic_page(
        &self,
        HourlyTraffic(query): &HourlyTraffic,
        after: Option<HourPosition>,
        limit: u32,
    ) -> Result<Vec<HourPoint>> {
        Ok(self.inner.store.usage_hours(&HourQuery { after, limit, ..query.clone() }).await?)
    }
}

/// The start of the first and the last hour, in Unix seconds.
fn range(from: Option<Timestamp>, until: Option<Timestamp>, now: Timestamp) -> Result<(i64, i64)> {
    let until = until.unwrap_or(now);
    let from = from.unwrap_or_else(|| until.checked_sub(USUAL).unwrap_or(Timestamp::MIN));
    if from > until {
        return Err(Error::field("startDate", "must not be after endDate"));
    }
    let hour = |at: Timestamp| at.as_second().div_euclid(SECONDS_AN_HOUR) * SECONDS_AN_HOUR;
    let (first, last) = (hour(from), hour(until));
    if last - first > MOST_DAYS * 86_400 {
        return Err(Error::field("startDate", format!("must be at most {MOST_DAYS} days before endDate")));
    }
    Ok((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_a_week_unless_another_is_given_and_at_most_a_year() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-03-31T10:20:30Z");
        let seconds = |text: &str| at(text).as_second();
        let week = (seconds("2026-03-24T10:00:00Z"), seconds("2026-03-31T10:00:00Z"));
        assert_eq!(range(None, None, now).unwrap(), week);
        assert!(range(Some(at("2025-03-30T10:00:00Z")), None, now).is_ok());
        assert!(range(Some(at("2025-03-30T09:59:59Z")), None, now).is_err());
        assert!(range(Some(at("2026-03-31T10:20:31Z")), None, now).is_err());
        for (from, until) in [(Timestamp::MIN, Timestamp::MAX), (Timestamp::MIN, Timestamp::MIN)] {
            let _ = range(Some(from), Some(until), now);
            let _ = range(None, Some(until), now);
        }
    }
}
