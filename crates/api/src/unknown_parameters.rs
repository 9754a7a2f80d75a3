//! Refuses query parameters that a list doesn't have, so that a misspelt filter is not mistaken for one that selects
//! everything.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::MatchedPath;
use http::{Extensions, Method};
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::{OpenApi, RefOr};

use crate::error::{ApiError, ApiResult};

/// Parameters that the public client sends to lists that don't have them. They are ignored.
const IGNORED: [&str; 1] = ["walletAddress"];
/// Parameters that are accepted where the other one is documented, because clients use both names.
const SAME: [(&str, &str); 2] = [("unitId", "bucketId"), ("bucketId", "unitId")];
/// The most unknown parameters that an error names.
const MOST_NAMED: usize = 8;
/// The longest name of an unknown parameter that an error repeats, in characters.
const LONGEST_NAME: usize = 64;
/// How similar a name must be to be suggested: 1 is equal, 0 is entirely different.
const SIMILAR: f64 = 0.6;

/// The query parameters of each path that has a `GET`, as in the OpenAPI document, which is where they come from.
#[derive(Clone)]
pub(crate) struct KnownParameters(Arc<HashMap<String, ParametersOfPath>>);

struct ParametersOfPath {
    of_get: Vec<String>,
    /// Those of `GET` and `DELETE`.
    of_any: Vec<String>,
}

impl KnownParameters {
    pub(crate) fn of(document: &OpenApi) -> Self {
        let mut known = HashMap::new();
        for (path, item) in &document.paths.paths {
            let Some(get) = &item.get else { continue };
            let of_get: Vec<String> = in_query(get).collect();
            let of_any = of_get.iter().cloned().chain(item.delete.iter().flat_map(in_query)).collect();
            known.insert(path.clone(), ParametersOfPath { of_get, of_any });
        }
        Self(Arc::new(known))
    }

    /// Checks the names of a request's parameters. Requests to other routes than a `GET` of the document pass.
    pub(crate) fn check<'n>(
        method: &Method,
        extensions: &Extensions,
        names: impl Iterator<Item = &'n str>,
    ) -> ApiResult<()> {
        let (Some(Self(all)), Some(path)) = (extensions.get::<Self>(), extensions.get::<MatchedPath>())
        else {
            return Ok(());
        };
        let Some(known) = all.get(path.as_str()) else { return Ok(()) };
        let known = if *method == Method::GET { &known.of_get } else { &known.of_any };
        let is_known = |name: &str| {
            let other = SAME.iter().find(|(same, _)| *same == name).map(|(_, other)| *other);
            known.iter().any(|one| one == name || Some(one.as_str()) == other) || IGNORED.contains(&name)
        };
        let mut unknown: Vec<&str> = names.filter(|name| !is_known(name)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        unknown.sort_unstable();
        unknown.dedup();
        unknown.truncate(MOST_NAMED);
        let named = unknown.into_iter().map(|name| {
            let short: String = name.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
            (short, message(name, known))
        });
        Err(ApiError::fields(named.collect()))
    }
}

fn in_query(operation: &Operation) -> impl Iterator<Item = String> + '_ {
    let name = |one: &RefOr<Parameter>| match one {
        RefOr::T(one) if one.parameter_in == ParameterIn::Query => Some(one.name.clone()),
        _ => None,
    };
    operation.parameters.iter().flatten().filter_map(name)
}

fn message(name: &str, known: &[String]) -> String {
    let folded = name.to_ascii_lowercase();
    let similarity = |one: &String| strsim::normalized_levenshtein(&folded, &one.to_ascii_lowercase());
    let nearest = known.iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
    match nearest.filter(|one| name.len() <= LONGEST_NAME && similarity(one) >= SIMILAR) {
        Some(nearest) => format!("is not a parameter of this list: did you mean {nearest}?"),
        None if known.is_empty() => "is not a parameter of this list, which has none".to_owned(),
        None => format!("is not a parameter of this list, which has {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_the_nearest_parameter_or_all() {
        let known = ["workspaceId", "status", "limit", "cursor"].map(str::to_owned);
        for (name, part) in [
            ("workspaceid", "did you mean workspaceId?"),
            ("workspace_id", "did you mean workspaceId?"),
            ("stauts", "did you mean status?"),
            ("Limit", "did you mean limit?"),
            ("owner", "which has workspaceId, status, limit, cursor"),
        ] {
            assert!(message(name, &known).contains(part), "{name}: {}", message(name, &known));
        }
        assert!(message(&"x".repeat(100_000), &[]).ends_with("which has none"));
    }
}
