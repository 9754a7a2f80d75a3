//! The use cases over a real store, with a clock that is moved by hand and a node in the test's hands.

mod nodes;
mod registry;
mod sessions;
mod support;
