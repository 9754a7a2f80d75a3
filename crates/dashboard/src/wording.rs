//! Messages of the registry in the words of the dashboard: labels instead of names of fields, sentences instead of phrases,
//! and pages instead of calls and commands.

use bucketry_control::{Error, FieldError};

/// Names of fields, and the labels that the forms have for them.
pub(crate) type Labels = [(&'static str, &'static str)];

/// Advice about calls and commands, and what it is here.
const ADVICE: [(&str, &str); 13] = [
    (
        ", start a node with `bucketry node`, or send \"skipValidation\": true to store it without validation",
        ", or start a node with `bucketry node`",
    ),
    (
        " with pinnedTo, or send \"skipValidation\": true to store it without validation",
        " on its tab “Nodes”",
    ),
    (" with POST /token or `bucketry token add`", " under Tokens"),
    ("read it again and repeat the change", "reload the page and repeat the change"),
    (": use POST /organization/users/{userId}/reset-password to give the user a one-time password", ""),
    ("set \"master\": true for the bucket", "mark one bucket as the master"),
    (" with PUT /user/", " in the settings: "),
    (": GET /node and `bucketry nodes list` show them", ""),
    (" (`bucketry nodes approve`)", ", on its page"),
    ("GET /node shows no `rewrap`", "the page of nodes shows no more sealing"),
    (
        ". To remove it all the same and lose these secrets, send force=true (--force)",
        ". To remove it all the same and lose these secrets, tick the box below",
    ),
    ("log in again", "sign in again"),
    ("log in", "sign in"),
];

/// What forms have led to, by the name in the query of the page that follows.
const CONFIRMATIONS: [(&str, &str); 31] = [
    ("password-changed", "Your password was changed. Your other sessions have ended."),
    ("names-changed", "Your names were changed."),
    ("bucket-added", "The bucket was added. Next, put it into a repository, through which clients reach it."),
    ("bucket-changed", "The bucket was changed."),
    ("bucket-pinned", "The pins were changed. Nodes apply them within about a second."),
    ("bucket-deleted", "The bucket was removed from the registry. Its objects are still at the provider."),
    ("buckets-moved", "The buckets were moved."),
    (
        "buckets-removed",
        "The buckets were removed from the registry. Their objects are still at the providers.",
    ),
    ("bucket-checked", "The checks have run."),
    ("repository-created", "The repository was created."),
    ("repository-changed", "The repository was changed."),
    ("repository-deleted", "The repository was deleted."),
    ("key-revoked", "The key was revoked."),
    ("member-added", "The member was added."),
    ("member-changed", "The member’s role was changed."),
    ("member-removed", "The member was removed."),
    ("channel-created", "The channel was added. Send a test to see whether the receiver accepts messages."),
    ("channel-changed", "The channel was changed."),
    ("channel-deleted", "The channel was removed."),
    ("silence-created", "The silence was added."),
    ("silence-ended", "The silence has ended."),
    ("workspace-created", "The workspace was created."),
    ("workspace-changed", "The workspace was changed."),
    ("workspace-deleted", "The workspace was deleted."),
    ("person-changed", "The account was changed."),
    ("person-removed", "The account was removed."),
    ("token-revoked", "The token was revoked."),
    ("rotation-started", "The rotation has started."),
    ("node-removed", "The node was removed. The stored secrets are being sealed again without its key."),
    ("node-key-deleted", "The key was deleted."),
    ("node-approved", "The node was approved. The stored secrets are being sealed to it."),
];

/// What a form has led to. `None` if the name is unknown: a link can't put words into a page.
pub(crate) fn confirmation(name: &str) -> Option<&'static str> {
    CONFIRMATIONS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The message of an error as a sentence.
pub(crate) fn message(error: &Error) -> String {
    match error {
        Error::Invalid(fields) => field_sentences(fields, &[]).join(" "),
        other => sentence(&in_pages(&other.to_string())),
    }
}

/// What is wrong with each field, as a sentence that begins with the field's label.
pub(crate) fn field_sentences(fields: &[FieldError], labels: &Labels) -> Vec<String> {
    fields.iter().map(|field| field_sentence(field, labels)).collect()
}

/// What is wrong with a field.
pub(crate) fn field_sentence(field: &FieldError, labels: &Labels) -> String {
    let label = labels.iter().find(|(name, _)| *name == field.field).map_or(field.field, |(_, label)| *label);
    let mut text = format!("{label} {}", in_pages(&field.message));
    for (name, label) in labels {
        text = text.replace(&format!("`{name}`"), &format!("“{label}”"));
    }
    sentence(&text)
}

fn in_pages(text: &str) -> String {
    ADVICE.iter().fold(text.to_owned(), |text, (advice, here)| text.replace(advice, here))
}

/// The text with a capital letter at its beginning and a full stop at its end.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.trim().chars();
    let Some(first) = letters.next() else { return String::new() };
    let mut sentence: String = first.to_uppercase().chain(letters).collect();
    if !sentence.ends_with(['.', '?', '!', ':', '…']) {
        sentence.push('.');
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_their_labels_and_calls_their_pages() {
        let labels: &Labels = &[("workspaceId", "Workspace"), ("secret", "Secret key")];
        let wrong = FieldError::new("workspaceId", "is required, because `secret` is set");
        assert_eq!(field_sentence(&wrong, labels), "Workspace is required, because “Secret key” is set.");
        let message = message(&Error::NoNodeOnline);
        assert_eq!(
            message,
            "No node is online to validate the bucket: start the server without --no-node, or start a node with `bucketry node`."
        );
        assert_eq!(sentence("éclair"), "Éclair.");
    }
}
