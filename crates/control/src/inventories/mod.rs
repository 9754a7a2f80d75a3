//! How full buckets are: schedules, requested walks, and results. `nodes::inventories` assigns walks to nodes and
//! takes their reports.

mod progress;

use bucketry_model::audit::{AuditAction, AuditDetail, AuditEntry, AuditKind};
use bucketry_model::bucket::Bucket;
use bucketry_model::id::{BucketId, OrgId};
use bucketry_model::inventory::{
    DailyWindow, InvalidSchedule, Inventory, InventorySchedule, InventorySetting,
};
use bucketry_model::role::{Caller, OrgRole, WorkspaceRole};
use bucketry_store::inventory::{BucketSize, WalkPlan};
use jiff::Timestamp;

use crate::access::validated;
use crate::{Control, Error, ResourceKind, Result};

pub use progress::WalkProgress;

/// For how many buckets a change of the organization's schedule plans walks at once.
const PLANNED_AT_ONCE: u32 = 1_000;

/// A schedule as a request contains it.
#[derive(Debug, Clone, Default)]
pub struct ScheduleInput {
    /// Hours between two walks.
    pub every_hours: Option<i64>,
    /// Requests per second, at most. The default is [`InventorySchedule::USUAL_REQUESTS`].
    pub requests_per_second: Option<i64>,
    /// A window as text. Without one, walks may always run.
    pub window: Option<String>,
}

/// What becomes of a bucket's setting.
#[derive(Debug, Clone)]
pub enum SettingInput {
    /// Follow the organization's schedule.
    Organization,
    /// Never walk the bucket on a schedule.
    Off,
    /// Walk it on a separate schedule.
    Own(ScheduleInput),
}

/// How full a bucket is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrentSize {
    /// The measured size, plus what the gateway's traffic has changed since.
    pub bytes: i64,
    /// Whether nothing was added to the measured size.
    pub is_measured: bool,
    /// The measurement.
    pub measured: BucketSize,
}

impl CurrentSize {
    pub(crate) fn new(measured: BucketSize, size_change: i64) -> Self {
        let since = size_change.saturating_sub(measured.size_change);
        Self { bytes: measured.bytes.saturating_add(since).max(0), is_measured: since == 0, measured }
    }
}

/// What is stored about a bucket's walks.
struct Walked {
    plan: Option<WalkPlan>,
    size: Option<BucketSize>,
    results: Vec<Inventory>,
}

impl Walked {
    /// Whether the plan knows of the walk that the size and the newest result are of.
    fn is_of_one_moment(&self) -> bool {
        let known = self.plan.as_ref().and_then(|plan| plan.last_start);
        let measured = self.size.as_ref().map(|size| size.started_at);
        let newest = self.results.first().map(|result| result.started_at);
        self.plan.is_none() || (measured == known && newest.is_none_or(|newest| Some(newest) == known))
    }
}

/// Everything about the inventories of a bucket.
#[derive(Debug, Clone)]
pub struct InventoryView {
    /// The bucket's own setting. `None` if it follows the organization.
    pub setting: Option<InventorySetting>,
    /// The schedule that applies.
    pub schedule: Option<InventorySchedule>,
    /// When the next walk is due. `None` while one is in progress, or if none is planned.
    pub next_at: Option<Timestamp>,
    /// The walk in progress.
    pub progress: Option<WalkProgress>,
    /// How full the bucket is. `None` if it was never measured.
    pub current: Option<CurrentSize>,
    /// The latest results, newest first.
    pub results: Vec<Inventory>,
    /// Why and when the bucket last couldn't be listed, unless a walk has succeeded since.
    pub last_error: Option<(String, Timestamp)>,
}

impl Control {
    /// Returns everything about the inventories of a bucket.
    pub async fn bucket_inventory(&self, caller: &Caller, id: BucketId) -> Result<InventoryView> {
        self.reach_bucket(caller, id, WorkspaceRole::Read).await?;
        self.inventory_view(caller.org_id, id).await
    }

    async fn inventory_view(&self, org_id: OrgId, id: BucketId) -> Result<InventoryView> {
        let store = &self.inner.store;
        let Walked { plan, size, results } = self.walked(id).await?;
        let org_schedule = store.inventory_schedule(org_id).await?;
        let setting = plan.as_ref().and_then(|plan| plan.setting);
        let progress = match &plan {
            Some(plan) => self.walk_progress(plan).await?,
            None => None,
        };
        let planned = plan.as_ref().filter(|_| progress.is_none()).and_then(|plan| plan.due_at);
        Ok(InventoryView {
            setting,
            schedule: InventorySetting::resolve(setting, org_schedule),
            next_at: planned,
            progress,
            current: self.size_now(id, size).await?,
            results,
            last_error: plan.and_then(|plan| plan.error),
        })
    }

