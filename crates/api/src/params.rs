//! Path and query parameters.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Path, Query};
use bucketry_control::ResourceKind;
use bucketry_control::ids::{is_absent, read_id, read_list};
use bucketry_model::id::{
    BucketId, ChannelId, NodeId, NodeKeyId, OrgId, RepoId, RepoKeyId, SilenceId, TokenId, UserId,
    ValidationId, WorkspaceId,
};
use bucketry_model::search::SearchWords;
use bucketry_model::time::Day;
use bucketry_store::listing::{ListOrder, ListPosition};
use http::StatusCode;
use http::request::Parts;
use jiff::{SignedDuration, Timestamp};

use crate::cursor::Cursor;
use crate::error::{ApiError, ApiResult};
use crate::state::ApiState;
use crate::unknown_parameters::KnownParameters;

/// The largest `limit`, in entries per page.
pub(crate) const MAX_LIMIT: u32 = 1_000;
/// Entries per page where a request has a cursor but no limit.
const DEFAULT_LIMIT: u32 = 100;
/// The most ids that one list parameter may have.
const MAX_IDS: usize = 1_000;

/// An id type, with the kind of resource that it names.
pub(crate) trait Names: FromStr {
    /// The kind that a 404 names.
    const THING: ResourceKind;

    /// Reads an id from a path. Nothing is absent there: a malformed id is treated as not found (404).
    fn read(text: &str) -> ApiResult<Self> {
        text.parse().map_err(|_| ApiError::not_found(Self::THING))
    }
}

impl Names for BucketId {
    const THING: ResourceKind = ResourceKind::Bucket;
}
impl Names for RepoId {
    const THING: ResourceKind = ResourceKind::Repository;
}
impl Names for RepoKeyId {
    const THING: ResourceKind = ResourceKind::RepositoryKey;
}
impl Names for WorkspaceId {
    const THING: ResourceKind = ResourceKind::Workspace;
}
impl Names for UserId {
    const THING: ResourceKind = ResourceKind::User;
}
impl Names for TokenId {
    const THING: ResourceKind = ResourceKind::Token;
}
impl Names for NodeId {
    const THING: ResourceKind = ResourceKind::Node;
}
impl Names for NodeKeyId {
    const THING: ResourceKind = ResourceKind::OrganizationKey;
}
impl Names for ChannelId {
    const THING: ResourceKind = ResourceKind::NotificationChannel;
}
impl Names for SilenceId {
    const THING: ResourceKind = ResourceKind::NotificationSilence;
}
impl Names for ValidationId {
    const THING: ResourceKind = ResourceKind::Validation;
}
impl Names for OrgId {
    const THING: ResourceKind = ResourceKind::Organization;
}

/// The only parameter of a path, as an id.
pub(crate) struct PathId<Id>(pub(crate) Id);

impl<Id: Names> FromRequestParts<ApiState> for PathId<Id> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> ApiResult<Self> {
        // A path that isn't UTF-8 is treated like a malformed id.
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(text) = path.map_err(|_| ApiError::not_found(Id::THING))?;
        Id::read(&text).map(Self)
    }
}

/// The ids in `/workspace/{workspaceId}/users/{userId}`.
pub(crate) struct MemberPath(pub(crate) WorkspaceId, pub(crate) UserId);

impl FromRequestParts<ApiState> for MemberPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> ApiResult<Self> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((workspace, user)) = path.map_err(|_| ApiError::not_found(ResourceKind::Workspace))?;
        Ok(Self(WorkspaceId::read(&workspace)?, UserId::read(&user)?))
    }
}

/// The ids in `/repo/{repoId}/apikey/{apikeyId}`.
pub(crate) struct KeyPath(pub(crate) RepoId, pub(crate) RepoKeyId);

impl FromRequestParts<ApiState> for KeyPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> ApiResult<Self> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((repo, key)) = path.map_err(|_| ApiError::not_found(ResourceKind::Repository))?;
        Ok(Self(RepoId::read(&repo)?, RepoKeyId::read(&key)?))
    }
}

/// The ids in `/organization/{orgId}/key/{keyId}`.
pub(crate) struct OrganizationKeyPath(pub(crate) OrgId, pub(crate) NodeKeyId);

impl FromRequestParts<ApiState> for OrganizationKeyPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> ApiResult<Self> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((organization, key)) = path.map_err(|_| ApiError::not_found(ResourceKind::Organization))?;
        Ok(Self(OrgId::read(&organization)?, NodeKeyId::read(&key)?))
    }
}

