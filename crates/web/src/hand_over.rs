//! Handing things over to the person: the clipboard, a file, a picture.

use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, BlobPropertyBag, CanvasRenderingContext2d, HtmlAnchorElement, HtmlCanvasElement, HtmlImageElement,
    Url,
};

#[wasm_bindgen]
extern "C" {
    /// The dialog of figures (`www/embed.js`).
    #[wasm_bindgen(js_namespace = hopscope, js_name = embed, catch, variadic)]
    async fn open_embed(words: &js_sys::Array) -> Result<JsValue, JsValue>;
}

/// Lets a person write a figure for another page, of a cluster and the words of its flow; returns when it is done.
pub(crate) async fn embed(cluster: &str, flow: &[String]) -> Result<(), String> {
    let words = js_sys::Array::of1(&JsValue::from_str(cluster));
    for word in flow {
        words.push(&JsValue::from_str(word));
    }
    let opened = open_embed(&words).await;
    opened.map(drop).map_err(|_| "the part of the page that writes figures could not be fetched".to_owned())
}

/// Puts text on the clipboard; `None` if the browser does not let it.
pub(crate) async fn copy(text: &str) -> Option<()> {
    // Absent where the page is not served securely.
    let clipboard = js_sys::Reflect::get(&web_sys::window()?.navigator(), &"clipboard".into()).ok()?;
    let clipboard: web_sys::Clipboard = clipboard.dyn_into().ok()?;
    JsFuture::from(clipboard.write_text(text)).await.ok()?;
    Some(())
}

/// Saves text as a file; `None` if the browser does not let it.
pub(crate) fn save(name: &str, kind: &str, text: &str) -> Option<()> {
    save_blob(name, &blob(kind, text)?)
}

/// Draws an SVG document to a PNG of twice its size and saves that; `None` if the browser cannot.
pub(crate) async fn save_png(name: &str, svg: &str, (width, height): (f64, f64)) -> Option<()> {
    /// So that text is sharp on dense screens and in documents.
    const SCALE: f64 = 2.0;
    /// No browser draws canvases longer than this, in pixels.
    const LONGEST: f64 = 16_000.0;
    let scale = SCALE.min(LONGEST / width.max(height).max(1.0));
    let image = HtmlImageElement::new().ok()?;
    let url = Url::create_object_url_with_blob(&blob("image/svg+xml", svg)?).ok()?;
    image.set_src(&url);
    let decoded = JsFuture::from(image.decode()).await;
    // The picture is decoded or broken: either way the address has done its service.
    let _ = Url::revoke_object_url(&url);
    decoded.ok()?;
    let document = web_sys::window()?.document()?;
    let canvas: HtmlCanvasElement = document.create_element("canvas").ok()?.dyn_into().ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels, bounded above")]
    let (w, h) = ((width * scale).ceil() as u32, (height * scale).ceil() as u32);
    canvas.set_width(w);
    canvas.set_height(h);
    let context: CanvasRenderingContext2d = canvas.get_context("2d").ok()??.dyn_into().ok()?;
    context
        .draw_image_with_html_image_element_and_dw_and_dh(&image, 0.0, 0.0, f64::from(w), f64::from(h))
        .ok()?;
    let drawn = js_sys::Promise::new(&mut |resolve, _| {
        // A canvas that cannot be read gives a null blob, which fails below.
        let _ = canvas.to_blob(&resolve);
    });
    let blob: Blob = JsFuture::from(drawn).await.ok()?.dyn_into().ok()?;
    save_blob(name, &blob)
}

fn blob(kind: &str, text: &str) -> Option<Blob> {
    let options = BlobPropertyBag::new();
    options.set_type(kind);
    Blob::new_with_str_sequence_and_options(&js_sys::Array::of1(&JsValue::from_str(text)), &options).ok()
}

fn save_blob(name: &str, blob: &Blob) -> Option<()> {
    let url = Url::create_object_url_with_blob(blob).ok()?;
    let document = web_sys::window()?.document()?;
    let anchor: HtmlAnchorElement = document.create_element("a").ok()?.dyn_into().ok()?;
    anchor.set_href(&url);
    anchor.set_download(name);
    anchor.click();
    // The download has begun; the address is not needed any more.
    let _ = Url::revoke_object_url(&url);
    Some(())
}
