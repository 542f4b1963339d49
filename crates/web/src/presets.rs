//! The example clusters, as the build read them from `examples/`.

use model::Model;

/// An example cluster.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Preset {
    /// What links call it.
    pub(crate) name: &'static str,
    /// One line for a person.
    pub(crate) title: &'static str,
    wire: &'static [u8],
}

/// The presets; the first is what the page opens with.
pub(crate) const PRESETS: &[Preset] = include!(concat!(env!("OUT_DIR"), "/presets.rs"));

impl Preset {
    /// The preset of that name.
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// Its cluster.
    pub(crate) fn model(&self) -> Model {
        wire::decode(self.wire).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_what_their_documents_say() {
        assert_eq!(PRESETS.len(), formats::PRESETS.len());
        for (preset, documents) in PRESETS.iter().zip(formats::PRESETS) {
            assert_eq!((preset.name, preset.title), (documents.name, documents.title));
            assert_eq!(preset.model(), formats::import(&documents.sources()).model, "{}", preset.name);
        }
    }
}
