//! The engine for JavaScript. Values cross by serde-wasm-bindgen, never as JSON text.
//!
//! ```js
//! const cluster = Cluster.load([{ name: "cluster.yaml", text }]);
//! const { outcomes } = cluster.paths({ from: "198.51.100.7", to: "svc/default/echo-service:80" });
//! ```

use engine::{Flow, World, parse_destination};
use formats::{Severity, Source};
use model::{Edit, Model, kubernetes::Protocol};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::{JsError, JsValue, wasm_bindgen};

/// A file to load: its name (for messages) and its text.
#[derive(Deserialize)]
struct File {
    name: String,
    text: String,
}

/// A flow as JavaScript gives it; `from` and `to` as on the command line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FlowRequest {
    from: String,
    to: String,
    #[serde(default)]
    protocol: Protocol,
    #[serde(default)]
    host: Option<String>,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    via: Option<String>,
}

impl TryFrom<FlowRequest> for Flow {
    type Error = JsError;

    fn try_from(request: FlowRequest) -> Result<Self, JsError> {
        let (to, port) = parse_destination(&request.to)?;
        Ok(Self {
            from: request.from.parse()?,
            to,
            port,
            protocol: request.protocol,
            host: request.host,
            path: request.path,
            via: request.via.map(Into::into),
        })
    }
}

/// A settled cluster that can be asked and edited.
#[wasm_bindgen]
pub struct Cluster {
    model: Model,
    world: World,
}

#[wasm_bindgen]
impl Cluster {
    /// Loads files of YAML or JSON.
    ///
    /// # Errors
    /// The first error of the input, with file, line and hint.
    pub fn load(files: JsValue) -> Result<Cluster, JsError> {
        let files: Vec<File> = serde_wasm_bindgen::from_value(files)?;
        let sources: Vec<Source> =
            files.into_iter().map(|file| Source::new(file.name, file.text.into_bytes())).collect();
        let import = formats::import(&sources);
        if let Some(error) =
            import.diagnostics.iter().find(|diagnostic| diagnostic.severity == Severity::Error)
        {
            return Err(JsError::new(&error.to_string()));
        }
        Ok(Self { world: World::new(&import.model), model: import.model })
    }

    /// Applies an edit and returns the edit that takes it back.
    ///
    /// # Errors
    /// The edit is refused; the cluster is as it was.
    pub fn apply(&mut self, edit: JsValue) -> Result<JsValue, JsError> {
        let edit: Edit = serde_wasm_bindgen::from_value(edit)?;
        let inverse = edit.apply(&mut self.model)?;
        self.world = self.world.update(&self.model);
        give(&inverse)
    }

    /// Every branch of a flow with its exact probability.
    ///
    /// # Errors
    /// The flow names something that is not there.
    pub fn paths(&self, flow: JsValue) -> Result<JsValue, JsError> {
        give(&self.world.paths(&take(flow)?)?)
    }

    /// One branch, sampled with a seed.
    ///
    /// # Errors
    /// As `paths`.
    pub fn trace(&self, flow: JsValue, seed: u32) -> Result<JsValue, JsError> {
        give(&self.world.trace(&take(flow)?, u64::from(seed))?)
    }

    /// Counts of sampled connections beside the exact shares.
    ///
    /// # Errors
    /// As `paths`.
    pub fn run(&self, flow: JsValue, requests: u32, seed: u32) -> Result<JsValue, JsError> {
        give(&self.world.run(&take(flow)?, u64::from(requests), u64::from(seed))?)
    }
}

fn take(flow: JsValue) -> Result<Flow, JsError> {
    serde_wasm_bindgen::from_value::<FlowRequest>(flow)?.try_into()
}

fn give(value: &impl Serialize) -> Result<JsValue, JsError> {
    Ok(value.serialize(&serde_wasm_bindgen::Serializer::json_compatible())?)
}
