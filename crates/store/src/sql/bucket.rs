//! Registering, changing, removing and looking up buckets. Lists are in `bucket_list`.

use async_trait::async_trait;
use bucketry_model::audit::AuditEntry;
use bucketry_model::bucket::{Bucket, BucketLocation, CredentialTimes, StorageType};
use bucketry_model::endpoint::Endpoint;
use bucketry_model::id::{BucketId, OrgId, WorkspaceId};
use bucketry_model::name::Name;
use bucketry_model::role::Visibility;
use bucketry_model::secret::SealedSecret;
use bucketry_model::time::to_micros;
use jiff::Timestamp;
use sqlx::query;

use super::columns::Columns;
use super::dialect::{Row, for_update, is_unique_violation};
use super::readable::readable;
use super::statement::{InList, Write, texts};
use super::{
    SqlStore, attachment, facets, freshness, inventory, key_check, live_workspace, pin, probe, series,
};
use crate::Result;
use crate::bucket::{
    BucketDeleted, BucketInserted, BucketQuery, BucketStore, BucketUpdate, BucketUpdated, CredentialEnd,
    EndingCredential, ListedBucket, NewBucket, SecretUpdate, SharingBucket,
};
use crate::sync::Subject;

/// The columns of a location.
macro_rules! location_columns {
    () => {
        "b.storage_type, b.bucket, b.access_key, b.endpoint, b.region"
    };
}
/// The columns of a bucket without its secret.
macro_rules! bucket_columns {
    () => {
        concat!(
            "b.id, b.org_id, b.workspace_id, b.name, b.version, b.created_at, b.updated_at, ",
            "b.secret_set_at, b.secret_expires_at, b.pinned_to, ",
            location_columns!()
        )
    };
}
/// The columns of a bucket that shares its name or key with another.
macro_rules! sharing_columns {
    () => {
        concat!("SELECT b.id, b.name, b.workspace_id, ", location_columns!(), " FROM buckets b")
    };
}
pub(super) use {bucket_columns, location_columns};

/// Reads `location_columns!()`.
pub(super) fn location(columns: &mut Columns<'_>) -> Result<BucketLocation> {
    Ok(BucketLocation {
        storage_type: columns.parsed()?,
        bucket: columns.text()?,
        key: columns.optional_text()?,
        endpoint: columns.optional_parsed()?,
        region: columns.optional_text()?,
    })
}

/// Reads `bucket_columns!()`.
pub(super) fn without_secret(columns: &mut Columns<'_>) -> Result<Bucket> {
    Ok(Bucket {
        id: columns.parsed()?,
        org_id: columns.parsed()?,
        workspace_id: columns.parsed()?,
        name: columns.name()?,
        version: columns.number()?,
        created_at: columns.time()?,
        updated_at: columns.time()?,
        credential: CredentialTimes {
            set_at: columns.optional_time()?,
            expires_at: columns.optional_time()?,
        },
        pinned_to: columns.pins()?,
        location: location(columns)?,
        secret: None,
    })
}

fn bucket(row: &Row) -> Result<Bucket> {
    let mut columns = Columns::of(row);
    let bucket = without_secret(&mut columns)?;
    Ok(Bucket { secret: columns.optional_text()?.map(SealedSecret::from_text), ..bucket })
}

/// Inserts the row. Returns false if a live bucket has the name.
async fn insert_row(write: &mut Write, new: &NewBucket, now: Timestamp) -> Result<bool> {
    let sql = "INSERT INTO buckets (id, org_id, workspace_id, name, name_folded, storage_type, bucket, access_key, \
               endpoint, region, version, created_at, updated_at, sealed_to, secret, secret_set_at, secret_expires_at, \
               pinned_to) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11, $11, $12, $13, $14, $15, $16) \
               ON CONFLICT (org_id, name_folded) WHERE deleted_at IS NULL DO NOTHING";
    let location = &new.location;
    let secret = new.secret.as_ref();
    let insert = query(sql)
        .bind(new.id.to_string())
        .bind(new.org_id.to_string())
        .bind(new.workspace_id.to_string())
        .bind(new.name.as_str())
        .bind(new.name.folded())
        .bind(location.storage_type.as_str())
        .bind(location.bucket.as_str())
        .bind(location.key.as_deref())
        .bind(location.endpoint.as_ref().map(ToString::to_string))
        .bind(location.region.as_deref())
        .bind(to_micros(now))
        .bind(secret.map(|secret| secret.sealed_to.as_str()))
        .bind(secret.map(|secret| secret.sealed.as_text()))
        .bind(secret.map(|_| to_micros(now)))
        .bind(secret.and(new.secret_expires_at).map(to_micros))
        .bind(pin::text(&new.pinned_to)?);
    Ok(write.execute(insert).await? > 0)
}

