//! Every action of the page by name.

use crate::{
    presets::PRESETS,
    ptr::Ptr,
    state::{
        Action, Dialog, Dispatch, State, Tab,
        compare::Baseline,
        describe, facts,
        guide::{Page, Turn},
    },
    tutor::{self, Lead},
    ui::Dialog as DialogBox,
};
use lessons::Contents;
use model::{Edit, Kind, ObjectRef};
use web_sys::HtmlInputElement;
use yew::prelude::*;

/// What the palette needs.
#[derive(Properties, PartialEq)]
pub(crate) struct PaletteProps {
    /// The state when the palette was opened.
    pub(crate) state: Ptr<State>,
    /// How to change the store.
    pub(crate) dispatch: Dispatch,
}

/// One line.
struct Command {
    name: String,
    keys: &'static str,
    run: Run,
}

/// What a line does.
#[derive(Clone)]
enum Run {
    Act(Box<Action>),
    Open(Lead),
}

/// Lines that are shown; typing finds the others.
const MOST: usize = 12;
/// Objects of one kind that have commands of their own.
const MOST_OBJECTS: usize = 300;

/// The palette: a field, and what fits it. Enter does the first, or the one that the arrows came to.
#[component]
pub(crate) fn Palette(props: &PaletteProps) -> Html {
    let typed = use_state(String::new);
    let at = use_state(|| 0_usize);
    let commands = use_memo((), |()| commands(&props.state));
    // Lessons and questions are listed by the engine room, and found when it is there.
    let course = use_state(Vec::new);
    use_effect_with((), {
        let course = course.setter();
        move |()| {
            wasm_bindgen_futures::spawn_local(async move {
                course.set(tutor::contents().await.map(leads).unwrap_or_default());
            });
        }
    });
    let field = use_node_ref();
    use_effect_with(field.clone(), |field| {
        if let Some(field) = field.cast::<HtmlInputElement>() {
            // A field that is shown takes the focus.
            let _ = field.focus();
        }
    });
    let found: Vec<&Command> = commands
        .iter()
        .chain(course.iter())
        .filter(|command| fits(&command.name, &typed))
        .take(MOST)
        .collect();
    let chosen = (*at).min(found.len().saturating_sub(1));
    let close = {
        let dispatch = props.dispatch.clone();
        Callback::from(move |()| dispatch.dispatch(Action::Show(None)))
    };
    let run = |run: &Run| {
        let (dispatch, run) = (props.dispatch.clone(), run.clone());
        move || {
            dispatch.dispatch(Action::Show(None));
            match &run {
                Run::Act(action) => dispatch.dispatch((**action).clone()),
                Run::Open(lead) => tutor::open(lead.clone(), dispatch.clone()),
            }
        }
    };
    let oninput = {
        let (typed, at) = (typed.clone(), at.clone());
        Callback::from(move |event: InputEvent| {
            if let Some(input) = event.target_dyn_into::<HtmlInputElement>() {
                typed.set(input.value());
                at.set(0);
            }
        })
    };
    let onkeydown = {
        let (at, count) = (at.clone(), found.len());
        let enter = found.get(chosen).map(|command| run(&command.run));
        Callback::from(move |event: KeyboardEvent| {
            match event.key().as_str() {
                "ArrowDown" if count > 0 => at.set((chosen + 1) % count),
                "ArrowUp" if count > 0 => at.set((chosen + count - 1) % count),
                "Enter" => {
                    if let Some(enter) = &enter {
                        enter();
                    }
                }
                _ => return,
            }
            event.prevent_default();
        })
    };
    let line = |index: usize, command: &Command| {
        let run = run(&command.run);
        html! {
            <li key={command.name.clone()} id={format!("command-{index}")} role="option"
                aria-selected={(index == chosen).to_string()} class="command" onclick={move |_| run()}>
                <span>{ &command.name }</span>
                if !command.keys.is_empty() { <kbd>{ command.keys }</kbd> }
            </li>
        }
    };
    html! {
        <DialogBox title="Commands" on_close={close}>
            <input ref={field} class="palette-field" type="text" role="combobox" aria-label="Find a command"
                aria-expanded="true" aria-controls="commands" aria-autocomplete="list" autocomplete="off" spellcheck="false"
                aria-activedescendant={(!found.is_empty()).then(|| format!("command-{chosen}"))}
                placeholder="Type what you want to do" value={(*typed).clone()} {oninput} {onkeydown} />
            <ul id="commands" class="commands" role="listbox" aria-label="Commands">
                { for found.iter().enumerate().map(|(index, command)| line(index, command)) }
            </ul>
            if found.is_empty() { <p class="hint" role="status">{ "Nothing is called so." }</p> }
        </DialogBox>
    }
}

/// Whether every word of what is typed begins or lies in the name.
fn fits(name: &str, typed: &str) -> bool {
    let name = name.to_ascii_lowercase();
    typed.to_ascii_lowercase().split_whitespace().all(|word| name.contains(word))
}

