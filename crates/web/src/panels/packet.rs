//! A packet's header with what a step changed in it.

use engine::{Header, socket};
use std::net::IpAddr;
use yew::prelude::*;

/// `198.51.100.7:51514 → 10.244.0.11:8080`, changed ends with the old value struck out.
pub(super) fn header(before: &Header, after: &Header) -> Html {
    let source = end((before.source, before.source_port), (after.source, after.source_port));
    let destination =
        end((before.destination, before.destination_port), (after.destination, after.destination_port));
    html! {
        <p class="packet">
            <span class="end">{ source }</span>
            <span class="arrow">{ " → " }</span>
            <span class="end">{ destination }</span>
            if before.mark != after.mark {
                <span class="end">
                    { " mark " }<del>{ format!("{:#x}", before.mark) }</del>{ " " }
                    <ins>{ format!("{:#x}", after.mark) }</ins>
                </span>
            }
        </p>
    }
}

fn end(before: (IpAddr, u16), after: (IpAddr, u16)) -> Html {
    let text = |(ip, port): (IpAddr, u16)| socket(ip, port);
    if before == after {
        html! { { text(after) } }
    } else {
        html! { <><del>{ text(before) }</del>{ " " }<ins>{ text(after) }</ins></> }
    }
}
