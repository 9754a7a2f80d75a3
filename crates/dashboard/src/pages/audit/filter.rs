//! Which records are shown: by person, event and time. The query of the address contains all of it.

use bucketry_control::Error;
use bucketry_model::audit::{AuditAction, AuditKind};
use bucketry_model::id::UserId;
use bucketry_store::audit::AuditFilter;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use maud::{Markup, html};

use super::event_names::{action_label, kind_label};
use crate::failure::PageError;
use crate::field_values::FieldValues;
use crate::form_problems::FormProblems;
use crate::parts::field::{FieldKind, TextField, select};
use crate::parts::icon::{Icon, icon};
use crate::viewer::Viewer;
use crate::wording::Labels;

const LABELS: &Labels = &[
    ("user", "Person"),
    ("kind", "About"),
    ("action", "Event"),
    ("result", "Result"),
    ("since", "From"),
    ("until", "To"),
];

/// What the address asks for, as it was entered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct EnteredFilter {
    /// The e-mail address or the id of a person, who may have been removed.
    user: String,
    kind: String,
    action: String,
    result: String,
    /// The first day, in UTC.
    since: String,
    /// The last day, in UTC.
    until: String,
}

impl EnteredFilter {
    pub(super) fn of(query: &FieldValues) -> Self {
        let text = |name: &str| query.text(name).to_owned();
        Self {
            user: text("user"),
            kind: text("kind"),
            action: text("action"),
            result: text("result"),
            since: text("since"),
            until: text("until"),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The query of an address with this filter.
    pub(super) fn query(&self) -> Vec<(&str, &str)> {
        vec![
            ("user", self.user.as_str()),
            ("kind", self.kind.as_str()),
            ("action", self.action.as_str()),
            ("result", self.result.as_str()),
            ("since", self.since.as_str()),
            ("until", self.until.as_str()),
        ]
    }

    /// What to look for.
    pub(super) async fn read(&self, viewer: &Viewer) -> Result<AuditFilter, Error> {
        let refused = match self.result.as_str() {
            "" => None,
            "done" => Some(false),
            "refused" => Some(true),
            _ => return Err(Error::field("result", "must be done or refused")),
        };
        let until = day("until", &self.until)?;
        let until =
            until.map(|date| date.checked_add(1.day()).map_err(|_| out_of_range("until"))).transpose()?;
        Ok(AuditFilter {
            kind: chosen("kind", &self.kind)?,
            action: chosen("action", &self.action)?,
            user_id: self.person(viewer).await?,
            refused,
            since: day("since", &self.since)?.map(|date| start("since", date)).transpose()?,
            until: until.map(|date| start("until", date)).transpose()?,
            ..AuditFilter::default()
        })
    }

    async fn person(&self, viewer: &Viewer) -> Result<Option<UserId>, Error> {
        if self.user.is_empty() {
            return Ok(None);
        }
        if let Ok(id) = self.user.parse() {
            return Ok(Some(id));
        }
        let control = viewer.control();
        let found = match control.user_with_email(&viewer.caller, &self.user).await? {
            Some(user) => Some(user.id),
            None => control.removed_user_with_email(&viewer.caller, &self.user).await?,
        };
        let missing = "is not the e-mail address of an account, nor of one whose removal is on record";
        found.map(Some).ok_or_else(|| Error::field("user", missing))
    }

    /// The filter in words.
    pub(super) fn in_words(&self) -> String {
        let mut parts = Vec::new();
        if let Ok(action) = self.action.parse::<AuditAction>() {
            parts.push(format!("of “{}”", action_label(action)));
        }
        if let Ok(kind) = self.kind.parse::<AuditKind>() {
            parts.push(format!("about “{}”", kind_label(kind)));
        }
        if !self.user.is_empty() {
            parts.push(format!("by {}", self.user));
        }
        match self.result.as_str() {
            "done" => parts.push("that were done".to_owned()),
            "refused" => parts.push("that were refused".to_owned()),
            _ => {}
        }
        if !self.since.is_empty() {
            parts.push(format!("from {} on", self.since));
        }
        if !self.until.is_empty() {
            parts.push(format!("up to {}", self.until));
        }
        format!("There are no records {}.", parts.join(" "))
    }

    /// The fields above the list.
    pub(super) fn form(&self, viewer: &Viewer, problems: &FormProblems) -> Markup {
        let any = |label: &str| std::iter::once((String::new(), label.to_owned()));
        let kinds =
            AuditKind::ALL.iter().map(|kind| (kind.as_str().to_owned(), kind_label(*kind).to_owned()));
        let kinds: Vec<_> = any("Everything").chain(kinds).collect();
        let actions = AuditAction::ALL
            .iter()
            .map(|action| (action.as_str().to_owned(), action_label(*action).to_owned()));
        let actions: Vec<_> = any("All events").chain(actions).collect();
        let results = [("", "Done or refused"), ("done", "Done"), ("refused", "Refused")];
        let results = results.map(|(value, label)| (value.to_owned(), label.to_owned()));
        let date = |id, label, value| {
            let problem = problems.at(id);
            TextField { id, label, value, kind: FieldKind::Date, problem, ..TextField::default() }.render()
        };
        html! {
            (problems.list("This can’t be searched for"))
            form.search.many role="search" method="get" action=(viewer.links().ui("/audit")) data-auto {
                (TextField {
                    id: "user", label: "Person", value: &self.user, kind: FieldKind::Search,
                    placeholder: "E-mail address", problem: problems.at("user"), ..TextField::default()
                }.render())
                (select("kind", "About", &kinds, &self.kind, problems.at("kind")))
                (select("action", "Event", &actions, &self.action, problems.at("action")))
                (select("result", "Result", &results, &self.result, problems.at("result")))
                (date("since", "From, UTC", &self.since))
                (date("until", "To, UTC", &self.until))
                button.btn { (icon(Icon::Search)) "Search" }
            }
        }
    }
}

/// What is wrong with a filter.
pub(super) fn problems(error: Error) -> Result<FormProblems, PageError> {
    FormProblems::of(error, LABELS)
}

fn chosen<T: std::str::FromStr<Err: ToString>>(field: &'static str, text: &str) -> Result<Option<T>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|error: T::Err| Error::field(field, error.to_string()))
}

fn day(field: &'static str, text: &str) -> Result<Option<Date>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| Error::field(field, "must be a day such as 2026-03-01"))
}

fn start(field: &'static str, date: Date) -> Result<Timestamp, Error> {
    date.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp()).map_err(|_| out_of_range(field))
}

fn out_of_range(field: &'static str) -> Error {
    Error::field(field, "is out of range")
}
