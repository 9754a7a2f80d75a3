//! Lists by filter, words and order. A page is read as keys first: by the index of the order, merged over the selected
//! facets and visible workspaces, or by the index of words. The entries are then read by id.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::str::FromStr;

use async_trait::async_trait;
use bucketry_model::id::{BucketId, OrgId, RepoId};
use bucketry_model::repository::Repository;
use bucketry_model::role::Visibility;
use bucketry_model::search::SearchWords;
use bucketry_model::time::{from_micros, to_micros};
use jiff::Timestamp;
use sqlx::{AssertSqlSafe, query};

use super::SqlStore;
use super::columns::Columns;
use super::dialect::{Query, Row, part_of_union};
use super::page::MERGED_AT_ONCE;
use super::search_words::{Candidate, Scopes, SearchKind};
use crate::bucket::{ListedBucket, PageStart};
use crate::listing::{
    BucketFilter, BucketSearch, FacetCount, ListOrder, ListPosition, ListingStore, NamePosition,
    RepositorySearch, SearchPage, WordPosition,
};
use crate::{Result, StoreError};

/// The most words that a page of a search looks at.
const LOOKED_AT: usize = 4_096;
/// Words per statement, if not every word is a result.
const WORDS_AT_ONCE: u32 = 512;

/// What an entry is ordered by.
#[derive(Debug, Clone)]
struct EntryKey {
    created_at: i64,
    name_folded: String,
    id: String,
}

impl EntryKey {
    fn of(row: &Row) -> Result<Self> {
        let mut columns = Columns::of(row);
        Ok(Self { created_at: columns.number()?, name_folded: columns.text()?, id: columns.text()? })
    }

    fn compare(&self, other: &Self, order: ListOrder) -> Ordering {
        match order {
            ListOrder::Newest => (other.created_at, &other.id).cmp(&(self.created_at, &self.id)),
            ListOrder::Name => (&self.name_folded, &self.id).cmp(&(&other.name_folded, &other.id)),
        }
    }

    fn position<Id: FromStr>(&self, order: ListOrder) -> Result<ListPosition<Id>> {
        let id = parsed(&self.id)?;
        Ok(match order {
            ListOrder::Newest => {
                ListPosition::Newest(PageStart { created_at: from_micros(self.created_at), id })
            }
            ListOrder::Name => ListPosition::Name(NamePosition { name: self.name_folded.clone(), id }),
        })
    }
}

impl From<Candidate> for EntryKey {
    fn from(found: Candidate) -> Self {
        Self { created_at: found.created_at, name_folded: found.name_folded, id: found.id }
    }
}

fn parsed<Id: FromStr>(id: &str) -> Result<Id> {
    id.parse().map_err(|_| StoreError::Damaged("column id".to_owned()))
}

/// What keys are read from: the statement up to its conditions on scope and position.
#[derive(Clone, Copy)]
struct KeyTable {
    kind: SearchKind,
    sql: &'static str,
    /// The columns of the table that have the id and, for the condition on the position, the alias of the table.
    id: &'static str,
    table: &'static str,
}

const BUCKET_KEYS: KeyTable = KeyTable {
    kind: SearchKind::Bucket,
    sql: "SELECT f.created_at, f.name_folded, f.bucket_id AS id FROM bucket_facets f WHERE f.org_id = $4",
    id: "f.bucket_id",
    table: "f",
};
const REPOSITORY_KEYS: KeyTable = KeyTable {
    kind: SearchKind::Repository,
    sql: "SELECT r.created_at, r.name_folded, r.id FROM repositories r WHERE r.deleted_at IS NULL AND r.org_id = $4",
    id: "r.id",
    table: "r",
};

/// A list of keys.
struct KeyQuery<'a, Id> {
    table: KeyTable,
    org_id: OrgId,
    visible: &'a Visibility,
    /// The facets of which the list consists. `None` for repositories, which have none.
    facets: Option<Vec<i64>>,
    words: Option<&'a SearchWords>,
    order: Option<ListOrder>,
    after: Option<&'a ListPosition<Id>>,
    limit: u32,
}

