//! Tests of the pages through their router, over a real store, without a browser.

#![expect(clippy::unwrap_used, reason = "a panic fails the test and shows the line")]

mod audit;
mod authorization;
mod cross_site;
mod deployment;
mod escaping;
mod live;
mod nodes;
mod notifications;
mod organization_keys;
mod pages;
mod people;
mod pins;
mod refreshed_parts;
mod repositories;
mod selection;
mod sign_in;
mod vault;
mod workspaces;
