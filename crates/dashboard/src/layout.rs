//! The document around the contents of a page: head, side bar, main part.

use axum::response::{IntoResponse as _, Response};
use bucketry_control::nodes::NodesToApprove;
use bucketry_control::{Control, Result};
use bucketry_model::role::{Caller, OrgRole, WorkspaceRole};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use maud::{DOCTYPE, Markup, html};

use crate::assets::Assets;
use crate::client::ClientFrame;
use crate::failure::PageError;
use crate::parts::brand::brand;
use crate::parts::empty::Trouble;
use crate::parts::icon::{Icon, drawings, icon};
use crate::parts::notice;
use crate::screen::{Screen, Section};
use crate::wording::confirmation;

/// How many of the nodes that wait for approval are named.
const WAITING_NAMED: usize = 3;

/// Who looks at the page, as the side bar shows it.
pub(crate) struct SignedInPerson {
    pub(crate) name: String,
    pub(crate) email: String,
    initials: String,
    pub(crate) organization: String,
    /// How many buckets and repositories the organization has, for those who see all of them.
    counts: Option<(u64, u64)>,
    /// The nodes that wait for this person's approval. Those that are named are few.
    pub(crate) waiting: NodesToApprove,
    is_administrator: bool,
    reads_people: bool,
    reads_notifications: bool,
}

impl SignedInPerson {
    pub(crate) async fn of(caller: &Caller, control: &Control) -> Result<Self> {
        let user = control.profile(caller).await?;
        let organization = control.organization(caller.org_id).await?;
        let names = [user.first_name.as_str(), user.last_name.as_str()];
        Ok(Self {
            name: names.join(" "),
            initials: names
                .iter()
                .filter_map(|name| name.chars().next())
                .flat_map(char::to_uppercase)
                .collect(),
            email: user.email,
            organization: organization.name.as_str().to_owned(),
            counts: caller
                .org_role
                .is_global()
                .then_some((organization.bucket_count, organization.repo_count)),
            waiting: control.nodes_to_approve(caller, WAITING_NAMED).await?,
            is_administrator: caller.may_in_org(OrgRole::Administrators),
            reads_people: caller.may_in_org(OrgRole::Workspaces),
            reads_notifications: caller.may_somewhere(WorkspaceRole::Read),
        })
    }
}

/// A page with the side bar, or without it for those who haven't signed in.
pub(crate) fn document(frame: &ClientFrame, person: Option<&SignedInPerson>, screen: Screen) -> Response {
    let status = screen.status;
    if let Some(fragment) = &frame.fragment {
        return fragment.answer(status, contents(frame, &screen));
    }
    (status, page(frame, person, &screen)).into_response()
}

/// What is shown instead of a page, and who can give access to it, if that is what is missing.
pub(crate) fn failure(
    frame: &ClientFrame,
    person: Option<&SignedInPerson>,
    error: &PageError,
    whom_to_ask: &[String],
) -> Response {
    error.log();
    let (message, home) = (error.message(), frame.links().ui(""));
    let trouble = Trouble {
        title: error.title(),
        message: &message,
        whom_to_ask,
        request_id: &frame.request_id,
        again: error.is_worth_repeating().then_some(frame.requested.as_str()),
        home: &home,
    };
    let screen = Screen::new(Section::Elsewhere, error.title(), trouble.render()).with_status(error.status());
    let mut response = document(frame, person, screen);
    if let Some(seconds) = error.retry_after() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The same for somebody who hasn't signed in.
pub(crate) fn bare_failure(frame: &ClientFrame, error: &PageError) -> Response {
    failure(frame, None, error, &[])
}

/// Data to download.
pub(crate) fn csv(name: &str, text: String) -> Response {
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present"));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(http::header::CONTENT_DISPOSITION, value);
    }
    response
}

fn page(frame: &ClientFrame, person: Option<&SignedInPerson>, screen: &Screen) -> Markup {
    let asset = |name: &str| frame.app.assets().link(frame.links(), name);
    html! {
        (DOCTYPE)
        html lang="en" data-theme=[frame.theme.attribute()] data-ui=(frame.links().ui("")) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (screen.title) " · Bucketry" }
                link rel="stylesheet" href=(asset("app.css"));
                link rel="icon" href=(asset("icon.svg")) type="image/svg+xml";
                @for name in Assets::modules() { link rel="modulepreload" href=(asset(name)); }
                script type="module" src=(asset("app.js")) {}
            }
            body data-at=(frame.now) {
                (drawings())
                a.skip href="#main" { "Skip to content" }
                @match person {
                    Some(person) => {
                        div.frame {
                            (side_bar(frame, person, screen.section))
                            (top_bar(frame, person, screen.section))
                            main.main #main tabindex="-1" { (contents(frame, screen)) }
                        }
                        (shortcuts(person))
                    },
                    None => main.bare #main tabindex="-1" { (contents(frame, screen)) },
                }
                div.connection role="status" hidden {}
            }
        }
    }
}