/// A page of keys. `None` if there are too many results to sort.
type KeyPage<Id> = Option<(Vec<String>, Option<ListPosition<Id>>)>;

impl<Id: FromStr + ToString> KeyQuery<'_, Id> {
    /// The position as parameters. The first page begins before every key.
    fn bind_after(&self, order: ListOrder, statement: Query<'static>) -> Query<'static> {
        match (order, self.after) {
            (ListOrder::Newest, Some(ListPosition::Newest(start))) => {
                statement.bind(to_micros(start.created_at)).bind(start.id.to_string())
            }
            (ListOrder::Newest, _) => statement.bind(i64::MAX).bind("~"),
            (ListOrder::Name, Some(ListPosition::Name(start))) => {
                statement.bind(start.name.clone()).bind(start.id.to_string())
            }
            (ListOrder::Name, _) => statement.bind("").bind(""),
        }
    }

    /// Whether a key is after the position.
    fn is_after(&self, key: &EntryKey, order: ListOrder) -> bool {
        let start = match (order, self.after) {
            (ListOrder::Newest, Some(ListPosition::Newest(start))) => EntryKey {
                created_at: to_micros(start.created_at),
                name_folded: String::new(),
                id: start.id.to_string(),
            },
            (ListOrder::Name, Some(ListPosition::Name(start))) => {
                EntryKey { created_at: 0, name_folded: start.name.clone(), id: start.id.to_string() }
            }
            _ => return true,
        };
        key.compare(&start, order) == Ordering::Greater
    }

    /// The conditions of the parts that are merged: on the workspace, if not all are visible, and on the facet.
    fn parts(&self) -> Vec<(Option<String>, Option<i64>)> {
        let workspaces: Vec<Option<String>> = match self.visible {
            Visibility::Organization => vec![None],
            Visibility::Workspaces(ids) => ids.iter().map(|id| Some(id.to_string())).collect(),
        };
        let facets: Vec<Option<i64>> = match &self.facets {
            None => vec![None],
            Some(facets) => facets.iter().copied().map(Some).collect(),
        };
        workspaces.iter().flat_map(|one| facets.iter().map(|facet| (one.clone(), *facet))).collect()
    }

    /// One page of sorted keys, of which there may be one more than the page has.
    fn cut(&self, keys: Vec<EntryKey>, order: ListOrder) -> Result<KeyPage<Id>> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let last = keys.get(limit.saturating_sub(1)).filter(|_| keys.len() > limit);
        let next = last.map(|key| key.position(order)).transpose()?;
        Ok(Some((keys.into_iter().take(limit).map(|key| key.id).collect(), next)))
    }
}

impl SqlStore {
    async fn keys<Id: FromStr + ToString>(&self, of: &KeyQuery<'_, Id>) -> Result<KeyPage<Id>> {
        match (of.words, of.order) {
            (None, order) => {
                of.cut(self.ordered_keys(of, order.unwrap_or_default()).await?, order.unwrap_or_default())
            }
            (Some(words), Some(order)) => self.sorted_results(of, words, order).await,
            (Some(words), None) => self.results(of, words).await,
        }
    }

    /// Reads keys in an order, one more than the page has.
    async fn ordered_keys<Id: FromStr + ToString>(
        &self,
        of: &KeyQuery<'_, Id>,
        order: ListOrder,
    ) -> Result<Vec<EntryKey>> {
        let limit = of.limit.saturating_add(1);
        let parts = of.parts();
        let mut found = Vec::new();
        for merged in parts.chunks(MERGED_AT_ONCE) {
            let sql = AssertSqlSafe(merged_parts(of.table, order, merged));
            let mut statement =
                of.bind_after(order, query(sql)).bind(i64::from(limit)).bind(of.org_id.to_string());
            for (workspace, facet) in merged {
                if let Some(workspace) = workspace {
                    statement = statement.bind(workspace.clone());
                }
                if let Some(facet) = facet {
                    statement = statement.bind(*facet);
                }
            }
            for row in self.rows(statement).await? {
                found.push(EntryKey::of(&row)?);
            }
        }
        if parts.len() > MERGED_AT_ONCE {
            found.sort_by(|a, b| a.compare(b, order));
            found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        }
        Ok(found)
    }

