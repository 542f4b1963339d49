//! An internal error is shown, with the cluster kept in the address; the page is never blank.

use crate::address;
use std::{cell::RefCell, panic::PanicHookInfo};

thread_local! {
    /// The link of the last edited state that was shown.
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps the link of a state that was shown well.
pub(crate) fn remember(link: String) {
    LAST.with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            *last = Some(link);
        }
    });
}

/// Shows every panic below the page. Yew would put a hook of its own in the place of one that it does not know.
pub(crate) fn hook() {
    yew::set_custom_panic_hook(Box::new(|info| {
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
    text.set_text_content(Some(&format!("Hopscope met an error of its own and stopped. ({info})")));
    notice.append_child(&text).ok()?;
    document.body()?.append_child(&notice).ok()?;
    let last = LAST.with(|last| last.try_borrow_mut().ok()?.take());
    let kept = last.and_then(|hash| address::put(&hash));
    let way_out = document.create_element("p").ok()?;
    match kept {
        Some(link) => {
            way_out.set_text_content(Some(
                "Your cluster is kept in the address: reload the page to go on with it, or keep this link: ",
            ));
            let anchor = document.create_element("a").ok()?;
            anchor.set_attribute("href", &link).ok()?;
            anchor.set_attribute("target", "_blank").ok()?;
            anchor.set_text_content(Some("the cluster as it was"));
            way_out.append_child(&anchor).ok()?;
        }
        None => way_out.set_text_content(Some("Reload the page to start anew.")),
    }
    notice.append_child(&way_out).ok()?;
    Some(())
}
