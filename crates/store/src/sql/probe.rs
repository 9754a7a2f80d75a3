//! Adding the samples of a heartbeat: reads the stored state of the sampled buckets, applies the rules of
//! `bucketry_model::uptime` and `bucketry_model::hours` in memory, and writes the outcome with few statements.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use bucketry_model::bucket::StorageType;
use bucketry_model::hours::DayHours;
use bucketry_model::id::{BucketId, NodeId, OrgId, WorkspaceId};
use bucketry_model::status::{ProbeFailure, ProbedStatus};
use bucketry_model::time::{Day, is_ahead, to_micros};
use bucketry_model::uptime::{DayRecord, Observed, ProbeSample, hour_of, spans};
use jiff::{SignedDuration, Timestamp};
use sqlx::query;

use super::columns::Columns;
use super::dialect::for_update;
use super::hours;
use super::node_status::{failure_text, last_status};
use super::readable::note_left_out;
use super::row_values::RowValues;
use super::statement::{InList, Rows, Write, texts};
use super::status::{day_record, day_record_columns};
use super::status_event::{self, NewStatusEvent};
use super::{SqlStore, facets};
use crate::bucket::FirstReport;
use crate::status::ProbeBatch;
use crate::{Result, StoreError};

/// The stored state of a bucket that the node serves.
struct KnownBucket {
    org_id: OrgId,
    workspace_id: WorkspaceId,
    config: Config,
    status_row: Option<LastStatus>,
    changed: bool,
}

/// The version and the time at which location or secret last changed.
struct Config {
    version: i64,
    changed_at: Option<Timestamp>,
}

impl Config {
    /// Whether a sample belongs to this configuration and not to an earlier one. Samples without a version, from
    /// older nodes, count from the time of the change.
    fn is_of(&self, sample: &ProbeSample) -> bool {
        match sample.version {
            Some(version) => version >= self.version,
            None => self.changed_at.is_none_or(|changed_at| to_micros(sample.at) >= to_micros(changed_at)),
        }
    }
}

/// A node's latest report on a bucket.
struct LastStatus {
    at: Timestamp,
    status: ProbedStatus,
    latency_ms: Option<u32>,
    /// Why the bucket is OFFLINE. Never read from the stored report, because a new report replaces it.
    failure: Option<ProbeFailure>,
    /// When the status became this one.
    since: Option<Timestamp>,
}

/// What is stored about a day of a bucket.
#[derive(Default)]
struct StoredDay {
    record: DayRecord,
    hours: DayHours,
}

type StoredDays = BTreeMap<(Day, BucketId), StoredDay>;

const NODE_STATUSES: Rows<'static> = Rows {
    before: "INSERT INTO bucket_words (bucket_id, node_id, status, latency_ms, at, failure, since) ",
    columns: 7,
    after: " ON CONFLICT (bucket_id, node_id) DO UPDATE SET status = excluded.status, \
            latency_ms = excluded.latency_ms, at = excluded.at, failure = excluded.failure, since = excluded.since",
};
const DAYS: Rows<'static> = Rows {
    before: "INSERT INTO day_records (bucket_id, day, node_id, observed_us, online_us, probes, failures, \
             latency_sum_ms, latencies, last_at, last_status, last_latency_ms, last_sample_failure, last_failure, hours) ",
    columns: 15,
    after: " ON CONFLICT (bucket_id, day, node_id) DO UPDATE SET observed_us = excluded.observed_us, \
            online_us = excluded.online_us, probes = excluded.probes, failures = excluded.failures, \
            latency_sum_ms = excluded.latency_sum_ms, latencies = excluded.latencies, last_at = excluded.last_at, \
            last_status = excluded.last_status, last_latency_ms = excluded.last_latency_ms, \
            last_sample_failure = excluded.last_sample_failure, last_failure = excluded.last_failure, \
            hours = excluded.hours",
};

impl SqlStore {
    /// Implements `StatusStore::record_probes`.
    pub(super) async fn record(&self, batch: &ProbeBatch) -> Result<usize> {
        if batch.samples.is_empty() {
            return Ok(0);
        }
        let mut write = self.write().await?;
        let taken = take(&mut write, batch).await?;
        write.commit_if(taken > 0).await?;
        Ok(taken)
    }
}

