//! Tests that cross crates stand in the folders beside this one; see `Cargo.toml`.
