//! Builds the crate anew when a migration is added: the macro that embeds them can't say so by itself.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
