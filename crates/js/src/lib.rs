//! The engine for JavaScript. Values cross by serde-wasm-bindgen, never as JSON text.
//!
//! What is here is the inside of the package `@hopscope/core`; `packages/core/index.js` is its door, and
//! `packages/core/index.d.ts` its types.

mod lesson;

pub use lesson::Course;

use engine::{Flow, Matrix, Paths, World};
use formats::{Diagnostic, Severity, Source, Value};
use lessons::{Expect, FlowSpec};
use model::{Edit, Model};
use render::{Format, Picture, svg::Theme};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use wasm_bindgen::prelude::{JsError, JsValue, wasm_bindgen};

/// A file to load: its name (for messages) and its text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    text: String,
}

/// How a picture is drawn.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Drawing {
    format: Output,
    theme: Colours,
    shape: Shape,
    branch: Option<usize>,
    reply: bool,
    title: Option<String>,
    description: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Output {
    #[default]
    Svg,
    Text,
    Mermaid,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Colours {
    #[default]
    Auto,
    Light,
    Dark,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Shape {
    #[default]
    Wide,
    Tall,
}

/// Who is asked about in a matrix; what is absent is all that the cluster has.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Reach {
    from: Option<Vec<String>>,
    to: Option<Vec<String>>,
}

/// What an edit changes for one flow.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Difference {
    changed: bool,
    before: Paths,
    after: Paths,
}

/// A settled cluster that can be asked and edited.
#[wasm_bindgen]
pub struct Cluster {
    model: Model,
    world: World,
    remarks: Vec<Diagnostic>,
}

impl Cluster {
    /// A cluster of this model.
    pub(crate) fn of(model: Model, remarks: Vec<Diagnostic>) -> Self {
        Self { world: World::new(&model), model, remarks }
    }

    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    fn reached(&self, reach: JsValue) -> Result<Matrix, JsError> {
        let reach: Reach = if reach.is_undefined() { Reach::default() } else { take(reach)? };
        let mut question = self.world.everything();
        if let Some(from) = reach.from {
            question.clients = from.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
        }
        if let Some(to) = reach.to {
            question.targets = to.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
        }
        Ok(self.world.matrix(&question))
    }

    /// An edit as a person makes it, with what controllers do in consequence.
    fn with_what_follows(&self, edit: &Edit) -> Result<Edit, JsError> {
        Ok(self.world.plan(&self.world.by_hand(edit.clone()))?.edit)
    }
}

