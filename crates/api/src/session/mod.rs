//! Logging in and out, refreshing sessions, registering organizations.

mod answer;
mod input;
mod login;
mod logout;
mod refresh;
mod register;

use crate::endpoint::endpoints;

endpoints!([login::login], [refresh::refresh], [logout::logout], [register::register]);