/// Keeps heartbeats from adding samples until the transaction ends. A heartbeat that has already read the bucket's
/// configuration would otherwise store samples of it after the change. Must be called before anything else is
/// locked.
pub(super) async fn hold_heartbeats(write: &mut Write) -> Result<()> {
    let sql = concat!("SELECT n.id FROM nodes n WHERE n.removed_at IS NULL ORDER BY n.id", for_update!());
    write.rows(query(sql)).await.map(drop)
}

/// Locks the node of a first report and returns the report. Must be called before anything that a heartbeat locks
/// after its node, to avoid deadlocks. `None` if there is no report, or the node was removed.
pub(super) async fn reporter<'r>(
    write: &mut Write,
    report: Option<&'r FirstReport>,
) -> Result<Option<&'r FirstReport>> {
    let Some(report) = report else { return Ok(None) };
    Ok(is_registered(write, report.node_id).await?.then_some(report))
}

/// Adds a validation's outcome as the first report on a bucket's current configuration.
pub(super) async fn take_first(
    write: &mut Write,
    id: BucketId,
    report: &FirstReport,
    now: Timestamp,
) -> Result<()> {
    // This transaction just wrote the configuration, so the outcome can't belong to an earlier version.
    let sample = ProbeSample { version: Some(i64::MAX), ..report.sample.clone() };
    let batch = ProbeBatch {
        node_id: report.node_id,
        org_id: None,
        longest_gap: SignedDuration::ZERO,
        now,
        samples: vec![(id, sample)],
    };
    take(write, &batch).await.map(drop)
}

/// Adds samples. Returns how many were added.
async fn take(write: &mut Write, batch: &ProbeBatch) -> Result<usize> {
    let Some(region) = registered_region(write, batch.node_id).await? else { return Ok(0) };
    let mut known = known_buckets(write, batch, &region).await?;
    let mut days = day_records(write, batch, &known).await?;
    let Added { taken, events, expired } = add(batch, &mut known, &mut days);
    if taken == 0 {
        return Ok(0);
    }
    let node = batch.node_id.to_string();
    let changed = texts(events.iter().map(|event| event.bucket_id));
    facets::lock(write, &changed).await?;
    let statuses: Vec<(BucketId, &LastStatus)> = known
        .iter()
        .filter(|(_, known)| known.changed)
        .filter_map(|(id, known)| Some((*id, known.status_row.as_ref()?)))
        .collect();
    write
        .insert_rows(&NODE_STATUSES, &statuses, |values, (id, status_row)| {
            bind_word(values, &node, *id, status_row)
        })
        .await?;
    let days: Vec<_> = days.into_iter().collect();
    write.insert_rows(&DAYS, &days, |values, day| bind_day(values, &node, day)).await?;
    hours::drop(write, &node, &expired).await?;
    status_event::insert(write, &node, &events).await?;
    facets::refresh(write, &changed, batch.now).await?;
    for known in known.values().filter(|known| known.changed) {
        write.bump_generation_quietly(Some(known.org_id));
    }
    for event in &events {
        write.bump_generation(Some(event.org_id));
    }
    Ok(taken)
}

/// Whether the node is live. Locks it until the transaction ends, so that its batches wait for each other.
pub(super) async fn is_registered(write: &mut Write, id: NodeId) -> Result<bool> {
    Ok(registered_region(write, id).await?.is_some())
}

/// The region of a live node. Locks the node, as `is_registered` does.
async fn registered_region(write: &mut Write, id: NodeId) -> Result<Option<String>> {
    let sql = concat!("SELECT region FROM nodes WHERE id = $1 AND removed_at IS NULL", for_update!());
    let row = write.row(query(sql).bind(id.to_string())).await?;
    row.map(|row| Columns::of(&row).text()).transpose()
}

