//! An order: the names are proven, then the certificate is issued.

use std::time::Duration;

use bucketry_web::tls::OwnershipProofs;
use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Error, Identifier, NewOrder, Order, OrderStatus, Problem,
    RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};

use crate::error::AcmeError;
use crate::proof;
use crate::state_files::IssuedPair;

/// How long the authority may take to verify the names, and then to issue the certificate.
const WAIT: RetryPolicy = RetryPolicy::new().timeout(Duration::from_mins(2));

/// RFC 8555, section 6.7.
const UNKNOWN_ACCOUNT: &str = "urn:ietf:params:acme:error:accountDoesNotExist";

/// Orders a certificate for the names.
pub(crate) async fn complete(
    account: &Account,
    domains: &[String],
    proofs: &OwnershipProofs,
) -> Result<IssuedPair, AcmeError> {
    let names: Vec<_> = domains.iter().cloned().map(Identifier::Dns).collect();
    let ordered = account.new_order(&NewOrder::new(&names)).await;
    let mut order = ordered.map_err(|error| match error {
        Error::Api(problem) if problem.r#type.as_deref() == Some(UNKNOWN_ACCOUNT) => {
            AcmeError::UnknownAccount
        }
        error => AcmeError::authority("the authority refused the order")(error),
    })?;
    prove(&mut order, proofs).await?;
    let verified = order.poll_ready(&WAIT).await;
    if !matches!(verified, Ok(OrderStatus::Ready)) {
        return Err(refusal(&mut order, verified.err()).await);
    }
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(domains)?;
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(&key)?;
    let issuing = "the authority didn't issue the certificate";
    order.finalize_csr(request.der()).await.map_err(AcmeError::authority(issuing))?;
    let chain = order.poll_certificate(&WAIT).await.map_err(AcmeError::authority(issuing))?;
    Ok(IssuedPair { chain, key: key.serialize_pem() })
}

/// Shows the authority a proof of each name that it hasn't verified before.
async fn prove(order: &mut Order, proofs: &OwnershipProofs) -> Result<(), AcmeError> {
    let doing = "can't prove the names";
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.map_err(AcmeError::authority(doing))?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let Some(mut challenge) = authorization.challenge(ChallengeType::TlsAlpn01) else {
            let reason =
                "the authority doesn't offer TLS-ALPN-01, the only way that this server knows".to_owned();
            return Err(AcmeError::Authority { doing, reason });
        };
        let name = challenge.identifier().to_string();
        let proof = proof::of_name(&name, challenge.key_authorization().digest().as_ref())?;
        let set = proofs.set(&name, &proof.chain, &proof.key);
        set.map_err(|error| AcmeError::Cryptography(error.to_string()))?;
        // Some authorities verify at once, and answer with the problem.
        challenge.set_ready().await.map_err(|error| match error {
            Error::Api(problem) => AcmeError::NotVerified { name, reason: text(&problem) },
            error => AcmeError::authority(doing)(error),
        })?;
    }
    Ok(())
}

/// Why the names weren't verified: the first problem of a name, or that of the order.
async fn refusal(order: &mut Order, error: Option<Error>) -> AcmeError {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        // As it is now. A failure leaves what was known before.
        drop(authorization.refresh().await.map(drop));
        let problem = authorization.challenges.iter().find_map(|challenge| challenge.error.as_ref());
        if let Some(problem) = problem {
            let name = authorization.identifier().to_string();
            return AcmeError::NotVerified { name, reason: text(problem) };
        }
    }
    let reason = error.map_or_else(|| "it doesn't say why".to_owned(), |error| error.to_string());
    AcmeError::Authority { doing: "the authority didn't verify the names", reason }
}

fn text(problem: &Problem) -> String {
    let known = problem.detail.clone().or_else(|| problem.r#type.clone());
    known.unwrap_or_else(|| "it doesn't say why".to_owned())
}
