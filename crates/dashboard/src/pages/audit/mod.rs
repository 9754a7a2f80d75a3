//! `/ui/audit`: who changed what, what was refused, and who signed in. Rows open to show the state before and after.

mod difference;
mod event_names;
mod export;
mod filter;
mod record;

pub(crate) use export::download;

use axum::response::Response;
use bucketry_control::cursor::Cursor as _;
use bucketry_model::audit::AuditRecord;
use bucketry_store::audit::{AuditFilter, AuditPosition};
use http::StatusCode;
use maud::{Markup, html};

use self::filter::EnteredFilter;
use crate::failure::PageError;
use crate::field_values::{FieldValues, SentQuery};
use crate::form_problems::FormProblems;
use crate::parts::empty::{empty, nothing_found};
use crate::parts::heading::Heading;
use crate::parts::icon::Icon;
use crate::parts::pager::pager;
use crate::screen::{Screen, Section};
use crate::viewer::Viewer;

/// Records per page.
const PER_PAGE: u32 = 50;

/// `GET`
pub(crate) async fn show(viewer: Viewer, SentQuery(query): SentQuery) -> Response {
    let result = screen(&viewer, &query).await;
    viewer.answer(result).await
}

/// The position of a record in the list.
fn position(record: &AuditRecord) -> AuditPosition {
    AuditPosition { at: record.entry.at, id: record.id }
}

async fn screen(viewer: &Viewer, query: &FieldValues) -> Result<Screen, PageError> {
    let entered = EnteredFilter::of(query);
    // A filter that can't be read finds nothing, and says why beside the search. The first call also refuses those who
    // may not read the audit.
    let (filter, problems) = match entered.read(viewer).await {
        Ok(filter) => (Some(filter), FormProblems::default()),
        Err(error) => (None, filter::problems(error)?),
    };
    let after = query.get("after").and_then(AuditPosition::from_text);
    let wanted = filter.clone().unwrap_or_default();
    let records = viewer.control().audit(&viewer.caller, wanted, after, PER_PAGE + 1).await?;
    let exports = filter.is_some().then(|| exports(viewer, &entered));
    let heading = Heading {
        title: "Audit",
        about: Some(html! { "Changes, refused calls and sign-ins, newest first. Secrets are masked." }),
        actions: exports,
        ..Heading::default()
    };
    let is_wrong = filter.is_none();
    let body = html! {
        (heading.render())
        (entered.form(viewer, &problems))
        @if let Some(filter) = &filter { (list(viewer, &entered, filter, after, records)) }
    };
    let status = if is_wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(Screen::new(Section::Audit, "Audit", body).with_status(status))
}

fn exports(viewer: &Viewer, entered: &EnteredFilter) -> Markup {
    let link = |format| {
        let mut query = entered.query();
        query.push(("format", format));
        viewer.links().ui_with("/audit/export", &query)
    };
    html! {
        a.btn href=(link("csv")) { "Export CSV" }
        a.btn href=(link("jsonl")) { "Export JSON lines" }
    }
}

fn list(
    viewer: &Viewer,
    entered: &EnteredFilter,
    filter: &AuditFilter,
    after: Option<AuditPosition>,
    mut records: Vec<AuditRecord>,
) -> Markup {
    let has_more = records.len() > PER_PAGE as usize;
    records.truncate(PER_PAGE as usize);
    let first = after.map(|_| viewer.links().ui_with("/audit", &entered.query()));
    let next = records.last().filter(|_| has_more).map(|last| position(last).to_text());
    let next = next.map(|after| {
        let mut query = entered.query();
        query.push(("after", &after));
        viewer.links().ui_with("/audit", &query)
    });
    html! {
        section.panel aria-label="Records" {
            @if records.is_empty() && first.is_none() {
                @if entered.is_empty() {
                    (empty(Icon::Log, "No records yet", "Each change in the organization appears here, with who made it.", None))
                } @else { (nothing_found(&entered.in_words(), &viewer.links().ui("/audit"))) }
            } @else {
                ul.rows.records { @for record in &records { li { (record::row(viewer, record, filter.user_id)) } } }
                (pager("records", first.as_deref(), next.as_deref()))
            }
        }
    }
}
