//! The public TypeScript client: what its types require of a response, and the table of its calls.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use http::Method;
use serde_json::Value;

use crate::{Call, Error, Person, Result};

/// The page with the tables of calls.
const PAGE: &str = "../docs/public-client.md";
const BEGIN: &str = "<!-- The tables are written by a test: e2e/tests/public_client.rs. -->\n";

/// What a response lacks of a shape. The shape consists of words `path:type`. A path goes through members
/// (`user.id`), through each entry of a list that must not be empty (`users+.id`), or of one that may be
/// (`buckets*.folder`).
///
/// Types are `text`, `number`, `bool`, `time` (a text that JavaScript's `Date` can parse), `digits` (a whole number
/// as text), `list` and `any`. With `?` at the end, the value may be null.
pub fn lacks(answer: &Value, shape: &str) -> Vec<String> {
    shape.split_whitespace().flat_map(|word| lacks_one(answer, word)).collect()
}

fn lacks_one(answer: &Value, word: &str) -> Vec<String> {
    let Some((path, kind)) = word.split_once(':') else { return vec![format!("{word} is not path:type")] };
    let mut places = vec![answer];
    for step in path.split('.') {
        let (name, each, some) = match step.strip_suffix('+') {
            Some(name) => (name, true, true),
            None => step.strip_suffix('*').map_or((step, false, false), |name| (name, true, false)),
        };
        let mut next = Vec::new();
        for place in places {
            let member = if name.is_empty() { Some(place) } else { place.get(name) };
            match (member, each) {
                (None, _) => return vec![format!("{path} is missing")],
                (Some(member), false) => next.push(member),
                (Some(member), true) => match member.as_array() {
                    Some(entries) if some && entries.is_empty() => return vec![format!("{name} is empty")],
                    Some(entries) => next.extend(entries),
                    None => return vec![format!("{name} is not a list")],
                },
            }
        }
        places = next;
    }
    let wrong = places.into_iter().find(|value| !is(value, kind));
    wrong.map(|value| format!("{path} is {value}, not {kind}")).into_iter().collect()
}

fn is(value: &Value, kind: &str) -> bool {
    match kind.strip_suffix('?') {
        Some(_) if value.is_null() => true,
        Some(kind) => is(value, kind),
        None => match kind {
            "text" => value.is_string(),
            "number" => value.is_number(),
            "bool" => value.is_boolean(),
            "list" => value.is_array(),
            "any" => true,
            "time" => value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()),
            "digits" => value.as_str().is_some_and(|text| text.parse::<i64>().is_ok()),
            _ => false,
        },
    }
}

/// The calls of the client that were made, with their results.
#[derive(Debug, Default)]
pub struct ClientCalls {
    rows: Vec<(String, String, String)>,
}

impl ClientCalls {
    /// Makes a call under the client's name for it, and checks that the response is 2xx and JSON with everything
    /// that the client's types require. `route` is its text in the table. Of several calls with one name, the last
    /// one counts.
    ///
    /// # Errors
    /// [`Error::OtherAnswer`] if the check fails; the row in the table says so too.
    pub async fn make(&mut self, name: &str, route: &str, call: Call, shape: &str) -> Result<Value> {
        let answer = call.header("accept", "*/*").send().await?;
        let body = answer.json().unwrap_or_default();
        let mut lacking = lacks(&body, shape);
        if !(200..300).contains(&answer.status) {
            lacking.insert(0, format!("the status is {}", answer.status));
        }
        if !answer.header("content-type").is_some_and(|value| value.contains("application/json")) {
            lacking.insert(0, "the content type is not JSON".to_owned());
        }
        let result = if lacking.is_empty() { "works".to_owned() } else { lacking.join("; ") };
        self.rows.retain(|(known, _, _)| known != name);
        self.rows.push((name.to_owned(), route.to_owned(), result.clone()));
        if lacking.is_empty() { Ok(body) } else { Err(answer.unlike(&format!("{name}: {result}"))) }
    }

    /// The names of the calls that were made.
    pub fn names(&self) -> BTreeSet<&str> {
        self.rows.iter().map(|(name, _, _)| name.as_str()).collect()
    }

    /// The table of the calls that were made, in their order.
    pub fn table(&self) -> String {
        let mut table = String::from("| call | request | result |\n|---|---|---|\n");
        for (name, route, result) in &self.rows {
            _ = writeln!(table, "| `{name}` | `{route}` | {result} |");
        }
        table
    }
}

/// Calls of the client that aren't served, grouped by purpose: name, and method with path.
pub type NotServed = [(&'static str, &'static [(&'static str, &'static str)])];

/// The table of the calls that aren't served.
pub fn not_served_table(groups: &NotServed) -> String {
    let mut table = String::from("| for | calls |\n|---|---|\n");
    for (group, calls) in groups {
        let names: Vec<String> = calls.iter().map(|(name, route)| format!("`{name}` ({route})")).collect();
        _ = writeln!(table, "| {group} | {} |", names.join(", "));
    }
    table
}

/// Checks that these calls are not served, so that the page stays true.
///
/// # Errors
/// [`Error::OtherAnswer`] for a call whose response is neither 404 nor 405.
pub async fn are_not_served(person: &Person, groups: &NotServed) -> Result<()> {
    for (_, route) in groups.iter().flat_map(|(_, calls)| *calls) {
        let (method, path) = route.split_once(' ').unwrap_or(("GET", route));
        let method = method.parse().unwrap_or(Method::GET);
        let path = path.replace("{id}", "00000000-0000-7000-8000-000000000001");
        let answer = person.call(method, &path).json(&serde_json::json!({})).send().await?;
        if !matches!(answer.status, 404 | 405) || answer.json()?["success"] != false {
            return Err(answer.unlike("404 or 405 (if the call is served, list it as served)"));
        }
    }
    Ok(())
}

/// Compares the page's tables with the results. If `UPDATE_SNAPSHOTS` is set, writes them instead.
///
/// # Errors
/// [`Error::Files`] if the page can't be read or written, and [`Error::OtherEnd`] if the tables differ.
pub fn keep_page(tables: &str) -> Result<()> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let page = std::fs::read_to_string(&file).map_err(Error::Files)?;
    let (before, _) = page.split_once(BEGIN).unwrap_or((&page, ""));
    let wanted = format!("{before}{BEGIN}\n{tables}");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        return std::fs::write(&file, wanted).map_err(Error::Files);
    }
    if page == wanted {
        return Ok(());
    }
    Err(Error::OtherEnd {
        call: "docs/public-client.md".to_owned(),
        expected: "the tables of this test; UPDATE_SNAPSHOTS=1 writes them".to_owned(),
        status: "other tables".to_owned(),
        output: tables.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_an_answer_lacks_is_named() {
        let answer = json!({ "success": true, "data": [{ "id": "a", "at": null }], "none": [] });
        assert!(
            lacks(&answer, "success:bool data+.id:text data+.at:time? none*.x:text none:list").is_empty()
        );
        for (shape, said) in [
            ("total:number", "total is missing"),
            ("success:text", "success is true, not text"),
            ("data+.name:text", "data+.name is missing"),
            ("none+.x:text", "none is empty"),
            ("success+.x:text", "success is not a list"),
            ("data+.id:digits", "data+.id is \"a\", not digits"),
        ] {
            assert_eq!(lacks(&answer, shape), [said]);
        }
        assert!(lacks(&json!([{ "id": "a" }]), "+.id:text").is_empty(), "a bare array");
    }
}