/// The live buckets among the sampled ones that the node serves and this version can read, with its latest reports.
async fn known_buckets(
    write: &mut Write,
    batch: &ProbeBatch,
    region: &str,
) -> Result<BTreeMap<BucketId, KnownBucket>> {
    let list = InList::new(
        "SELECT b.id, b.org_id, b.workspace_id, b.pinned_to, b.config_version, b.config_changed_at, w.at, w.status, w.latency_ms, \
         w.since, b.storage_type FROM buckets b LEFT JOIN bucket_words w ON w.bucket_id = b.id AND w.node_id = $1 WHERE b.deleted_at IS NULL AND b.id IN (",
        ")",
    )
    .text(batch.node_id);
    let mut known = BTreeMap::new();
    for row in write.rows_in_list(&list, &texts(batch.samples.iter().map(|(id, _)| id))).await? {
        let mut columns = Columns::of(&row);
        let (id, org_id): (BucketId, OrgId) = (columns.parsed()?, columns.parsed()?);
        let workspace_id = columns.parsed()?;
        let is_admitted = columns.pins()?.admit(batch.node_id, region);
        if !is_admitted || batch.org_id.is_some_and(|served| served != org_id) {
            continue;
        }
        // Times from a clock that was ahead are ignored. They would otherwise keep correct samples out until real
        // time has caught up.
        let counts = |time: Option<Timestamp>| time.filter(|time| !is_ahead(*time, batch.now));
        let config = Config { version: columns.number()?, changed_at: counts(columns.optional_time()?) };
        let at = counts(columns.optional_time()?);
        let status = last_status(&mut columns)?;
        let latency_ms = columns.optional_narrow()?;
        let since = counts(columns.optional_time()?);
        // `facets::refresh` doesn't list such a bucket if it isn't listed yet. A newer version takes samples of it.
        match columns.parsed::<StorageType>() {
            Err(StoreError::Damaged(what)) => {
                note_left_out(&what);
                continue;
            }
            other => other?,
        };
        let status_row =
            at.zip(status).map(|(at, status)| LastStatus { at, status, latency_ms, failure: None, since });
        known.insert(id, KnownBucket { org_id, workspace_id, config, status_row, changed: false });
    }
    Ok(known)
}

/// The existing records of the days that the samples fall into. If a sample ends a span that began on the day
/// before, the record of that day too.
async fn day_records(
    write: &mut Write,
    batch: &ProbeBatch,
    known: &BTreeMap<BucketId, KnownBucket>,
) -> Result<StoredDays> {
    let mut sampled: BTreeMap<Day, Vec<BucketId>> = BTreeMap::new();
    for (id, sample) in &batch.samples {
        let Some(known) = known.get(id) else { continue };
        let before = known.status_row.as_ref().filter(|status_row| status_row.at < sample.at);
        for span in spans(before.map(observed), sample.at, batch.longest_gap) {
            sampled.entry(span.day).or_default().push(*id);
        }
        sampled.entry(Day::of(sample.at)).or_default().push(*id);
    }
    let mut records = StoredDays::new();
    for (day, ids) in sampled {
        let list = InList::new(
            concat!(
                "SELECT d.bucket_id, ",
                day_record_columns!(),
                ", d.hours FROM day_records d WHERE d.node_id = $1 AND d.day = $2 AND d.bucket_id IN ("
            ),
            ")",
        )
        .text(batch.node_id)
        .number(day.number());
        for row in write.rows_in_list(&list, &texts(ids)).await? {
            let mut columns = Columns::of(&row);
            let id = columns.parsed()?;
            let record = day_record(&mut columns)?;
            let hours = columns.optional_read(DayHours::from_text)?.unwrap_or_default();
            records.insert((day, id), StoredDay { record, hours });
        }
    }
    Ok(records)
}

fn observed(status_row: &LastStatus) -> Observed {
    Observed { at: status_row.at, status: status_row.status }
}

/// What the samples of a batch changed.
#[derive(Default)]
struct Added {
    /// How many samples were added.
    taken: usize,
    /// The changes of statuses.
    events: Vec<NewStatusEvent>,
    /// The first and the last day whose hours are no longer retained, with the buckets that began a new day.
    expired: BTreeMap<(Day, Day), Vec<BucketId>>,
}

