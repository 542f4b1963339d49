//! Share links: the cluster as a preset and one edit, and the flow.

use super::State;
use crate::presets::Preset;
use engine::{Flow, parse_receiver};
use formats::Link;
use model::{EditError, Model, Transport};
use std::fmt;

/// Why what a link holds could not be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LinkError {
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
            Self::Preset(name) => write!(f, "it starts from the example \"{name}\", which is not here"),
            Self::Edit(error) => write!(f, "its changes do not fit: {error}"),
            Self::Flow(why) => write!(f, "its flow cannot be read: {why}"),
        }
    }
}

impl std::error::Error for LinkError {}

/// What a link to a state holds.
pub(crate) fn of(state: &State) -> Link {
    let base = state.origin.preset.map(Preset::model).unwrap_or_default();
    let (from, to) = ends(&state.flow);
    Link {
        preset: state.origin.preset.map(|preset| preset.name.to_owned()),
        edit: base.difference(&state.model),
        from,
        to,
        protocol: state.flow.protocol,
        host: state.flow.host.clone(),
        path: state.flow.path.clone(),
        via: state.flow.via.as_ref().map(ToString::to_string),
    }
}

/// The preset, cluster and flow that a link leads to.
pub(crate) fn open(link: &Link) -> Result<(Option<&'static Preset>, Model, Flow), LinkError> {
    let preset = match &link.preset {
        None => None,
        Some(name) => Some(Preset::find(name).ok_or_else(|| LinkError::Preset(name.clone()))?),
    };
    let mut model = preset.map(Preset::model).unwrap_or_default();
    if let Some(edit) = &link.edit {
        edit.apply(&mut model).map_err(LinkError::Edit)?;
    }
    let flow = flow(&link.from, &link.to, link.protocol).map_err(LinkError::Flow)?;
    let via = link.via.as_deref().map(Into::into);
    Ok((preset, model, Flow { host: link.host.clone(), path: link.path.clone(), via, ..flow }))
}

/// A flow's ends as the flow bar has them: `198.51.100.7` and `svc/default/echo-service:80`.
pub(crate) fn ends(flow: &Flow) -> (String, String) {
    let to = match &flow.to {
        place if flow.protocol == Transport::Icmp => place.to_string(),
        engine::Place::Ip(ip @ std::net::IpAddr::V6(_)) => format!("[{ip}]:{}", flow.port),
        place => format!("{place}:{}", flow.port),
    };
    (flow.from.to_string(), to)
}

/// Reads a flow's ends; the error names the end.
pub(crate) fn flow(from: &str, to: &str, protocol: Transport) -> Result<Flow, String> {
    let from = from.trim().parse().map_err(|error| format!("From: {error}."))?;
    let to = parse_receiver(to.trim(), protocol).map_err(|error| format!("To: {error}."))?;
    Ok(Flow { protocol, path: to.path, ..Flow::tcp(from, to.place, to.port) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Action, stories};
    use model::{Edit, kubernetes::TrafficPolicy};
    use std::rc::Rc;
    use yew::Reducible;

    #[test]
    fn a_link_leads_to_the_same_cluster_and_flow() {
        let state = Rc::new(State::first());
        let service = model::Key::new("default", "echo-service");
        let edit = Edit::SetExternalTrafficPolicy { service, policy: TrafficPolicy::Cluster };
        let flow = flow("node/aks-system-27255451-0", "svc/default/echo-service:80", Transport::Tcp)
            .expect("a flow");
        let flow = Flow { host: Some("shop.example.com".into()), path: Some("/a".into()), ..flow };
        let state = state.reduce(Action::Edit(edit)).reduce(Action::Send(flow));
        let link = formats::encode(&of(&state)).expect("a link");
        assert!(link.len() < 2_000, "{}", link.len());
        let link: Link = formats::decode(&link).expect("the link is whole");
        let (preset, model, flow) = open(&link).expect("the link fits");
        assert_eq!((preset, &model, &flow), (state.origin.preset, &*state.model, &*state.flow));
    }

    #[test]
    fn links_of_every_story_are_short() {
        let state = State::first();
        for story in stories::lesson(state.origin.preset).stories {
            let model = story.target(&state.origin.model);
            let state = State { model: crate::ptr::Ptr::new(model), ..state.clone() };
            let link = formats::encode(&of(&state)).expect("a link");
            assert!(link.len() < 2_000, "{}: {}", story.title, link.len());
        }
    }

    #[test]
    fn links_that_lead_nowhere_are_refused() {
        let whole = of(&State::first());
        let refused = [
            Link { preset: Some("none".into()), ..whole.clone() },
            Link { edit: Some(Edit::MoveNode { node: "z".into(), pool: "user".into() }), ..whole.clone() },
            Link { to: "svc".into(), ..whole.clone() },
            Link { from: String::new(), ..whole.clone() },
        ];
        assert!(open(&whole).is_ok());
        for link in refused {
            assert!(open(&link).is_err(), "{link:?}");
        }
    }
}
