//! `/ui/people`: lists the accounts of the organization and creates them.

use axum::response::Response;
use bucketry_control::cursor::Cursor as _;
use bucketry_control::users::NewUserInput;
use bucketry_control::{Control, Error};
use bucketry_model::id::UserId;
use bucketry_model::role::OrgRole;
use bucketry_model::secret::Secret;
use bucketry_store::user::User;
use http::StatusCode;
use maud::{Markup, html};

use super::org_roles;
use crate::failure::PageError;
use crate::field_values::{FieldValues, SentForm, SentQuery};
use crate::form_problems::FormProblems;
use crate::parts::field::{FieldKind, TextField, cards};
use crate::parts::heading::Heading;
use crate::parts::icon::{Icon, icon};
use crate::parts::notice;
use crate::parts::pager::pager;
use crate::parts::snippet;
use crate::parts::state::{self, Mark};
use crate::screen::{FormOutcome, Screen, Section};
use crate::viewer::Viewer;
use crate::wording::Labels;

/// People per page.
const PER_PAGE: u32 = 50;

const LABELS: &Labels =
    &[("email", "E-mail address"), ("firstName", "First name"), ("lastName", "Last name"), ("role", "Role")];

/// `GET`
pub(crate) async fn show(viewer: Viewer, SentQuery(query): SentQuery) -> Response {
    let result = list(&viewer, &query).await;
    viewer.answer(result).await
}

async fn list(viewer: &Viewer, query: &FieldValues) -> Result<Screen, PageError> {
    let after = query.get("after").and_then(UserId::from_text);
    let mut page = viewer.control().users(&viewer.caller, after, PER_PAGE + 1).await?;
    let has_more = page.len() > PER_PAGE as usize;
    page.truncate(PER_PAGE as usize);
    let first = after.map(|_| viewer.links().ui("/people"));
    let next = page.last().filter(|_| has_more).map(|last| last.id.to_text());
    let next = next.map(|after| viewer.links().ui_with("/people", &[("after", &after)]));
    let may_create = Control::authorize_user(&viewer.caller, OrgRole::User).is_ok();
    let create = html! {
        a.btn.main-act href=(viewer.links().ui("/people/new")) { (icon(Icon::Plus)) "Add person" }
    };
    let heading = Heading {
        title: "People",
        about: Some(html! { "Everybody with an account in " (viewer.person.organization) "." }),
        actions: may_create.then_some(create),
        ..Heading::default()
    };
    let body = html! {
        (heading.render())
        section.panel aria-label="People" {
            table.table {
                thead { tr {
                    th scope="col" { "Name" } th scope="col" { "Role" } th.c2 scope="col" { "What it allows" }
                    th.r.c2 scope="col" { "Address" }
                } }
                tbody { @for user in &page { (row(viewer, user)) } }
            }
            (pager("people", first.as_deref(), next.as_deref()))
        }
    };
    Ok(Screen::new(Section::People, "People", body))
}

/// First and last name.
pub(super) fn full_name(user: &User) -> String {
    format!("{} {}", user.first_name.as_str(), user.last_name.as_str())
}

/// Whether the address is validated.
pub(super) fn validation(user: &User) -> Markup {
    if user.validated {
        state::state(Mark::Good, "Validated")
    } else {
        state::state(Mark::Warn, "Not validated")
    }
}

fn row(viewer: &Viewer, user: &User) -> Markup {
    html! {
        tr {
            td.name {
                a href=(viewer.links().ui(format_args!("/people/{}", user.id))) { bdi { (full_name(user)) } }
                span { (user.email) @if user.id == viewer.caller.user_id { " (you)" } }
            }
            td { (user.org_role.as_str()) }
            td.c2.wrap.quiet.small { (org_roles::sentence(user.org_role)) }
            td.r.c2 { (validation(user)) }
        }
    }
}

/// `GET /new`: the form.
pub(crate) async fn new(viewer: Viewer) -> Response {
    let result = Control::authorize_user(&viewer.caller, OrgRole::User)
        .map(|()| form(&viewer, &FieldValues::default(), &FormProblems::default()))
        .map_err(PageError::from);
    viewer.answer(result).await
}

