//! Nodes and their keys.

use async_trait::async_trait;
use bucketry_model::audit::AuditEntry;
use bucketry_model::id::{NodeId, NodeKeyId, OrgId};
use bucketry_model::node::{HeartbeatReport, LastHeartbeat, Node};
use bucketry_model::status::is_connected;
use bucketry_model::time::to_micros;
use jiff::Timestamp;
use sqlx::query;

use super::columns::Columns;
use super::dialect::{Row, for_share, for_update, is_unique_violation};
use super::node_silence;
use super::statement::Write;
use super::{SqlStore, facets, vault};
use crate::Result;
use crate::node::{
    KeyApproval, NodeApproved, NodeDeleted, NodeKey, NodeKeyInserted, NodeRegistered, NodeRegistration,
    NodeStore,
};
use crate::signal::Signal;

/// The columns of a node.
macro_rules! node_columns {
    () => {
        "n.id, n.org_id, n.name, n.region, n.provider, n.version, n.recipients, n.approved, n.key_id, \
         n.created_at, n.last_seen, n.last_heartbeat"
    };
}
pub(super) use node_columns;

/// Reads `node_columns!()`.
pub(super) fn read(columns: &mut Columns<'_>) -> Result<Node> {
    Ok(Node {
        id: columns.parsed()?,
        org_id: columns.optional_parsed()?,
        name: columns.text()?,
        region: columns.text()?,
        provider: columns.text()?,
        version: columns.text()?,
        recipients: columns.read(serde_json::from_str)?,
        approved: columns.read(serde_json::from_str)?,
        key_id: columns.parsed()?,
        created_at: columns.time()?,
        last_seen: columns.time()?,
        // One of a newer version may have another form. The next heartbeat replaces it.
        last_heartbeat: columns.optional_text()?.and_then(|text| serde_json::from_str(&text).ok()),
    })
}

fn node(row: &Row) -> Result<Node> {
    read(&mut Columns::of(row))
}

fn node_key(row: &Row) -> Result<NodeKey> {
    let mut columns = Columns::of(row);
    Ok(NodeKey {
        id: columns.parsed()?,
        org_id: columns.optional_parsed()?,
        public_key: columns.text()?,
        created_at: columns.time()?,
    })
}

/// A node with the name of a registration.
struct KnownNode {
    id: NodeId,
    org_id: Option<OrgId>,
    is_live: bool,
    /// When an administrator deleted it.
    deleted_at: Option<Timestamp>,
    /// Its approved keys.
    approved: Vec<String>,
    last_seen: Timestamp,
}

/// The keys of a registration to which secrets may be sealed.
fn approved_keys(new: &NodeRegistration, before: Option<&KnownNode>) -> Vec<String> {
    let known = before.filter(|node| node.is_live).map_or(&[][..], |node| node.approved.as_slice());
    let is_known = |key: &&String| known.contains(key);
    match new.approval {
        KeyApproval::All => new.recipients.clone(),
        KeyApproval::Rotating if new.recipients.iter().any(|key| is_known(&key)) => new.recipients.clone(),
        KeyApproval::Rotating | KeyApproval::AsBefore => {
            new.recipients.iter().filter(is_known).cloned().collect()
        }
    }
}

/// Whether a node registers under the name of one that is connected and has approved keys, of which the new one has none. Its
/// registration would end the approval of the other, which would get no further changes.
fn displaces(new: &NodeRegistration, known: &KnownNode, now: Timestamp) -> bool {
    let is_approved = |key: &String| known.approved.contains(key);
    known.is_live
        && new.approval != KeyApproval::All
        && !known.approved.is_empty()
        && !new.recipients.iter().any(is_approved)
        && is_connected(known.last_seen, now)
        && new.silent_at != Some(known.last_seen)
}

/// Whether existing secrets aren't sealed to a key to which new ones will be. A rotation seals them itself.
fn needs_rewrap(new: &NodeRegistration, before: Option<&KnownNode>, approved: &[String]) -> bool {
    let known = before.filter(|node| node.is_live).map_or(&[][..], |node| node.approved.as_slice());
    new.approval != KeyApproval::Rotating && approved.first() != known.first()
}