/// The ids in `/organization/{orgId}/node/{nodeId}`.
pub(crate) struct OrganizationNodePath(pub(crate) OrgId, pub(crate) NodeId);

impl FromRequestParts<ApiState> for OrganizationNodePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> ApiResult<Self> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((organization, node)) = path.map_err(|_| ApiError::not_found(ResourceKind::Organization))?;
        Ok(Self(OrgId::read(&organization)?, NodeId::read(&node)?))
    }
}

/// The ids in `/bucket/{bucketId}/validation/{validationId}`.
pub(crate) struct ValidationPath(pub(crate) BucketId, pub(crate) ValidationId);

impl FromRequestParts<ApiState> for ValidationPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> ApiResult<Self> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((bucket, validation)) = path.map_err(|_| ApiError::not_found(ResourceKind::Bucket))?;
        Ok(Self(BucketId::read(&bucket)?, ValidationId::read(&validation)?))
    }
}

/// The part of a list that a request asks for.
pub(crate) enum Page<C> {
    /// The whole list.
    Whole,
    /// One page.
    Part {
        /// The entry that the page starts after; `None` for the first page.
        after: Option<C>,
        /// The most entries that the page may have.
        limit: u32,
    },
}

/// A parameter that is a date or a date-time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum DateOrTime {
    /// A date-time.
    One(Timestamp),
    /// A date, which covers that UTC day.
    Day(Day),
}

impl DateOrTime {
    /// The first moment that it covers.
    pub(crate) fn first(self) -> Timestamp {
        match self {
            Self::One(moment) => moment,
            Self::Day(day) => day.start(),
        }
    }

    /// The last second that it covers.
    pub(crate) fn last(self) -> Timestamp {
        match self {
            Self::One(moment) => moment,
            Self::Day(day) => {
                day.end().checked_sub(SignedDuration::from_secs(1)).unwrap_or_else(|_| day.start())
            }
        }
    }
}

/// The query parameters, without absent ones: empty values, and the texts `undefined` and `null`, which JavaScript
/// clients send for missing values. A list's parameters that the OpenAPI document doesn't have are refused.
pub(crate) struct Params(Vec<(String, String)>);

impl FromRequestParts<ApiState> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> ApiResult<Self> {
        let Query(mut pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map_err(|_| {
            ApiError::new(
                StatusCode::BAD_REQUEST,
                "INVALID_REQUEST",
                "the query can't be parsed: send URL-encoded name=value pairs",
            )
        })?;
        pairs.retain(|(_, value)| !is_absent(value));
        let names = pairs.iter().map(|(name, _)| name.as_str());
        KnownParameters::check(&parts.method, &parts.extensions, names)?;
        Ok(Self(pairs))
    }
}

impl Params {
    /// The value of a parameter that takes one value. A repeated parameter is refused, because it is unclear which
    /// value is meant.
    pub(crate) fn text(&self, name: &'static str) -> ApiResult<Option<&str>> {
        let mut given = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let first = given.next();
        match given.next() {
            None => Ok(first),
            Some(_) => Err(ApiError::field(name, "must be given once")),
        }
    }

    /// A parameter that takes one id; a malformed id is treated as not found (404).
    pub(crate) fn id<Id: Names>(&self, name: &'static str) -> ApiResult<Option<Id>> {
        Ok(read_id(self.text(name)?, Id::THING)?)
    }

