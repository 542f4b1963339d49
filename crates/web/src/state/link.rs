//! Share links: the cluster as a preset and one edit, and the flow.

use super::{State, preset_model};
use engine::{Flow, parse_destination};
use formats::{Preset, ShareError};
use model::{Edit, EditError, Model, kubernetes::Protocol};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a link holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Link {
    /// The preset that the edit starts from; absent is an empty model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    preset: Option<String>,
    /// What was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    edit: Option<Edit>,
    from: String,
    to: String,
    protocol: Protocol,
}

/// Why a link could not be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LinkError {
    /// It cannot be unpacked.
    Packed(ShareError),
    /// It names a preset that this Hopscope does not have.
    Preset(String),
    /// Its changes do not fit its preset.
    Edit(EditError),
    /// Its flow is not one.
    Flow(String),
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packed(error) => error.fmt(f),
            Self::Preset(name) => write!(f, "it starts from the example {name:?}, which is not here"),
            Self::Edit(error) => write!(f, "its changes do not fit: {error}"),
            Self::Flow(why) => write!(f, "its flow cannot be read: {why}"),
        }
    }
}

impl std::error::Error for LinkError {}

/// The text after `#` of a link to a state.
pub(crate) fn write(state: &State) -> Result<String, ShareError> {
    let base = state.origin.preset.map(preset_model).unwrap_or_default();
    let (from, to) = ends(&state.flow);
    formats::encode(&Link {
        preset: state.origin.preset.map(|preset| preset.name.to_owned()),
        edit: base.difference(&state.model),
        from,
        to,
        protocol: state.flow.protocol,
    })
}

/// The preset, cluster and flow that a link leads to.
pub(crate) fn read(link: &str) -> Result<(Option<&'static Preset>, Model, Flow), LinkError> {
    let link: Link = formats::decode(link).map_err(LinkError::Packed)?;
    let preset = match link.preset {
        None => None,
        Some(name) => Some(Preset::find(&name).ok_or(LinkError::Preset(name))?),
    };
    let mut model = preset.map(preset_model).unwrap_or_default();
    if let Some(edit) = link.edit {
        edit.apply(&mut model).map_err(LinkError::Edit)?;
    }
    let flow = flow(&link.from, &link.to, link.protocol).map_err(LinkError::Flow)?;
    Ok((preset, model, flow))
}

/// A flow's ends as the flow bar has them: `198.51.100.7` and `svc/default/echo-service:80`.
pub(crate) fn ends(flow: &Flow) -> (String, String) {
    let to = match &flow.to {
        engine::Place::Ip(ip @ std::net::IpAddr::V6(_)) => format!("[{ip}]:{}", flow.port),
        place => format!("{place}:{}", flow.port),
    };
    (flow.from.to_string(), to)
}

/// Reads a flow's ends; the error names the end.
pub(crate) fn flow(from: &str, to: &str, protocol: Protocol) -> Result<Flow, String> {
    let from = from.trim().parse().map_err(|error| format!("From: {error}."))?;
    let (to, port) = parse_destination(to.trim()).map_err(|error| format!("To: {error}."))?;
    Ok(Flow { protocol, ..Flow::tcp(from, to, port) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Action, stories};
    use model::kubernetes::TrafficPolicy;
    use std::rc::Rc;
    use yew::Reducible;

    #[test]
    fn a_link_leads_to_the_same_cluster_and_flow() {
        let state = Rc::new(State::first());
        let service = model::Key::new("default", "echo-service");
        let edit = Edit::SetExternalTrafficPolicy { service, policy: TrafficPolicy::Cluster };
        let flow =
            flow("node/aks-system-27255451-0", "svc/default/echo-service:80", Protocol::Tcp).expect("a flow");
        let state = state.reduce(Action::Edit(edit)).reduce(Action::Send(flow));
        let link = write(&state).expect("a link");
        assert!(link.len() < 2_000, "{}", link.len());
        let (preset, model, flow) = read(&link).expect("the link is whole");
        assert_eq!((preset, &model, &flow), (state.origin.preset, &*state.model, &*state.flow));
    }

    #[test]
    fn links_of_every_story_are_short() {
        let state = State::first();
        for story in stories::lesson(state.origin.preset).stories {
            let model = story.target(&state.origin.model);
            let link = write(&State { model: crate::ptr::Ptr::new(model), ..state.clone() }).expect("a link");
            assert!(link.len() < 2_000, "{}: {}", story.title, link.len());
        }
    }

    #[test]
    fn damaged_links_are_refused() {
        for link in ["", "#", "v1.", "v1.AAAA", "v9.AAAA", "#picture"] {
            assert!(read(link).is_err(), "{link}");
        }
    }
}
