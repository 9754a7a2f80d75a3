//! `/ui/people/{id}`: one account: names and role, a new one-time password, removal.

use axum::extract::Path;
use axum::response::Response;
use bucketry_control::users::UserInput;
use bucketry_control::{Error, ResourceKind};
use bucketry_model::id::UserId;
use bucketry_model::role::OrgRole;
use bucketry_store::user::User;
use http::StatusCode;
use maud::{Markup, html};

use super::org_roles;
use super::people::{full_name, shown_once, validation};
use crate::failure::PageError;
use crate::field_values::{FieldValues, SentForm};
use crate::form_problems::FormProblems;
use crate::parts::field::{TextField, cards};
use crate::parts::heading::Heading;
use crate::parts::time;
use crate::screen::{FormOutcome, Screen, Section};
use crate::viewer::Viewer;
use crate::wording::Labels;

const LABELS: &Labels =
    &[("name", "First name"), ("lastName", "Last name"), ("role", "Role"), ("confirm", "E-mail address")];

async fn read(viewer: &Viewer, id: &str) -> Result<User, PageError> {
    let id: UserId = id.parse().map_err(|_| Error::NotFound(ResourceKind::User))?;
    Ok(viewer.control().user(&viewer.caller, id).await?)
}

fn path(viewer: &Viewer, user: &User, rest: &str) -> String {
    viewer.links().ui(format_args!("/people/{}{rest}", user.id))
}

/// `GET`
pub(crate) async fn show(viewer: Viewer, Path(id): Path<String>) -> Response {
    let result = read(&viewer, &id).await;
    let result = result.map(|user| screen(&viewer, &user, None, ("", &FormProblems::default())));
    viewer.answer(result).await
}

/// `POST`: changes names and role.
pub(crate) async fn submit(viewer: Viewer, Path(id): Path<String>, SentForm(fields): SentForm) -> Response {
    let outcome = change(&viewer, &id, &fields).await;
    viewer.answer_form(outcome).await
}

async fn change(viewer: &Viewer, id: &str, fields: &FieldValues) -> Result<FormOutcome, PageError> {
    let user = read(viewer, id).await?;
    let input = UserInput {
        first_name: fields.get("name").map(str::to_owned),
        last_name: fields.get("lastName").map(str::to_owned),
        // One's own role isn't in the form.
        org_role: fields.get("role").and_then(org_roles::named),
    };
    match viewer.control().update_user(&viewer.caller, user.id, input).await {
        Ok(_) => {
            let to =
                viewer.links().ui_with(format_args!("/people/{}", user.id), &[("done", "person-changed")]);
            Ok(FormOutcome::Moved(to))
        }
        Err(error) => {
            let problems = FormProblems::of(error, LABELS)?;
            Ok(again(viewer, &user, Some(fields), ("The account was not changed", &problems)))
        }
    }
}

/// `POST /reset-password`: a new one-time password, which is in the response and nowhere else.
pub(crate) async fn reset_password(viewer: Viewer, Path(id): Path<String>) -> Response {
    let outcome = async {
        let user = read(&viewer, &id).await?;
        match viewer.control().reset_password(&viewer.caller, user.id).await {
            Ok(password) => Ok(shown_once(&viewer, &user, &password, "The password was reset").into()),
            Err(error) => {
                let problems = FormProblems::of(error, LABELS)?;
                Ok(again(&viewer, &user, None, ("The password was not reset", &problems)))
            }
        }
    };
    let outcome = outcome.await;
    viewer.answer_form(outcome).await
}

/// `POST /remove`: removes the account, if its address was typed.
pub(crate) async fn remove(viewer: Viewer, Path(id): Path<String>, SentForm(fields): SentForm) -> Response {
    let outcome = end(&viewer, &id, &fields).await;
    viewer.answer_form(outcome).await
}

async fn end(viewer: &Viewer, id: &str, fields: &FieldValues) -> Result<FormOutcome, PageError> {
    let user = read(viewer, id).await?;
    let problems = if fields.text("confirm").eq_ignore_ascii_case(&user.email) {
        match viewer.control().delete_user(&viewer.caller, user.id).await {
            Ok(()) => {
                let to = viewer.links().ui_with("/people", &[("done", "person-removed")]);
                return Ok(FormOutcome::Moved(to));
            }
            Err(error) => FormProblems::of(error, LABELS)?,
        }
    } else {
        if !may_change(viewer, &user) {
            return Err(Error::Forbidden(refusal(viewer, &user)).into());
        }
        FormProblems::of_field("confirm", "is not that of this account", LABELS)
    };
    Ok(again(viewer, &user, None, ("The account was not removed", &problems)))
}

