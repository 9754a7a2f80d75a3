//! Messages and hints for refused credentials, selected by the token service's own error codes.

use crate::error::{ErrorAnswer, ErrorKind};
use crate::token_service::TokenService;

/// How one refusal is explained to the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Advice {
    /// The service's code. One that ends in `*` is a prefix.
    code: &'static str,
    /// What the code means.
    pub(crate) message: &'static str,
    /// What to change.
    pub(crate) hint: &'static str,
}

const fn says(code: &'static str, message: &'static str, hint: &'static str) -> Advice {
    Advice { code, message, hint }
}

const NODE_KEY: &str = "The operator of this deployment must check BUCKETRY_AWS_ACCESS_KEY_ID and \
                        BUCKETRY_AWS_SECRET_ACCESS_KEY of the node.";
const NODE_KEY_REFUSED: &str = "AWS STS does not accept the node's own AWS credentials.";

const ROLE_REFUSED: &str = "AWS STS does not let this node assume the role.";
const TRUST_POLICY: &str = "Check the role's ARN. The role's trust policy must allow sts:AssumeRole to this \
                            deployment's AWS principal under the condition StringEquals { \"sts:ExternalId\": \
                            your organization's external id }. The principal itself needs sts:AssumeRole too.";

const AWS_STS: &[Advice] = &[
    says("AccessDenied*", ROLE_REFUSED, TRUST_POLICY),
    says(
        "ValidationError",
        "AWS STS rejects the role's ARN or the external id as malformed.",
        "Enter the ARN as arn:aws:iam::123456789012:role/NAME, and the external id as your organization shows it.",
    ),
    says(
        "RegionDisabledException",
        "AWS STS is not activated in the bucket's region for this deployment's AWS account.",
        "The operator of this deployment must activate the region in IAM, Account settings, Security Token Service.",
    ),
    says("InvalidClientTokenId", NODE_KEY_REFUSED, NODE_KEY),
    says("UnrecognizedClientException", NODE_KEY_REFUSED, NODE_KEY),
    says("SignatureDoesNotMatch", NODE_KEY_REFUSED, NODE_KEY),
    says("ExpiredToken*", NODE_KEY_REFUSED, NODE_KEY),
    says("*", ROLE_REFUSED, TRUST_POLICY),
];

const GOOGLE_IAM: &[Advice] = &[
    says(
        "SERVICE_DISABLED",
        "The IAM Service Account Credentials API is turned off in the project of this deployment's service account.",
        "The operator of this deployment must turn it on: gcloud services enable iamcredentials.googleapis.com.",
    ),
    says(
        "NOT_FOUND",
        "The service account does not exist.",
        "Check the e-mail address, and check that the service account exists and is enabled.",
    ),
    says(
        "*",
        "Google does not let this node impersonate the service account.",
        "Check the e-mail address. On your service account, grant roles/iam.serviceAccountTokenCreator to this \
         deployment's service account: gcloud iam service-accounts add-iam-policy-binding.",
    ),
];

const NO_DIRECTORY: &str = "Microsoft Entra has no such directory (tenant).";
const APPLICATION_REFUSED: &str = "Microsoft Entra does not accept the application.";

const ENTRA: &[Advice] = &[
    says("AADSTS90002", NO_DIRECTORY, "Check tenant: it must be the directory's id or one of its domains."),
    says("AADSTS900023", NO_DIRECTORY, "Check tenant: it must be the directory's id or one of its domains."),
    says("AADSTS900021", NO_DIRECTORY, "Check tenant: it must be the directory's id or one of its domains."),
    says(
        "AADSTS700016",
        "The directory has no such application.",
        "Check appId (clientId), and check that the application belongs to this tenant.",
    ),
    says(
        "AADSTS7000112",
        "The application is disabled.",
        "Enable it in Microsoft Entra, Enterprise applications.",
    ),
    says(
        "AADSTS7000215",
        "Microsoft Entra does not accept the client secret.",
        "Enter the client secret's value, not its id. The value is shown only when the secret is created \
         (az ad sp credential reset creates a new one).",
    ),
    says(
        "AADSTS7000222",
        "The application's client secret has expired.",
        "Create a new client secret (az ad sp credential reset) and enter it.",
    ),
    says(
        "AADSTS53003",
        "A Conditional Access policy of the directory blocks this node.",
        "Exempt the application or this node's address from the policy in Microsoft Entra, Conditional Access.",
    ),
    says(
        "*",
        APPLICATION_REFUSED,
        "Check tenant, appId and the application's sign-in logs in Microsoft Entra.",
    ),
];

/// The advice for a service's refusal. `None` if the general message for the error's kind is enough.
pub(crate) fn advice(service: TokenService, answer: &ErrorAnswer) -> Option<&'static Advice> {
    let table = match service {
        TokenService::AwsSts => AWS_STS,
        TokenService::GoogleToken => return None,
        TokenService::GoogleIam => GOOGLE_IAM,
        TokenService::Entra => ENTRA,
    };
    if answer.kind == ErrorKind::ClockSkew {
        return None;
    }
    let code = answer.code.as_deref().unwrap_or_default();
    table.iter().find(|advice| match advice.code.strip_suffix('*') {
        // The catch-all is about a refused identity. It would be wrong for an outage or throttling.
        Some("") => answer.kind == ErrorKind::KeyUnknown,
        Some(start) => code.starts_with(start),
        None => code == advice.code,
    })
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;

    fn hint(service: TokenService, kind: ErrorKind, code: &str) -> &'static str {
        let answer = ErrorAnswer::new(StatusCode::FORBIDDEN, kind, Some(code.into()), &HeaderMap::new());
        advice(service, &answer).map_or("", |advice| advice.hint)
    }

    #[test]
    fn refusals_say_what_to_change_and_who_can() {
        let of = hint;
        assert!(of(TokenService::AwsSts, ErrorKind::KeyUnknown, "AccessDenied").contains("sts:ExternalId"));
        assert!(
            of(TokenService::AwsSts, ErrorKind::TokenExpired, "ExpiredTokenException").contains("operator")
        );
        let creator = of(TokenService::GoogleIam, ErrorKind::KeyUnknown, "IAM_PERMISSION_DENIED");
        assert!(creator.contains("roles/iam.serviceAccountTokenCreator"));
        assert_eq!(of(TokenService::GoogleIam, ErrorKind::Throttled, "RESOURCE_EXHAUSTED"), "");
        assert!(of(TokenService::Entra, ErrorKind::SecretWrong, "AADSTS7000215").contains("not its id"));
        assert_eq!(of(TokenService::Entra, ErrorKind::Internal, "AADSTS1"), "");
    }
}
