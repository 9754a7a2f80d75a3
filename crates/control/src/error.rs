//! What use cases answer when they refuse, told in words of the domain. `api` turns it into statuses, once.

use bucketry_model::diagnosis::Diagnosis;
use bucketry_model::id::UserId;
use bucketry_store::StoreError;
use bucketry_store::token::TokenKind;

use crate::repositories::RepoErrorCode;

/// A field of a request and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The field's name on the wire.
    pub field: &'static str,
    /// What it must be; reads on after the field's name.
    pub message: String,
}

impl FieldError {
    /// A field error.
    pub fn new(field: &'static str, message: impl ToString) -> Self {
        Self { field, message: message.to_string() }
    }
}

/// A kind of thing that can be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceKind {
    /// A bucket.
    Bucket,
    /// A workspace.
    Workspace,
    /// A user.
    User,
    /// A member of a workspace.
    Member,
    /// A session or API token.
    Token,
    /// A node.
    Node,
    /// An organization.
    Organization,
    /// A repository.
    Repository,
    /// A repository's access key.
    RepositoryKey,
}

impl ResourceKind {
    /// Its name in a sentence.
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
        }
    }
}

/// Why a login failed, as the contract names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginFailure {
    /// No live user has the address.
    UserNotFound,
    /// The password is another.
    InvalidPassword,
    /// The user has no password.
    NoPasswordSet,
}

/// Why a bearer token can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// None was sent.
    #[error("no access token was sent: log in and send `Authorization: Bearer …`")]
    Absent,
    /// It has not the form of a token, or was changed on the way.
    #[error(
        "this is not a token of this deployment, or not all of it: check that it was copied whole, or log in"
    )]
    Malformed,
    /// An API token that is not known, or was removed long ago.
    #[error(
        "this API token does not exist here (any more): make another with POST /token or `bucketry token add`"
    )]
    Unknown,
    /// An API token that was revoked, or whose user was removed.
    #[error("this API token was revoked: make another with POST /token or `bucketry token add`")]
    Revoked,
    /// A session that was ended before its access token expired.
    #[error("this session was ended (by logging out, by revoking it, or by a new password): log in again")]
    SessionEnded,
}

