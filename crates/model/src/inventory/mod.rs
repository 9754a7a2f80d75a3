//! How full a bucket is: sums over a walk through its whole list, the walk's resumable state, and when walks are due.

mod schedule;
mod sum;
mod top_prefixes;
mod walk;
mod window;

pub use schedule::{InvalidSchedule, InventorySchedule, InventorySetting};
pub use sum::{ClassSum, InventorySum};
pub use top_prefixes::{PrefixSum, TopPrefixes};
pub use walk::{Inventory, MAX_STATE_BYTES, WalkState};
pub use window::{DailyWindow, InvalidWindow};
