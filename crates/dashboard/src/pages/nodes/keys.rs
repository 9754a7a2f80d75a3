//! Keys of the organization, with which its own nodes sign: a panel on the page of nodes, for administrators.

use axum::extract::Path;
use axum::response::Response;
use bucketry_control::nodes::{CreatedOrganizationKey, OrganizationKey};
use bucketry_control::presence::NodeView;
use bucketry_control::{Error, ResourceKind};
use bucketry_model::id::NodeKeyId;
use maud::{Markup, html};

use super::again;
use crate::failure::PageError;
use crate::form_problems::FormProblems;
use crate::human;
use crate::parts::heading::Heading;
use crate::parts::notice;
use crate::parts::snippet;
use crate::parts::state::Mark;
use crate::parts::time;
use crate::screen::{FormOutcome, Screen, Section};
use crate::viewer::Viewer;

/// `POST`: creates a key. Its private half is in the response and nowhere else.
pub(crate) async fn create(viewer: Viewer) -> Response {
    let created = viewer.control().create_organization_key(&viewer.caller, viewer.caller.org_id).await;
    let outcome = match created {
        Ok(key) => Ok(shown_once(&viewer, &key).into()),
        Err(error) => refused(&viewer, "The key was not created", error).await,
    };
    viewer.answer_form(outcome).await
}

/// `POST /{key}/delete`
pub(crate) async fn delete(viewer: Viewer, Path(id): Path<String>) -> Response {
    let outcome = match end(&viewer, &id).await {
        Ok(()) => Ok(FormOutcome::Moved(viewer.links().ui_with("/nodes", &[("done", "node-key-deleted")]))),
        Err(error) => refused(&viewer, "The key was not deleted", error).await,
    };
    viewer.answer_form(outcome).await
}

async fn end(viewer: &Viewer, id: &str) -> Result<(), Error> {
    let id: NodeKeyId = id.parse().map_err(|_| Error::NotFound(ResourceKind::OrganizationKey))?;
    viewer.control().delete_organization_key(&viewer.caller, viewer.caller.org_id, id).await
}

async fn refused(viewer: &Viewer, title: &str, error: Error) -> Result<FormOutcome, PageError> {
    let problems = FormProblems::of(error, &[])?;
    again(viewer, title, &problems).await
}

fn shown_once(viewer: &Viewer, created: &CreatedOrganizationKey) -> Screen {
    let heading = Heading {
        crumbs: &[("Nodes", viewer.links().ui("/nodes"))],
        title: "The key was created",
        ..Heading::default()
    };
    let settings = format!("node_key = \"/etc/bucketry/node.pem\"\nnode_org = \"{}\"", viewer.caller.org_id);
    let body = html! {
        (heading.render())
        (notice::notice(
            Mark::Warn,
            "Store the private key now",
            html! { "It is shown only this once, and can’t be read again. If you lose it, delete the key and create another." },
            None,
        ))
        section.panel.slim aria-label="The key" {
            div.body.form {
                div.field.column {
                    p { b { "Private key" } ", for example for " code { "/etc/bucketry/node.pem" } " on the node’s machine. Only root should read the file." }
                    (snippet::snippet("private-key", "Private key", created.private_key.expose().trim_end()))
                }
                div.field.column {
                    p { b { "Settings" } " of the node, beside its name and the address of this server:" }
                    (snippet::snippet("node-settings", "Settings of the node", &settings))
                }
                p.quiet.small { "Several nodes can sign with one key. When a node has registered, an owner approves it on the page of nodes." }
                div { a.btn.main-act href=(viewer.links().ui("/nodes")) { "I have stored it" } }
            }
        }
    };
    Screen::new(Section::Nodes, "The key was created", body)
}

/// The keys, and forms to create and delete one. Nothing for those who may not.
pub(super) async fn panel(viewer: &Viewer, nodes: &[NodeView]) -> Result<Markup, PageError> {
    if !viewer.is_administrator() {
        return Ok(html! {});
    }
    let keys = viewer.control().organization_keys(&viewer.caller, viewer.caller.org_id).await?;
    Ok(html! {
        section.panel #keys aria-labelledby="ok" {
            header {
                h2 #ok { "Keys of the organization" }
                form method="post" action=(viewer.links().ui("/nodes/keys")) {
                    button.btn data-working="Creating…" { "Create key" }
                }
            }
            div.body { p.quiet {
                "For nodes that serve only " bdi { (viewer.person.organization) } ". They run with “bucketry node” and sign with one of these keys. "
                "The server stores only the public halves."
            } }
            @if !keys.is_empty() {
                ul.rows.after-head { @for key in &keys { li { (row(viewer, key, nodes)) } } }
            }
        }
    })
}

fn row(viewer: &Viewer, key: &OrganizationKey, nodes: &[NodeView]) -> Markup {
    let users = nodes.iter().filter(|view| key.nodes.contains(&view.node.id));
    let users: Vec<&str> = users.map(|view| view.node.name.as_str()).collect();
    let public = format!("public-{}", key.id);
    html! {
        details id={ "key-" (key.id) } {
            summary.line {
                span.what {
                    b { "Key from " (time::moment(key.created_at)) }
                    span.quiet.small { (key.id) }
                }
                span.small { (human::plural(key.nodes.len() as u64, "node", "nodes")) }
            }
            div.inner.column {
                p.small { "Its public half, as " code { "openssl rsa -in node.pem -pubout" } " prints it:" }
                (snippet::snippet(&public, "Public half of the key", key.public_key.trim_end()))
                form method="post" action=(viewer.links().ui(format_args!("/nodes/keys/{}/delete", key.id))) {
                    p.what {
                        @if users.is_empty() { "No registered node signs with it. If the key is deleted, no node can register with it." }
                        @else {
                            "If the key is deleted, " bdi { (users.join(", ")) }
                            " " (if users.len() == 1 { "is" } else { "are" })
                            " removed too: the server refuses their messages, and the stored secrets are sealed again without their keys. \
                             To keep a node, give it another key first."
                        }
                    }
                    button.btn.danger { "Delete key" span.vh { " " (key.id) } }
                }
            }
        }
    }
}
