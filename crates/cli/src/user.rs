//! `bucketry user …`.

use bucketry_api_types::organization_user::NewUserRequest;
use bucketry_client::ApiClient;
use bucketry_model::id::UserId;
use bucketry_model::role::OrgRole;

use crate::arguments::{Remote, UserCommand};
use crate::credentials::connect;
use crate::failure::{Failure, Result};
use crate::first_start::generated_password;
use crate::{login, output};

/// Runs a command on users.
pub(crate) async fn run(remote: &Remote, command: UserCommand) -> Result<()> {
    let client = connect(remote).await?;
    match command {
        UserCommand::List => {
            let users = client.org_users().await?;
            if remote.json {
                return output::json(&users);
            }
            let rows = users.iter().map(|user| {
                let name = format!("{} {}", user.name, user.last_name);
                let role = OrgRole::from_number(user.org_role.into())
                    .map_or_else(|_| String::new(), |role| role.to_string());
                vec![user.email.clone(), name, role, user.id.to_string()]
            });
            output::table(&["E-MAIL", "NAME", "ROLE", "ID"], rows.collect())
        }
        UserCommand::Add { email, first_name, last_name, role, password_stdin } => {
            let made_up = !password_stdin;
            let password = if made_up { generated_password()? } else { login::password(true, "")? };
            let user = NewUserRequest {
                email,
                password: password.clone(),
                first_name,
                last_name,
                org_role: Some(OrgRole::from(role).number().into()),
            };
            let made = client.create_org_user(&user, None).await?;
            if remote.json {
                output::json(&made)?;
            } else {
                output::line(&format!("created the user {} ({})", made.email, made.id))?;
            }
            if made_up {
                output::remark(
                    "It is a one-time password: the user must change it first, with `bucketry user password`.",
                );
                output::remark(&format!("password (shown only once): {}", password.expose()));
            }
            Ok(())
        }
        UserCommand::Role { user, role } => {
            let id = find_user(&client, &user).await?;
            let role = OrgRole::from(role);
            client.change_org_role(id, role.number()).await?;
            let changed = serde_json::json!({ "userId": id, "orgRole": role.number() });
            if remote.json {
                output::json(&changed)
            } else {
                output::line(&format!("{user} now has the role {role}"))
            }
        }
        UserCommand::Password { password_stdin } => {
            let (current, new) = login::new_password(password_stdin)?;
            let id = client.profile().await?.id;
            client.change_password(id, &new, current.as_ref()).await?;
            if remote.json {
                output::json(&serde_json::json!({ "changed": id }))
            } else {
                output::line("changed the password; your other sessions have ended")
            }
        }
        UserCommand::ResetPassword { user } => {
            let id = find_user(&client, &user).await?;
            let password = client.reset_password(id).await?;
            if remote.json {
                return output::json(&serde_json::json!({ "id": id, "password": password.expose() }));
            }
            output::line(password.expose())?;
            output::remark(&format!(
                "This one-time password for {user} is shown only once. The user must change it at the next sign-in, with \
                 `bucketry user password`. The user's sessions have ended; API tokens stay valid."
            ));
            Ok(())
        }
        UserCommand::Rm { user } => {
            let id = find_user(&client, &user).await?;
            client.delete_org_user(id).await?;
            let removed = serde_json::json!({ "removed": id });
            if remote.json {
                output::json(&removed)
            } else {
                output::line(&format!("removed the user {user}"))
            }
        }
    }
}

/// Finds a user by id or e-mail address.
pub(crate) async fn find_user(client: &ApiClient, email_or_id: &str) -> Result<UserId> {
    if let Ok(id) = email_or_id.parse() {
        return Ok(id);
    }
    let all = client.org_users().await?;
    all.iter()
        .find(|user| user.email.to_lowercase() == email_or_id.to_lowercase())
        .map(|user| user.id)
        .ok_or_else(|| {
            Failure::failed(format!("there is no user {email_or_id:?}; `bucketry user list` shows all users"))
        })
}