/// The live node with this name first, then removed nodes that had it, the latest first. They can't be approved before the
/// transaction ends.
async fn known_by_name(write: &mut Write, name: &str) -> Result<Vec<KnownNode>> {
    let sql = concat!(
        "SELECT id, org_id, removed_at, deleted_at, approved, last_seen FROM nodes WHERE name = $1",
        for_update!()
    );
    let mut known = Vec::new();
    for row in write.rows(query(sql).bind(name)).await? {
        let mut columns = Columns::of(&row);
        let (id, org_id, removed_at) =
            (columns.parsed()?, columns.optional_parsed()?, columns.optional_time()?);
        let deleted_at = columns.optional_time()?;
        let approved = columns.read(serde_json::from_str)?;
        let last_seen = columns.time()?;
        known.push((
            removed_at.unwrap_or(Timestamp::MAX),
            KnownNode { id, org_id, is_live: removed_at.is_none(), deleted_at, approved, last_seen },
        ));
    }
    known.sort_by_key(|(until, _)| std::cmp::Reverse(*until));
    Ok(known.into_iter().map(|(_, known)| known).collect())
}

/// When the organization's key was created. The key can't be deleted before the transaction ends.
async fn key_created(write: &mut Write, org_id: OrgId, id: NodeKeyId) -> Result<Option<Timestamp>> {
    let sql = concat!("SELECT created_at FROM node_keys WHERE id = $1 AND org_id = $2", for_share!());
    let row = write.row(query(sql).bind(id.to_string()).bind(org_id.to_string())).await?;
    row.map(|row| Columns::of(&row).time()).transpose()
}

/// Locks an organization, so that what is added to it at the same time is counted one after the other.
pub(super) async fn lock_organization(write: &mut Write, org_id: OrgId) -> Result<()> {
    let sql = concat!("SELECT id FROM organizations WHERE id = $1", for_update!());
    write.row(query(sql).bind(org_id.to_string())).await.map(|_| ())
}

/// Whether the organization may have another live node.
async fn has_room(write: &mut Write, org_id: OrgId, quota: Option<u64>) -> Result<bool> {
    let Some(quota) = quota else { return Ok(true) };
    lock_organization(write, org_id).await?;
    let sql = "SELECT COUNT(*) FROM nodes n WHERE n.removed_at IS NULL AND n.org_id = $1";
    let row = write.row(query(sql).bind(org_id.to_string())).await?;
    let count: u64 = row.map_or(Ok(0), |row| Columns::of(&row).narrow())?;
    Ok(count < quota)
}

/// Why an organization's node can't register, if anything forbids it.
async fn refusal(
    write: &mut Write,
    org_id: OrgId,
    new: &NodeRegistration,
    key_created: Timestamp,
    before: Option<&KnownNode>,
) -> Result<Option<NodeRegistered>> {
    if before.and_then(|node| node.deleted_at).is_some_and(|deleted| key_created <= deleted) {
        return Ok(Some(NodeRegistered::Deleted));
    }
    let is_another = before.is_none_or(|node| !node.is_live);
    if is_another && !has_room(write, org_id, new.quota).await? {
        return Ok(Some(NodeRegistered::QuotaExceeded));
    }
    Ok(None)
}

/// A key that was removed.
struct RemovedKey {
    /// Whether secrets were sealed to a node that registered with it.
    needs_rewrap: bool,
}

/// Removes a key with the nodes that registered with it. Returns `None` if there was no such key.
async fn remove_key(
    write: &mut Write,
    org_id: Option<OrgId>,
    id: NodeKeyId,
    now: Timestamp,
) -> Result<Option<RemovedKey>> {
    let id = id.to_string();
    let sql = concat!("SELECT org_id FROM node_keys WHERE id = $1", for_update!());
    let Some(row) = write.row(query(sql).bind(&id)).await? else { return Ok(None) };
    if Columns::of(&row).optional_parsed::<OrgId>()? != org_id {
        return Ok(None);
    }
    write.execute(query("DELETE FROM node_keys WHERE id = $1").bind(&id)).await?;
    let sql = "SELECT id FROM nodes WHERE key_id = $1 AND removed_at IS NULL";
    let mut needs_rewrap = false;
    for row in write.rows(query(sql).bind(&id)).await? {
        let node = Columns::of(&row).text()?;
        needs_rewrap |= remove(write, &node, org_id, now).await?;
    }
    Ok(Some(RemovedKey { needs_rewrap }))
}