/// `POST`: creates an account. Its one-time password is in the response and nowhere else.
pub(crate) async fn submit(viewer: Viewer, SentForm(fields): SentForm) -> Response {
    let outcome = create(&viewer, &fields).await;
    viewer.answer_form(outcome).await
}

async fn create(viewer: &Viewer, fields: &FieldValues) -> Result<FormOutcome, PageError> {
    match try_create(viewer, fields).await {
        Ok((user, password)) => Ok(shown_once(viewer, &user, &password, "The account was created").into()),
        Err(error) => {
            let problems = FormProblems::of(error, LABELS)?;
            let screen = form(viewer, fields, &problems);
            Ok(screen.with_status(StatusCode::UNPROCESSABLE_ENTITY).into())
        }
    }
}

async fn try_create(viewer: &Viewer, fields: &FieldValues) -> Result<(User, Secret), Error> {
    // Somebody who may create nobody learns that before what is wrong with the fields.
    Control::authorize_user(&viewer.caller, OrgRole::User)?;
    let role = org_roles::named(fields.text("role")).ok_or_else(|| Error::field("role", "must be chosen"))?;
    let password = viewer.control().one_time_password()?;
    let input = NewUserInput {
        email: fields.text("email").to_owned(),
        password: password.clone(),
        first_name: fields.text("firstName").to_owned(),
        last_name: fields.text("lastName").to_owned(),
        org_role: role,
    };
    let user = viewer.control().create_user(&viewer.caller, input).await?;
    Ok((user, password))
}

/// The page with a new one-time password.
pub(super) fn shown_once(viewer: &Viewer, user: &User, password: &Secret, title: &str) -> Screen {
    let heading = Heading {
        crumbs: &[("People", viewer.links().ui("/people"))],
        title,
        about: Some(html! { bdi { (full_name(user)) } ", " (user.email) }),
        ..Heading::default()
    };
    let body = html! {
        (heading.render())
        (notice::notice(
            Mark::Warn,
            "Pass on the password now",
            html! { "It is shown only this once, and can’t be read again. It must be changed at the first sign-in." },
            None,
        ))
        section.panel.slim aria-label="The one-time password" {
            div.body.form {
                (snippet::value("email", "E-mail address", &user.email))
                (snippet::value("password", "One-time password", password.expose()))
                div {
                    a.btn.main-act href=(viewer.links().ui(format_args!("/people/{}", user.id))) { "I have passed it on" }
                }
            }
        }
        p.quiet.small { "Next, add " bdi { (full_name(user)) } " to a workspace." }
    };
    Screen::new(Section::People, title, body)
}

fn form(viewer: &Viewer, fields: &FieldValues, problems: &FormProblems) -> Screen {
    let heading = Heading {
        crumbs: &[("People", viewer.links().ui("/people"))],
        title: "Add a person",
        about: Some(html! { "A one-time password is created, which you give to the person." }),
        ..Heading::default()
    };
    let chosen = fields.get("role").unwrap_or(OrgRole::User.as_str());
    let body = html! {
        (heading.render())
        (problems.list("The account was not created"))
        form.panel.slim method="post" action=(viewer.links().ui("/people")) {
            div.body.form {
                (TextField {
                    id: "email", label: "E-mail address", value: fields.text("email"), is_required: true,
                    kind: FieldKind::OthersEmail, problem: problems.at("email"),
                    ..TextField::default()
                }.render())
                div.pair {
                    (TextField {
                        id: "firstName", label: "First name", value: fields.text("firstName"), is_required: true,
                        problem: problems.at("firstName"), ..TextField::default()
                    }.render())
                    (TextField {
                        id: "lastName", label: "Last name", value: fields.text("lastName"), is_required: true,
                        problem: problems.at("lastName"), ..TextField::default()
                    }.render())
                }
                (cards("role", "Role in the organization", "stack", &org_roles::choices(&viewer.caller), chosen))
            }
            div.foot {
                button.btn.main-act { "Create account" }
                a.btn.plain.push href=(viewer.links().ui("/people")) { "Cancel" }
            }
        }
    };
    Screen::new(Section::People, "Add a person", body)
}
