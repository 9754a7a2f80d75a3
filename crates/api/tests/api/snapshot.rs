//! Response bodies as snapshots that are the same in every run.
//!
//! To change a snapshot, delete its text, run the test, and copy the text from the report.

use serde_json::Value;

/// Replaces what differs between runs.
#[derive(Default)]
pub(crate) struct Redactions {
    ids: Vec<String>,
    secrets: Vec<&'static str>,
}

impl Redactions {
    /// Redactions that hide the values of these fields.
    pub(crate) fn hiding(secrets: &[&'static str]) -> Self {
        Self { ids: Vec::new(), secrets: secrets.to_vec() }
    }

    /// The body with ids as `id 1`, `id 2` and so on, in the order in which these redactions have met them. So a
    /// snapshot shows which ids are the same.
    pub(crate) fn apply(&mut self, body: &Value) -> Value {
        match body {
            Value::String(text) if uuid::Uuid::try_parse(text).is_ok() => {
                let known = self.ids.iter().position(|id| id == text);
                let index = known.unwrap_or_else(|| {
                    self.ids.push(text.clone());
                    self.ids.len() - 1
                });
                format!("id {}", index + 1).into()
            }
            Value::Array(items) => items.iter().map(|item| self.apply(item)).collect(),
            Value::Object(fields) => {
                let field = |(name, value): (&String, &Value)| {
                    let is_secret = value.is_string() && self.secrets.contains(&name.as_str());
                    let value = if is_secret { "hidden".into() } else { self.apply(value) };
                    (name.clone(), value)
                };
                Value::Object(fields.iter().map(field).collect())
            }
            other => other.clone(),
        }
    }
}
