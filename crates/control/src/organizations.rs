//! Organizations: creation of the first one, and registration of others.

use bucketry_model::audit::{AuditAction, AuditActor, AuditEntry, AuditKind, RequestOrigin};
use bucketry_model::id::{OrgId, UserId, WorkspaceId};
use bucketry_model::name::Name;
use bucketry_model::role::{Caller, OrgRole};
use bucketry_model::secret::Secret;
use bucketry_store::organization::{NewOrganization, Organization, OrganizationInserted};
use bucketry_store::user::NewUser;
use bucketry_store::workspace::NewWorkspace;

use crate::audit::Described;
use crate::sessions::LoggedIn;
use crate::users::{check_email, parse_name};
use crate::{Control, Error, FieldError, Result, password};

/// The fields of a registration.
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields are those of the request")]
pub struct Registration {
    pub email: String,
    pub password: Secret,
    pub first_name: String,
    pub last_name: String,
    /// Name of the organization.
    pub company_name: String,
}

/// An organization as its own users see it.
#[derive(Debug)]
pub struct OwnOrganization {
    /// The stored organization.
    pub organization: Organization,
    /// The external id that the trust policies of its AWS roles must require.
    pub aws_external_id: String,
}

/// What the first start created.
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields are ids")]
pub struct FirstOrganization {
    pub org_id: OrgId,
    pub workspace_id: WorkspaceId,
    /// Id of the owner.
    pub user_id: UserId,
}

impl Control {
    /// Creates the first organization with the workspace `default` and an OWNER. Returns `None` if there is an
    /// organization already.
    pub async fn bootstrap(&self, email: &str, password: Secret) -> Result<Option<FirstOrganization>> {
        self.make_first(email, password, false).await
    }

    /// Like [`Control::bootstrap`], with a generated password that must be changed at the first sign-in.
    pub async fn bootstrap_with_one_time_password(
        &self,
        email: &str,
        password: Secret,
    ) -> Result<Option<FirstOrganization>> {
        self.make_first(email, password, true).await
    }

    /// Whether there is an organization, so that no bootstrap is needed.
    pub async fn has_organization(&self) -> Result<bool> {
        Ok(!self.inner.store.organizations(1).await?.is_empty())
    }

    async fn make_first(
        &self,
        email: &str,
        password: Secret,
        must_change_password: bool,
    ) -> Result<Option<FirstOrganization>> {
        if self.has_organization().await? {
            return Ok(None);
        }
        let registration = Registration {
            email: email.to_owned(),
            password,
            first_name: "Owner".to_owned(),
            last_name: "Owner".to_owned(),
            company_name: self.inner.settings.first_organization.clone(),
        };
        let mut new = self.new_organization(registration).await?;
        new.owner.must_change_password = must_change_password;
        let made =
            FirstOrganization { org_id: new.id, workspace_id: new.workspace.id, user_id: new.owner.id };
        let audit = self.audit_of_organization(AuditActor::System, &new);
        match self.inner.store.insert_organization(&new, &audit).await? {
            OrganizationInserted::Inserted => Ok(Some(made)),
            OrganizationInserted::EmailTaken => Err(Error::EmailTaken),
        }
    }

    /// Registers an organization with an OWNER as its first user, and logs that user in.
    pub async fn register(&self, registration: Registration, origin: RequestOrigin) -> Result<LoggedIn> {
        if !self.inner.settings.open_registration {
            return Err(Error::RegistrationClosed);
        }
        let new = self.new_organization(registration).await?;
        let owner = &new.owner;
        let actor = AuditActor::User { id: owner.id, email: owner.email.clone(), token_id: None };
        let audit = self.audit_of_organization(actor, &new).from_origin(origin.clone());
        match self.inner.store.insert_organization(&new, &audit).await? {
            OrganizationInserted::Inserted => {}
            OrganizationInserted::EmailTaken => return Err(Error::EmailTaken),
        }
        let user = self
            .inner
            .store
            .user(new.id, new.owner.id)
            .await?
            .ok_or(Error::NotFound(crate::ResourceKind::User))?;
        self.open_session(user, new.owner.password_hash.as_deref().unwrap_or_default(), None, None, origin)
            .await
    }

    fn audit_of_organization(&self, actor: AuditActor, new: &NewOrganization) -> AuditEntry {
        self.audit_by(actor, Some(new.id), AuditKind::Organization, AuditAction::Created)
            .of(new.id, &new.name)
            .after(new.described())
    }

    /// Returns the caller's own organization. Any other one is not found.
    pub async fn own_organization(&self, caller: &Caller, id: OrgId) -> Result<OwnOrganization> {
        if id != caller.org_id {
            return Err(Error::NotFound(crate::ResourceKind::Organization));
        }
        let organization = self.organization(id).await?;
        Ok(OwnOrganization { organization, aws_external_id: self.aws_external_id(id).await? })
    }

    /// Returns an organization.
    pub async fn organization(&self, id: OrgId) -> Result<Organization> {
        self.inner.store.organization(id).await?.ok_or(Error::NotFound(crate::ResourceKind::Organization))
    }

    async fn new_organization(&self, registration: Registration) -> Result<NewOrganization> {
        let mut wrong = Vec::new();
        let first_name = parse_name("firstName", &registration.first_name, &mut wrong);
        let last_name = parse_name("lastName", &registration.last_name, &mut wrong);
        let name = parse_name("companyName", &registration.company_name, &mut wrong);
        let email = check_email(&registration.email, &mut wrong);
        if let Err(why) = password::check_strength(&registration.password) {
            wrong.push(FieldError::new("password", why));
        }
        let (Some(first_name), Some(last_name), Some(name), Some(email), []) =
            (first_name, last_name, name, email, wrong.as_slice())
        else {
            return Err(Error::Invalid(wrong));
        };
        let environment = &self.inner.environment;
        let workspace_name = Name::parse("default").map_err(Error::internal)?;
        Ok(NewOrganization {
            id: environment.id(OrgId::new)?,
            name,
            bucket_quota: self.inner.settings.bucket_quota,
            repo_quota: self.inner.settings.repo_quota,
            owner: NewUser {
                id: environment.id(UserId::new)?,
                email,
                first_name,
                last_name,
                org_role: OrgRole::Owner,
                // There is no mail server to verify the address with, so anyone who may register is trusted with
                // it.
                validated: true,
                password_hash: Some(self.inner.passwords.hash(registration.password).await?),
                must_change_password: false,
            },
            workspace: NewWorkspace { id: environment.id(WorkspaceId::new)?, name: workspace_name },
        })
    }
}
