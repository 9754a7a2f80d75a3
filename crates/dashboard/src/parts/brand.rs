//! The product's mark.

use maud::{Markup, html};

/// The mark and the name.
pub(crate) fn brand() -> Markup {
    html! {
        svg viewBox="0 0 20 20" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.9"
            stroke-linecap="round" stroke-linejoin="round" {
            ellipse cx="10" cy="5" rx="7" ry="2.4" {}
            path d="M3 5l1.7 10.4c.2 1.3 2.5 2.1 5.3 2.1s5.1-.8 5.3-2.1L17 5M6.6 11.2h6.8" {}
        }
        "Bucketry"
    }
}
