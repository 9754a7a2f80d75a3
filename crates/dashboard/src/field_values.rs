//! The values of a form or of a query.

use axum::body::Body;
use axum::extract::{Form, FromRequest, FromRequestParts, Query, Request};
use axum::response::Response;
use bucketry_model::secret::Secret;
use bucketry_web::request_body::collect;
use http::request::Parts;

use crate::client::ClientFrame;
use crate::failure::PageError;
use crate::layout;
use crate::state::Dashboard;

/// The largest form, in bytes: a secret of the largest size, escaped, and what may be pasted beside it.
const FORM_LIMIT: usize = 160 << 10;

/// Values by name. A name may occur several times.
#[derive(Clone, Default)]
pub(crate) struct FieldValues(Vec<(String, String)>);

impl FieldValues {
    /// The first value of this name, without surrounding space; `None` if it is absent or empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.trim());
        found.filter(|value| !value.is_empty())
    }

    /// The first value of this name, empty if it is absent.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// The values of this name, without surrounding space, and at most `most` of them: a form may repeat a field many thousand
    /// times. To notice that there are too many, ask for one more than are allowed.
    pub(crate) fn all(&self, name: &str, most: usize) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.trim()).take(most)
    }

    /// The first value of this name as it was entered. `None` if it is absent or empty.
    pub(crate) fn secret(&self, name: &str) -> Option<Secret> {
        let found = self.0.iter().find(|(found, value)| found == name && !value.is_empty());
        found.map(|(_, value)| Secret::new(value.as_str()))
    }

    /// Whether a box is ticked or a button of this name was pressed.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(found, _)| found == name)
    }
}

/// The values of a form.
pub(crate) struct SentForm(pub(crate) FieldValues);

impl FromRequest<Dashboard> for SentForm {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Dashboard) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let frame = ClientFrame::of(&parts, app);
        let values = read(parts, body, app).await;
        values.map(Self).map_err(|error| layout::bare_failure(&frame, &error))
    }
}

async fn read(parts: Parts, body: Body, app: &Dashboard) -> Result<FieldValues, PageError> {
    let mut lease = app.forms().lease(false);
    let bytes = collect(body, FORM_LIMIT, app.settings().body_timeout, Some(&mut lease)).await?;
    let request = Request::from_parts(parts, Body::from(bytes));
    let form = Form::<Vec<(String, String)>>::from_request(request, &()).await;
    form.map(|Form(values)| FieldValues(values)).map_err(|_| PageError::NotAForm)
}

/// The values of the query. A query that can't be read has none.
pub(crate) struct SentQuery(pub(crate) FieldValues);

impl FromRequestParts<Dashboard> for SentQuery {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Dashboard) -> Result<Self, Self::Rejection> {
        let values = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        Ok(Self(FieldValues(values.map(|Query(values)| values).unwrap_or_default())))
    }
}

#[cfg(test)]
impl FieldValues {
    pub(crate) fn from_pairs(pairs: &[(&str, &str)]) -> Self {
        Self(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_is_repeated_has_a_bounded_number_of_values() {
        let values = FieldValues::from_pairs(&[("a", " 1 "), ("b", "2"), ("a", "3"), ("a", "4")]);
        assert_eq!(values.all("a", 2).collect::<Vec<_>>(), ["1", "3"]);
        assert_eq!(values.all("a", 9).count(), 3);
    }
}
