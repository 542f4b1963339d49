//! An internal error is shown, with the cluster kept in the address; the page is never blank.

use crate::address;
use std::{cell::RefCell, panic::PanicHookInfo};

thread_local! {
    /// The share link of the last state that was shown.
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Keeps the link of a state that was shown well.
pub(crate) fn remember(link: String) {
    LAST.with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            *last = link;
        }
    });
}

/// Shows every panic below the page.
pub(crate) fn hook() {
    std::panic::set_hook(Box::new(|info| {
        // Nothing more can be done where there is no document.
        let _ = show(info);
    }));
}

fn show(info: &PanicHookInfo<'_>) -> Option<()> {
    let kept = LAST.with(|last| last.try_borrow().ok().map(|last| last.clone())).unwrap_or_default();
    let way_out = if !kept.is_empty() && address::put(&kept).is_some() {
        "Your cluster is kept in the address: reload the page to go on with it. If that fails again, delete \
         what follows the # in the address."
    } else {
        "Reload the page to start anew."
    };
    let document = web_sys::window()?.document()?;
    let notice = document.create_element("div").ok()?;
    notice.set_attribute("role", "alert").ok()?;
    notice.set_attribute("class", "panic").ok()?;
    let text = document.create_element("p").ok()?;
    text.set_text_content(Some(&format!("Hopscope met an error of its own and stopped. {way_out} ({info})")));
    notice.append_child(&text).ok()?;
    document.body()?.append_child(&notice).ok()?;
    Some(())
}