    /// All results of a search, sorted, if they are few.
    async fn sorted_results<Id: FromStr + ToString>(
        &self,
        of: &KeyQuery<'_, Id>,
        words: &SearchWords,
        order: ListOrder,
    ) -> Result<KeyPage<Id>> {
        let scopes = Scopes::new(of.table.kind, of.org_id, of.visible);
        let (reading, are_few) = self.rarest(&scopes, words).await?;
        if !are_few {
            return Ok(None);
        }
        let Some(prefix) = words.prefixes().get(reading) else { return Ok(Some((Vec::new(), None))) };
        let mut keys = Vec::new();
        let mut after = (prefix.clone(), String::new());
        loop {
            let page = self.candidates(&scopes, prefix, (&after.0, &after.1), WORDS_AT_ONCE).await?;
            let Some(last) = page.last() else { break };
            after = (last.word.clone(), last.id.clone());
            let selected = page.into_iter().filter(|one| one.matches(words, prefix) && of.has_facet(one));
            keys.extend(selected.map(EntryKey::from).filter(|key| of.is_after(key, order)));
        }
        keys.sort_by(|a, b| a.compare(b, order));
        of.cut(keys, order)
    }

    /// Results of a search in the order of the rarest word.
    async fn results<Id: FromStr + ToString>(
        &self,
        of: &KeyQuery<'_, Id>,
        words: &SearchWords,
    ) -> Result<KeyPage<Id>> {
        let scopes = Scopes::new(of.table.kind, of.org_id, of.visible);
        let (reading, start) = match of.after {
            Some(ListPosition::Word(start)) => {
                (start.reading, Some((start.word.clone(), start.id.to_string())))
            }
            _ if words.prefixes().len() == 1 => (0, None),
            _ => (self.rarest(&scopes, words).await?.0, None),
        };
        let Some(prefix) = words.prefixes().get(reading) else { return Ok(Some((Vec::new(), None))) };
        let mut after = start.unwrap_or_else(|| (prefix.clone(), String::new()));
        let limit = usize::try_from(of.limit).unwrap_or(usize::MAX);
        let (mut ids, mut looked_at): (Vec<String>, usize) = (Vec::new(), 0);
        let position = |(word, id): &(String, String)| {
            Ok(ListPosition::Word(WordPosition { reading, word: word.clone(), id: parsed(id)? }))
        };
        // After a full page, the last result before it; otherwise the last word that was looked at.
        while looked_at < LOOKED_AT {
            let at_once = of.limit.saturating_add(1).max(if of.takes_all() { 0 } else { WORDS_AT_ONCE });
            let page = self.candidates(&scopes, prefix, (&after.0, &after.1), at_once).await?;
            let is_last = page.len() < usize::try_from(at_once).unwrap_or(usize::MAX);
            for one in page {
                looked_at += 1;
                let is_result = one.matches(words, prefix) && of.has_facet(&one);
                if is_result && ids.len() == limit {
                    return Ok(Some((ids, Some(position(&after)?))));
                }
                after = (one.word, one.id);
                if is_result {
                    ids.push(after.1.clone());
                }
            }
            if is_last {
                return Ok(Some((ids, None)));
            }
        }
        Ok(Some((ids, Some(position(&after)?))))
    }

    async fn repositories_in_order(&self, org_id: OrgId, ids: &[String]) -> Result<Vec<Repository>> {
        let found = self.repositories_among(org_id, ids).await?;
        Ok(in_order(ids, found, |one| one.id.to_string()))
    }
}

impl<Id> KeyQuery<'_, Id> {
    fn has_facet(&self, found: &Candidate) -> bool {
        self.facets.as_ref().is_none_or(|facets| facets.binary_search(&found.facet).is_ok())
    }

    /// Whether almost every word that is read is a result.
    fn takes_all(&self) -> bool {
        self.facets.is_none() && self.words.is_some_and(|words| words.prefixes().len() == 1)
    }
}

