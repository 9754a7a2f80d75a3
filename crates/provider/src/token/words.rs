//! What to change when a service hands out no credential, by the service's own error codes.

use crate::error::{ErrorAnswer, ErrorKind};
use crate::token::TokenService;

/// A refusal in words for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Advice {
    /// The service's code, or the start of one that ends in `*`.
    code: &'static str,
    /// What it means.
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
const TRUST_POLICY: &str = "Check the role's ARN, and let the role's trust policy allow sts:AssumeRole to this \
                            deployment's AWS principal under the condition StringEquals { \"sts:ExternalId\": \
                            your organization's external id }; the principal itself needs sts:AssumeRole too.";

const AWS_STS: &[Advice] = &[
    says("AccessDenied*", ROLE_REFUSED, TRUST_POLICY),
    says(
        "ValidationError",
        "AWS STS takes the role's ARN or the external id for none.",
        "Give the ARN as arn:aws:iam::123456789012:role/NAME, and the external id as your organization shows it.",
    ),
    says(
        "RegionDisabledException",
        "AWS STS is not activated in the bucket's region for this deployment's AWS account.",
        "The operator of this deployment activates the region in IAM, Account settings, Security Token Service.",
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
        "The operator of this deployment turns it on: gcloud services enable iamcredentials.googleapis.com.",
    ),
    says(
        "NOT_FOUND",
        "There is no such service account.",
        "Check the service account's e-mail address, and that it exists and is enabled.",
    ),
    says(
        "*",
        "Google does not let this node impersonate the service account.",
        "Check the e-mail address, and grant this deployment's service account \
         roles/iam.serviceAccountTokenCreator on yours: gcloud iam service-accounts add-iam-policy-binding.",
    ),
];

const NO_DIRECTORY: &str = "Microsoft Entra has no such directory (tenant).";
const APPLICATION_REFUSED: &str = "Microsoft Entra does not let the application in.";

const ENTRA: &[Advice] = &[
    says("AADSTS90002", NO_DIRECTORY, "Check tenant: it is the directory's id or one of its domains."),
    says("AADSTS900023", NO_DIRECTORY, "Check tenant: it is the directory's id or one of its domains."),
    says("AADSTS900021", NO_DIRECTORY, "Check tenant: it is the directory's id or one of its domains."),
    says(
        "AADSTS700016",
        "The directory has no such application.",
        "Check appId (clientId), and that the application belongs to this tenant.",
    ),
    says(
        "AADSTS7000112",
        "The application is disabled.",
        "Enable it in Microsoft Entra, Enterprise applications.",
    ),
    says(
        "AADSTS7000215",
        "Microsoft Entra does not accept the client secret.",
        "Paste the client secret's value, not its id; it is shown only when the secret is made \
         (az ad sp credential reset makes a new one).",
    ),
    says(
        "AADSTS7000222",
        "The application's client secret has expired.",
        "Make a new client secret (az ad sp credential reset) and paste it.",
    ),
    says(
        "AADSTS53003",
        "A Conditional Access policy of the directory keeps this node out.",
        "Exempt the application or this node's address from the policy in Microsoft Entra, Conditional Access.",
    ),
    says(
        "*",
        APPLICATION_REFUSED,
        "Check tenant and appId, and the application's sign-in logs in Microsoft Entra.",
    ),
];

/// What a service's refusal asks for; `None` where the kind alone says enough.
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
        // Of a failure or a wrong clock the rest of the codes tells nothing.
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