    /// The elements of a list: separated by commas, from a repeated parameter, or both.
    fn list<'p>(&'p self, names: &'p [&'static str]) -> impl Iterator<Item = &'p str> {
        let given = self.0.iter().filter(|(key, _)| names.contains(&key.as_str()));
        given.flat_map(|(_, value)| value.split(',')).map(str::trim).filter(|text| !is_absent(text))
    }

    /// A parameter that takes a list of texts.
    pub(crate) fn texts(&self, name: &'static str) -> Vec<String> {
        self.list(&[name]).map(str::to_owned).collect()
    }

    /// A parameter that takes a list of values, each once.
    pub(crate) fn values<T: FromStr<Err: Display> + PartialEq>(
        &self,
        name: &'static str,
    ) -> ApiResult<Vec<T>> {
        let mut values = Vec::new();
        for text in self.list(&[name]) {
            let value = text.parse().map_err(|error: T::Err| ApiError::field(name, error.to_string()))?;
            if !values.contains(&value) {
                values.push(value);
            }
        }
        Ok(values)
    }

    /// The parameter `search`: beginnings of words.
    pub(crate) fn search(&self) -> ApiResult<Option<SearchWords>> {
        let read =
            |text| SearchWords::parse(text).map_err(|error| ApiError::field("search", error.to_string()));
        self.text("search")?.map(read).transpose()
    }

    /// The parameter `sort`: the order of a list.
    pub(crate) fn sort(&self) -> ApiResult<Option<ListOrder>> {
        match self.text("sort")? {
            None => Ok(None),
            Some("newest") => Ok(Some(ListOrder::Newest)),
            Some("name") => Ok(Some(ListOrder::Name)),
            Some(_) => Err(ApiError::field("sort", "must be newest or name")),
        }
    }

    /// The part of a list that `limit` and `cursor` ask for, if its order depends on `search` and `sort`. A cursor of
    /// another order is refused.
    pub(crate) fn page_in_order<Id>(&self) -> ApiResult<Page<ListPosition<Id>>>
    where
        ListPosition<Id>: Cursor,
    {
        let page = self.page()?;
        let Page::Part { after: Some(after), .. } = &page else { return Ok(page) };
        let is_of_order = match (self.search()?, self.sort()?) {
            (Some(_), None) => matches!(after, ListPosition::Word(_)),
            (_, Some(ListOrder::Name)) => matches!(after, ListPosition::Name(_)),
            (_, Some(ListOrder::Newest) | None) => matches!(after, ListPosition::Newest(_)),
        };
        if is_of_order {
            return Ok(page);
        }
        Err(ApiError::field(
            "cursor",
            "must be a nextCursor from this same list, with the same search and sort",
        ))
    }

    /// A parameter that takes a date-time, or a date for a whole UTC day.
    pub(crate) fn moments(&self, name: &'static str) -> ApiResult<Option<DateOrTime>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let day = Day::parse(text).map_err(|error| ApiError::field(name, format!("is {error}")))?;
        Ok(Some(text.parse().map_or(DateOrTime::Day(day), DateOrTime::One)))
    }

    /// A parameter that takes a UTC day as `ddmmyyyy`.
    pub(crate) fn numbered_day(&self, name: &'static str) -> ApiResult<Option<Day>> {
        let read = |text: &str| {
            Day::from_digits(text)
                .ok_or_else(|| ApiError::field(name, "must be a date as ddmmyyyy, such as 31012026"))
        };
        self.text(name)?.map(read).transpose()
    }

    /// A parameter that takes a whole number.
    pub(crate) fn number(&self, name: &'static str) -> ApiResult<Option<u32>> {
        let read = |text: &str| text.parse().map_err(|_| ApiError::field(name, "must be a whole number"));
        self.text(name)?.map(read).transpose()
    }

    /// A parameter that takes a list of ids, by any of its names. Malformed ids are left out; `None` where no element
    /// was sent.
    pub(crate) fn ids<Id: Names>(&self, names: &[&'static str]) -> ApiResult<Option<Vec<Id>>> {
        match self.list(names).take(MAX_IDS + 1).count() {
            0 => Ok(None),
            count if count > MAX_IDS => {
                let given = |name: &&&str| self.0.iter().any(|(key, _)| key == **name);
                let name = names.iter().find(given).copied().unwrap_or_default();
                Err(ApiError::field(name, format!("must list at most {MAX_IDS} ids")))
            }
            _ => Ok(Some(read_list(self.list(names)))),
        }
    }

    /// The part of a list that `limit` and `cursor` ask for. Responses have the cursor in `nextCursor`.
    pub(crate) fn page<C: Cursor>(&self) -> ApiResult<Page<C>> {
        self.page_from("a nextCursor")
    }

    /// The part of a list that `limit` and `cursor` ask for. Responses have the cursor as `cursor_name`, given with its
    /// article.
    pub(crate) fn page_from<C: Cursor>(&self, cursor_name: &str) -> ApiResult<Page<C>> {
        let limit = match self.text("limit")?.map(str::parse) {
            Some(Ok(limit)) if (1..=MAX_LIMIT).contains(&limit) => Some(limit),
            None => None,
            Some(_) => {
                return Err(ApiError::field(
                    "limit",
                    format!("must be a whole number from 1 to {MAX_LIMIT}"),
                ));
            }
        };
        let after = match self.text("cursor")? {
            None => None,
            Some(text) => Some(C::from_text(text).ok_or_else(|| {
                ApiError::field("cursor", format!("must be {cursor_name} from this same list"))
            })?),
        };
        match (limit, after) {
            (None, None) => Ok(Page::Whole),
            (limit, after) => Ok(Page::Part { after, limit: limit.unwrap_or(DEFAULT_LIMIT) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use http_body_util::BodyExt as _;

    use super::*;

    fn params(pairs: &[(&str, &str)]) -> Params {
        Params(pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect())
    }

    #[test]
    fn limits_outside_of_one_to_a_thousand_are_refused() {
        for wrong in ["0", "1001", "-1", "x", "1.0", "99999999999"] {
            assert!(params(&[("limit", wrong)]).page::<UserId>().is_err(), "{wrong}");
        }
        assert!(matches!(
            params(&[("limit", "7")]).page::<UserId>(),
            Ok(Page::Part { after: None, limit: 7 })
        ));
        assert!(matches!(params(&[]).page::<UserId>(), Ok(Page::Whole)));
        assert!(params(&[("cursor", "AAAA")]).page::<UserId>().is_err());
    }

    #[test]
    fn a_date_is_its_whole_day_and_a_date_time_its_moment() {
        let moments = |text| params(&[("startDate", text)]).moments("startDate");
        let day = moments("2026-03-01").unwrap().unwrap();
        assert_eq!(day.first().to_string(), "2026-03-01T00:00:00Z");
        assert_eq!(day.last().to_string(), "2026-03-01T23:59:59Z");
        let moment = moments("2026-03-01T10:00:00.500Z").unwrap().unwrap();
        assert_eq!((moment.first(), moment.last()), (moment.last(), moment.first()));
        assert!(moments("yesterday").is_err() && moments("1767225600").is_err());
        assert!(params(&[]).moments("startDate").unwrap().is_none());
    }

    #[test]
    fn ids_come_comma_separated_or_repeated() {
        let id = "00000000-0000-7000-8000-000000000001";
        let two = params(&[("bucketId", &format!("{id},{id}")), ("unitId", id)]);
        assert_eq!(two.ids::<BucketId>(&["bucketId", "unitId"]).unwrap().unwrap().len(), 3);
        assert!(params(&[]).ids::<BucketId>(&["bucketId"]).unwrap().is_none());
        let malformed = params(&[("bucketId", &format!("x,{id},undefined"))]);
        assert_eq!(malformed.ids::<BucketId>(&["bucketId"]).unwrap().unwrap().len(), 1);
        let nothing = params(&[("bucketId", "x")]);
        assert!(nothing.ids::<BucketId>(&["bucketId"]).unwrap().unwrap().is_empty(), "not the same as none");
        assert!(params(&[("bucketId", ",undefined")]).ids::<BucketId>(&["bucketId"]).unwrap().is_none());
        let many = format!("{id},").repeat(MAX_IDS + 1);
        assert!(params(&[("bucketId", &many)]).ids::<BucketId>(&["bucketId"]).is_err());
    }

    #[tokio::test]
    async fn an_error_names_the_parameter_that_was_sent() {
        let many = "00000000-0000-7000-8000-000000000001,".repeat(MAX_IDS + 1);
        for name in ["bucketId", "unitId"] {
            let refused = params(&[(name, &many)]).ids::<BucketId>(&["bucketId", "unitId"]).unwrap_err();
            assert_eq!(field(refused).await["field"], name);
        }
    }

    #[tokio::test]
    async fn a_wrong_cursor_is_told_where_a_right_one_comes_from() {
        let wrong = params(&[("cursor", "x")]);
        let usual = field(wrong.page::<UserId>().err().unwrap()).await;
        assert_eq!(usual["message"], "must be a nextCursor from this same list");
        let header = field(wrong.page_from::<UserId>("an x-next-cursor").err().unwrap()).await;
        assert_eq!(header["message"], "must be an x-next-cursor from this same list");
    }

    /// The first field in the response to an error.
    async fn field(error: ApiError) -> serde_json::Value {
        let body = error.into_response().into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice::<serde_json::Value>(&body).unwrap()["fields"][0].take()
    }

    #[test]
    fn what_has_one_value_must_be_given_once() {
        let id = "00000000-0000-7000-8000-000000000001";
        let twice = params(&[("workspaceId", id), ("workspaceId", id), ("limit", "1"), ("limit", "2")]);
        assert!(twice.id::<bucketry_model::id::WorkspaceId>("workspaceId").is_err());
        assert!(twice.page::<UserId>().is_err() && twice.number("limit").is_err());
    }
}
