//! What lies over the drawing: what is being moved, the move menu, playback, zoom, legend.

use super::{
    Canvas, Carried, Msg,
    moves::{Target, name_of},
    player::Place,
};
use render::{Scene, Tone};
use yew::{AttrValue, Callback, Html, classes, html, html::Scope};

/// A button with an icon drawn from a path in a 16 by 16 box.
fn button(label: &str, path: &'static str, disabled: bool, onclick: Callback<yew::MouseEvent>) -> Html {
    html! {
        <button type="button" class="canvas-button" aria-label={label.to_owned()} title={label.to_owned()} {disabled} {onclick}>
            <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true"><path d={path} /></svg>
        </button>
    }
}

impl Canvas {
    /// The line that says what a drop would do.
    pub(super) fn hint(carried: &Carried) -> Html {
        let name = name_of(&carried.id);
        let text = match carried.over.and_then(|over| carried.targets.get(over)) {
            Some(target) => format!("{name} to {}: {}.", target.name, target.sentence),
            None if carried.by_pointer => format!("Drop {name} on a highlighted place, or press Escape."),
            None => format!("Arrow keys choose where {name} goes, Space drops, Escape cancels."),
        };
        html! { <p class="canvas-hint">{ text }</p> }
    }

    /// `Move to…` for what is selected, and its menu.
    pub(super) fn move_menu(&self, link: &Scope<Self>, id: &str, targets: &[Target]) -> Html {
        let expanded = if self.menu { "true" } else { "false" };
        let item = |(index, target): (usize, &Target)| {
            let label = format!("Move to {}. {}.", target.name, target.sentence);
            html! {
                <li key={target.group.clone()} role="none">
                    <button
                        type="button"
                        role="menuitem"
                        tabindex="-1"
                        aria-label={label}
                        onclick={link.callback(move |_| Msg::MoveTo(index))}
                    >
                        <b>{ target.name.clone() }</b>
                        <span>{ target.sentence.clone() }</span>
                    </button>
                </li>
            }
        };
        html! {
            <div class="canvas-move">
                <button
                    type="button"
                    class="canvas-text-button"
                    aria-haspopup="menu"
                    aria-expanded={expanded}
                    aria-label={format!("Move {} to…", name_of(id))}
                    title="Move to… (M)"
                    onclick={link.callback(|_| Msg::ToggleMenu)}
                >
                    { "Move to…" }
                </button>
                if self.menu {
                    <ul role="menu" aria-label={format!("Move {} to", name_of(id))} ref={self.menu_list.clone()}
                        onkeydown={link.callback(Msg::MenuKey)}>
                        { for targets.iter().enumerate().map(item) }
                    </ul>
                }
            </div>
        }
    }

    pub(super) fn playback(&self, link: &Scope<Self>, scene: &Scene) -> Html {
        let legs = &scene.legs;
        if legs.is_empty() {
            return html! {};
        }
        let on_leg = match self.player.place {
            Place::Leg(leg) => Some(leg),
            Place::Nowhere => None,
        };
        let last = on_leg.is_some_and(|leg| leg + 1 == legs.len());
        let playing = self.player.is_playing();
        let caption = match on_leg.and_then(|leg| legs.get(leg).map(|found| (leg, found))) {
            Some((leg, found)) => {
                let lost = if found.lost { ", lost here" } else { "" };
                format!("{} of {}: {}{lost}", leg + 1, legs.len(), found.capsule().label)
            }
            None => String::new(),
        };
        let speed = self.player.speed;
        html! {
            <div class="canvas-bar canvas-playback" role="group" aria-label="Packet">
                { button("Step back", "M4 3v10M12 3l-6 5 6 5z", on_leg.is_none(), link.callback(|_| Msg::Step(false))) }
                // With reduced motion the packet only steps.
                if !self.still {
                    if playing {
                        { button("Pause", "M4 3h3v10H4zM9 3h3v10H9z", false, link.callback(|_| Msg::Pause)) }
                    } else {
                        { button("Play the packet's way", "M4 2.5v11l9-5.5z", false, link.callback(|_| Msg::Play)) }
                    }
                }
                { button("Step forward", "M12 3v10M4 3l6 5-6 5z", last && !playing, link.callback(|_| Msg::Step(true))) }
                if !self.still {
                    <button
                        type="button"
                        class="canvas-text-button"
                        aria-label={format!("Speed {}", speed.words())}
                        title="Speed"
                        onclick={link.callback(move |_| Msg::Speed(speed.next()))}
                    >
                        { speed.words() }
                    </button>
                }
                if on_leg.is_some() {
                    { button("Show the whole picture", "M3 3l10 10M13 3L3 13", false, link.callback(|_| Msg::Stop)) }
                    <output class="canvas-caption">{ caption }</output>
                }
            </div>
        }
    }

    pub(super) fn zoom_bar(&self, link: &Scope<Self>) -> Html {
        let fit = self.view.is_fit();
        html! {
            <div class="canvas-bar canvas-zoom" role="group" aria-label="Zoom">
                { button("Zoom out (-)", "M3 8h10", false, link.callback(|_| Msg::Zoom(-1))) }
                { button("Show everything (0)", "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4", fit, link.callback(|_| Msg::Fit)) }
                { button("Zoom in (+)", "M3 8h10M8 3v10", false, link.callback(|_| Msg::Zoom(1))) }
            </div>
        }
    }
}

/// A sentence for a first visit, until it is dismissed.
pub(super) fn advice(words: &AttrValue, on_advised: &Callback<()>) -> Html {
    let onclick = on_advised.reform(|_: yew::MouseEvent| ());
    html! {
        <p class="canvas-advice">
            { words.clone() }
            { button("Got it", "M4 4l8 8M12 4l-8 8", false, onclick) }
        </p>
    }
}

/// What colours and lines mean.
pub(super) fn legend() -> Html {
    let line = |class: &'static str, words: &'static str| {
        html! {
            <li key={words}>
                <svg class="hop" viewBox="0 0 28 10" width="28" height="10" aria-hidden="true">
                    <g class={classes!("l", "o-cloud", class)}>
                        <path class="line" d="M2 5H26" stroke-width={if class == "s-possible" { "1.6" } else { "2.4" }} />
                        if class == "s-failed" {
                            <path class="cross" d="M20 2l6 6M20 8l6-6" />
                        }
                    </g>
                </svg>
                { words }
            </li>
        }
    };
    html! {
        <ul class="canvas-legend" aria-label="Legend">
            { for Tone::ALL.map(|tone| html! {
                <li key={tone.word()}><i class={format!("dot o-{}", tone.word())}></i>{ tone.meaning() }</li>
            }) }
            { line("s-taken", "taken") }
            { line("s-possible", "possible") }
            { line("s-failed", "lost") }
            { line("s-idle", "probe down") }
        </ul>
    }
}
