//! One request, from its head to the last byte of its response: the stages that it passes, and what is measured.

pub(crate) mod access_log;
pub(crate) mod detached_write;
pub(crate) mod execution;
pub(crate) mod keep_alive;
pub(crate) mod latency;
pub(crate) mod meter;
pub(crate) mod note;
pub(crate) mod observer;
pub(crate) mod request_id;
pub(crate) mod service;
pub(crate) mod stats;