#[wasm_bindgen]
impl Cluster {
    /// Loads files of YAML or JSON.
    ///
    /// # Errors
    /// Every error of the input, with file, line and hint, one after the other.
    pub fn load(files: JsValue) -> Result<Cluster, JsError> {
        let files: Vec<File> = take(files)?;
        let sources: Vec<Source> =
            files.into_iter().map(|file| Source::new(file.name, file.text.into_bytes())).collect();
        let import = formats::import(&sources);
        let errors: Vec<String> = import
            .diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error)
            .map(ToString::to_string)
            .collect();
        if errors.is_empty() {
            Ok(Self::of(import.model, import.diagnostics))
        } else {
            Err(JsError::new(&errors.join("\n")))
        }
    }

    /// Warnings and notices of what was loaded.
    ///
    /// # Errors
    /// None that input could cause.
    pub fn remarks(&self) -> Result<JsValue, JsError> {
        give(&self.remarks)
    }

    /// Another cluster that is like this one; edits of one do not touch the other.
    #[must_use]
    pub fn copy(&self) -> Cluster {
        Self::of(self.model.clone(), self.remarks.clone())
    }

    /// The cluster as YAML, as its author wrote it and with the edits made.
    pub fn yaml(&self) -> String {
        formats::model_yaml(&self.model)
    }

    /// The objects of the cluster with all that controllers filled in, as edits take and give them.
    ///
    /// # Errors
    /// None that input could cause.
    pub fn objects(&self) -> Result<JsValue, JsError> {
        give(&self.world.model().objects().collect::<Vec<_>>())
    }

    /// Applies an edit and returns the edit that takes it back.
    ///
    /// # Errors
    /// The edit is refused; the cluster is as it was.
    pub fn apply(&mut self, edit: JsValue) -> Result<JsValue, JsError> {
        let edit = self.with_what_follows(&take(edit)?)?;
        let inverse = edit.apply(&mut self.model)?;
        self.world = self.world.update(&self.model);
        give(&inverse)
    }

    /// Every branch of a flow with its exact probability.
    ///
    /// # Errors
    /// The flow names something that is not there.
    pub fn paths(&self, flow: JsValue, fold: bool) -> Result<JsValue, JsError> {
        let flow = flow_of(flow)?;
        give(&if fold { self.world.folded_paths(&flow)? } else { self.world.paths(&flow)? })
    }

    /// One branch, sampled with a seed.
    ///
    /// # Errors
    /// As `paths`.
    pub fn trace(&self, flow: JsValue, seed: u32) -> Result<JsValue, JsError> {
        give(&self.world.trace(&flow_of(flow)?, u64::from(seed))?)
    }

    /// Counts of sampled connections beside the exact shares.
    ///
    /// # Errors
    /// As `paths`.
    pub fn run(&self, flow: JsValue, requests: u32, seed: u32) -> Result<JsValue, JsError> {
        give(&self.world.run(&flow_of(flow)?, u64::from(requests), u64::from(seed))?)
    }

    /// What an edit would change for flows; this cluster stays as it is.
    ///
    /// # Errors
    /// The edit is refused, or a flow names something that is not there.
    pub fn diff(&self, edit: JsValue, flows: Vec<JsValue>) -> Result<JsValue, JsError> {
        let edit = self.with_what_follows(&take(edit)?)?;
        let mut model = self.model.clone();
        edit.apply(&mut model)?;
        let edited = World::new(&model);
        let mut differences = Vec::with_capacity(flows.len());
        for flow in flows {
            let flow = flow_of(flow)?;
            let (before, after) = (self.world.paths(&flow)?, edited.paths(&flow)?);
            differences.push(Difference { changed: before.outcomes != after.outcomes, before, after });
        }
        give(&differences)
    }

    /// What becomes of every flow from some clients to some targets, without steps; without clients or targets, of
    /// all that the cluster has.
    ///
    /// # Errors
    /// A client or target cannot be read.
    pub fn matrix(&self, reach: JsValue) -> Result<JsValue, JsError> {
        give(&self.reached(reach)?)
    }

    /// The flows that are not in another cluster as they are in this one.
    ///
    /// # Errors
    /// As `matrix`.
    pub fn changes(&self, after: &Cluster, reach: JsValue) -> Result<JsValue, JsError> {
        give(&engine::diff(&self.reached(reach.clone())?, &after.reached(reach)?))
    }

    /// What does not hold of an expectation, about a flow or without one about the cluster.
    ///
    /// # Errors
    /// The expectation cannot be read, or as `paths`.
    pub fn check(&self, expect: JsValue, flow: JsValue) -> Result<JsValue, JsError> {
        let expect: Expect = take(expect)?;
        let paths = if flow.is_undefined() { None } else { Some(self.world.paths(&flow_of(flow)?)?) };
        give(&expect.mismatches(&self.world, paths.as_ref()))
    }

    /// A picture of a flow, or without one of the cluster alone: SVG, text or Mermaid.
    ///
    /// # Errors
    /// As `paths`; text and Mermaid want a flow; a branch that is not there.
    pub fn render(&self, flow: JsValue, options: JsValue) -> Result<String, JsError> {
        let options: Drawing = if options.is_undefined() { Drawing::default() } else { take(options)? };
        let paths = if flow.is_undefined() { None } else { Some(self.world.overview(&flow_of(flow)?)?) };
        let chosen = match (options.branch, &paths) {
            (Some(branch), Some(paths)) => {
                let there = paths.outcomes.len();
                let outcome = paths.outcomes.get(branch);
                Some(outcome.ok_or_else(|| {
                    JsError::new(&format!("there is no branch {branch}: there are {there}"))
                })?)
            }
            _ => None,
        };
        let picture = Picture {
            theme: match options.theme {
                Colours::Auto => Theme::Auto,
                Colours::Light => Theme::Light,
                Colours::Dark => Theme::Dark,
            },
            shape: match options.shape {
                Shape::Wide => Format::Wide,
                Shape::Tall => Format::Tall,
            },
            branch: options.branch,
            reply: options.reply,
            title: options.title.as_deref(),
            description: options.description.as_deref(),
        };
        match (options.format, &paths) {
            (Output::Svg, paths) => Ok(picture.svg(&self.world, paths.as_ref())),
            (Output::Mermaid, Some(paths)) => Ok(picture.mermaid(paths)),
            (Output::Text, Some(paths)) => {
                let outcomes = chosen.map_or(paths.outcomes.as_slice(), std::slice::from_ref);
                Ok(outcomes
                    .iter()
                    .map(|outcome| render::text::branch(paths, outcome))
                    .collect::<Vec<_>>()
                    .join("\n"))
            }
            (Output::Text | Output::Mermaid, None) => {
                Err(JsError::new("text and Mermaid tell a flow, and there is none"))
            }
        }
    }
}

/// The version of the package.
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// A flow as JavaScript gives it: `"FROM -> TO"` or an object.
fn flow_of(flow: JsValue) -> Result<Flow, JsError> {
    let spec: FlowSpec = match flow.as_string() {
        Some(text) => text.parse()?,
        None => take(flow)?,
    };
    Ok(Flow::try_from(&spec)?)
}

pub(crate) fn take<T: DeserializeOwned>(value: JsValue) -> Result<T, JsError> {
    let value: Value = serde_wasm_bindgen::from_value(value)?;
    Ok(value.read()?)
}

/// A value for JavaScript. It becomes JSON's first, as documents do: serde compiles every type anew for each serializer.
pub(crate) fn give(value: &impl Serialize) -> Result<JsValue, JsError> {
    Ok(serde_json::to_value(value)?.serialize(&serde_wasm_bindgen::Serializer::json_compatible())?)
}
