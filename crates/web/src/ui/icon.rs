//! Small pictures on buttons. Each stands beside a name for people who do not see it.

use yew::prelude::*;

/// The pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Glyph {
    /// An arrow that turns back.
    Undo,
    /// An arrow that turns forth.
    Redo,
    /// A sun and a moon in one.
    Theme,
    /// A cross.
    Close,
    /// A clock.
    History,
    /// A lens.
    Search,
    /// A plus.
    Add,
}

/// A picture of 16 units, drawn in the colour of the text.
pub(crate) fn icon(glyph: Glyph) -> Html {
    let path = match glyph {
        Glyph::Undo => "M6 3 2.5 6.5 6 10M2.5 6.5H9a4 4 0 0 1 0 8H6",
        Glyph::Redo => "M10 3l3.5 3.5L10 10M13.5 6.5H7a4 4 0 0 0 0 8h3",
        Glyph::Theme => "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm0 0v12M8 5l4.5-1M8 8h6M8 11l4.5 1",
        Glyph::Close => "M4 4l8 8M12 4l-8 8",
        Glyph::History => "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2ZM8 5v3.2L10.2 10",
        Glyph::Search => "M7 2.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 0 0 0-9ZM10.4 10.4L14 14",
        Glyph::Add => "M8 3v10M3 8h10",
    };
    html! {
        <svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d={path} /></svg>
    }
}