    /// Reads a bucket's plan, size and results so that all are from the same moment: a walk that ends between two
    /// reads would otherwise be shown as in progress beside its own result. Reads again if one did, twice at most,
    /// since no walk is that short.
    async fn walked(&self, id: BucketId) -> Result<Walked> {
        let mut walked = self.read_walked(id).await?;
        for _ in 0..2 {
            if walked.is_of_one_moment() {
                break;
            }
            walked = self.read_walked(id).await?;
        }
        Ok(walked)
    }

    async fn read_walked(&self, id: BucketId) -> Result<Walked> {
        let store = &self.inner.store;
        Ok(Walked {
            plan: store.walk_plan(id).await?,
            size: store.bucket_size(id).await?,
            results: store.inventories(id, self.inner.settings.keep_inventories).await?,
        })
    }

    /// Returns how full a bucket is. `None` if it was never measured.
    pub async fn bucket_size(&self, caller: &Caller, id: BucketId) -> Result<Option<CurrentSize>> {
        self.reach_bucket(caller, id, WorkspaceRole::Read).await?;
        self.current_size(id).await
    }

    async fn current_size(&self, id: BucketId) -> Result<Option<CurrentSize>> {
        let measured = self.inner.store.bucket_size(id).await?;
        self.size_now(id, measured).await
    }

    async fn size_now(&self, id: BucketId, measured: Option<BucketSize>) -> Result<Option<CurrentSize>> {
        let Some(measured) = measured else { return Ok(None) };
        Ok(Some(CurrentSize::new(measured, self.size_change(id).await?)))
    }

    /// How much traffic has changed the size of a bucket since its registration, in bytes.
    pub(crate) async fn size_change(&self, id: BucketId) -> Result<i64> {
        let totals = self.inner.store.usage_totals_of(&[id]).await?;
        Ok(totals.first().map_or(0, |(_, totals)| totals.size_change))
    }

    /// Changes a bucket's own setting. A walk in progress is discarded.
    pub async fn set_bucket_inventory(
        &self,
        caller: &Caller,
        id: BucketId,
        input: &SettingInput,
    ) -> Result<InventoryView> {
        let bucket = self.reach_bucket(caller, id, WorkspaceRole::Write).await?;
        validated(caller)?;
        let setting = match input {
            SettingInput::Organization => None,
            SettingInput::Off => Some(InventorySetting::Off),
            SettingInput::Own(input) => Some(InventorySetting::Own(schedule(input)?)),
        };
        let store = &self.inner.store;
        let now = self.inner.environment.now();
        let last_start = store.bucket_size(id).await?.map(|size| size.started_at);
        let resolved = InventorySetting::resolve(setting, store.inventory_schedule(caller.org_id).await?);
        let due_at = resolved.map(|schedule| schedule.next_due(last_start, now));
        let audit = self
            .audit_of_inventory(caller, &bucket)
            .after(AuditDetail::new(&serde_json::json!({ "inventory": setting })));
        if !store.set_inventory_setting(caller.org_id, id, setting.as_ref(), due_at, &audit).await? {
            return Err(Error::NotFound(ResourceKind::Bucket));
        }
        self.inventory_view(caller.org_id, id).await
    }

    /// Starts a walk of a bucket now, whatever its schedule. One that is paused continues.
    pub async fn start_inventory(&self, caller: &Caller, id: BucketId) -> Result<InventoryView> {
        let bucket = self.reach_bucket(caller, id, WorkspaceRole::Write).await?;
        validated(caller)?;
        let audit = self
            .audit_of_inventory(caller, &bucket)
            .after(AuditDetail::new(&serde_json::json!({ "inventory": "requested" })));
        if !self.inner.store.request_walk(caller.org_id, id, &audit).await? {
            return Err(Error::NotFound(ResourceKind::Bucket));
        }
        self.inventory_view(caller.org_id, id).await
    }

    fn audit_of_inventory(&self, caller: &Caller, bucket: &Bucket) -> AuditEntry {
        self.audit_of(caller, AuditKind::Bucket, AuditAction::Updated)
            .of(bucket.id, &bucket.name)
            .in_workspace(bucket.workspace_id)
    }

    /// Returns the schedule for the buckets of the caller's organization without a separate setting.
    pub async fn organization_inventory(
        &self,
        caller: &Caller,
        id: OrgId,
    ) -> Result<Option<InventorySchedule>> {
        if caller.org_id != id {
            return Err(Error::NotFound(ResourceKind::Organization));
        }
        Ok(self.inner.store.inventory_schedule(id).await?)
    }