fn contents(frame: &ClientFrame, screen: &Screen) -> Markup {
    let said = frame.done.as_deref().and_then(confirmation).filter(|_| screen.status == StatusCode::OK);
    html! {
        div.page {
            @if let Some(text) = said { (notice::confirmation(text)) }
            (screen.body)
        }
    }
}

fn entry(
    frame: &ClientFrame,
    to: (&str, Section),
    picture: Icon,
    label: &str,
    shown: Section,
    beside: Option<Markup>,
) -> Markup {
    let (path, section) = to;
    html! {
        a href=(frame.links().ui(path)) aria-current=[(section == shown).then_some("page")] {
            (icon(picture)) (label)
            @if let Some(beside) = beside { (beside) }
        }
    }
}

fn navigation(frame: &ClientFrame, person: &SignedInPerson, shown: Section) -> Markup {
    let plain = |path, section, picture, label| entry(frame, (path, section), picture, label, shown, None);
    let number = |count: u64| crate::human::count(i64::try_from(count).unwrap_or(i64::MAX));
    let counted = |path, section, picture, label, count: Option<u64>| {
        let beside = count.map(|count| html! { span.count { (number(count)) } });
        entry(frame, (path, section), picture, label, shown, beside)
    };
    let (buckets, repositories) = person.counts.unzip();
    let waiting = person.waiting.count;
    let waits = if waiting == 1 { " waits for approval" } else { " wait for approval" };
    let waiting = (waiting > 0).then(|| {
        html! { span.count.due title={ (number(waiting)) (waits) } { (number(waiting)) span.vh { (waits) } } }
    });
    html! {
        (plain("", Section::Overview, Icon::Home, "Overview"))
        (counted("/buckets", Section::Buckets, Icon::Bucket, "Buckets", buckets))
        (counted("/repositories", Section::Repositories, Icon::Repository, "Repositories", repositories))
        (entry(frame, ("/nodes", Section::Nodes), Icon::Node, "Nodes", shown, waiting))
        @if person.reads_notifications { (plain("/notifications", Section::Notifications, Icon::Bell, "Notifications")) }
        @if person.is_administrator { (plain("/audit", Section::Audit, Icon::Log, "Audit")) }
        h2 { "Organization" }
        (plain("/workspaces", Section::Workspaces, Icon::Workspace, "Workspaces"))
        @if person.reads_people { (plain("/people", Section::People, Icon::People, "People")) }
        (plain("/tokens", Section::Tokens, Icon::Key, "Tokens"))
        (plain("/settings", Section::Settings, Icon::Gear, "Settings"))
        @if frame.app.settings().has_docs { a href=(frame.links().docs()) { (icon(Icon::Book)) "API" } }
    }
}

fn me(frame: &ClientFrame, person: &SignedInPerson) -> Markup {
    html! {
        div.me {
            span.face aria-hidden="true" { (person.initials) }
            div.who title=(person.email) { (person.name) div.small { (person.organization) } }
            form method="post" action=(frame.links().ui("/sign-out")) {
                button.btn.plain.icon-only aria-label="Sign out" title="Sign out" { (icon(Icon::Out)) }
            }
        }
    }
}

fn side_bar(frame: &ClientFrame, person: &SignedInPerson, shown: Section) -> Markup {
    html! {
        header.side {
            a.brand href=(frame.links().ui("")) { (brand()) }
            nav.nav aria-label="Main" { (navigation(frame, person, shown)) }
            (me(frame, person))
        }
    }
}

/// The same for narrow screens, where the entries are behind a button that works without scripts.
fn top_bar(frame: &ClientFrame, person: &SignedInPerson, shown: Section) -> Markup {
    html! {
        header.menu {
            a.brand href=(frame.links().ui("")) { (brand()) }
            a.btn.plain.icon-only href={ (frame.links().ui("/buckets")) "#q" } aria-label="Search buckets" { (icon(Icon::Search)) }
            details {
                summary.btn.plain.icon-only aria-label="Menu" { (icon(Icon::Menu)) }
                div.sheet {
                    nav.nav aria-label="Main" { (navigation(frame, person, shown)) }
                    (me(frame, person))
                }
            }
        }
    }
}

/// The list of shortcuts, which a script opens.
fn shortcuts(person: &SignedInPerson) -> Markup {
    let keys = [
        ("/", "Search", true),
        ("?", "Show this list", true),
        ("g o", "Overview", true),
        ("g b", "Buckets", true),
        ("g r", "Repositories", true),
        ("g n", "Nodes", true),
        ("g m", "Notifications", person.reads_notifications),
        ("g a", "Audit", person.is_administrator),
        ("g w", "Workspaces", true),
        ("g p", "People", person.reads_people),
        ("g t", "Tokens", true),
        ("g s", "Settings", true),
    ];
    let shown = keys.iter().filter(|(.., is_shown)| *is_shown);
    html! {
        dialog #shortcuts aria-labelledby="shortcuts-title" {
            h2 #shortcuts-title { "Keyboard shortcuts" }
            dl.keys { @for (key, about, _) in shown { div { dt { kbd { (key) } } dd { (about) } } } }
            form method="dialog" { button.btn { "Close" } }
        }
    }
}
