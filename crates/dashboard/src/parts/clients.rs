//! How clients connect: settings to paste for each program, and the plain values.

use bucketry_model::client_settings::{ClientTool, REGION, RepositoryConnection, UNKNOWN_KEY};
use maud::{Markup, html};

use super::snippet;

/// The id of a program in the page, and its name.
fn named(tool: ClientTool) -> (&'static str, &'static str) {
    match tool {
        ClientTool::Aws => ("aws", "AWS command line"),
        ClientTool::Boto3 => ("boto3", "boto3 (Python)"),
        ClientTool::AwsSdkJs => ("javascript", "JavaScript (@aws-sdk/client-s3)"),
        ClientTool::Rclone => ("rclone", "rclone"),
        ClientTool::S5cmd => ("s5cmd", "s5cmd"),
    }
}

/// Settings for each program, of which one is open, then the plain values. One set per page.
pub(crate) fn clients(connection: &RepositoryConnection<'_>) -> Markup {
    html! {
        div.clients {
            @for tool in ClientTool::ALL {
                @let (id, name) = named(tool);
                details id={ "client-" (id) } name="client" open[tool == ClientTool::Aws] {
                    summary { (name) }
                    (snippet::snippet(&format!("settings-{id}"), &format!("Settings for {name}"), &tool.settings(connection)))
                }
            }
            details #client-values name="client" {
                summary { "Plain values, for other programs" }
                div.form { (values(connection)) }
            }
        }
    }
}

fn values(connection: &RepositoryConnection<'_>) -> Markup {
    html! {
        (snippet::value("value-endpoint", "Endpoint", connection.endpoint))
        (snippet::value("value-region", "Region (any is accepted)", REGION))
        @if connection.key != UNKNOWN_KEY { (snippet::value("value-key", "Access key ID", connection.key)) }
        @match connection.secret {
            Some(secret) => (snippet::value("value-secret", "Secret access key", secret)),
            None => p.quiet.small { "The secret was shown when the key was created. If it is lost, create another key." },
        }
        @if let Some(bucket) = connection.bucket { (snippet::value("value-bucket", "Bucket", bucket)) }
        p.quiet.small { "Signature Version 4, and path-style addresses (endpoint/bucket/object)." }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_program_has_its_settings_and_only_a_new_secret_is_shown() {
        let connection = |secret| RepositoryConnection {
            endpoint: "http://127.0.0.1:9000",
            key: "BKTEXAMPLE",
            secret,
            bucket: Some("photos"),
        };
        let html = clients(&connection(Some("the-secret"))).into_string();
        assert_eq!(html.matches("the-secret").count(), ClientTool::ALL.len() + 1, "{html}");
        assert_eq!(html.matches("<details").count(), ClientTool::ALL.len() + 1);
        assert_eq!(html.matches(" open").count(), 1);
        let html = clients(&connection(None)).into_string();
        assert!(html.contains("If it is lost, create another key."), "{html}");
    }
}
