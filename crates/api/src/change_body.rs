//! Bodies of PUT. A field that belongs to another call, and would be ignored here, is refused.

use std::fmt;

use axum::extract::{FromRequest, MatchedPath, Request};
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

use utoipa::PartialSchema;

use crate::body::JsonBody;
use crate::error::{ApiError, ApiResult};
use crate::state::ApiState;

/// A body that changes something. Unknown fields are ignored, as in every body, except those in [`ELSEWHERE`]: a
/// client that sends a password to a call that sets none must not get a success.
pub(crate) struct ChangeBody<T> {
    /// The parsed body.
    pub(crate) value: T,
}

/// Fields of this API's bodies, each with the call that takes it. Only fields that a body doesn't have itself are
/// looked up here.
const ELSEWHERE: &[(&str, &str)] = &[
    (
        "name",
        "is changed with the PUT call of the resource itself, such as PUT /user/{userId} or PUT /bucket/{bucketId}",
    ),
    ("firstName", "is changed as `name`, with PUT /user/{userId} or PUT /organization/users/{userId}"),
    ("lastName", "is changed with PUT /user/{userId} or PUT /organization/users/{userId}"),
    ("companyName", "is set once, with POST /user/register"),
    ("email", "can't be changed: create a user with the other address, with POST /organization/users"),
    ("password", SET_PASSWORD),
    ("currentPassword", SET_PASSWORD),
    (
        "role",
        "is changed with PUT /workspace/{workspaceId}/users/{userId}, or as `orgRole` with PUT /user/{userId}/role",
    ),
    ("orgRole", "is changed with PUT /user/{userId}/role"),
    ("userId", "can't be changed: add a user to a workspace with POST /workspace/{workspaceId}/users"),
    ("workspaceId", "is changed with PUT /bucket/{bucketId} or PUT /repo/{repoId}"),
    ("bucket", CHANGE_BUCKET),
    ("key", CHANGE_BUCKET),
    ("secret", CHANGE_BUCKET),
    ("region", CHANGE_BUCKET),
    ("endpoint", CHANGE_BUCKET),
    ("apiKeyUuid", CHANGE_BUCKET),
    ("skipValidation", CHANGE_BUCKET),
    ("checks", CHANGE_BUCKET),
    ("pinnedTo", CHANGE_BUCKET),
    ("storageType", "is changed with PUT /bucket/{bucketId} or PUT /repo/{repoId}"),
    ("mode", CHANGE_REPOSITORY),
    ("repoBuckets", CHANGE_REPOSITORY),
    ("repoUnits", CHANGE_REPOSITORY),
    ("everyHours", CHANGE_INVENTORY),
    ("requestsPerSecond", CHANGE_INVENTORY),
    ("window", CHANGE_INVENTORY),
    ("prefix", CHANGE_FRESHNESS),
    ("minBytes", CHANGE_FRESHNESS),
    ("maxAgeSeconds", CHANGE_FRESHNESS),
    ("accessType", "is changed with PUT /repo/{repoId}/apikey/{apikeyId}"),
    ("expiresAt", "is set once, with POST /token"),
    ("url", CHANGE_CHANNEL),
    ("username", CHANGE_CHANNEL),
    ("host", CHANGE_CHANNEL),
    ("rules", CHANGE_CHANNEL),
    ("sendResolved", CHANGE_CHANNEL),
    ("kind", CHANGE_CHANNEL),
    ("enabled", CHANGE_CHANNEL),
    ("port", CHANGE_CHANNEL),
    ("security", CHANGE_CHANNEL),
    ("from", CHANGE_CHANNEL),
    ("to", CHANGE_CHANNEL),
    ("channelId", SET_SILENCE),
    ("bucketId", SET_SILENCE),
    ("code", SET_SILENCE),
    ("startsAt", SET_SILENCE),
    ("endsAt", SET_SILENCE),
    ("comment", SET_SILENCE),
    ("olderThanSeconds", CLEAN_UPLOADS),
    ("dryRun", CLEAN_UPLOADS),
];

const SET_PASSWORD: &str = "is changed by its own user, with PUT /user/{userId}; POST \
                            /organization/users/{userId}/reset-password gives another user a one-time password";
