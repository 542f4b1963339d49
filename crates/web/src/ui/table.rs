//! The one table.

use yew::prelude::*;

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cell {
    /// What it holds.
    pub(crate) content: Html,
    /// How it is set: `mono`, `num`, `good`, `bad`, `soft`.
    pub(crate) class: &'static str,
}

impl Cell {
    /// Plain text.
    pub(crate) fn text(text: impl Into<AttrValue>) -> Self {
        Self { content: Html::from(text.into()), class: "" }
    }

    /// Addresses, ports, names as tools print them.
    pub(crate) fn mono(text: impl Into<AttrValue>) -> Self {
        Self { class: "mono", ..Self::text(text) }
    }

    /// A number, set to the right.
    pub(crate) fn number(text: impl Into<AttrValue>) -> Self {
        Self { class: "num", ..Self::text(text) }
    }

    /// Anything.
    pub(crate) fn html(content: Html) -> Self {
        Self { content, class: "" }
    }

    /// The same with another class.
    pub(crate) fn class(self, class: &'static str) -> Self {
        Self { class, ..self }
    }
}

/// What a table needs.
#[derive(Properties, PartialEq)]
pub(crate) struct TableProps {
    /// What it is a table of.
    pub(crate) caption: AttrValue,
    /// The caption is for screen readers only.
    #[prop_or_default]
    pub(crate) quiet: bool,
    /// Heads of the columns; the first column names the row.
    #[prop_or_default]
    pub(crate) columns: Vec<&'static str>,
    /// Heads of columns that are named after things, in place of `columns`.
    #[prop_or_default]
    pub(crate) heads: Vec<AttrValue>,
    /// The rows.
    pub(crate) rows: Vec<Vec<Cell>>,
    /// What is said instead of no rows.
    #[prop_or(AttrValue::Static("None."))]
    pub(crate) empty: AttrValue,
}

/// Rows that are shown until the rest is asked for: what thousands of endpoints have in common is seen in these.
const MOST_ROWS: usize = 100;

/// A table; it scrolls sideways where it is too wide, and shows the first rows where it is too long.
#[component]
pub(crate) fn Table(props: &TableProps) -> Html {
    let whole = use_state(|| false);
    let shown = if *whole { props.rows.len() } else { props.rows.len().min(MOST_ROWS) };
    let left = props.rows.len().saturating_sub(shown);
    let on_whole = {
        let whole = whole.clone();
        Callback::from(move |_: MouseEvent| whole.set(true))
    };
    let row = |at: usize, cells: &[Cell]| {
        html! {
            <tr key={at}>
                { for cells.iter().enumerate().map(|(column, cell)| match column {
                    0 => html! { <th scope="row" class={cell.class}>{ cell.content.clone() }</th> },
                    _ => html! { <td class={cell.class}>{ cell.content.clone() }</td> },
                }) }
            </tr>
        }
    };
    // The head of a column of numbers stands over the numbers.
    let align = |column: usize| {
        let first = props.rows.first().and_then(|cells| cells.get(column));
        first.filter(|cell| cell.class.contains("num")).map(|_| "num")
    };
    let heads = if props.heads.is_empty() {
        props.columns.iter().map(|name| AttrValue::Static(name)).collect()
    } else {
        props.heads.clone()
    };
    html! {
        <div class="table-box" role="group" aria-label={props.caption.clone()} tabindex="0">
            <table>
                <caption class={props.quiet.then_some("visually-hidden")}>{ &props.caption }</caption>
                if props.rows.is_empty() {
                    <tbody><tr><td class="soft">{ &props.empty }</td></tr></tbody>
                } else {
                    <thead><tr>
                        { for heads.into_iter().enumerate().map(|(at, name)| html! {
                            <th scope="col" class={classes!(align(at))}>{ name }</th>
                        }) }
                    </tr></thead>
                    <tbody>{ for props.rows.iter().take(shown).enumerate().map(|(at, cells)| row(at, cells)) }</tbody>
                }
            </table>
            if left > 0 {
                <button type="button" class="btn" onclick={on_whole}>{ format!("Show {left} more rows") }</button>
            }
        </div>
    }
}