/// Why a use case refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No token, or one that nobody issued, or one that was revoked. Log in.
    #[error("{0}")]
    Unauthenticated(TokenFault),
    /// The access token has expired: refresh it. Or the API token has: make another.
    #[error("{}", match .0 {
        TokenKind::Session => "the access token has expired: refresh it or log in again",
        TokenKind::Api => "this API token has expired: make another with POST /token or `bucketry token add`",
    })]
    TokenExpired(TokenKind),
    /// The user's password was chosen by somebody else, and must be changed before anything else is done.
    #[error(
        "your password is a one-time password: change it first, with PUT /user/{0} and a new `password`, or with \
         `bucketry user password`; until then this session can do nothing else"
    )]
    PasswordChangeRequired(UserId),
    /// The current password that came with a new one is another.
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
    /// The caller's role is too low. Ask for the role that the sentence names.
    #[error("{0}")]
    Forbidden(String),
    /// The caller's e-mail address isn't verified.
    #[error("verify your e-mail address first: until then nothing can be changed")]
    NotValidated,
    /// Registration is closed in this deployment.
    #[error("registration is closed: ask an administrator for an account")]
    RegistrationClosed,
    /// There is no such thing, or it belongs to another organization.
    #[error("there is no such {}", .0.as_str())]
    NotFound(ResourceKind),
    /// Fields of the request are wrong.
    #[error("{}", sentence(.0))]
    Invalid(Vec<FieldError>),
    /// The name is taken. Choose another.
    #[error("{0}")]
    NameTaken(String),
    /// The e-mail address is taken. Choose another.
    #[error("a user with this e-mail address exists already")]
    EmailTaken,
    /// The thing is still used by what the sentence names. Detach it first.
    #[error("{0}")]
    InUse(String),
    /// The bucket could not be opened with what was given; the diagnosis says why and what to change.
    #[error("{}", failed(.0))]
    ValidationFailed(Diagnosis),
    /// The node could not even try: too much to do, or stopping. Try again.
    #[error("{0}")]
    ValidationImpossible(String),
    /// No node is there to look at the bucket. Start the server's own, or store the bucket with `skipValidation`.
    #[error(
        "no node is online to reach the bucket with: start the server without --no-node, or send \"skipValidation\": \
         true to store it unchecked"
    )]
    NoNodeOnline,
    /// No node has ever registered, so there is nobody to seal a secret to, and no way around it. Start the server's own.
    #[error(
        "no node has registered yet, so there is no key to seal the secret to: start the server without --no-node once"
    )]
    NoRecipient,
    /// The node did not answer in time. Try again.
    #[error("the node did not finish the checks in time: try again")]
    NodeTimeout,
    /// As many buckets of the organization as may be are being validated right now. Try again in a moment.
    #[error(
        "{0} buckets of this organization are being validated right now, and no more may be at once: try again in a \
         moment"
    )]
    TooManyValidations(usize),
    /// The organization has as many buckets as it may.
    #[error(
        "this organization has reached its limit of {0} buckets: delete one, or ask the operator to raise the limit"
    )]
    QuotaExceeded(u64),
    /// A rule of repositories forbids it.
    #[error("{message}")]
    Repository {
        /// The contract's code.
        code: RepoErrorCode,
        /// A sentence with the remedy.
        message: String,
    },
    /// A rule of the domain forbids it: the last owner, the last admin, oneself.
    #[error("{message}")]
    Rule {
        /// The stable code.
        code: &'static str,
        /// A sentence with the remedy.
        message: String,
    },
    /// Somebody else changed the same thing in between. Read it and try again.
    #[error("it was changed by somebody else in the meantime: read it again and repeat the change")]
    Conflict,
    /// A node's message can't be accepted: signature, time, or repetition.
    #[error("{0}")]
    NodeMessage(String),
    /// The database can't be used right now. Nothing was stored; try again.
    #[error("{}: nothing was changed, try again in a moment", unavailable(.0))]
    Unavailable(#[source] StoreError),
    /// A mistake of ours. The log says more.
    #[error("something went wrong on our side; the server's log says more under this request's id")]
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
        None => "the validation made no checks".to_owned(),
        Some(check) => match &check.hint {
            Some(hint) => format!("{} {hint}", check.message),
            None => check.message.clone(),
        },
    }
}

impl Error {
    /// One wrong field.
    pub fn field(field: &'static str, message: impl ToString) -> Self {
        Self::Invalid(vec![FieldError::new(field, message)])
    }

    /// Something that can't happen did.
    pub fn internal(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(error.into())
    }

    /// The stable code that clients can tell errors apart by.
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
            Self::NoNodeOnline | Self::NoRecipient => "NO_NODE_ONLINE",
            Self::NodeTimeout => "NODE_TIMEOUT",
            Self::TooManyValidations(_) => "TOO_MANY_VALIDATIONS",
            Self::QuotaExceeded(_) => "QUOTA_EXCEEDED",
            Self::Repository { code, .. } => code.as_str(),
            Self::Rule { code, .. } => code,
            Self::Conflict => "CONFLICT",
            Self::NodeMessage(_) => "INVALID_NODE_MESSAGE",
            Self::Unavailable(_) => "STORAGE_UNAVAILABLE",
            Self::Internal(_) => "INTERNAL_ERROR",
        }
    }
}

/// What whoever operates the registry has to look at, as far as everybody may know it.
fn unavailable(error: &StoreError) -> &'static str {
    match error {
        StoreError::DiskFull(_) => "the disk of the registry's database is full, or takes no writes",
        StoreError::ReadOnly(_) => "the registry's database is read-only",
        StoreError::BeingMigrated => "the registry is being moved to another database",
        _ => "the registry can't reach its storage right now",
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_)
            | StoreError::DiskFull(_)
            | StoreError::ReadOnly(_)
            | StoreError::BeingMigrated => Self::Unavailable(error),
            other => Self::Internal(Box::new(other)),
        }
    }
}