/// A line for each lesson and question.
fn leads(contents: Contents) -> Vec<Command> {
    let lessons =
        contents.lessons.into_iter().map(|one| (format!("Lesson: {}", one.title), Lead::Lesson(one.id, 0)));
    let questions = contents
        .questions
        .into_iter()
        .map(|one| (format!("Question: {}", one.title), Lead::Question(one.id, 0)));
    lessons.chain(questions).map(|(name, lead)| Command { name, keys: "", run: Run::Open(lead) }).collect()
}

fn commands(state: &State) -> Vec<Command> {
    let mut all = Vec::new();
    let mut add = |name: String, keys: &'static str, action: Action| {
        all.push(Command { name, keys, run: Run::Act(Box::new(action)) });
    };
    if let Some(label) = state.history.next_undo() {
        add(format!("Undo: {label}"), "Ctrl+Z", Action::Undo);
    }
    if let Some(label) = state.history.next_redo() {
        add(format!("Redo: {label}"), "Ctrl+Y", Action::Redo);
    }
    add("Send one connection again".into(), "", Action::Send((*state.flow).clone()));
    add("Run 100 connections".into(), "", Action::Run((*state.flow).clone()));
    for (tab, name) in Tab::ALL {
        add(format!("Show {name}"), "", Action::OpenTab(tab));
    }
    let way = if state.reply { "Draw the way there" } else { "Draw the way back" };
    add(way.into(), "", Action::DrawReply(!state.reply));
    add("Watch the drawn flow".into(), "", Action::Watch(state.flow.clone()));
    match &state.compare {
        Some(_) => add("End the comparison".into(), "", Action::Compare(None)),
        None => {
            for (baseline, name) in Baseline::ALL {
                add(format!("Compare: {}", name.to_ascii_lowercase()), "", Action::Compare(Some(baseline)));
            }
        }
    }
    for (dialog, name, keys) in [
        (Dialog::Share, "Share or export", ""),
        (Dialog::Embed, "Embed this figure", ""),
        (Dialog::Open, "Open a cluster", ""),
        (Dialog::Add, "Add an object", ""),
        (Dialog::History, "Show the history", ""),
        (Dialog::Help, "Show the keyboard shortcuts", "?"),
    ] {
        add(name.into(), keys, Action::Show(Some(dialog)));
    }
    for (page, name) in [
        (Page::Lessons, "Show the lessons"),
        (Page::Questions, "Show the questions people ask"),
        (Page::Story, "Show the story of the cluster"),
    ] {
        add(name.into(), "", Action::Guide(Turn::Show(page)));
    }
    add("Light or dark theme".into(), "", Action::ToggleTheme);
    for preset in PRESETS {
        add(format!("Open the example “{}”", preset.title), "", Action::OpenPreset(preset));
    }
    edits(state, &mut add);
    add("Select the cluster".into(), "", Action::Select(None));
    for kind in [Kind::Service, Kind::Node, Kind::Pod] {
        let objects = state.world.model().objects().map(|object| object.object_ref());
        for id in objects.filter(|id| id.kind == kind).take(MOST_OBJECTS) {
            add(format!("Select {}", describe::reference(&id)), "", Action::Select(Some(id)));
        }
    }
    for node in state.model.nodes.keys().take(MOST_OBJECTS) {
        add(format!("Show the iptables rules of {node}"), "", Action::ShowRules(node.clone()));
    }
    all
}

/// What can be done to the objects that are there.
fn edits(state: &State, add: &mut impl FnMut(String, &'static str, Action)) {
    use model::kubernetes::TrafficPolicy::{Cluster, Local};
    let mut edit = |edit: Edit| add(describe::edit(&edit), "", Action::Edit(edit));
    for (key, service) in state.model.services.iter().take(MOST_OBJECTS) {
        let now = service.spec.external_traffic_policy.unwrap_or_default();
        let policy = if now == Cluster { Local } else { Cluster };
        edit(Edit::SetExternalTrafficPolicy { service: key.clone(), policy });
    }
    let pools = facts::pools(&state.model);
    for (node, object) in state.model.nodes.iter().take(MOST_OBJECTS) {
        for pool in pools.iter().filter(|pool| object.pool() != Some(pool.as_str())) {
            edit(Edit::MoveNode { node: node.clone(), pool: pool.clone() });
        }
    }
    for (pod, object) in state.model.pods.iter().take(MOST_OBJECTS) {
        edit(Edit::SetPodReady { pod: pod.clone(), ready: !object.is_ready() });
        edit(Edit::Remove { object: ObjectRef::namespaced(Kind::Pod, pod) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_any_order() {
        for (typed, found) in [("", true), ("pol loc", true), ("local POLICY", true), ("remove", false)] {
            assert_eq!(fits("Set external traffic policy of web to Local", typed), found, "{typed}");
        }
    }

    #[test]
    fn every_command_has_a_name_of_its_own() {
        let all = commands(&State::first());
        let mut names: Vec<&str> = all.iter().map(|command| command.name.as_str()).collect();
        order::sort(&mut names);
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
