//! The form of a bucket: to add one, and to change one. Everything but the secret is sent back filled in.

use bucketry_control::FieldError;
use bucketry_control::buckets::BucketInput;
use bucketry_model::credential_kind::FieldRule;
use bucketry_model::diagnosis::{Check, CheckScope};
use bucketry_model::endpoint::Endpoint;
use bucketry_model::paste::fields::PastedFields;
use bucketry_model::provider::Provider;
use bucketry_model::secret::Secret;
use maud::{Markup, html};

use super::credential_choice::{self, EnteredCredential, form_value, key_and_secret};
use super::providers::{self, CARDS, ProviderCard};
use crate::field_values::FieldValues;
use crate::parts::checks;
use crate::parts::field::{ChoiceCard, FieldKind, TextField, cards, select, tick};
use crate::parts::icon::{Icon, shape};
use crate::wording::{self, Labels};

/// The names of the fields, and their labels. The ids in the page are the same names.
pub(super) const LABELS: &Labels = &[
    ("paste", "Paste"),
    ("storageType", "Provider"),
    ("bucket", "Bucket"),
    ("key", "Key"),
    ("secret", "Secret"),
    ("region", "Region"),
    ("endpoint", "Endpoint"),
    ("name", "Name in Bucketry"),
    ("workspaceId", "Workspace"),
    ("confirm", "Name"),
];

/// The values of the form, without the secret.
#[derive(Debug, Clone, Default)]
pub(super) struct BucketValues {
    /// The provider's card; empty if none is chosen.
    pub(super) card: String,
    /// The kind of credential that was chosen; empty if none was.
    pub(super) kind: String,
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) region: String,
    pub(super) endpoint: String,
    pub(super) name: String,
    pub(super) workspace: String,
    pub(super) is_read_only: bool,
    /// Whether there is a secret: in the form, in the paste, or stored.
    pub(super) has_secret: bool,
}

impl BucketValues {
    fn credential(&self) -> EnteredCredential<'_> {
        EnteredCredential {
            card: providers::card_of(&self.card),
            chosen: &self.kind,
            key: &self.key,
            has_secret: self.has_secret,
            has_endpoint: !self.endpoint.is_empty(),
        }
    }
}

/// A form that was sent, read.
pub(super) struct ReadForm {
    pub(super) values: BucketValues,
    pub(super) secret: Option<Secret>,
    /// What was found in the paste, in words.
    pub(super) found: Vec<String>,
    pub(super) problems: Vec<FieldError>,
}

impl ReadForm {
    /// Reads a form. What was entered into a field counts more than what the paste has for it.
    pub(super) fn of(fields: &FieldValues) -> Self {
        let text = |name: &str| fields.text(name).to_owned();
        let mut read = Self {
            values: BucketValues {
                card: text("storageType"),
                kind: text("kind"),
                bucket: text("bucket"),
                key: text("key"),
                region: text("region"),
                endpoint: text("endpoint"),
                name: text("name"),
                workspace: text("workspaceId"),
                is_read_only: fields.has("readOnly"),
                has_secret: false,
            },
            secret: fields.secret("secret"),
            found: Vec::new(),
            problems: Vec::new(),
        };
        if let Some(paste) = fields.secret("paste") {
            read.take_paste(&paste);
        }
        read.values.has_secret = read.secret.is_some();
        if read.values.name.is_empty() {
            read.values.name.clone_from(&read.values.bucket);
        }
        read.check_endpoint();
        read
    }