/// Takes one place of the quota. Returns false if none is left.
async fn take_place(write: &mut Write, org_id: OrgId) -> Result<bool> {
    let sql = "UPDATE organizations SET bucket_count = bucket_count + 1 \
               WHERE id = $1 AND (bucket_quota IS NULL OR bucket_count < bucket_quota)";
    Ok(write.execute(query(sql).bind(org_id.to_string())).await? > 0)
}

async fn update_row(write: &mut Write, update: &BucketUpdate, now: Timestamp) -> Result<()> {
    let (replaced, secret, expires_at) = match &update.secret {
        SecretUpdate::Keep => (false, None, None),
        SecretUpdate::Clear => (true, None, None),
        SecretUpdate::Replace { secret, expires_at } => (true, Some(secret), *expires_at),
    };
    let sql = "UPDATE buckets SET workspace_id = $2, name = $3, name_folded = $4, storage_type = $5, bucket = $6, \
               access_key = $7, endpoint = $8, region = $9, pinned_to = $17, version = version + 1, updated_at = $10, \
               sealed_to = CASE WHEN $11 THEN $12 ELSE sealed_to END, \
               secret = CASE WHEN $11 THEN $13 ELSE secret END, \
               secret_set_at = CASE WHEN $11 THEN $14 ELSE secret_set_at END, \
               secret_expires_at = CASE WHEN $11 THEN $15 ELSE secret_expires_at END, \
               config_version = CASE WHEN $16 THEN version + 1 ELSE config_version END, \
               config_changed_at = CASE WHEN $16 THEN $10 ELSE config_changed_at END WHERE id = $1";
    let location = &update.location;
    let statement = query(sql)
        .bind(update.id.to_string())
        .bind(update.workspace_id.to_string())
        .bind(update.name.as_str())
        .bind(update.name.folded())
        .bind(location.storage_type.as_str())
        .bind(location.bucket.as_str())
        .bind(location.key.as_deref())
        .bind(location.endpoint.as_ref().map(ToString::to_string))
        .bind(location.region.as_deref())
        .bind(to_micros(now))
        .bind(replaced)
        .bind(secret.map(|secret| secret.sealed_to.as_str()))
        .bind(secret.map(|secret| secret.sealed.as_text()))
        .bind(secret.map(|_| to_micros(now)))
        .bind(expires_at.map(to_micros))
        .bind(update.record_change)
        .bind(pin::text(&update.pinned_to)?);
    write.execute(statement).await.map(|_| ())
}

/// Removes what nodes reported about a bucket.
async fn remove_reports(write: &mut Write, id: BucketId) -> Result<()> {
    let sql = "DELETE FROM bucket_words WHERE bucket_id = $1";
    write.execute(query(sql).bind(id.to_string())).await.map(|_| ())
}

fn sharing_bucket(row: &Row) -> Result<SharingBucket> {
    let mut columns = Columns::of(row);
    Ok(SharingBucket {
        id: columns.parsed()?,
        name: columns.name()?,
        workspace_id: columns.parsed()?,
        location: location(&mut columns)?,
    })
}

#[async_trait]
impl BucketStore for SqlStore {
    async fn insert_bucket(&self, new: &NewBucket, audit: &AuditEntry) -> Result<BucketInserted> {
        let now = audit.at;
        let mut write = self.write_audited(audit).await?;
        let report = probe::reporter(&mut write, new.first_report.as_ref()).await?;
        if !live_workspace::is_live(&mut write, new.org_id, new.workspace_id).await? {
            return Ok(BucketInserted::WorkspaceNotFound);
        }
        if !insert_row(&mut write, new, now).await? {
            return Ok(BucketInserted::NameTaken);
        }
        if !take_place(&mut write, new.org_id).await? {
            return Ok(BucketInserted::QuotaExceeded);
        }
        if let Some(report) = report {
            probe::take_first(&mut write, new.id, report, now).await?;
        }
        facets::refresh(&mut write, &[new.id.to_string()], now).await?;
        write.record_change(new.org_id, Subject::Bucket(new.id), now);
        write.bump_generation(Some(new.org_id));
        write.commit().await?;
        Ok(BucketInserted::Inserted)
    }

    async fn bucket(&self, org_id: OrgId, id: BucketId) -> Result<Option<Bucket>> {
        let sql = concat!(
            "SELECT ",
            bucket_columns!(),
            ", b.secret FROM buckets b WHERE b.id = $1 AND b.org_id = $2 AND b.deleted_at IS NULL"
        );
        let row = self.row(query(sql).bind(id.to_string()).bind(org_id.to_string())).await?;
        row.as_ref().map(bucket).transpose()
    }