async fn insert(
    write: &mut Write,
    new: &NodeRegistration,
    approved: &[String],
    now: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO nodes (id, org_id, name, region, provider, version, recipients, key_id, created_at, \
               last_seen, approved) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)";
    let insert = query(sql)
        .bind(new.id.to_string())
        .bind(new.org_id.map(|id| id.to_string()))
        .bind(new.name.as_str())
        .bind(new.region.as_str())
        .bind(new.provider.as_str())
        .bind(new.version.as_str())
        .bind(json_list(&new.recipients))
        .bind(new.key_id.to_string())
        .bind(to_micros(now))
        .bind(json_list(approved));
    write.execute(insert).await.map(|_| ())
}

async fn update(
    write: &mut Write,
    id: NodeId,
    new: &NodeRegistration,
    approved: &[String],
    now: Timestamp,
) -> Result<()> {
    let sql = "UPDATE nodes SET region = $2, provider = $3, version = $4, recipients = $5, key_id = $6, \
               last_seen = $7, approved = $8, removed_at = NULL, deleted_at = NULL WHERE id = $1";
    let update = query(sql)
        .bind(id.to_string())
        .bind(new.region.as_str())
        .bind(new.provider.as_str())
        .bind(new.version.as_str())
        .bind(json_list(&new.recipients))
        .bind(new.key_id.to_string())
        .bind(to_micros(now))
        .bind(json_list(approved));
    write.execute(update).await.map(|_| ())
}

fn json_list(texts: &[String]) -> String {
    serde_json::json!(texts).to_string()
}

/// Removes a live node with its latest reports. Returns whether secrets were sealed to it, which the caller must have
/// sealed again without it.
async fn remove(write: &mut Write, id: &str, org_id: Option<OrgId>, now: Timestamp) -> Result<bool> {
    let sql = "UPDATE nodes SET removed_at = $2, last_heartbeat = NULL WHERE id = $1 RETURNING approved";
    let row = write.row(query(sql).bind(id).bind(to_micros(now))).await?;
    let approved: Vec<String> =
        row.map_or_else(|| Ok(Vec::new()), |row| Columns::of(&row).read(serde_json::from_str))?;
    let forget = "DELETE FROM bucket_words WHERE node_id = $1";
    write.execute(query(forget).bind(id)).await?;
    facets::forget_node(write, id).await?;
    write.bump_generation(org_id);
    write.signal(Signal::NodesChanged);
    Ok(!approved.is_empty())
}

/// Commits, and asks for existing secrets to be sealed again if that is necessary. Last, because all transactions that ask
/// for it wait for each other from there on, and could deadlock if they then locked nodes.
async fn commit_with_rewrap(mut write: Write, needs_rewrap: bool, now: Timestamp) -> Result<()> {
    if needs_rewrap {
        vault::request_rewrap(&mut write, now).await?;
    }
    write.commit().await
}

impl SqlStore {
    async fn register(&self, registration: &NodeRegistration, audit: &AuditEntry) -> Result<NodeRegistered> {
        let now = audit.at;
        let mut write = self.write_audited(audit).await?;
        // Locked before the node, as by the deletion of the key.
        let key_created = match registration.org_id {
            Some(org_id) => match key_created(&mut write, org_id, registration.key_id).await? {
                Some(created) => Some((org_id, created)),
                None => return Ok(NodeRegistered::KeyDeleted),
            },
            None => None,
        };
        let known = known_by_name(&mut write, &registration.name).await?;
        if known.iter().any(|node| node.is_live && node.org_id != registration.org_id) {
            return Ok(NodeRegistered::NameTaken);
        }
        let before = known.iter().find(|node| node.org_id == registration.org_id);
        if let Some((org_id, key_created)) = key_created
            && let Some(refusal) = refusal(&mut write, org_id, registration, key_created, before).await?
        {
            return Ok(refusal);
        }
        if let Some(in_use) = before.filter(|node| displaces(registration, node, now)) {
            return Ok(NodeRegistered::NameInUse { last_seen: in_use.last_seen });
        }
        let approved = approved_keys(registration, before);
        let needs_rewrap = needs_rewrap(registration, before, &approved);
        // A removed node that comes back gets its id back. Its spools continue where they were counted, so a batch
        // whose acknowledgement was lost is still recognised.
        let back = before.map(|node| node.id);
        let id = back.unwrap_or(registration.id);
        if back.is_some() {
            node_silence::end_of_silence(&mut write, &id.to_string(), now).await?;
            node_silence::end_of_removal(&mut write, &id.to_string(), now).await?;
            update(&mut write, id, registration, &approved, now).await?;
        } else {
            insert(&mut write, registration, &approved, now).await?;
        }
        let sql = concat!("SELECT ", node_columns!(), " FROM nodes n WHERE n.id = $1");
        let row = write.row(query(sql).bind(id.to_string())).await?;
        let node = row.as_ref().map(node).transpose()?;
        write.bump_generation(registration.org_id);
        // Other processes would send it what they send to the approved node that had the name.
        if before.is_some_and(|node| node.approved != approved) {
            write.signal(Signal::NodesChanged);
        }
        commit_with_rewrap(write, needs_rewrap, now).await?;
        node.map(|node| NodeRegistered::Registered(Box::new(node)))
            .ok_or_else(|| crate::StoreError::Damaged("a node that was just stored is missing".to_owned()))
    }
}

