//! Tests of the pages through their router, over a real store, without a browser.

#![expect(clippy::unwrap_used, reason = "a panic fails the test and shows the line")]

mod authorization;
mod cross_site;
mod deployment;
mod escaping;
mod live;
mod pages;
mod selection;
mod sign_in;
