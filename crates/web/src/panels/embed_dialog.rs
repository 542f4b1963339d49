//! A figure for another page: the dialog is `www/embed.js`, fetched when it is opened.

use crate::{
    documents, hand_over,
    ptr::Ptr,
    state::{Action, Dispatch, Message, State, link},
};
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

/// What the dialog needs.
#[derive(Properties, PartialEq)]
pub(crate) struct EmbedProps {
    /// The state when the dialog was opened.
    pub(crate) state: Ptr<State>,
    /// How to change the store.
    pub(crate) dispatch: Dispatch,
}

/// Opens the dialog for the cluster and the drawn flow; what it shows is not the page's.
#[component]
pub(crate) fn EmbedDialog(props: &EmbedProps) -> Html {
    let (state, dispatch) = (props.state.clone(), props.dispatch.clone());
    use_effect_with((), move |()| {
        spawn_local(async move {
            let failed = open(&state).await.err();
            dispatch.dispatch(Action::Show(None));
            if let Some(why) = failed {
                dispatch.dispatch(Action::Tell(Some(Message::error(format!("Not possible: {why}.")))));
            }
        });
    });
    Html::default()
}

/// Returns when the dialog is closed.
async fn open(state: &State) -> Result<(), String> {
    let cluster = documents::cluster(&state.model, documents::Format::Yaml).await;
    let cluster = cluster.map_err(|error| error.to_string())?;
    let flow = &state.flow;
    let (from, to) = link::ends(flow);
    let via = flow.via.as_ref().map(|node| node.as_str().to_owned());
    let taught = state.guide.hash();
    let lesson = taught.as_deref().and_then(|hash| hash.strip_prefix("lesson=")).unwrap_or_default();
    let words = [
        from,
        to,
        flow.protocol.lower().to_owned(),
        via.unwrap_or_default(),
        flow.host.clone().unwrap_or_default(),
        flow.path.clone().unwrap_or_default(),
        lesson.to_owned(),
    ];
    hand_over::embed(&cluster, &words).await
}
