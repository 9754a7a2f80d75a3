//! `/notification/channel`: where notifications are sent.

mod answer;
mod create;
mod delete;
mod deliveries;
mod input;
mod list;
mod test;
mod update;

use crate::endpoint::endpoints;

endpoints!(
    [list::list, create::create],
    [update::update, delete::delete],
    [test::test],
    [deliveries::deliveries]
);
