//! The audit.

use bucketry_api_types::audit::{AuditList, AuditRow};
use bytes::Bytes;

use super::{ApiClient, with_query};
use crate::error::ClientError;

/// Which records to read. Values are those of the query of `GET /audit`.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the fields are the query's parameters")]
pub struct AuditSelection {
    pub kind: Option<String>,
    pub action: Option<String>,
    pub user_id: Option<String>,
    pub target_id: Option<String>,
    pub workspace_id: Option<String>,
    pub result: Option<String>,
    pub since: Option<String>,
    pub until: Option<String>,
}

impl AuditSelection {
    fn path(&self, limit: u32, cursor: Option<&str>, format: Option<&str>) -> String {
        let limit = limit.to_string();
        let parameters = [
            ("kind", self.kind.as_deref()),
            ("action", self.action.as_deref()),
            ("user", self.user_id.as_deref()),
            ("id", self.target_id.as_deref()),
            ("workspace", self.workspace_id.as_deref()),
            ("result", self.result.as_deref()),
            ("since", self.since.as_deref()),
            ("until", self.until.as_deref()),
            ("format", format),
            ("limit", Some(limit.as_str())),
            ("cursor", cursor),
        ];
        with_query("/audit", &parameters)
    }
}

impl ApiClient {
    /// Lists records, newest first, at most `limit` (1 to 1000).
    pub async fn audit(
        &self,
        selection: &AuditSelection,
        limit: u32,
    ) -> Result<Vec<AuditRow<'static>>, ClientError> {
        self.get(&selection.path(limit, None, None)).await.map(|list: AuditList<'static>| list.records)
    }

    /// Returns a page of records as `jsonl` or `csv`, and where the next page begins.
    pub async fn audit_export(
        &self,
        selection: &AuditSelection,
        format: &str,
        cursor: Option<&str>,
    ) -> Result<(Bytes, Option<String>), ClientError> {
        self.get_text(&selection.path(1_000, cursor, Some(format)), "*/*").await
    }
}
