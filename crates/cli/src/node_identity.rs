//! The embedded node's identity at the clouds, for buckets with delegated access. It is read from the environment
//! only: these are secrets of the operator, and everyone on the machine can see a command line.

use bucketry_model::endpoint::Endpoint;
use bucketry_model::secret::Secret;
use bucketry_provider::identity::{AwsIdentity, NodeIdentity, TokenServices};

use crate::failure::{Failure, Result};

const AWS_KEY: &str = "BUCKETRY_AWS_ACCESS_KEY_ID";
const AWS_SECRET: &str = "BUCKETRY_AWS_SECRET_ACCESS_KEY";
const AWS_TOKEN: &str = "BUCKETRY_AWS_SESSION_TOKEN";
const GCP_FILE: &str = "BUCKETRY_GCP_CREDENTIALS_FILE";

/// Reads the identity and the endpoints of the token services. `variable` returns the value of a variable.
pub(crate) fn read(variable: impl Fn(&str) -> Option<String>) -> Result<(NodeIdentity, TokenServices)> {
    let variable =
        |name: &str| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let aws = match (variable(AWS_KEY), variable(AWS_SECRET)) {
        (Some(access_key), Some(secret)) => Some(AwsIdentity {
            access_key,
            secret_key: Secret::new(secret),
            session_token: variable(AWS_TOKEN).map(Secret::new),
        }),
        (None, None) => None,
        _ => {
            return Err(Failure::usage(format!("set both {AWS_KEY} and {AWS_SECRET}, or neither")));
        }
    };
    let google = match variable(GCP_FILE) {
        Some(path) => {
            let text = std::fs::read_to_string(&path)
                .map_err(|error| Failure::usage(format!("{GCP_FILE}: can't read {path}: {error}")))?;
            Some(Secret::new(text))
        }
        None => None,
    };
    let endpoint = |name: &str| {
        variable(name)
            .map(|text| Endpoint::parse(&text).map_err(|why| Failure::usage(format!("{name} {why}"))))
            .transpose()
    };
    let services = TokenServices {
        aws_sts: endpoint("BUCKETRY_AWS_STS_ENDPOINT")?,
        google_token: endpoint("BUCKETRY_GCP_TOKEN_ENDPOINT")?,
        google_iam: endpoint("BUCKETRY_GCP_IAM_ENDPOINT")?,
        entra: endpoint("BUCKETRY_ENTRA_ENDPOINT")?,
    };
    Ok((NodeIdentity { aws, google }, services))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<(NodeIdentity, TokenServices)> {
        read(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn a_node_is_nobody_unless_it_is_told() {
        let (identity, services) = with(&[(AWS_KEY, ""), (AWS_SECRET, " ")]).unwrap();
        assert!(identity.aws.is_none() && identity.google.is_none() && services.aws_sts.is_none());
    }

    #[test]
    fn key_and_secret_go_together_and_are_not_shown() {
        let (identity, _) =
            with(&[(AWS_KEY, "AKIA"), (AWS_SECRET, "hunter2"), (AWS_TOKEN, "hunter3")]).unwrap();
        assert!(identity.aws.as_ref().unwrap().session_token.is_some());
        assert!(!format!("{identity:?}").contains("hunter"));
        assert!(with(&[(AWS_KEY, "AKIA")]).unwrap_err().message().contains(AWS_SECRET));
    }

    #[test]
    fn the_operators_guide_names_every_variable() {
        let guide = include_str!("../../../docs/operations.md");
        let asked = std::cell::RefCell::new(Vec::new());
        read(|name| {
            asked.borrow_mut().push(name.to_owned());
            // The token is only asked for with a key and a secret.
            [AWS_KEY, AWS_SECRET].contains(&name).then(|| "x".to_owned())
        })
        .unwrap();
        let asked = asked.into_inner();
        assert!(asked.contains(&AWS_TOKEN.to_owned()), "{asked:?}");
        for name in asked {
            assert!(guide.contains(&format!("`{name}`")), "{name} is not in docs/operations.md");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let missing = with(&[(GCP_FILE, "no/such/file.json")]).unwrap_err();
        assert!(missing.message().contains("no/such/file.json"));
        let wrong = with(&[("BUCKETRY_AWS_STS_ENDPOINT", "ftp://sts")]).unwrap_err();
        assert!(wrong.message().contains("BUCKETRY_AWS_STS_ENDPOINT"));
    }
}
