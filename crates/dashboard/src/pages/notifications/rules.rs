//! What a channel is notified about, as a part of its form.

use bucketry_control::Error;
use bucketry_control::notifications::RuleInput;
use bucketry_model::notification::{ChannelRule, ChannelRules, code_text};
use maud::{Markup, html};

use super::finding_names::{ALL, label};
use crate::field_values::FieldValues;

/// The boxes, with those of the rules ticked.
pub(super) fn fieldset(rules: &ChannelRules) -> Markup {
    html! {
        fieldset #rules {
            legend { "About" }
            p.quiet.small { "Outages are sent once they have lasted for five minutes." }
            div.ticks { @for code in ALL {
                @let id = format!("rule-{}", code_text(code));
                label {
                    input type="checkbox" id=(id) name=(id) value="yes" checked[rules.rule(code).is_some()];
                    span { (label(code)) }
                }
            } }
        }
    }
}

/// The rules that were chosen. `None` stands for the usual ones, so that a channel gets what later versions add to them.
/// The times of rules that stay are kept.
pub(super) fn chosen(fields: &FieldValues, before: &ChannelRules) -> Option<Vec<ChannelRule>> {
    let usual = ChannelRules::default();
    let is_ticked = |code| fields.has(&format!("rule-{}", code_text(code)));
    if before.are_usual() && ALL.iter().all(|code| is_ticked(*code) == usual.rule(*code).is_some()) {
        return None;
    }
    let rule = |code| {
        let known = before.rule(code).or_else(|| usual.rule(code));
        known.unwrap_or(ChannelRule { code, after_minutes: 0, within_days: None })
    };
    Some(ALL.into_iter().filter(|code| is_ticked(*code)).map(rule).collect())
}

/// The same for the use case, where an empty list stands for the usual rules.
pub(super) fn input(fields: &FieldValues, before: &ChannelRules) -> Result<Vec<RuleInput>, Error> {
    let input = |rule: ChannelRule| RuleInput {
        code: code_text(rule.code),
        after_minutes: Some(rule.after_minutes.into()),
        within_days: rule.within_days.map(i64::from),
    };
    match chosen(fields, before) {
        None => Ok(Vec::new()),
        Some(rules) if rules.is_empty() => {
            Err(Error::field("rules", "must have at least one choice: to send nothing, disable the channel"))
        }
        Some(rules) => Ok(rules.into_iter().map(input).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_rules_stay_the_usual_ones_until_a_box_is_changed() {
        let usual = ChannelRules::default();
        let names: Vec<String> =
            usual.all().iter().map(|rule| format!("rule-{}", code_text(rule.code))).collect();
        let mut pairs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "yes")).collect();
        assert!(input(&FieldValues::from_pairs(&pairs), &usual).unwrap().is_empty());
        pairs.pop();
        let fewer = input(&FieldValues::from_pairs(&pairs), &usual).unwrap();
        assert_eq!(fewer.len(), usual.all().len() - 1);
        let offline = fewer.iter().find(|rule| rule.code == "BUCKET_OFFLINE").unwrap();
        assert_eq!(offline.after_minutes, Some(5), "the usual time");
        assert!(input(&FieldValues::default(), &usual).is_err(), "a channel about nothing");
    }
}