#[async_trait]
impl NodeStore for SqlStore {
    async fn register_node(
        &self,
        registration: &NodeRegistration,
        audit: &AuditEntry,
    ) -> Result<NodeRegistered> {
        // If another registration of the same name was faster, the unique index rejects this one. The second
        // attempt finds the other node.
        match self.register(registration, audit).await {
            Err(error) if is_unique_violation(&error) => self.register(registration, audit).await,
            outcome => outcome,
        }
    }

    async fn nodes(&self) -> Result<Vec<Node>> {
        let sql = concat!("SELECT ", node_columns!(), " FROM nodes n WHERE n.removed_at IS NULL");
        let mut nodes: Vec<Node> = self.rows(query(sql)).await?.iter().map(node).collect::<Result<_>>()?;
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(nodes)
    }

    async fn approve_node(&self, id: NodeId, recipient: &str, audit: &AuditEntry) -> Result<NodeApproved> {
        let now = audit.at;
        let mut write = self.write_audited(audit).await?;
        let id = id.to_string();
        let sql = concat!(
            "SELECT org_id, recipients, approved FROM nodes WHERE id = $1 AND removed_at IS NULL",
            for_update!()
        );
        let Some(row) = write.row(query(sql).bind(&id)).await? else { return Ok(NodeApproved::NotFound) };
        let mut columns = Columns::of(&row);
        let org_id = columns.optional_parsed()?;
        let recipients: Vec<String> = columns.read(serde_json::from_str)?;
        let approved: Vec<String> = columns.read(serde_json::from_str)?;
        if recipients.first().is_none_or(|first| first != recipient) {
            return Ok(NodeApproved::OtherKey);
        }
        if approved.first().is_some_and(|first| first == recipient) {
            return Ok(NodeApproved::AlreadyApproved);
        }
        let is_approved = |key: &&String| key.as_str() == recipient || approved.contains(*key);
        let approved: Vec<String> = recipients.iter().filter(is_approved).cloned().collect();
        let sql = "UPDATE nodes SET approved = $2 WHERE id = $1";
        write.execute(query(sql).bind(&id).bind(json_list(&approved))).await?;
        write.bump_generation(org_id);
        write.signal(Signal::NodesChanged);
        commit_with_rewrap(write, true, now).await?;
        Ok(NodeApproved::Approved)
    }

    async fn record_heartbeat(
        &self,
        id: NodeId,
        report: HeartbeatReport,
        now: Timestamp,
    ) -> Result<Option<LastHeartbeat>> {
        let mut write = self.write().await?;
        let sql = concat!(
            "SELECT org_id, last_seen, last_heartbeat FROM nodes WHERE id = $1 AND removed_at IS NULL",
            for_update!()
        );
        let Some(row) = write.row(query(sql).bind(id.to_string())).await? else { return Ok(None) };
        let mut columns = Columns::of(&row);
        let (org_id, last_seen) = (columns.optional_parsed()?, columns.time()?);
        let before: Option<LastHeartbeat> =
            columns.optional_text()?.and_then(|text| serde_json::from_str(&text).ok());
        let heartbeat = LastHeartbeat::reported(report, before.clone(), now);
        node_silence::end_of_silence(&mut write, &id.to_string(), now).await?;
        let sql = "UPDATE nodes SET last_seen = $2, last_heartbeat = $3 WHERE id = $1";
        let text = serde_json::json!(heartbeat).to_string();
        write.execute(query(sql).bind(id.to_string()).bind(to_micros(now)).bind(text)).await?;
        let is_same = before.is_some_and(|before| before.looks_like(&heartbeat));
        if is_same && is_connected(last_seen, now) {
            write.bump_generation_quietly(org_id);
        } else {
            write.bump_generation(org_id);
        }
        write.commit().await?;
        Ok(Some(heartbeat))
    }