/// Merges lists that are each read in the order of an index, and no further than the page needs.
fn merged_parts(of: KeyTable, order: ListOrder, parts: &[(Option<String>, Option<i64>)]) -> String {
    let KeyTable { sql, id, table, .. } = of;
    let (after, order) = match order {
        ListOrder::Newest => {
            (format!("({table}.created_at, {id}) < ($1, $2)"), " ORDER BY created_at DESC, id DESC LIMIT $3")
        }
        ListOrder::Name => {
            (format!("({table}.name_folded, {id}) > ($1, $2)"), " ORDER BY name_folded, id LIMIT $3")
        }
    };
    let mut merged = String::new();
    let mut parameter = 5;
    for (index, (workspace, facet)) in parts.iter().enumerate() {
        let mut part = sql.to_owned();
        for column in
            [workspace.as_ref().map(|_| "workspace_id"), facet.map(|_| "facet")].into_iter().flatten()
        {
            part.extend([" AND ", table, ".", column, " = $", &parameter.to_string()]);
            parameter += 1;
        }
        part.extend([" AND ", &after]);
        merged.push_str(if index == 0 { "" } else { " UNION ALL " });
        merged.push_str(&if parts.len() == 1 { part } else { part_of_union(&part, order) });
    }
    merged.push_str(order);
    merged
}

/// The entries in the order of the ids, without repetitions.
fn in_order<T>(ids: &[String], entries: Vec<T>, id: impl Fn(&T) -> String) -> Vec<T> {
    let mut by_id: HashMap<String, T> = entries.into_iter().map(|one| (id(&one), one)).collect();
    ids.iter().filter_map(|id| by_id.remove(id)).collect()
}

#[async_trait]
impl ListingStore for SqlStore {
    async fn search_buckets(&self, search: &BucketSearch) -> Result<SearchPage<ListedBucket, BucketId>> {
        let restricts = !search.filter.is_empty() || search.words.is_none();
        let facets = if restricts {
            let selected = self.facets_selected(search.org_id, &search.filter).await?;
            Some(selected.iter().map(|facet| facet.number).collect())
        } else {
            None
        };
        let of = KeyQuery {
            table: BUCKET_KEYS,
            org_id: search.org_id,
            visible: &search.visible,
            facets,
            words: search.words.as_ref(),
            order: search.order,
            after: search.after.as_ref(),
            limit: search.limit,
        };
        let Some((ids, next)) = self.keys(&of).await? else { return Ok(SearchPage::TooManyToSort) };
        let among: Vec<BucketId> = ids.iter().map(|id| parsed(id)).collect::<Result<_>>()?;
        let found = self.list_among(search.org_id, &among).await?;
        let entries = in_order(&ids, found, |one| one.bucket.id.to_string());
        Ok(SearchPage::Found { entries, next })
    }

    async fn search_repositories(&self, search: &RepositorySearch) -> Result<SearchPage<Repository, RepoId>> {
        let of = KeyQuery {
            table: REPOSITORY_KEYS,
            org_id: search.org_id,
            visible: &search.visible,
            facets: None,
            words: search.words.as_ref(),
            order: search.order,
            after: search.after.as_ref(),
            limit: search.limit,
        };
        let Some((ids, next)) = self.keys(&of).await? else { return Ok(SearchPage::TooManyToSort) };
        Ok(SearchPage::Found { entries: self.repositories_in_order(search.org_id, &ids).await?, next })
    }

    async fn count_facets(
        &self,
        org_id: OrgId,
        visible: &Visibility,
        filter: &BucketFilter,
        at_most: u32,
    ) -> Result<Vec<FacetCount>> {
        self.count_by_facet(org_id, visible, filter, at_most).await
    }

    async fn purge_facets(&self, unused_since: Timestamp) -> Result<u64> {
        self.purge_unused_facets(unused_since).await
    }
}
