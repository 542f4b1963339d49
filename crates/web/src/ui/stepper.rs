//! A whole number with a button on either side.

use web_sys::HtmlInputElement;
use yew::prelude::*;

/// What a stepper needs.
#[derive(Properties, PartialEq)]
pub(crate) struct StepperProps {
    /// What is counted: `Nodes of pool-1`.
    pub(crate) label: AttrValue,
    /// What stands before it; the label where absent.
    #[prop_or_default]
    pub(crate) short: Option<AttrValue>,
    /// The number.
    pub(crate) value: u32,
    /// The greatest that can be chosen.
    #[prop_or(1_000)]
    pub(crate) most: u32,
    /// The person chose another one.
    pub(crate) on_choose: Callback<u32>,
}

/// `− 3 +`, and a field that can be typed into.
#[component]
pub(crate) fn Stepper(props: &StepperProps) -> Html {
    let (value, most) = (props.value, props.most);
    let to = |value: u32| props.on_choose.reform(move |_: MouseEvent| value);
    let onchange = {
        let on_choose = props.on_choose.clone();
        Callback::from(move |event: Event| {
            let Some(input) = event.target_dyn_into::<HtmlInputElement>() else { return };
            match input.value().trim().parse::<u32>() {
                Ok(number) if number <= most => on_choose.emit(number),
                // What is no number is taken back.
                _ => input.set_value(&value.to_string()),
            }
        })
    };
    let (fewer, more) = (format!("Fewer: {}", props.label), format!("More: {}", props.label));
    html! {
        <div class="field inline stepper-row">
            <span class="field-name" aria-hidden="true">{ props.short.as_ref().unwrap_or(&props.label) }</span>
            <div class="stepper" role="group" aria-label={props.label.clone()}>
                <button type="button" class="btn icon-btn" aria-label={fewer} disabled={value == 0} onclick={to(value.saturating_sub(1))}>{ "−" }</button>
                <input type="number" min="0" max={most.to_string()} aria-label={props.label.clone()} value={value.to_string()} {onchange} />
                <button type="button" class="btn icon-btn" aria-label={more} disabled={value >= most} onclick={to(value + 1)}>{ "+" }</button>
            </div>
        </div>
    }
}
