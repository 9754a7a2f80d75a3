//! A registry is backed up and restored onto an empty machine, where applications continue with their old keys. And a bad
//! day: whatever is wrong with a backup, with the place to restore it to, or with the machine meanwhile.

mod bad_days;
mod machines;
mod restores;
