//! What is wrong with a form that was sent, in the words of its labels.

use bucketry_control::{Error, ResourceKind};
use maud::{Markup, html};

use crate::failure::PageError;
use crate::parts::notice;
use crate::wording::{self, Labels};

/// What is wrong, at the fields and in general. The default is nothing.
#[derive(Default)]
pub(crate) struct FormProblems {
    general: Vec<String>,
    fields: Vec<(&'static str, String)>,
}

impl FormProblems {
    /// What an error says about the form. Errors that no change of the form would fix are returned.
    pub(crate) fn of(error: Error, labels: &Labels) -> Result<Self, PageError> {
        let mut problems = Self::default();
        match error {
            Error::Invalid(wrong) => {
                for one in &wrong {
                    let sentence = wording::field_sentence(one, labels);
                    if labels.iter().any(|(name, _)| *name == one.field) {
                        problems.fields.push((one.field, sentence));
                    } else {
                        // The form has no such field to lead to.
                        problems.general.push(sentence);
                    }
                }
            }
            error @ (Error::NameTaken(_)
            | Error::EmailTaken
            | Error::Conflict
            | Error::InUse(_)
            | Error::Rule { .. }
            | Error::Repository { .. }
            | Error::QuotaExceeded(_)
            | Error::NoRecipient
            | Error::NodesPending(_)
            | Error::NotFound(ResourceKind::User | ResourceKind::Member)) => {
                problems.general.push(wording::message(&error));
            }
            other => return Err(other.into()),
        }
        Ok(problems)
    }

    /// What is wrong with the form as a whole.
    pub(crate) fn of_form(message: &str) -> Self {
        Self { general: vec![message.to_owned()], fields: Vec::new() }
    }

    /// One field that is wrong. The message continues the field's label.
    pub(crate) fn of_field(field: &'static str, message: &str, labels: &Labels) -> Self {
        let wrong = bucketry_control::FieldError::new(field, message);
        Self { general: Vec::new(), fields: vec![(field, wording::field_sentence(&wrong, labels))] }
    }

    /// What is wrong with a field.
    pub(crate) fn at(&self, field: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _)| *name == field).map(|(_, sentence)| sentence.as_str())
    }

    /// The list above the form. Nothing if nothing is wrong.
    pub(crate) fn list(&self, title: &str) -> Markup {
        if self.general.is_empty() && self.fields.is_empty() {
            return html! {};
        }
        notice::problems(title, &self.general, &self.fields)
    }
}

#[cfg(test)]
mod tests {
    use bucketry_control::FieldError;

    use super::*;

    #[test]
    fn fields_that_the_form_has_are_marked_and_others_are_said() {
        let labels: &Labels = &[("email", "E-mail address")];
        let wrong = Error::Invalid(vec![
            FieldError::new("email", "is required"),
            FieldError::new("elsewhere", "is wrong"),
        ]);
        let Ok(problems) = FormProblems::of(wrong, labels) else { panic!("it can be corrected") };
        assert_eq!(problems.at("email"), Some("E-mail address is required."));
        assert_eq!(problems.at("elsewhere"), None);
        let html = problems.list("Nothing was stored").into_string();
        assert!(html.contains("href=\"#email\"") && html.contains("Elsewhere is wrong."), "{html}");
        assert!(!html.contains("#elsewhere"), "{html}");
        assert!(FormProblems::of(Error::internal("lost"), labels).is_err());
        assert!(FormProblems::default().list("Nothing").into_string().is_empty());
    }
}
