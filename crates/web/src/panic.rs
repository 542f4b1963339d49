//! An internal error is shown; the page is never blank.

use std::panic::PanicHookInfo;

/// Shows every panic above the page.
pub(crate) fn hook() {
    std::panic::set_hook(Box::new(|info| {
        // Nothing more can be done where there is no document.
        let _ = show(info);
    }));
}

fn show(info: &PanicHookInfo<'_>) -> Option<()> {
    let document = web_sys::window()?.document()?;
    let notice = document.create_element("div").ok()?;
    notice.set_attribute("role", "alert").ok()?;
    notice.set_attribute("class", "panic").ok()?;
    let text = document.create_element("p").ok()?;
    text.set_text_content(Some(&format!(
        "Hopscope has met an error of its own and stopped. Reload the page to go on. ({info})"
    )));
    notice.append_child(&text).ok()?;
    document.body()?.append_child(&notice).ok()?;
    Some(())
}
