//! Documents in: what is read, and what is said about the rest.

use formats::{Import, PRESETS, Severity, Source, import};
use model::{Key, Kind, ObjectRef};

fn read(text: &str) -> Import {
    import(&[Source::new("in.yaml", text)])
}

/// `line: severity: what` of every diagnostic.
fn remarks(import: &Import) -> Vec<String> {
    import
        .diagnostics
        .iter()
        .map(|remark| format!("{}: {}: {}", remark.line, remark.severity, remark.what))
        .collect()
}

#[test]
fn presets_import_without_a_remark() {
    for preset in PRESETS {
        let import = import(&preset.sources());
        assert_eq!(remarks(&import), [""; 0], "{}", preset.name);
        assert_eq!(import.model.nodes.len(), 2, "{}", preset.name);
        assert_eq!(import.model.pods.len(), 3, "{}", preset.name);
        assert!(import.model.services.contains_key(&Key::new("default", "echo-service")), "{}", preset.name);
        let id = ObjectRef::cluster_scoped(Kind::ManagedCluster, "echo");
        assert!(import.model.get(&id).is_some(), "{}", preset.name);
    }
}