const CHANGE_BUCKET: &str = "is a field of PUT /bucket/{bucketId}, not of this call";
const CHANGE_INVENTORY: &str = "is a field of PUT /bucket/{bucketId}/inventory and PUT /organization/{orgId}/inventory, not of this call";
const CHANGE_CHANNEL: &str = "is a field of PUT /notification/channel/{channelId}, not of this call";
const SET_SILENCE: &str = "is set once, with POST /notification/silence";
const CLEAN_UPLOADS: &str = "is a field of POST /bucket/{bucketId}/uploads/clean, not of this call";
const CHANGE_FRESHNESS: &str = "is a field of PUT /bucket/{bucketId}/freshness, not of this call";
const CHANGE_REPOSITORY: &str = "is a field of PUT /repo/{repoId}, not of this call";

impl<T: DeserializeOwned + PartialSchema> FromRequest<ApiState> for ChangeBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &ApiState) -> ApiResult<Self> {
        let route = request.extensions().get::<MatchedPath>().cloned();
        let JsonBody { value, bytes } = JsonBody::<T>::from_request(request, state).await?;
        refuse_misplaced(field_names::<T>(), route.as_ref().map_or("", MatchedPath::as_str), &bytes)?;
        Ok(Self { value })
    }
}

/// Refuses a field of [`ELSEWHERE`], unless the body has it or the path contains it as an id, which clients repeat.
/// `null` counts as absent.
fn refuse_misplaced(own: &[&str], route: &str, body: &[u8]) -> ApiResult<()> {
    // The body was parsed before, so it is an object.
    let Given(given) = serde_json::from_slice(body).map_err(ApiError::internal)?;
    for at in given {
        let (field, call) = ELSEWHERE[at];
        if !own.contains(&field) && !route.contains(&format!("{{{field}}}")) {
            return Err(ApiError::field(field, call));
        }
    }
    Ok(())
}

/// The fields of [`ELSEWHERE`] that an object contains, as indexes.
struct Given(Vec<usize>);

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Given;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Given, A::Error> {
                let mut given = Vec::new();
                while let Some(FieldIndex(index)) = map.next_key()? {
                    let is_set = map.next_value::<Option<IgnoredAny>>()?.is_some();
                    // A member may be repeated any number of times; record it once.
                    given.extend(index.filter(|index| is_set && !given.contains(index)));
                }
                Ok(Given(given))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// The index of a member's name in [`ELSEWHERE`], if it is there. The name itself is not stored.
struct FieldIndex(Option<usize>);

impl<'de> Deserialize<'de> for FieldIndex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = FieldIndex;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name")
            }
            fn visit_str<E>(self, name: &str) -> Result<FieldIndex, E> {
                Ok(FieldIndex(ELSEWHERE.iter().position(|(field, _)| *field == name)))
            }
        }
        deserializer.deserialize_identifier(Name)
    }
}

/// The names of a struct's fields in JSON, as its `Deserialize` implementation states them.
fn field_names<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut found: &'static [&'static str] = &[];
    // Always ends with `Seen`: no struct is built.
    drop(T::deserialize(Probe(&mut found)));
    found
}

/// A deserializer that records the fields that a struct asks for.
struct Probe<'a>(&'a mut &'static [&'static str]);

#[derive(Debug)]
struct Seen;

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the fields were seen")
    }
}

impl std::error::Error for Seen {}

impl serde::de::Error for Seen {
    fn custom<M: fmt::Display>(_: M) -> Self {
        Self
    }
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Seen;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Seen> {
        Err(Seen)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Seen> {
        *self.0 = fields;
        Err(Seen)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    #[expect(dead_code, reason = "only its fields' names matter")]
    struct Sample {
        name: Option<String>,
        last_name: Option<String>,
    }

    fn refused(body: &str) -> bool {
        refuse_misplaced(field_names::<Sample>(), "/things/{userId}", body.as_bytes()).is_err()
    }

    #[test]
    fn fields_of_other_calls_are_refused_and_unknown_ones_are_not() {
        assert_eq!(field_names::<Sample>(), ["name", "lastName"]);
        assert!(refused(r#"{"name":"a","password":"Str0ngEnough"}"#));
        assert!(refused(r#"{"orgRole":255}"#) && refused(r#"{"email":""}"#));
        assert!(refused(r#"{"\u0070assword":"escaped"}"#));
        assert!(!refused(r#"{"name":"a","lastName":"b","walletAddress":"x","nickname":{"password":1}}"#));
        assert!(!refused(r#"{"password":null}"#), "null is absent");
        assert!(!refused(r#"{"userId":"x"}"#), "clients repeat what is in the path");
    }
}
