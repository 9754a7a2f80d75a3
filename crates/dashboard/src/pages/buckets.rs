//! `/ui/buckets`: search, filters and pages of buckets. The query of the address is the whole state of the list, so it can
//! be linked to.

use std::collections::HashMap;

use axum::response::Response;
use bucketry_control::buckets::{BucketListInput, FoundPage};
use bucketry_control::cursor::Cursor as _;
use bucketry_control::{Error, buckets::BucketView};
use bucketry_model::id::{BucketId, WorkspaceId};
use bucketry_model::provider::Provider;
use bucketry_model::role::WorkspaceRole;
use bucketry_model::search::SearchWords;
use bucketry_model::status::Status;
use bucketry_store::listing::ListPosition;
use maud::{Markup, html};

use super::bucket_rows::{self, BucketLine};
use super::bucket_selection;
use super::providers;
use crate::failure::PageError;
use crate::field_values::{FieldValues, SentQuery};
use crate::parts::empty::{empty, nothing_found};
use crate::parts::field::{FieldKind, TextField, select};
use crate::parts::heading::Heading;
use crate::parts::icon::{Icon, icon};
use crate::parts::live;
use crate::parts::notice;
use crate::parts::pager::pager;
use crate::screen::{Screen, Section};
use crate::viewer::Viewer;
use crate::wording;

/// Buckets per page.
const PER_PAGE: u32 = 50;
/// How many pages of the registry are read at most to fill a page that a rare filter leaves empty.
const READS: usize = 8;

/// The states of the filter: value, label, status.
const STATES: [(&str, &str, Status); 3] = [
    ("online", "Online", Status::Online),
    ("offline", "Offline", Status::Offline),
    ("unseen", "Not seen", Status::Disconnected),
];

/// What the address asks for, as it was entered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct ListFilter {
    words: String,
    workspace: String,
    provider: String,
    state: String,
}

