//! Fields of forms: a label above, help below, and what is wrong at the field.

use maud::{Markup, html};

use super::icon::{Icon, icon, shape};

/// What a field accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum FieldKind {
    /// Words.
    #[default]
    Text,
    /// Names, keys and addresses, in a font with clear letters.
    Code,
    /// A secret that a password manager should not fill in.
    Secret,
    /// The user's own password.
    Password,
    /// A password to be remembered.
    NewPassword,
    Email,
    /// The address of another person.
    OthersEmail,
    /// A day.
    Date,
    /// A list that is searched.
    Search,
}

/// A field with one line.
#[derive(Default)]
pub(crate) struct TextField<'a> {
    /// Also the name in the form.
    pub(crate) id: &'a str,
    pub(crate) label: &'a str,
    pub(crate) value: &'a str,
    pub(crate) help: Option<&'a str>,
    /// What is wrong with the value.
    pub(crate) problem: Option<&'a str>,
    pub(crate) kind: FieldKind,
    pub(crate) is_required: bool,
    pub(crate) has_focus: bool,
    pub(crate) placeholder: &'a str,
}

impl TextField<'_> {
    pub(crate) fn render(&self) -> Markup {
        let described = described_by(self.id, self.help.is_some(), self.problem.is_some());
        let input = html! {
            input class=(self.class()) id=(self.id) name=(self.id) type=(self.input_type())
                value=[(!self.is_hidden() && !self.value.is_empty()).then_some(self.value)]
                placeholder=[(!self.placeholder.is_empty()).then_some(self.placeholder)]
                autocomplete=(self.autocomplete()) spellcheck="false" autocapitalize="off"
                required[self.is_required] autofocus[self.has_focus]
                aria-invalid=[self.problem.map(|_| "true")] aria-describedby=[described];
        };
        html! {
            div.field {
                label for=(self.id) { (self.label) }
                @if self.is_hidden() {
                    div.with-btn {
                        (input)
                        button.btn.icon-only type="button" data-reveal=(self.id) aria-pressed="false" hidden
                            aria-label={ "Show " (self.label.to_lowercase()) } { (icon(Icon::Eye)) }
                    }
                } @else { (input) }
                (below(self.id, self.help, self.problem))
            }
        }
    }

    /// Whether the value is a secret, which is never sent back to the browser.
    fn is_hidden(&self) -> bool {
        matches!(self.kind, FieldKind::Secret | FieldKind::Password | FieldKind::NewPassword)
    }

    fn class(&self) -> &'static str {
        if matches!(self.kind, FieldKind::Code | FieldKind::Secret) { "in mono" } else { "in" }
    }

    fn input_type(&self) -> &'static str {
        match self.kind {
            FieldKind::Text | FieldKind::Code => "text",
            FieldKind::Secret | FieldKind::Password | FieldKind::NewPassword => "password",
            FieldKind::Email | FieldKind::OthersEmail => "email",
            FieldKind::Date => "date",
            FieldKind::Search => "search",
        }
    }

    fn autocomplete(&self) -> &'static str {
        match self.kind {
            FieldKind::Password => "current-password",
            FieldKind::NewPassword | FieldKind::Secret => "new-password",
            FieldKind::Email => "username",
            _ => "off",
        }
    }
}

fn described_by(id: &str, has_help: bool, has_problem: bool) -> Option<String> {
    match (has_problem, has_help) {
        (true, true) => Some(format!("{id}-problem {id}-help")),
        (true, false) => Some(format!("{id}-problem")),
        (false, true) => Some(format!("{id}-help")),
        (false, false) => None,
    }
}

fn below(id: &str, help: Option<&str>, problem: Option<&str>) -> Markup {
    html! {
        @if let Some(problem) = problem {
            p.wrong id={ (id) "-problem" } { (shape(Icon::Bad, "icon")) (problem) }
        }
        @if let Some(help) = help { p.help id={ (id) "-help" } { (help) } }
    }
}

/// A field with several lines. Its value is never sent back, because it may contain a secret.
pub(crate) fn paste_area(id: &str, label: &str, help: &str, problem: Option<&str>) -> Markup {
    html! {
        div.field {
            label for=(id) { (label) }
            textarea.in.mono #(id) name=(id) rows="3" spellcheck="false" autocomplete="off" autocapitalize="off"
                aria-describedby=[described_by(id, true, problem.is_some())] aria-invalid=[problem.map(|_| "true")] {}
            (below(id, Some(help), problem))
        }
    }
}

/// A choice from a list: value and label of each.
pub(crate) fn select(
    id: &str,
    label: &str,
    options: &[(String, String)],
    chosen: &str,
    problem: Option<&str>,
) -> Markup {
    html! {
        div.field {
            label for=(id) { (label) }
            select.in #(id) name=(id) aria-invalid=[problem.map(|_| "true")]
                aria-describedby=[described_by(id, false, problem.is_some())] {
                @for (value, text) in options { option value=(value) selected[value == chosen] { (text) } }
            }
            (below(id, None, problem))
        }
    }
}

/// A box to tick.
pub(crate) fn tick(id: &str, label: &str, help: &str, is_ticked: bool) -> Markup {
    html! {
        div.tick {
            input type="checkbox" id=(id) name=(id) value="yes" checked[is_ticked] aria-describedby={ (id) "-help" };
            div {
                label for=(id) { b { (label) } }
                p.quiet.small id={ (id) "-help" } { (help) }
            }
        }
    }
}

/// One of several cards.
pub(crate) struct ChoiceCard<'a> {
    pub(crate) value: &'a str,
    /// A letter mark; empty for none.
    pub(crate) mark: &'a str,
    pub(crate) label: &'a str,
    /// A line below the label; empty for none.
    pub(crate) about: &'a str,
}

/// A choice of one of several cards.
pub(crate) fn cards(name: &str, legend: &str, class: &str, all: &[ChoiceCard<'_>], chosen: &str) -> Markup {
    html! {
        fieldset id=(name) {
            legend { (legend) }
            div class={ "cards " (class) } {
                @for card in all {
                    label.card {
                        input type="radio" name=(name) value=(card.value) checked[card.value == chosen];
                        @if !card.mark.is_empty() { span.mark aria-hidden="true" { (card.mark) } }
                        span { (card.label) @if !card.about.is_empty() { span.about { (card.about) } } }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_sent_back() {
        for kind in [FieldKind::Secret, FieldKind::Password, FieldKind::NewPassword] {
            let field =
                TextField { id: "secret", label: "Secret", value: "hunter2", kind, ..TextField::default() };
            assert!(!field.render().into_string().contains("hunter2"));
        }
    }

    #[test]
    fn what_is_wrong_is_said_at_the_field_and_escaped() {
        let field = TextField {
            id: "name",
            label: "Name",
            value: "\"><script>alert(1)</script>",
            problem: Some("Name <b> is taken."),
            help: Some("Any."),
            ..TextField::default()
        };
        let html = field.render().into_string();
        assert!(
            html.contains("aria-invalid=\"true\"")
                && html.contains("aria-describedby=\"name-problem name-help\"")
        );
        assert!(!html.contains("<script>") && html.contains("Name &lt;b&gt; is taken."), "{html}");
    }
}