    /// Changes that schedule. `None` removes it. A walk in progress continues to its end.
    pub async fn set_organization_inventory(
        &self,
        caller: &Caller,
        id: OrgId,
        input: Option<&ScheduleInput>,
    ) -> Result<Option<InventorySchedule>> {
        if !caller.may_in_org(OrgRole::Administrators) {
            return Err(Error::Forbidden(
                "changing the organization's inventories needs the organization role ADMINISTRATORS or higher".to_owned(),
            ));
        }
        if caller.org_id != id {
            return Err(Error::NotFound(ResourceKind::Organization));
        }
        validated(caller)?;
        let schedule = input.map(schedule).transpose()?;
        let organization = self.organization(id).await?;
        let before = self.inner.store.inventory_schedule(id).await?;
        let audit = self
            .audit_of(caller, AuditKind::Organization, AuditAction::Updated)
            .of(id, &organization.name)
            .before(AuditDetail::new(&serde_json::json!({ "inventory": before })))
            .after(AuditDetail::new(&serde_json::json!({ "inventory": schedule })));
        self.inner.store.set_inventory_schedule(id, schedule.as_ref(), &audit).await?;
        if schedule.is_some() {
            // Maintenance plans the rest.
            self.inner.store.plan_walks(id, self.inner.environment.now(), PLANNED_AT_ONCE).await?;
        }
        Ok(schedule)
    }

    /// Plans walks for the buckets of organizations that have a schedule, in slices.
    pub(crate) async fn plan_inventories(&self, at_most: u32) -> Result<()> {
        let store = &self.inner.store;
        for org_id in store.inventory_organizations().await? {
            let now = self.inner.environment.now();
            while store.plan_walks(org_id, now, at_most).await? >= u64::from(at_most) {}
        }
        Ok(())
    }
}

fn schedule(input: &ScheduleInput) -> Result<InventorySchedule> {
    let window = input.window.as_deref().filter(|text| !text.is_empty());
    let window: Option<DailyWindow> =
        window.map(|text| text.parse().map_err(|error| Error::field("window", error))).transpose()?;
    let number =
        |number: Option<i64>, usual: u16| number.map_or(usual, |one| u16::try_from(one).unwrap_or(0));
    let every_hours = number(input.every_hours, 0);
    let requests_per_second = number(input.requests_per_second, InventorySchedule::USUAL_REQUESTS);
    InventorySchedule::new(every_hours, requests_per_second, window).map_err(|error| {
        let field = match error {
            InvalidSchedule::EveryHours => "everyHours",
            InvalidSchedule::RequestsPerSecond => "requestsPerSecond",
        };
        Error::field(field, error)
    })
}

/// The schedule that applies to a planned bucket.
pub(crate) fn schedule_of(plan: &WalkPlan) -> Option<InventorySchedule> {
    InventorySetting::resolve(plan.setting, plan.org_schedule)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(bytes: i64, size_change: i64) -> BucketSize {
        let at = Timestamp::UNIX_EPOCH;
        BucketSize { objects: 1, bytes, started_at: at, measured_at: at, size_change }
    }

    #[test]
    fn a_walk_that_ended_between_two_reads_is_read_again() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let plan = |last_start| WalkPlan {
            bucket_id: BucketId::new(at(0), [1; 10]),
            org_id: OrgId::new(at(0), [1; 10]),
            setting: None,
            org_schedule: None,
            due_at: None,
            requested: false,
            walk: None,
            failures: 0,
            error: None,
            last_start,
        };
        let size = BucketSize { started_at: at(2), ..measured(1, 0) };
        let walked = |plan, size| Walked { plan, size, results: Vec::new() };
        assert!(walked(None, None).is_of_one_moment(), "never measured");
        assert!(walked(Some(plan(None)), None).is_of_one_moment(), "the first walk");
        assert!(walked(Some(plan(Some(at(2)))), Some(size)).is_of_one_moment());
        assert!(!walked(Some(plan(None)), Some(size)).is_of_one_moment(), "the first walk ended meanwhile");
        assert!(
            !walked(Some(plan(Some(at(1)))), Some(size)).is_of_one_moment(),
            "the next walk ended meanwhile"
        );
    }

    #[test]
    fn a_size_is_measured_until_traffic_changes_it_and_never_negative() {
        let current = |size_change| CurrentSize::new(measured(100, 40), size_change);
        assert_eq!((current(40).bytes, current(40).is_measured), (100, true));
        assert_eq!((current(50).bytes, current(50).is_measured), (110, false));
        assert_eq!(current(-500).bytes, 0);
        assert_eq!(CurrentSize::new(measured(i64::MAX, i64::MIN), i64::MAX).bytes, i64::MAX);
    }

    #[test]
    fn schedules_name_the_field_that_is_wrong() {
        let input = |every_hours, requests_per_second, window: Option<&str>| ScheduleInput {
            every_hours,
            requests_per_second,
            window: window.map(str::to_owned),
        };
        let made = schedule(&input(Some(24), None, Some(""))).unwrap();
        assert_eq!((made.requests_per_second, made.window), (5, None));
        for (input, field) in [
            (input(None, None, None), "everyHours"),
            (input(Some(-1), None, None), "everyHours"),
            (input(Some(1 << 40), None, None), "everyHours"),
            (input(Some(24), Some(101), None), "requestsPerSecond"),
            (input(Some(24), Some(5), Some("1-2")), "window"),
        ] {
            let Err(Error::Invalid(fields)) = schedule(&input) else { panic!("{input:?}") };
            assert_eq!(fields[0].field, field);
        }
    }
}