/// Whether the viewer may change the account: it has a lower role, or the viewer is an owner.
fn may_change(viewer: &Viewer, user: &User) -> bool {
    viewer.caller.may_in_org(OrgRole::Workspaces) && viewer.caller.org_role.may_grant(user.org_role)
}

fn refusal(viewer: &Viewer, user: &User) -> String {
    format!(
        "With the role {} you can’t change an account that has the role {}. Ask somebody with a higher role.",
        viewer.caller.org_role, user.org_role
    )
}

fn again(
    viewer: &Viewer,
    user: &User,
    sent: Option<&FieldValues>,
    wrong: (&str, &FormProblems),
) -> FormOutcome {
    screen(viewer, user, sent, wrong).with_status(StatusCode::UNPROCESSABLE_ENTITY).into()
}

fn screen(
    viewer: &Viewer,
    user: &User,
    sent: Option<&FieldValues>,
    (title, problems): (&str, &FormProblems),
) -> Screen {
    let is_self = user.id == viewer.caller.user_id;
    let may_change = may_change(viewer, user);
    let name = full_name(user);
    let heading = Heading {
        crumbs: &[("People", viewer.links().ui("/people"))],
        title: &name,
        beside: Some(validation(user)),
        about: Some(html! { (user.email) }),
        ..Heading::default()
    };
    let body = html! {
        (heading.render())
        (problems.list(title))
        section.panel aria-label="Facts" {
            dl.facts {
                div.wide { dt { "Role in the organization" } dd { b { (user.org_role.as_str()) } br; span.quiet { (org_roles::sentence(user.org_role)) } } }
                div { dt { "Account since" } dd { (time::date(user.created_at)) } }
                @if viewer.is_administrator() {
                    div { dt { "Records" } dd {
                        a.link href=(viewer.links().ui_with("/audit", &[("user", user.email.as_str())])) { "What this person did" }
                    } }
                }
            }
        }
        @if may_change {
            div.two.wide-left {
                (account(viewer, user, sent, problems))
                div.form {
                    @if is_self {
                        section.panel aria-labelledby="own" {
                            header { h2 #own { "Your own account" } }
                            div.body.form {
                                p.quiet { "Change your password and theme in the settings." }
                                div { a.btn href=(viewer.links().ui("/settings")) { "Settings" } }
                            }
                        }
                    } @else {
                        @if viewer.is_administrator() { (reset(viewer, user)) }
                        (removal(viewer, user, problems))
                    }
                }
            }
        } @else if !is_self { p.quiet { (refusal(viewer, user)) } }
    };
    Screen::new(Section::People, name.clone(), body)
}

fn account(viewer: &Viewer, user: &User, sent: Option<&FieldValues>, problems: &FormProblems) -> Markup {
    let value = |field: &str, stored: &str| sent.map_or(stored, |sent| sent.text(field)).to_owned();
    let (first, last) = (value("name", user.first_name.as_str()), value("lastName", user.last_name.as_str()));
    let role = value("role", user.org_role.as_str());
    html! {
        section.panel aria-labelledby="ac" {
            header { h2 #ac { "Names and role" } }
            form.body.form method="post" action=(path(viewer, user, "")) {
                div.pair {
                    (TextField {
                        id: "name", label: "First name", value: &first, is_required: true,
                        problem: problems.at("name"), ..TextField::default()
                    }.render())
                    (TextField {
                        id: "lastName", label: "Last name", value: &last, is_required: true,
                        problem: problems.at("lastName"), ..TextField::default()
                    }.render())
                }
                (cards("role", "Role in the organization", "stack", &org_roles::choices(&viewer.caller), &role))
                div { button.btn.main-act { "Save" } }
            }
        }
    }
}

fn reset(viewer: &Viewer, user: &User) -> Markup {
    html! {
        section.panel aria-labelledby="pw" {
            header { h2 #pw { "Forgotten password" } }
            form.body.form method="post" action=(path(viewer, user, "/reset-password")) {
                p.quiet { "Makes a one-time password, shows it once, and ends the person’s sessions. API tokens stay valid." }
                div { button.btn { "Reset password" } }
            }
        }
    }
}

fn removal(viewer: &Viewer, user: &User, problems: &FormProblems) -> Markup {
    html! {
        section.panel.danger aria-labelledby="rm" {
            header { h2 #rm { "Remove" } }
            form.body.form method="post" action=(path(viewer, user, "/remove")) {
                p.quiet { "Sessions and tokens of the account end at once, and it leaves all workspaces. Its records in the audit stay." }
                (TextField {
                    id: "confirm", label: "Type the e-mail address to confirm", placeholder: &user.email,
                    problem: problems.at("confirm"), ..TextField::default()
                }.render())
                div { button.btn.danger { "Remove account" } }
            }
        }
    }
}
