//! The words that buckets and repositories are found by, each under its organization and under its workspace.

use bucketry_model::id::{OrgId, WorkspaceId};
use bucketry_model::role::Visibility;
use bucketry_model::search::{SearchWords, Words, end_of};
use sqlx::{AssertSqlSafe, query};

use super::SqlStore;
use super::columns::Columns;
use super::dialect::{Row, part_of_union};
use super::page::MERGED_AT_ONCE;
use super::statement::{InList, Rows, Write};
use crate::Result;
use crate::listing::SORTABLE;

/// What words belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SearchKind {
    Bucket,
    Repository,
}

impl SearchKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Bucket => "BUCKET",
            Self::Repository => "REPOSITORY",
        }
    }

    /// The start of the statement that reads words with the columns of [`Candidate`].
    fn select(self) -> &'static str {
        match self {
            Self::Bucket => {
                "SELECT s.word, s.subject_id, f.words, f.created_at, f.name_folded, f.facet FROM search_words s \
                 JOIN bucket_facets f ON f.bucket_id = s.subject_id WHERE s.kind = 'BUCKET'"
            }
            Self::Repository => {
                "SELECT s.word, s.subject_id, r.words, r.created_at, r.name_folded, r.version FROM search_words s \
                 JOIN repositories r ON r.id = s.subject_id WHERE s.kind = 'REPOSITORY'"
            }
        }
    }
}

/// The words of a resource, with where they are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Indexed {
    pub(super) org_id: OrgId,
    pub(super) workspace: WorkspaceId,
    pub(super) words: Words,
}

impl Indexed {
    fn scopes(&self) -> [String; 2] {
        [self.org_id.to_string(), self.workspace.to_string()]
    }
}

const SEARCH_WORDS: Rows<'static> = Rows {
    before: "INSERT INTO search_words (scope, kind, word, subject_id) ",
    columns: 4,
    after: " ON CONFLICT DO NOTHING",
};

/// Replaces the words of a resource.
pub(super) async fn replace(
    write: &mut Write,
    kind: SearchKind,
    id: &str,
    old: Option<&Indexed>,
    new: &Indexed,
) -> Result<()> {
    if old == Some(new) {
        return Ok(());
    }
    if let Some(old) = old {
        remove(write, kind, id, old).await?;
    }
    let scopes = new.scopes();
    let rows: Vec<(&str, &str)> =
        scopes.iter().flat_map(|scope| new.words.iter().map(move |word| (scope.as_str(), word))).collect();
    write
        .insert_rows(&SEARCH_WORDS, &rows, |values, (scope, word)| {
            values.bind(*scope).bind(kind.as_str()).bind(*word).bind(id)
        })
        .await
        .map(drop)
}

/// Removes the words of a resource.
pub(super) async fn remove(write: &mut Write, kind: SearchKind, id: &str, old: &Indexed) -> Result<()> {
    let words: Vec<String> = old.words.iter().map(str::to_owned).collect();
    for scope in old.scopes() {
        let list = InList::new(
            "DELETE FROM search_words WHERE scope = $1 AND kind = $2 AND subject_id = $3 AND word IN (",
            ")",
        );
        write.rows_in_list(&list.text(scope).text(kind.as_str()).text(id), &words).await?;
    }
    Ok(())
}

/// A word that begins as wanted, with the resource that has it.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) word: String,
    pub(super) id: String,
    pub(super) words: Words,
    pub(super) created_at: i64,
    pub(super) name_folded: String,
    /// The facet of a bucket. Without a meaning for repositories.
    pub(super) facet: i64,
}

impl Candidate {
    /// Whether it has all words, and is not the same resource again by a second word with the same beginning.
    pub(super) fn matches(&self, words: &SearchWords, prefix: &str) -> bool {
        self.words.first_with(prefix) == Some(self.word.as_str()) && words.match_all(&self.words)
    }
}

