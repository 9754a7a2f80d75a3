//! Why use cases refuse, in terms of the domain. The `api` crate maps the errors to HTTP statuses.

use bucketry_model::diagnosis::Diagnosis;
use bucketry_model::id::UserId;
use bucketry_model::node_protocol::{INVALID_NODE_MESSAGE, NODE_NOT_APPROVED};
use bucketry_store::StoreError;
use bucketry_store::token::TokenKind;

/// A field of a request and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Name of the field on the wire.
    pub field: &'static str,
    /// What the field must be; a phrase that continues the field's name, such as "is required".
    pub message: String,
}

impl FieldError {
    /// An error for a field.
    pub fn new(field: &'static str, message: impl ToString) -> Self {
        Self { field, message: message.to_string() }
    }
}

/// A kind of resource that can be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names speak for themselves")]
pub enum ResourceKind {
    Bucket,
    Workspace,
    User,
    Member,
    /// A session or an API token.
    Token,
    Node,
    Organization,
    Repository,
    /// An access key of a repository.
    RepositoryKey,
    NotificationChannel,
    NotificationSilence,
    /// A key with which nodes of an organization sign.
    OrganizationKey,
    /// A validation that is in progress or has ended lately.
    Validation,
}

impl ResourceKind {
    /// The name of the kind, for use in a sentence.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bucket => "bucket",
            Self::Workspace => "workspace",
            Self::User => "user",
            Self::Member => "member of this workspace",
            Self::Token => "token",
            Self::Node => "node",
            Self::Organization => "organization",
            Self::Repository => "repository",
            Self::RepositoryKey => "key of this repository",
            Self::NotificationChannel => "notification channel",
            Self::NotificationSilence => "silence",
            Self::OrganizationKey => "key of this organization",
            Self::Validation => "validation",
        }
    }
}

/// Error codes for repositories in the public contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepoErrorCode {
    /// A listed bucket doesn't exist.
    NotFound,
    /// The name is taken, or two buckets of the repository have the same name.
    NameAlreadyUsed,
    /// A repository of mode MIRROR has several master buckets.
    MirrorMasterUnitCountInvalid,
    /// A repository of mode MIRROR has no master bucket.
    MirrorMasterUnitMissing,
    /// A bucket of a repository of mode MIRROR is in another repository.
    MirrorUnitAlreadyInOtherRepo,
    /// The folder of a bucket, its parent or a subfolder is used already.
    NormalUnitFolderAlreadyUsed,
    /// An attached bucket would get another folder.
    NormalUnitCannotEditFolder,
    /// The organization has the maximum number of repositories.
    QuotaExceeded,
}

impl RepoErrorCode {
    /// The code on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "NOT_FOUND",
            Self::NameAlreadyUsed => "NAME_ALREADY_USED",
            Self::MirrorMasterUnitCountInvalid => "MIRROR_MASTER_UNIT_COUNT_INVALID",
            Self::MirrorMasterUnitMissing => "MIRROR_MASTER_UNIT_MISSING",
            Self::MirrorUnitAlreadyInOtherRepo => "MIRROR_UNIT_ALREADY_IN_OTHER_REPO",
            Self::NormalUnitFolderAlreadyUsed => "NORMAL_UNIT_FOLDER_ALREADY_USED",
            Self::NormalUnitCannotEditFolder => "NORMAL_UNIT_CANNOT_EDIT_FOLDER",
            Self::QuotaExceeded => "QUOTA_EXCEEDED",
        }
    }
}

/// Why a login failed; the distinctions are those of the public contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginFailure {
    /// No live user has the address.
    UserNotFound,
    /// The password is wrong.
    InvalidPassword,
    /// The user has no password.
    NoPasswordSet,
}

/// Why a bearer token can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// No token was sent.
    #[error("no access token was sent: log in and send `Authorization: Bearer …`")]
    Absent,
    /// The text doesn't have the form of a token, or was altered.
    #[error("this is not a valid token of this deployment: check that you copied all of it, or log in")]
    Malformed,
    /// An API token that is unknown, or was removed long ago.
    #[error(
        "this API token doesn't exist (any more): create another with POST /token or `bucketry token add`"
    )]
    Unknown,
    /// An API token that was revoked or whose user was removed.
    #[error("this API token was revoked: create another with POST /token or `bucketry token add`")]
    Revoked,
    /// A session that ended before its access token expired.
    #[error("this session has ended (by logout, revocation or a password change): log in again")]
    SessionEnded,
}

