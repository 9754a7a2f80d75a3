//! A text to copy: a command, settings, a secret.

use maud::{Markup, html};

use super::icon::{Icon, icon};

/// A text with a button that copies it, if the browser runs scripts.
pub(crate) fn snippet(id: &str, label: &str, text: &str) -> Markup {
    html! {
        div.snippet {
            pre #(id) tabindex="0" aria-label=(label) { code { (text) } }
            button.btn.copy type="button" data-copy=(id) hidden { (icon(Icon::Copy)) "Copy" }
        }
    }
}

/// A single value to copy, such as a key.
pub(crate) fn value(id: &str, label: &str, text: &str) -> Markup {
    html! {
        div.field {
            label for=(id) { (label) }
            div.with-btn {
                input.in.mono #(id) type="text" readonly value=(text) autocomplete="off" spellcheck="false";
                button.btn.copy type="button" data-copy=(id) hidden { (icon(Icon::Copy)) "Copy" }
            }
        }
    }
}