fn candidate(row: &Row) -> Result<Candidate> {
    let mut columns = Columns::of(row);
    Ok(Candidate {
        word: columns.text()?,
        id: columns.text()?,
        words: Words::from_text(&columns.text()?),
        created_at: columns.number()?,
        name_folded: columns.text()?,
        facet: columns.number()?,
    })
}

/// Where words are read.
pub(super) struct Scopes {
    kind: SearchKind,
    scopes: Vec<String>,
}

impl Scopes {
    pub(super) fn new(kind: SearchKind, org_id: OrgId, visible: &Visibility) -> Self {
        let scopes = match visible {
            Visibility::Organization => vec![org_id.to_string()],
            Visibility::Workspaces(ids) => ids.iter().map(ToString::to_string).collect(),
        };
        Self { kind, scopes }
    }
}

impl SqlStore {
    /// The words with this beginning after a word and an id, in this order, at most `limit`.
    pub(super) async fn candidates(
        &self,
        of: &Scopes,
        prefix: &str,
        after: (&str, &str),
        limit: u32,
    ) -> Result<Vec<Candidate>> {
        const ORDER: &str = " ORDER BY word, subject_id LIMIT $4";
        let mut found = Vec::new();
        for scopes in of.scopes.chunks(MERGED_AT_ONCE) {
            let mut sql = String::new();
            for index in 0..scopes.len() {
                let part = format!(
                    "{} AND s.scope = ${} AND s.word < $3 AND (s.word, s.subject_id) > ($1, $2)",
                    of.kind.select(),
                    index + 5
                );
                sql.push_str(if index == 0 { "" } else { " UNION ALL " });
                sql.push_str(&if scopes.len() == 1 { part } else { part_of_union(&part, ORDER) });
            }
            sql.push_str(ORDER);
            let mut statement = query(AssertSqlSafe(sql))
                .bind(after.0.to_owned())
                .bind(after.1.to_owned())
                .bind(end_of(prefix))
                .bind(i64::from(limit));
            for scope in scopes {
                statement = statement.bind(scope.clone());
            }
            for row in self.rows(statement).await? {
                found.push(candidate(&row)?);
            }
        }
        if of.scopes.len() > MERGED_AT_ONCE {
            found.sort_by(|a, b| (&a.word, &a.id).cmp(&(&b.word, &b.id)));
            found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        }
        Ok(found)
    }

    /// The number of the word that the fewest resources have, and whether they are at most [`SORTABLE`].
    pub(super) async fn rarest(&self, of: &Scopes, words: &SearchWords) -> Result<(usize, bool)> {
        let mut rarest = (0, u32::MAX);
        for (number, prefix) in words.prefixes().iter().enumerate() {
            let mut count = 0;
            for scopes in of.scopes.chunks(MERGED_AT_ONCE) {
                count += self.count_words(of.kind, scopes, prefix).await?;
            }
            if count < rarest.1 {
                rarest = (number, count);
            }
        }
        Ok((rarest.0, rarest.1 <= SORTABLE))
    }

    /// Counts words up to one more than [`SORTABLE`].
    async fn count_words(&self, kind: SearchKind, scopes: &[String], prefix: &str) -> Result<u32> {
        let parts: Vec<String> = (0..scopes.len())
            .map(|index| {
                format!(
                    "SELECT 1 FROM search_words s WHERE s.scope = ${} AND s.kind = $4 AND s.word >= $1 AND s.word < $2",
                    index + 5
                )
            })
            .collect();
        let sql = format!("SELECT COUNT(*) FROM ({} LIMIT $3) counted", parts.join(" UNION ALL "));
        let mut statement = query(AssertSqlSafe(sql))
            .bind(prefix.to_owned())
            .bind(end_of(prefix))
            .bind(i64::from(SORTABLE) + 1)
            .bind(kind.as_str());
        for scope in scopes {
            statement = statement.bind(scope.clone());
        }
        self.row(statement).await?.map_or(Ok(0), |row| Columns::of(&row).narrow())
    }
}
