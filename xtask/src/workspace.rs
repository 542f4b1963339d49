//! Where things stand on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The checkout's root.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Cargo's target directory for this checkout.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |given| root().join(given))
}

/// The page as Trunk builds it.
pub(crate) fn dist() -> PathBuf {
    root().join("dist")
}

/// The folder of pinned tools, shared by all checkouts of one user. `HOPSCOPE_TOOLS` moves it.
pub(crate) fn tools() -> PathBuf {
    if let Some(given) = std::env::var_os("HOPSCOPE_TOOLS") {
        return PathBuf::from(given);
    }
    let cache = ["XDG_CACHE_HOME", "LOCALAPPDATA"]
        .iter()
        .find_map(std::env::var_os)
        .map_or_else(|| home().join(".cache"), PathBuf::from);
    cache.join("hopscope").join("tools")
}

/// The user's home folder, or the root of the file system where none is told.
pub(crate) fn home() -> PathBuf {
    ["HOME", "USERPROFILE"]
        .iter()
        .find_map(std::env::var_os)
        .map_or_else(|| PathBuf::from("/"), PathBuf::from)
}

/// Where cargo keeps the sources of dependencies.
pub(crate) fn cargo_home() -> PathBuf {
    std::env::var_os("CARGO_HOME").map_or_else(|| home().join(".cargo"), PathBuf::from)
}

/// Cargo, the very one that runs this program, started in the checkout's root.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// True where a part that cannot run must count as failed.
pub(crate) fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}