    fn take_paste(&mut self, paste: &Secret) {
        let mut pasted = match PastedFields::of_text(paste.expose()) {
            Ok(pasted) => pasted,
            Err(error) => return self.problems.push(FieldError::new("paste", error)),
        };
        pasted.storage_type = self.card().map(|card| card.storage_type);
        let outcome = pasted.read(Some(self.values.bucket.as_str()).filter(|bucket| !bucket.is_empty()));
        self.problems.extend(outcome.problems.into_iter().map(|one| FieldError::new(one.field, one.message)));
        let fields = outcome.fields;
        if let Some(storage_type) = fields.storage_type
            && self.values.card.is_empty()
        {
            let endpoint = fields.endpoint.as_deref().and_then(|text| Endpoint::parse(text).ok());
            let provider = Provider::recognise(storage_type, endpoint.as_ref());
            let card = providers::card_for(provider, storage_type);
            card.id.clone_into(&mut self.values.card);
            let name = if provider == Provider::Other { card.label } else { providers::name(provider) };
            self.found.push(name.to_owned());
        }
        if fields.key.is_some() || fields.secret.is_some() {
            // The paste says what kind it is.
            self.values.kind.clear();
        }
        for (label, own, pasted) in [
            ("bucket", &mut self.values.bucket, fields.bucket),
            ("region", &mut self.values.region, fields.region),
            ("endpoint", &mut self.values.endpoint, fields.endpoint),
            ("key", &mut self.values.key, fields.key),
        ] {
            let Some(pasted) = pasted.filter(|pasted| !pasted.is_empty()) else { continue };
            self.found.push(format!("{label} {pasted}"));
            if own.is_empty() {
                *own = pasted;
            }
        }
        if let Some(secret) = fields.secret.filter(|secret| !secret.is_empty()) {
            self.found.push("secret found".to_owned());
            self.secret = self.secret.take().or(Some(secret));
        }
        self.split_path();
        if self.found.is_empty() && self.problems.is_empty() {
            let message = "contains neither an address nor a key in a known format: fill in the fields below";
            self.problems.push(FieldError::new("paste", message));
        }
    }

    /// The address of an unknown server, such as `http://nas:9000/photos`: without a name, its path is the bucket.
    fn split_path(&mut self) {
        let Ok(mut endpoint) = Endpoint::parse(&self.values.endpoint) else { return };
        let bucket = endpoint.path.trim_matches('/').to_owned();
        if self.values.bucket.is_empty() && !bucket.is_empty() && !bucket.contains('/') {
            endpoint.path = String::new();
            self.values.endpoint = endpoint.to_string();
            self.values.bucket = bucket;
        }
    }

    /// Without an endpoint, a bucket would be looked for at Amazon.
    fn check_endpoint(&mut self) {
        let Some(card) = self.card() else { return };
        if !card.endpoint.is_empty() && self.values.endpoint.is_empty() {
            let message = format!("is required for {}, such as {}", card.label, card.endpoint);
            self.problems.push(FieldError::new("endpoint", message));
        }
    }

    /// The chosen card.
    pub(super) fn card(&self) -> Option<&'static ProviderCard> {
        CARDS.iter().find(|card| card.id == self.values.card)
    }

    /// The fields of a new bucket.
    pub(super) fn input(&self) -> BucketInput {
        let values = &self.values;
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        BucketInput {
            name: given(&values.name),
            bucket: given(&values.bucket),
            storage_type: self.card().map(|card| card.storage_type),
            key: given(&values.key),
            secret: self.secret.clone(),
            region: given(&values.region),
            endpoint: given(&values.endpoint),
            workspace_id: given(&values.workspace),
            scope: self.scope(),
            ..BucketInput::default()
        }
    }

    /// The changes to a stored bucket. Empty text clears a field that the bucket can be opened without.
    pub(super) fn changes(&self) -> BucketInput {
        let values = &self.values;
        BucketInput {
            bucket: Some(values.bucket.clone()),
            key: Some(values.key.clone()),
            region: Some(values.region.clone()),
            endpoint: Some(values.endpoint.clone()),
            ..self.input()
        }
    }

    fn scope(&self) -> CheckScope {
        if self.values.is_read_only { CheckScope::ReadOnly } else { CheckScope::Full }
    }
}

/// What is wrong with a field, as a sentence.
pub(super) fn problem(wrong: &[FieldError], field: &str) -> Option<String> {
    wrong.iter().find(|one| one.field == field).map(|one| wording::field_sentence(one, LABELS))
}

/// What is wrong with the form, each with the id of its field.
pub(super) fn listed(wrong: &[FieldError]) -> Vec<(&'static str, String)> {
    wrong.iter().map(|one| (one.field, wording::field_sentence(one, LABELS))).collect()
}