impl ListFilter {
    /// The filter of a query. Prefixes in the search, such as `state:offline`, count like the menus.
    fn of(query: &FieldValues, workspaces: &HashMap<WorkspaceId, String>) -> Self {
        let mut filter = Self {
            words: String::new(),
            workspace: query.text("workspace").to_owned(),
            provider: query.text("provider").to_owned(),
            state: query.text("state").to_owned(),
        };
        let mut words = Vec::new();
        for word in words_of(query.text("q")) {
            match word.split_once(':') {
                Some(("state", state)) => state.to_lowercase().clone_into(&mut filter.state),
                Some(("provider", provider)) => provider.to_lowercase().clone_into(&mut filter.provider),
                Some(("workspace", name)) => {
                    let found = workspaces.iter().find(|(_, own)| own.eq_ignore_ascii_case(name));
                    filter.workspace = found.map_or_else(|| name.to_owned(), |(id, _)| id.to_string());
                }
                _ => words.push(word.clone()),
            }
        }
        filter.words = words.join(" ");
        filter
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn query(&self) -> Vec<(&str, &str)> {
        vec![
            ("q", self.words.as_str()),
            ("workspace", self.workspace.as_str()),
            ("provider", self.provider.as_str()),
            ("state", self.state.as_str()),
        ]
    }

    fn input(&self) -> Result<BucketListInput, Error> {
        let words = (!self.words.is_empty()).then(|| SearchWords::parse(&self.words)).transpose();
        let workspace = (!self.workspace.is_empty()).then(|| self.workspace.parse()).transpose();
        let provider = (!self.provider.is_empty()).then(|| self.provider.parse::<Provider>()).transpose();
        let state = STATES.iter().find(|(value, ..)| *value == self.state);
        if state.is_none() && !self.state.is_empty() {
            return Err(Error::field("State", "must be one of online, offline, unseen"));
        }
        Ok(BucketListInput {
            words: words.map_err(|why| Error::field("The search", why))?,
            workspace: workspace.map_err(|_| Error::field("Workspace", "is not one of yours"))?,
            providers: provider.map_err(|_| Error::field("Provider", "is not known"))?.into_iter().collect(),
            statuses: state.map(|(.., status)| *status).into_iter().collect(),
            ..BucketListInput::default()
        })
    }

    /// The filter in words.
    fn in_words(&self, workspaces: &HashMap<WorkspaceId, String>) -> String {
        let mut parts = Vec::new();
        if !self.words.is_empty() {
            parts.push(format!("with “{}” in the name", self.words));
        }
        if let Some((_, label, _)) = STATES.iter().find(|(value, ..)| *value == self.state) {
            parts.push(format!("that are {}", label.to_lowercase()));
        }
        if let Ok(provider) = self.provider.parse::<Provider>() {
            parts.push(format!("at {}", providers::name(provider)));
        }
        let workspace = self.workspace.parse().ok().and_then(|id: WorkspaceId| workspaces.get(&id));
        if let Some(workspace) = workspace {
            parts.push(format!("in the workspace {workspace}"));
        }
        format!("There are no buckets {}.", parts.join(" "))
    }
}

/// The words of a search. What is between quotes is one word, as in `workspace:"Media archive"`.
fn words_of(text: &str) -> Vec<String> {
    let (mut words, mut word, mut is_quoted) = (Vec::new(), String::new(), false);
    for letter in text.chars() {
        match letter {
            '"' => is_quoted = !is_quoted,
            letter if letter.is_whitespace() && !is_quoted => words.push(std::mem::take(&mut word)),
            letter => word.push(letter),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// `GET`
pub(crate) async fn show(viewer: Viewer, SentQuery(query): SentQuery) -> Response {
    let result = screen(&viewer, &query).await;
    viewer.answer(result).await
}

async fn screen(viewer: &Viewer, query: &FieldValues) -> Result<Screen, PageError> {
    let workspaces = bucket_rows::workspace_names(viewer).await?;
    let filter = ListFilter::of(query, &workspaces);
    let may_add = viewer.caller.may_somewhere(WorkspaceRole::Write);
    let add = html! {
        a.btn.main-act href=(viewer.links().ui("/buckets/add")) { (icon(Icon::Plus)) "Add bucket" }
    };
    let actions = html! { (live::mark()) @if may_add { (add) } };
    let heading = Heading { title: "Buckets", actions: Some(actions), ..Heading::default() };
    let list = match filter.input() {
        Ok(input) => {
            list(viewer, &filter, &input, query.get("after"), &workspaces, may_add.then_some(add)).await
        }
        Err(error) => Err(error.into()),
    };
    let list = match list {
        Ok(list) => list,
        // What is wrong with a search is said beside it, and the search can be changed.
        Err(PageError::Control(error @ Error::Invalid(_))) => {
            notice::problems("This can’t be searched for", &[wording::message(&error)], &[])
        }
        Err(error) => return Err(error),
    };
    let body = html! {
        (heading.render())
        (search(viewer, &filter, &workspaces))
        (list)
    };
    Ok(Screen::new(Section::Buckets, "Buckets", body))
}

fn search(viewer: &Viewer, filter: &ListFilter, workspaces: &HashMap<WorkspaceId, String>) -> Markup {
    let any = |label: &str| (String::new(), label.to_owned());
    let mut named: Vec<(String, String)> =
        workspaces.iter().map(|(id, name)| (id.to_string(), name.clone())).collect();
    named.sort_by_key(|(_, name)| name.to_lowercase());
    let workspaces: Vec<_> = std::iter::once(any("All workspaces")).chain(named).collect();
    let at = providers::ALL.map(|one| (one.as_str().to_lowercase(), providers::name(one).to_owned()));
    let providers: Vec<_> = std::iter::once(any("All providers")).chain(at).collect();
    let states = STATES.map(|(value, label, _)| (value.to_owned(), label.to_owned()));
    let states: Vec<_> = std::iter::once(any("All states")).chain(states).collect();
    html! {
        form.search role="search" method="get" action=(viewer.links().ui("/buckets")) data-auto {
            (TextField {
                id: "q",
                label: "Search",
                value: &filter.words,
                kind: FieldKind::Search,
                placeholder: "Name, or state:offline",
                ..TextField::default()
            }.render())
            (select("workspace", "Workspace", &workspaces, &filter.workspace, None))
            (select("provider", "Provider", &providers, &filter.provider.to_lowercase(), None))
            (select("state", "State", &states, &filter.state, None))
            button.btn { (icon(Icon::Search)) "Search" }
        }
    }
}

async fn list(
    viewer: &Viewer,
    filter: &ListFilter,
    input: &BucketListInput,
    after: Option<&str>,
    workspaces: &HashMap<WorkspaceId, String>,
    add: Option<Markup>,
) -> Result<Markup, PageError> {
    let FoundPage { entries, next } = read(viewer, input, after).await?;
    let first = after.map(|_| viewer.links().ui_with("/buckets", &filter.query()));
    if entries.is_empty() && next.is_none() && first.is_none() {
        return Ok(html! {
            section.panel #list data-refresh="buckets" {
                @if filter.is_empty() {
                    (empty(
                        Icon::Bucket,
                        "No buckets yet",
                        "A bucket of any provider appears here when it is added. Nodes then watch whether it can be reached, \
                         and repositories make it available to S3 clients.",
                        add,
                    ))
                } @else { (nothing_found(&filter.in_words(workspaces), &viewer.links().ui("/buckets"))) }
            }
        });
    }
    let lines = with_totals(viewer, entries).await?;
    let next = next.map(|position| position.to_text());
    let next = next.map(|after| {
        let mut query = filter.query();
        query.push(("after", &after));
        viewer.links().ui_with("/buckets", &query)
    });
    let mut here = filter.query();
    here.extend(after.map(|after| ("after", after)));
    let here = viewer.links().ui_with("/buckets", &here);
    let may_change =
        lines.iter().any(|line| viewer.caller.may(WorkspaceRole::Write, line.view.bucket.workspace_id));
    let table = bucket_rows::table(viewer, &lines, workspaces, "Traffic, total", may_change).await?;
    Ok(html! {
        section.panel #list data-refresh="buckets" aria-label="Buckets" {
            @if may_change {
                form method="post" action=(viewer.links().ui("/buckets/selected")) data-rows {
                    input type="hidden" name="back" value=(here);
                    (table)
                    (bucket_selection::actions())
                }
            } @else { (table) }
            (pager("buckets", first.as_deref(), next.as_deref()))
        }
    })
}

/// A page. A filter may leave pages of the registry empty, so several are read if need be.
async fn read(
    viewer: &Viewer,
    input: &BucketListInput,
    after: Option<&str>,
) -> Result<FoundPage<BucketView, BucketId>, PageError> {
    // A position that can't be read, as after an update of the server, is the beginning.
    let mut position = after.and_then(ListPosition::<BucketId>::from_text);
    let mut found = FoundPage { entries: Vec::new(), next: None };
    for _ in 0..READS {
        let page = viewer.control().search_buckets(&viewer.caller, input, position.take(), PER_PAGE).await?;
        found = page;
        if !found.entries.is_empty() || found.next.is_none() {
            break;
        }
        position.clone_from(&found.next);
    }
    Ok(found)
}

async fn with_totals(viewer: &Viewer, views: Vec<BucketView>) -> Result<Vec<BucketLine>, PageError> {
    if views.is_empty() {
        return Ok(Vec::new());
    }
    let totals = viewer.control().totals_of_rows(&views).await?;
    let line = |view: BucketView| {
        let totals = totals.get(&view.bucket.id).copied().unwrap_or_default();
        BucketLine {
            traffic: totals.upload_bytes.saturating_add(totals.download_bytes),
            growth: totals.size_change,
            view,
        }
    };
    Ok(views.into_iter().map(line).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_count_like_the_menus_and_quotes_join_words() {
        let id = WorkspaceId::new(jiff::Timestamp::UNIX_EPOCH, [1; 10]);
        let workspaces = HashMap::from([(id, "Media archive".to_owned())]);
        let query = |text| FieldValues::from_pairs(&[("q", text), ("state", "online")]);
        let filter = ListFilter::of(
            &query("old state:Offline workspace:\"media Archive\" provider:AWS photos"),
            &workspaces,
        );
        assert_eq!((filter.words.as_str(), filter.state.as_str()), ("old photos", "offline"));
        assert_eq!((filter.workspace, filter.provider.as_str()), (id.to_string(), "aws"));
        let filter = ListFilter::of(&query("a \"b c"), &workspaces);
        assert_eq!((filter.words.as_str(), filter.state.as_str()), ("a b c", "online"));
    }
}
