//! Rebuilds the crate when a migration is added, because the macro that embeds migrations can't trigger that
//! itself.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