/// What was found in the paste.
pub(super) fn found(found: &[String]) -> Markup {
    html! {
        @if let Some((first, rest)) = found.split_first() {
            div.read role="status" {
                (shape(Icon::Good, "icon"))
                div { (first) @for one in rest { span { " · " (one) } } }
            }
        }
    }
}

/// The cards of the providers.
pub(super) fn provider_cards(chosen: &str) -> Markup {
    let all: Vec<ChoiceCard<'_>> = CARDS
        .iter()
        .map(|card| ChoiceCard { value: card.id, mark: card.mark, label: card.label, about: "" })
        .collect();
    cards("storageType", "Provider", "", &all, chosen)
}

/// What is wrong with the fields of a form: what was entered, and what checks have found.
pub(super) struct FieldProblems<'a> {
    pub(super) wrong: &'a [FieldError],
    pub(super) made: &'a [Check],
}

impl FieldProblems<'_> {
    fn at(&self, field: &str) -> Option<String> {
        let failed = || checks::failed_fields(self.made).find(|(id, _)| *id == field);
        problem(self.wrong, field).or_else(|| failed().map(|(_, message)| message.to_owned()))
    }
}

/// The fields of the location and the credential of a new bucket: those that the provider and the kind of credential have.
pub(super) fn location(values: &BucketValues, problems: &FieldProblems<'_>) -> Markup {
    let card = providers::card_of(&values.card);
    let kind = values.credential().kind();
    let (key, secret) = key_and_secret(card, kind);
    let options = if values.card.is_empty() { Vec::new() } else { credential_choice::options(card) };
    let has_region = kind.region != FieldRule::Ignored || !values.region.is_empty();
    // What was entered is never hidden.
    let has_key = key.is_needed || !values.key.is_empty() || problems.at("key").is_some();
    let has_secret = secret.is_needed || values.has_secret || problems.at("secret").is_some();
    html! {
        (location_fields(values, problems, card, has_region))
        @if !options.is_empty() { (select("kind", "Kind of credential", &options, &form_value(kind), None)) }
        div.pair {
            @if has_key { (code("key", &key.label, &values.key, "", problems)) }
            @if has_secret { (secret_field(&secret.label, "", problems)) }
        }
    }
}

/// The same fields of a stored bucket: all of them, because its credential may become one of another kind. `secret_help` says
/// what an empty secret means.
pub(super) fn stored_location(
    values: &BucketValues,
    problems: &FieldProblems<'_>,
    secret_help: &str,
) -> Markup {
    let card = providers::card_of(&values.card);
    let (key, secret) = key_and_secret(card, values.credential().kind());
    html! {
        (location_fields(values, problems, card, true))
        div.pair {
            (code("key", &key.label, &values.key, "", problems))
            (secret_field(&secret.label, secret_help, problems))
        }
    }
}

/// Where the bucket is.
fn location_fields(
    values: &BucketValues,
    problems: &FieldProblems<'_>,
    card: &ProviderCard,
    has_region: bool,
) -> Markup {
    html! {
        div.pair {
            (code("bucket", "Bucket", &values.bucket, "", problems))
            @if has_region { (code("region", "Region", &values.region, "If needed", problems)) }
        }
        (code("endpoint", "Endpoint", &values.endpoint, card.endpoint, problems))
    }
}

fn secret_field(label: &str, help: &str, problems: &FieldProblems<'_>) -> Markup {
    TextField {
        id: "secret",
        label,
        kind: FieldKind::Secret,
        help: Some(help).filter(|help| !help.is_empty()),
        problem: problems.at("secret").as_deref(),
        ..TextField::default()
    }
    .render()
}

fn code(id: &str, label: &str, value: &str, placeholder: &str, problems: &FieldProblems<'_>) -> Markup {
    let problem = problems.at(id);
    let problem = problem.as_deref();
    TextField { id, label, value, placeholder, problem, kind: FieldKind::Code, ..TextField::default() }
        .render()
}