/// Adds the samples in their order. Afterwards `days` contains only the records that changed.
fn add(batch: &ProbeBatch, known: &mut BTreeMap<BucketId, KnownBucket>, days: &mut StoredDays) -> Added {
    let mut before = std::mem::take(days);
    let mut added = Added::default();
    let mut record = |day: Day, id: BucketId, change: &dyn Fn(&mut StoredDay)| match days.entry((day, id)) {
        Entry::Occupied(mut record) => change(record.get_mut()),
        Entry::Vacant(place) => {
            change(place.insert(before.remove(&(day, id)).unwrap_or_default()));
        }
    };
    for (id, sample) in &batch.samples {
        let Some(known) = known.get_mut(id).filter(|known| known.config.is_of(sample)) else { continue };
        // Times are stored in microseconds, so times that differ by less are equal.
        if known
            .status_row
            .as_ref()
            .is_some_and(|status_row| to_micros(sample.at) <= to_micros(status_row.at))
        {
            continue;
        }
        for span in spans(known.status_row.as_ref().map(observed), sample.at, batch.longest_gap) {
            record(span.day, *id, &|day| {
                day.record.observe(span);
                day.hours.observe(span);
            });
        }
        let day = Day::of(sample.at);
        let last_day = known.status_row.as_ref().map(|status_row| Day::of(status_row.at));
        if last_day != Some(day) && !is_ahead(sample.at, batch.now) {
            added.expired.entry(hours::expired(last_day, day)).or_default().push(*id);
        }
        record(day, *id, &|day| {
            day.record.count(sample);
            day.hours.count(hour_of(sample.at), sample);
        });
        let last_latency = known.status_row.as_ref().and_then(|status_row| status_row.latency_ms);
        let latency_ms = match sample.failure {
            None => sample.latency_ms.or(last_latency),
            Some(_) => last_latency,
        };
        // A single failure of an ONLINE bucket isn't stored as a reason.
        let failure = sample.failure.clone().filter(|_| sample.status == ProbedStatus::Offline);
        let from = known.status_row.as_ref().map(|status_row| status_row.status);
        let since = match &known.status_row {
            Some(same) if same.status == sample.status => same.since,
            _ => Some(sample.at),
        };
        if from != Some(sample.status) {
            added.events.push(NewStatusEvent {
                org_id: known.org_id,
                workspace_id: known.workspace_id,
                bucket_id: *id,
                at: sample.at,
                from,
                to: sample.status,
                failure: failure.clone(),
                version: known.config.version,
            });
        }
        known.status_row =
            Some(LastStatus { at: sample.at, status: sample.status, latency_ms, failure, since });
        known.changed = true;
        added.taken += 1;
    }
    added
}

fn bind_word(values: RowValues, node: &str, id: BucketId, status_row: &LastStatus) -> RowValues {
    values
        .bind(id.to_string())
        .bind(node.to_owned())
        .bind(status_row.status.as_str())
        .bind(status_row.latency_ms.map(i64::from))
        .bind(to_micros(status_row.at))
        .bind(failure_text(status_row.failure.as_ref()))
        .bind(status_row.since.map(to_micros))
}

fn bind_day(values: RowValues, node: &str, day: &((Day, BucketId), StoredDay)) -> RowValues {
    let ((day, id), StoredDay { record, hours }) = day;
    let last = record.last.as_ref();
    values
        .bind(id.to_string())
        .bind(day.number())
        .bind(node.to_owned())
        .bind(record.observed_us)
        .bind(record.online_us)
        .bind(record.probes)
        .bind(record.failures)
        .bind(record.latency_sum_ms)
        .bind(record.latencies.to_text())
        .bind(last.map(|sample| to_micros(sample.at)))
        .bind(last.map(|sample| sample.status.as_str()))
        .bind(last.and_then(|sample| sample.latency_ms).map(i64::from))
        .bind(failure_text(last.and_then(|sample| sample.failure.as_ref())))
        .bind(failure_text(record.last_failure.as_ref()))
        .bind(hours.to_text())
}
