//! Settings that are stored as the operator wrote them. They are checked where they are read, so that a mistake is
//! reported with the flag, or with the line of the configuration file.

use bucketry_dashboard::PublicUrl;
use bucketry_model::endpoint::Endpoint;
use bucketry_provider::policy::{EndpointPolicy, InvalidPolicy};
use bucketry_web::origins::AllowedOrigins;
use ipnet::IpNet;

use super::list;

/// A URL for browsers, or nothing.
pub(super) fn public_url(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    PublicUrl::parse(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// A URL for S3 clients, or nothing.
pub(super) fn gateway_url(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    Endpoint::parse(text.trim()).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// The URL of a control plane.
pub(super) fn control_plane(text: &str) -> Result<String, String> {
    Endpoint::parse(text).map(|url| url.to_string()).map_err(|error| error.to_string())
}

/// Networks in CIDR notation.
pub(super) fn trusted_proxies(text: &str) -> Result<String, String> {
    match list(text).find(|item| item.parse::<IpNet>().is_err()) {
        None => Ok(text.to_owned()),
        Some(item) => Err(format!(
            "{item:?} is not a network such as 10.0.0.0/8; a single address is written 10.0.0.5/32"
        )),
    }
}

/// Origins of web pages.
pub(super) fn allowed_origins(text: &str) -> Result<String, String> {
    AllowedOrigins::parse(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// Host names and networks.
pub(super) fn allowed_endpoints(text: &str) -> Result<String, String> {
    EndpointPolicy::parse("", text).map(|_| text.to_owned()).map_err(|error| match error {
        InvalidPolicy::Entry(entry) => {
            format!("{entry:?} is neither a host name nor a network such as 10.0.0.0/8 or fd00::/8")
        }
        other @ InvalidPolicy::Mode(_) => other.to_string(),
    })
}

/// The e-mail address of a user.
pub(super) fn email(text: &str) -> Result<String, String> {
    let is_email = bucketry_control::users::is_email(text.trim());
    is_email.then(|| text.trim().to_owned()).ok_or_else(|| format!("{text:?} is not an e-mail address"))
}

/// A share of all requests.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.trim().parse().ok();
    number
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "must be a number from 0 to 1, such as 0.01".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_valid_is_returned_as_written_and_anything_else_is_refused_with_an_example() {
        type ValidText = fn(&str) -> Result<String, String>;
        for (check, valid, invalid, said) in [
            (public_url as ValidText, "https://storage.example.com/s3", "storage.example.com", "https://"),
            (gateway_url, "https://s3.example.com", "ftp://s3.example.com", "https://"),
            (trusted_proxies, "10.0.0.0/8, fd00::/8", "10.0.0.0/8,10.0.0.5", "10.0.0.5/32"),
            (allowed_origins, "https://app.example.com,*", "app.example.com", "https://app.example.com"),
            (allowed_endpoints, "minio.internal,10.1.0.0/16", "2130706433", "10.0.0.0/8"),
        ] {
            assert_eq!(check(valid).as_deref(), Ok(valid));
            assert_eq!(check("").as_deref(), Ok(""));
            let error = check(invalid).unwrap_err();
            assert!(error.contains(said), "{invalid}: {error}");
        }
        assert_eq!(email(" ops@example.com ").as_deref(), Ok("ops@example.com"));
        for wrong in ["", "ops", "ops@", "a b@example.com"] {
            assert!(email(wrong).is_err(), "{wrong}");
        }
        assert_eq!(share("0.25"), Ok(0.25));
        for wrong in ["", "2", "-1", "NaN", "1%"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }
}
