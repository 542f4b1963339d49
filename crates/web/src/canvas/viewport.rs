//! Which part of the scene is seen: zoom and pan by the view box.

use render::{Point, Rect, Scene, number};

/// What lies over the drawing's upper and lower edge, in CSS pixels.
const OVER_TOP: f64 = 46.0;
const OVER_BOTTOM: f64 = 52.0;
/// Small scenes are not blown up beyond this.
const MOST_FIT: f64 = 1.3;
const LEAST_ZOOM: f64 = 0.05;
const MOST_ZOOM: f64 = 4.0;
/// One press of `+`, in factors.
pub(crate) const STEP: f64 = 1.25;

/// The part of the scene in view.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Viewport {
    /// The size of the element on the page, in CSS pixels.
    size: (f64, f64),
    /// What the person chose; `None` shows everything.
    chosen: Option<Chosen>,
}

/// A corner and a zoom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Chosen {
    corner: Point,
    zoom: f64,
}

impl Viewport {
    pub(crate) const fn new() -> Self {
        Self { size: (0.0, 0.0), chosen: None }
    }

    /// Follows the element's size; tells whether it changed.
    pub(crate) fn resize(&mut self, size: (f64, f64)) -> bool {
        let changed = self.size != size;
        self.size = size;
        changed
    }

    pub(crate) fn fit(&mut self) {
        self.chosen = None;
    }

    pub(crate) fn is_fit(&self) -> bool {
        self.chosen.is_none()
    }

    /// What the person chose.
    pub(crate) fn chosen(&self) -> Option<Chosen> {
        self.chosen
    }

    /// Takes over what the person chose in another picture.
    pub(crate) fn choose(&mut self, chosen: Option<Chosen>) {
        self.chosen = chosen;
    }

    fn size(&self, scene: &Scene) -> (f64, f64) {
        let (w, h) = self.size;
        if w > 1.0 && h > 1.0 { (w, h) } else { (scene.width, scene.height) }
    }

    fn current(&self, scene: &Scene) -> Chosen {
        self.chosen.unwrap_or_else(|| {
            let (w, h) = self.size(scene);
            let free = (h - OVER_TOP - OVER_BOTTOM).max(h / 2.0);
            let zoom = (w / scene.width).min(free / scene.height).clamp(LEAST_ZOOM, MOST_FIT);
            let above = (h - free) * OVER_TOP / (OVER_TOP + OVER_BOTTOM) + (free - scene.height * zoom) / 2.0;
            Chosen { corner: Point::new((scene.width - w / zoom) / 2.0, -above / zoom), zoom }
        })
    }

    /// CSS pixels per unit of the scene.
    pub(crate) fn zoom(&self, scene: &Scene) -> f64 {
        self.current(scene).zoom
    }

    /// Zooms by a factor, keeping the scene's point under `around` (pixels from the element's corner) in place.
    pub(crate) fn zoom_by(&mut self, scene: &Scene, factor: f64, around: Option<(f64, f64)>) {
        let now = self.current(scene);
        let zoom = (now.zoom * factor).clamp(LEAST_ZOOM, MOST_ZOOM);
        let (w, h) = self.size(scene);
        let (x, y) = around.unwrap_or((w / 2.0, h / 2.0));
        let corner = now.corner.shift(x / now.zoom - x / zoom, y / now.zoom - y / zoom);
        self.chosen = Some(Chosen { corner, zoom });
        self.keep_in_reach(scene);
    }

    /// Moves by pixels.
    pub(crate) fn pan(&mut self, scene: &Scene, (dx, dy): (f64, f64)) {
        let now = self.current(scene);
        self.chosen = Some(Chosen { corner: now.corner.shift(-dx / now.zoom, -dy / now.zoom), ..now });
        self.keep_in_reach(scene);
    }

    /// Moves so that a box is in view, if it is not.
    pub(crate) fn reveal(&mut self, scene: &Scene, target: Rect) {
        let Some(now) = self.chosen else { return };
        let seen = self.seen(scene);
        if !seen.contains(target) {
            let (middle, center) = (target.center(), seen.center());
            let corner = now.corner.shift(middle.x - center.x, middle.y - center.y);
            self.chosen = Some(Chosen { corner, ..now });
        }
    }

    /// Some part of the scene always stays in view.
    fn keep_in_reach(&mut self, scene: &Scene) {
        let (w, h) = self.size(scene);
        if let Some(chosen) = &mut self.chosen {
            let (w, h) = (w / chosen.zoom, h / chosen.zoom);
            let corner = chosen.corner;
            chosen.corner = Point::new(
                corner.x.clamp(-w * 0.75, scene.width - w * 0.25),
                corner.y.clamp(-h * 0.75, scene.height - h * 0.25),
            );
        }
    }

    /// The part of the scene in view.
    pub(crate) fn seen(&self, scene: &Scene) -> Rect {
        let now = self.current(scene);
        let (w, h) = self.size(scene);
        Rect::new(now.corner.x, now.corner.y, w / now.zoom, h / now.zoom)
    }

    /// The `viewBox` attribute.
    pub(crate) fn view_box(&self, scene: &Scene) -> String {
        let seen = self.seen(scene);
        format!("{} {} {} {}", number(seen.x), number(seen.y), number(seen.w), number(seen.h))
    }

    /// The scene's point under a pixel of the element.
    pub(crate) fn point(&self, scene: &Scene, (x, y): (f64, f64)) -> Point {
        let now = self.current(scene);
        now.corner.shift(x / now.zoom, y / now.zoom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene() -> Scene {
        Scene { width: 1000.0, height: 400.0, ..Scene::default() }
    }

    #[test]
    fn everything_fits_at_first() {
        let page = Rect::new(0.0, 0.0, 1000.0, 400.0);
        for size in [(500.0, 400.0), (2600.0, 1040.0), (300.0, 80.0), (0.0, 0.0)] {
            let mut view = Viewport::new();
            view.resize(size);
            assert!(view.seen(&scene()).contains(page), "{size:?}: {:?}", view.seen(&scene()));
            assert!(view.zoom(&scene()) <= MOST_FIT);
        }
    }

    #[test]
    fn zooming_keeps_the_point_under_the_pointer() {
        let mut view = Viewport::new();
        view.resize((500.0, 400.0));
        let before = view.point(&scene(), (120.0, 210.0));
        view.zoom_by(&scene(), 2.0, Some((120.0, 210.0)));
        let after = view.point(&scene(), (120.0, 210.0));
        assert!((before.x - after.x).abs() < 1e-9 && (before.y - after.y).abs() < 1e-9);
    }
}
