//! The schedule in requests.

use bucketry_api_types::inventory::{InventoryChanges, InventoryMode};
use bucketry_control::inventories::{ScheduleInput, SettingInput};

pub(super) fn setting(changes: InventoryChanges) -> SettingInput {
    match changes.mode {
        Some(InventoryMode::Organization) => SettingInput::Organization,
        Some(InventoryMode::Off) => SettingInput::Off,
        Some(InventoryMode::Own) | None => SettingInput::Own(schedule(changes)),
    }
}

pub(super) fn schedule(changes: InventoryChanges) -> ScheduleInput {
    ScheduleInput {
        every_hours: changes.every_hours,
        requests_per_second: changes.requests_per_second,
        window: changes.window,
    }
}
