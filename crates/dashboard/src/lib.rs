//! The dashboard: web pages that show what is registered and change it, rendered on the server.
//!
//! - [`router()`]: all pages below `/ui`, over a [`Dashboard`].
//! - `pages`: one module per page. A handler takes a `Viewer`, calls use cases of `control`, and returns a `Screen`, which
//!   `layout` puts into a document.
//! - `parts`: what pages consist of: states, charts, tables, forms, notices. They know nothing of requests.
//! - `guard` refuses what other sites send, `headers` restricts what a page may do in the browser.
//! - `assets/`: the style sheet and the scripts, served as they are written. Pages can be read and forms sent without
//!   scripts.
//!
//! **Invariant:** this crate contains no domain rules and talks to neither the database nor clouds. It calls `control` and
//! nothing else.

mod assets;
mod client;
mod cookie;
mod device;
mod digest;
mod failure;
mod field_values;
mod form_problems;
mod fragment;
mod guard;
mod headers;
mod human;
mod layout;
mod limits;
mod links;
mod live_streams;
mod observe;
mod outdated;
mod pages;
mod parts;
mod paths;
mod public_address;
mod role_needed;
mod router;
mod screen;
mod settings;
mod state;
mod theme;
mod viewer;
mod wording;

pub use paths::{PagePath, page_paths};
pub use public_address::{InvalidPublicUrl, PublicUrl};
pub use router::{router, standalone};
pub use settings::{DashboardSettings, PageRates};
pub use state::Dashboard;