    async fn bucket_name_taken(&self, org_id: OrgId, name: &Name, except: Option<BucketId>) -> Result<bool> {
        let sql = "SELECT id FROM buckets WHERE org_id = $1 AND name_folded = $2 AND deleted_at IS NULL";
        let Some(row) = self.row(query(sql).bind(org_id.to_string()).bind(name.folded())).await? else {
            return Ok(false);
        };
        let holder: BucketId = Columns::of(&row).parsed()?;
        Ok(Some(holder) != except)
    }

    async fn update_bucket(&self, update: &BucketUpdate, audit: &AuditEntry) -> Result<BucketUpdated> {
        let now = audit.at;
        let mut write = self.write_audited(audit).await?;
        let is_repinned = pin::is_pinned_otherwise(&mut write, update.id, &update.pinned_to).await?;
        if update.record_change || is_repinned {
            probe::hold_heartbeats(&mut write).await?;
        }
        let report = probe::reporter(&mut write, update.first_report.as_ref()).await?;
        // Locks repositories before buckets, in the same order as changes to repositories do, to avoid deadlocks.
        // Also prevents two buckets of a repository from taking the same name at the same time.
        if is_repinned
            || attachment::is_called_otherwise(&mut write, update.id, &update.location.bucket).await?
        {
            attachment::lock_holders(&mut write, update.id).await?;
        }
        let sql = concat!(
            "SELECT version, workspace_id, bucket, storage_type, endpoint FROM buckets \
             WHERE id = $1 AND org_id = $2 AND deleted_at IS NULL",
            for_update!()
        );
        let found = query(sql).bind(update.id.to_string()).bind(update.org_id.to_string());
        let Some(row) = write.row(found).await? else { return Ok(BucketUpdated::NotFound) };
        let mut stored = Columns::of(&row);
        if stored.number()? != update.from_version {
            return Ok(BucketUpdated::Conflict);
        }
        let (workspace, name): (WorkspaceId, String) = (stored.parsed()?, stored.text()?);
        let place: (StorageType, Option<Endpoint>) = (stored.parsed()?, stored.optional_parsed()?);
        if !live_workspace::is_live(&mut write, update.org_id, update.workspace_id).await? {
            return Ok(BucketUpdated::WorkspaceNotFound);
        }
        if workspace != update.workspace_id && attachment::is_held(&mut write, update.id).await? {
            return Ok(BucketUpdated::InUse);
        }
        let renamed = name != update.location.bucket;
        if renamed && attachment::would_share_name(&mut write, update.id, &update.location.bucket).await? {
            return Ok(BucketUpdated::SameNameInRepository);
        }
        facets::lock(&mut write, &[update.id.to_string()]).await?;
        match update_row(&mut write, update, now).await {
            Err(error) if is_unique_violation(&error) => return Ok(BucketUpdated::NameTaken),
            other => other?,
        }
        if update.record_change {
            remove_reports(&mut write, update.id).await?;
            key_check::forget_key(&mut write, update.id).await?;
        }
        if is_repinned {
            pin::withdraw_excluded(&mut write, update.id, &update.pinned_to, now).await?;
        }
        if update.record_change || is_repinned {
            write.record_change(update.org_id, Subject::Bucket(update.id), now);
        }
        if renamed || place != (update.location.storage_type, update.location.endpoint.clone()) {
            inventory::forget_sizes(&mut write, update.id).await?;
            freshness::forget_findings(&mut write, update.id, now).await?;
        }
        if let Some(report) = report {
            probe::take_first(&mut write, update.id, report, now).await?;
        }
        facets::refresh(&mut write, &[update.id.to_string()], now).await?;
        if renamed || is_repinned {
            attachment::announce_holders(&mut write, update.org_id, update.id, now).await?;
        }
        if workspace != update.workspace_id {
            series::move_series(&mut write, update.id, update.workspace_id).await?;
        }
        write.bump_generation(Some(update.org_id));
        write.commit().await?;
        Ok(BucketUpdated::Updated)
    }

    async fn delete_bucket(&self, org_id: OrgId, id: BucketId, audit: &AuditEntry) -> Result<BucketDeleted> {
        let now = audit.at;
        let mut write = self.write_audited(audit).await?;
        let remove = "UPDATE buckets SET deleted_at = $3, secret = NULL, sealed_to = NULL, secret_expires_at = NULL \
                      WHERE id = $1 AND org_id = $2 AND deleted_at IS NULL";
        let (bucket, org) = (id.to_string(), org_id.to_string());
        if write.execute(query(remove).bind(&bucket).bind(&org).bind(to_micros(now))).await? == 0 {
            return Ok(BucketDeleted::NotFound);
        }
        if attachment::is_held(&mut write, id).await? {
            return Ok(BucketDeleted::InUse);
        }
        let give_place = "UPDATE organizations SET bucket_count = bucket_count - 1 WHERE id = $1";
        write.execute(query(give_place).bind(&org)).await?;
        facets::forget_bucket(&mut write, id).await?;
        remove_reports(&mut write, id).await?;
        let forget = "DELETE FROM diagnoses WHERE bucket_id = $1";
        write.execute(query(forget).bind(&bucket)).await?;
        inventory::forget_bucket(&mut write, id).await?;
        freshness::forget_bucket(&mut write, id).await?;
        key_check::forget_key(&mut write, id).await?;
        write.record_change(org_id, Subject::Bucket(id), now);
        write.bump_generation(Some(org_id));
        write.commit().await?;
        Ok(BucketDeleted::Deleted)
    }