    async fn unregister_node(&self, id: NodeId, audit: &AuditEntry) -> Result<bool> {
        let now = audit.at;
        let mut write = self.write_audited(audit).await?;
        let id = id.to_string();
        let sql = "SELECT org_id FROM nodes WHERE id = $1 AND removed_at IS NULL";
        let Some(row) = write.row(query(sql).bind(&id)).await? else { return Ok(false) };
        let needs_rewrap = remove(&mut write, &id, Columns::of(&row).optional_parsed()?, now).await?;
        commit_with_rewrap(write, needs_rewrap, now).await?;
        Ok(true)
    }

    async fn delete_node(
        &self,
        org_id: Option<OrgId>,
        id: NodeId,
        audit: &AuditEntry,
    ) -> Result<NodeDeleted> {
        let now = audit.at;
        let mut write = self.write_audited(audit).await?;
        let id = id.to_string();
        let sql = concat!("SELECT org_id, removed_at FROM nodes WHERE id = $1", for_update!());
        let Some(row) = write.row(query(sql).bind(&id)).await? else { return Ok(NodeDeleted::NotFound) };
        let mut columns = Columns::of(&row);
        if columns.optional_parsed::<OrgId>()? != org_id {
            return Ok(NodeDeleted::NotFound);
        }
        if columns.optional_time()?.is_some() {
            return Ok(NodeDeleted::AlreadyGone);
        }
        let needs_rewrap = remove(&mut write, &id, org_id, now).await?;
        let sql = "UPDATE nodes SET deleted_at = $2 WHERE id = $1";
        write.execute(query(sql).bind(&id).bind(to_micros(now))).await?;
        commit_with_rewrap(write, needs_rewrap, now).await?;
        Ok(NodeDeleted::Deleted)
    }

    async fn insert_node_key(
        &self,
        key: &NodeKey,
        at_most: usize,
        audit: &AuditEntry,
    ) -> Result<NodeKeyInserted> {
        let mut write = self.write_audited(audit).await?;
        if let Some(org_id) = key.org_id {
            lock_organization(&mut write, org_id).await?;
            let sql = "SELECT id FROM node_keys WHERE org_id = $1";
            if write.rows(query(sql).bind(org_id.to_string())).await?.len() >= at_most {
                return Ok(NodeKeyInserted::TooMany);
            }
        }
        let sql = "INSERT INTO node_keys (id, org_id, public_key, created_at) VALUES ($1, $2, $3, $4)";
        let insert = query(sql)
            .bind(key.id.to_string())
            .bind(key.org_id.map(|id| id.to_string()))
            .bind(key.public_key.as_str())
            .bind(to_micros(key.created_at));
        write.execute(insert).await?;
        write.commit().await?;
        Ok(NodeKeyInserted::Inserted)
    }

    async fn node_keys(&self, org_id: Option<OrgId>) -> Result<Vec<NodeKey>> {
        let of_org = "SELECT id, org_id, public_key, created_at FROM node_keys WHERE org_id = $1 \
                      ORDER BY created_at DESC, id DESC";
        let of_deployment = "SELECT id, org_id, public_key, created_at FROM node_keys WHERE org_id IS NULL \
                             ORDER BY created_at DESC, id DESC";
        let keys = match org_id {
            Some(org_id) => query(of_org).bind(org_id.to_string()),
            None => query(of_deployment),
        };
        let rows = self.rows(keys).await?;
        rows.iter().map(node_key).collect()
    }

    async fn delete_node_keys(&self, org_id: Option<OrgId>, keys: &[(NodeKeyId, AuditEntry)]) -> Result<u64> {
        let mut write = self.write().await?;
        let (mut removed, mut rewrap_at) = (0, None);
        for (id, audit) in keys {
            if let Some(key) = remove_key(&mut write, org_id, *id, audit.at).await? {
                write.audit(std::slice::from_ref(audit));
                removed += 1;
                rewrap_at = key.needs_rewrap.then_some(audit.at).or(rewrap_at);
            }
        }
        if let Some(at) = rewrap_at {
            vault::request_rewrap(&mut write, at).await?;
        }
        write.commit_if(removed > 0).await?;
        Ok(removed)
    }
}