/// The fields of what the bucket is here: name, workspace, read-only.
pub(super) fn registration(
    values: &BucketValues,
    workspaces: &[(String, String)],
    wrong: &[FieldError],
) -> Markup {
    let (name, workspace) = (problem(wrong, "name"), problem(wrong, "workspaceId"));
    html! {
        div.pair {
            (TextField {
                id: "name",
                label: "Name in Bucketry",
                value: &values.name,
                problem: name.as_deref(),
                ..TextField::default()
            }.render())
            (select("workspaceId", "Workspace", workspaces, &values.workspace, workspace.as_deref()))
        }
        (tick(
            "readOnly",
            "Read-only",
            "Skips the write and delete checks. The provider then rejects writes through the gateway.",
            values.is_read_only,
        ))
    }
}

#[cfg(test)]
mod tests {
    use bucketry_model::diagnosis::{CheckCode, CheckName};

    use super::*;

    fn read(fields: &[(&str, &str)]) -> ReadForm {
        ReadForm::of(&FieldValues::from_pairs(fields))
    }

    #[test]
    fn a_paste_fills_in_what_the_fields_lack() {
        let paste = "https://s3.eu-central-003.backblazeb2.com/archive-2026\n\
                     AWS_ACCESS_KEY_ID=0035f1c2d6b79a0\nAWS_SECRET_ACCESS_KEY=hunter2hunter2hunter2";
        let form = read(&[("paste", paste), ("region", "elsewhere")]);
        assert!(form.problems.is_empty(), "{:?}", form.problems);
        assert_eq!((form.values.card.as_str(), form.values.bucket.as_str()), ("b2", "archive-2026"));
        assert_eq!((form.values.region.as_str(), form.values.name.as_str()), ("elsewhere", "archive-2026"));
        assert_eq!(form.secret.as_ref().map(Secret::expose), Some("hunter2hunter2hunter2"));
        assert!(form.found.iter().all(|one| !one.contains("hunter2")), "{:?}", form.found);
        let html = location(&form.values, &FieldProblems { wrong: &[], made: &[] }).into_string();
        assert!(!html.contains("hunter2"), "{html}");
        assert!(html.contains(">Key ID</label>") && html.contains(">Application key</label>"), "{html}");
    }

    #[test]
    fn a_form_has_the_fields_of_the_kind_of_credential() {
        let html = |fields: &[(&str, &str)], made: &[Check]| {
            location(&read(fields).values, &FieldProblems { wrong: &[], made }).into_string()
        };
        let json = html(&[("storageType", "gcs")], &[]);
        assert!(json.contains("Whole JSON of its key") && !json.contains("name=\"region\""), "{json}");
        let impersonated = "service-account-that-the-node-impersonates";
        let without = html(&[("storageType", "gcs"), ("kind", impersonated)], &[]);
        assert!(without.contains("name=\"key\"") && !without.contains("name=\"secret\""), "{without}");
        let paste = "arn:aws:iam::123456789012:role/reader\ns3://photos";
        let role = html(&[("storageType", "aws"), ("paste", paste), ("kind", "access-key")], &[]);
        assert!(role.contains("ARN of the role"), "a paste says what kind it is: {role}");
    }

    #[test]
    fn a_failed_check_is_shown_at_the_field_that_it_is_about() {
        let refused = Check {
            name: CheckName::Connect,
            ok: false,
            latency_ms: 1,
            message: "Nothing is listening.".to_owned(),
            error_code: Some(CheckCode::ConnectionRefused),
            hint: None,
        };
        let form = read(&[("storageType", "minio"), ("endpoint", "http://nas:9000")]);
        let html = location(&form.values, &FieldProblems { wrong: &[], made: &[refused] }).into_string();
        let endpoint = &html[html.find("id=\"endpoint\"").unwrap()..];
        assert!(endpoint.contains("aria-invalid=\"true\" aria-describedby=\"endpoint-problem\""), "{html}");
        assert_eq!(html.matches("aria-invalid").count(), 1, "{html}");
        assert!(html.contains("Nothing is listening."), "{html}");
    }

    #[test]
    fn an_endpoint_is_required_where_amazon_would_be_meant_otherwise() {
        let form = read(&[("storageType", "hetzner"), ("bucket", "photos")]);
        assert_eq!(form.problems[0].field, "endpoint");
        assert!(read(&[("storageType", "aws"), ("bucket", "photos")]).problems.is_empty());
    }
}