    async fn buckets(&self, query: &BucketQuery) -> Result<Vec<ListedBucket>> {
        self.list(query).await
    }

    async fn workspaces_of_buckets(
        &self,
        org_id: OrgId,
        ids: &[BucketId],
    ) -> Result<Vec<(BucketId, WorkspaceId)>> {
        let list = InList::new("SELECT id, workspace_id FROM buckets WHERE org_id = $1 AND id IN (", ")")
            .text(org_id);
        let read = |row: &Row| {
            let mut columns = Columns::of(row);
            Ok((columns.parsed()?, columns.parsed()?))
        };
        self.rows_in_list(&list, &texts(ids)).await?.iter().map(read).collect()
    }

    async fn buckets_sharing(
        &self,
        org_id: OrgId,
        storage_type: StorageType,
        bucket: &str,
        key: &str,
    ) -> Result<Vec<SharingBucket>> {
        let sql = concat!(
            sharing_columns!(),
            " WHERE b.org_id = $1 AND b.deleted_at IS NULL AND b.storage_type = $2 AND (b.bucket = $3 OR b.access_key = $4)"
        );
        let select = query(sql)
            .bind(org_id.to_string())
            .bind(storage_type.as_str())
            .bind(bucket.to_owned())
            .bind(key.to_owned());
        self.rows(select).await?.iter().map(sharing_bucket).collect()
    }

    async fn buckets_named(
        &self,
        org_id: OrgId,
        storage_type: StorageType,
        bucket: &str,
    ) -> Result<Vec<SharingBucket>> {
        let sql = concat!(
            sharing_columns!(),
            " WHERE b.org_id = $1 AND b.deleted_at IS NULL AND b.storage_type = $2 AND b.bucket = $3 \
             ORDER BY b.created_at, b.id"
        );
        let select = query(sql).bind(org_id.to_string()).bind(storage_type.as_str()).bind(bucket.to_owned());
        self.rows(select).await?.iter().map(sharing_bucket).collect()
    }

    async fn buckets_ever(&self, org_id: OrgId, ids: &[BucketId]) -> Result<Vec<Bucket>> {
        let ever = concat!("SELECT ", bucket_columns!(), " FROM buckets b WHERE b.org_id = $1 AND b.id IN (");
        let rows = self.rows_in_list(&InList::new(ever, ")").text(org_id), &texts(ids)).await?;
        readable(&rows, |row| without_secret(&mut Columns::of(row)))
    }

    async fn bucket_generation(&self, org_id: OrgId) -> Result<u64> {
        self.generation(org_id).await
    }

    async fn shown_generation(&self, org_id: OrgId) -> Result<u64> {
        self.generation_of_shown(org_id).await
    }

    async fn bucket_generations(&self, org_ids: &[OrgId]) -> Result<Vec<u64>> {
        self.generations_of(org_ids).await
    }

    async fn count_credentials_ending(&self, until: Timestamp) -> Result<u64> {
        let sql =
            "SELECT COUNT(*) FROM buckets WHERE secret_expires_at IS NOT NULL AND secret_expires_at <= $1";
        self.row(query(sql).bind(to_micros(until))).await?.map_or(Ok(0), |row| Columns::of(&row).narrow())
    }

    async fn credentials_ending(
        &self,
        after: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<EndingCredential>> {
        let sql = "SELECT id, org_id, secret_expires_at FROM buckets WHERE secret_expires_at IS NOT NULL \
                   AND secret_expires_at > $1 AND secret_expires_at <= $2 ORDER BY secret_expires_at, id LIMIT $3";
        let select = query(sql).bind(to_micros(after)).bind(to_micros(until)).bind(i64::from(limit));
        let read = |row: &Row| {
            let mut columns = Columns::of(row);
            let (id, org_id) = (columns.parsed()?, columns.parsed()?);
            Ok(EndingCredential { id, org_id, expires_at: columns.time()? })
        };
        self.rows(select).await?.iter().map(read).collect()
    }

    async fn credential_ends(
        &self,
        org_id: OrgId,
        visible: &Visibility,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<CredentialEnd>> {
        self.visible_credential_ends(org_id, visible, until, limit).await
    }
}