/// Why a use case refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no token, or it is invalid or revoked. Log in.
    #[error("{0}")]
    Unauthenticated(TokenFault),
    /// The access token has expired: refresh it. Or the API token has expired: create another.
    #[error("{}", match .0 {
        TokenKind::Session => "the access token has expired: refresh it or log in again",
        TokenKind::Api => "this API token has expired: create another with POST /token or `bucketry token add`",
        TokenKind::Browser => "the session of this browser has ended: sign in again",
    })]
    TokenExpired(TokenKind),
    /// Somebody else chose the user's password, which must be changed before anything else.
    #[error(
        "your password is a one-time password: before anything else, change it with PUT /user/{0} and a new `password`, \
         or with `bucketry user password`"
    )]
    PasswordChangeRequired(UserId),
    /// The current password that was sent with a new one is wrong.
    #[error("currentPassword is not your current password")]
    CurrentPasswordWrong,
    /// The login failed.
    #[error("{}", match .0 {
        LoginFailure::UserNotFound => "no user has this e-mail address",
        LoginFailure::InvalidPassword => "the password is wrong",
        LoginFailure::NoPasswordSet => "this user has no password: ask an administrator to reset it",
    })]
    Login(LoginFailure),
    /// The refresh token is unknown, expired, or was used before. Log in.
    #[error("{0}")]
    Refresh(&'static str),
    /// The caller's role is too low. The message names the role that is needed.
    #[error("{0}")]
    Forbidden(String),
    /// The caller's e-mail address is not verified.
    #[error("verify your e-mail address before you change anything")]
    NotValidated,
    /// Registration is closed in this deployment.
    #[error("registration is closed: ask an administrator for an account")]
    RegistrationClosed,
    /// The resource doesn't exist, or belongs to another organization.
    #[error("there is no such {}", .0.as_str())]
    NotFound(ResourceKind),
    /// Fields of the request are wrong.
    #[error("{}", sentence(.0))]
    Invalid(Vec<FieldError>),
    /// The name is taken. Choose another.
    #[error("{0}")]
    NameTaken(String),
    /// The e-mail address is taken.
    #[error("a user with this e-mail address already exists")]
    EmailTaken,
    /// The resource is in use, by what the message names. Detach it first.
    #[error("{0}")]
    InUse(String),
    /// The bucket can't be used with the given or the stored fields. The diagnosis says why, and what to change.
    #[error("{}", failed(.0))]
    ValidationFailed(Diagnosis),
    /// The node could not run the validation or another job on the bucket, such as because it is overloaded. Try again.
    #[error("{0}")]
    ValidationImpossible(String),
    /// No node is connected. Start one, or store the bucket with `skipValidation`.
    #[error(
        "no node is online to validate the bucket: start the server without --no-node, start a node with `bucketry \
         node`, or send \"skipValidation\": true to store it without validation"
    )]
    NoNodeOnline,
    /// None of the nodes that the bucket is pinned to is connected. Start one, or change the pins.
    #[error(
        "none of the nodes that the bucket is pinned to is online to validate it: start one of them, pin the bucket to \
         others with pinnedTo, or send \"skipValidation\": true to store it without validation"
    )]
    NoPinnedNodeOnline,
    /// No node has ever registered, so there is no key to seal a secret to, not even with `skipValidation`.
    #[error(
        "no node has registered yet, so there is no key to seal the secret to: start the server once without --no-node, or \
         start a node with `bucketry node`"
    )]
    NoRecipient,
    /// All nodes that could open the secret wait for approval. Approve the named one.
    #[error(
        "no node may open the secret yet: the node {0} waits for approval. Compare its public key, and run `bucketry nodes \
         approve {0}`"
    )]
    NodesPending(String),
    /// The node that sent the message isn't approved. Approve it, or wait.
    #[error(
        "the node {0} isn't approved yet: compare its public key, and run `bucketry nodes approve {0}` as an OWNER"
    )]
    NodeNotApproved(String),
    /// The node did not answer in time. Try again.
    #[error("the node did not finish the checks in time: try again")]
    NodeTimeout,
    /// The organization already has the maximum number of validations in progress. Try again in a moment.
    #[error(
        "too many buckets of this organization are being validated (the limit is {0}): try again in a \
         moment"
    )]
    TooManyValidations(usize),
    /// The organization has the maximum number of buckets.
    #[error(
        "this organization can't have more buckets, because its limit is {0}: delete one, or ask the operator to raise the limit"
    )]
    QuotaExceeded(u64),
    /// A rule for repositories forbids it.
    #[error("{message}")]
    Repository {
        /// The code of the public contract.
        code: RepoErrorCode,
        /// A sentence that says how to fix it.
        message: String,
    },
    /// A rule of the domain forbids it, such as removing the last owner or oneself.
    #[error("{message}")]
    Rule {
        /// The stable code.
        code: &'static str,
        /// A sentence that says how to fix it.
        message: String,
    },
    /// Somebody else changed the resource in the meantime. Read it again and retry.
    #[error("somebody else changed this in the meantime: read it again and repeat the change")]
    Conflict,
    /// A node's message was refused because of its signature, or because it is a repetition.
    #[error("{0}")]
    NodeMessage(String),
    /// A node's message was refused because the clocks of the node and the control plane differ too much. The text says
    /// which one to correct.
    #[error("{0}")]
    NodeClock(String),
    /// A newer version has upgraded the database, and this one can't work with it any more. Nothing was stored. Upgrade this server.
    /// The number is that of the newest migration.
    #[error(
        "a newer version of Bucketry has upgraded the registry's database (migration {0}), and this server can't work with it: \
         upgrade this server"
    )]
    Outdated(i64),
    /// The database is unavailable. Nothing was stored; try again.
    #[error("{}, so nothing was changed: try again in a moment", unavailable(.0))]
    Unavailable(#[source] StoreError),
    /// A bug. The log has details.
    #[error("something went wrong in the server; its log has the details under the id of this request")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The result of a use case.
pub type Result<T> = std::result::Result<T, Error>;

fn sentence(fields: &[FieldError]) -> String {
    let all: Vec<String> = fields.iter().map(|field| format!("{} {}", field.field, field.message)).collect();
    all.join("; ")
}

fn failed(diagnosis: &Diagnosis) -> String {
    match diagnosis.failure() {
        None => "the validation ran no checks".to_owned(),
        Some(check) => match &check.hint {
            Some(hint) => format!("{} {hint}", check.message),
            None => check.message.clone(),
        },
    }
}

impl Error {
    /// An error for one field.
    pub fn field(field: &'static str, message: impl ToString) -> Self {
        Self::Invalid(vec![FieldError::new(field, message)])
    }

    /// An error that should be impossible.
    pub fn internal(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(error.into())
    }

    /// The stable code by which clients distinguish errors.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated(_) => "UNAUTHENTICATED",
            Self::TokenExpired(_) => "TOKEN_EXPIRED",
            Self::PasswordChangeRequired(_) => "PASSWORD_CHANGE_REQUIRED",
            Self::Login(LoginFailure::UserNotFound) => "USER_NOT_FOUND",
            Self::Login(LoginFailure::InvalidPassword) | Self::CurrentPasswordWrong => "INVALID_PASSWORD",
            Self::Login(LoginFailure::NoPasswordSet) => "NO_PASSWORD_SET",
            Self::Refresh(_) => "INVALID_REFRESH_TOKEN",
            Self::Forbidden(_) => "FORBIDDEN",
            Self::NotValidated => "USER_NOT_VALIDATED",
            Self::RegistrationClosed => "REGISTRATION_CLOSED",
            Self::NotFound(_) => "NOT_FOUND",
            Self::Invalid(_) => "INVALID_REQUEST",
            Self::NameTaken(_) => "NAME_ALREADY_USED",
            Self::EmailTaken => "EMAIL_ALREADY_USED",
            Self::InUse(_) => "BUCKET_IN_USE",
            Self::ValidationFailed(_) => "VALIDATION_FAILED",
            Self::ValidationImpossible(_) => "NODE_FAILED",
            Self::NoNodeOnline | Self::NoPinnedNodeOnline | Self::NoRecipient | Self::NodesPending(_) => {
                "NO_NODE_ONLINE"
            }
            Self::NodeNotApproved(_) => NODE_NOT_APPROVED,
            Self::NodeTimeout => "NODE_TIMEOUT",
            Self::TooManyValidations(_) => "TOO_MANY_VALIDATIONS",
            Self::QuotaExceeded(_) => "QUOTA_EXCEEDED",
            Self::Repository { code, .. } => code.as_str(),
            Self::Rule { code, .. } => code,
            Self::Conflict => "CONFLICT",
            Self::NodeMessage(_) | Self::NodeClock(_) => INVALID_NODE_MESSAGE,
            Self::Outdated(_) => "SERVER_OUTDATED",
            Self::Unavailable(_) => "STORAGE_UNAVAILABLE",
            Self::Internal(_) => "INTERNAL_ERROR",
        }
    }
}

/// The cause of an unavailable database, in terms that may be shown to any client.
fn unavailable(error: &StoreError) -> &'static str {
    match error {
        StoreError::DiskFull(_) => "the disk of the registry's database is full or not writable",
        StoreError::ReadOnly(_) => "the registry's database is read-only",
        StoreError::BeingMigrated => "the registry is being moved to another database",
        StoreError::LeaseLost(_) => "another control plane has taken over this work",
        StoreError::Audit(_) => "the audit record of this change can't be stored",
        _ => "the registry can't reach its database",
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_)
            | StoreError::DiskFull(_)
            | StoreError::ReadOnly(_)
            | StoreError::BeingMigrated
            | StoreError::LeaseLost(_)
            | StoreError::Audit(_) => Self::Unavailable(error),
            StoreError::Outdated(migration) => Self::Outdated(migration),
            other => Self::Internal(Box::new(other)),
        }
    }
}
