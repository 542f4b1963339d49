//! Points, boxes and curves, in the scene's units (CSS pixels at zoom 1; y grows downwards).

use std::fmt::Write as _;
use wire::Wire;

/// A place.
#[derive(Debug, Clone, Copy, PartialEq, Default, Wire)]
pub struct Point {
    /// To the right.
    pub x: f64,
    /// Downwards.
    pub y: f64,
}

impl Point {
    /// Joins coordinates.
    pub const fn new(x: f64, y: f64) -> Self {
        Self { x, y }
    }

    /// The point displaced.
    #[must_use]
    pub fn shift(self, dx: f64, dy: f64) -> Self {
        Self { x: self.x + dx, y: self.y + dy }
    }

    fn distance(self, other: Self) -> f64 {
        (self.x - other.x).hypot(self.y - other.y)
    }

    fn towards(self, other: Self, part: f64) -> Self {
        Self { x: self.x + (other.x - self.x) * part, y: self.y + (other.y - self.y) * part }
    }
}

/// An upright box.
#[derive(Debug, Clone, Copy, PartialEq, Default, Wire)]
pub struct Rect {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// Width, not negative.
    pub w: f64,
    /// Height, not negative.
    pub h: f64,
}

impl Rect {
    /// Joins position and size.
    pub const fn new(x: f64, y: f64, w: f64, h: f64) -> Self {
        Self { x, y, w, h }
    }

    /// Right edge.
    pub fn right(self) -> f64 {
        self.x + self.w
    }

    /// Bottom edge.
    pub fn bottom(self) -> f64 {
        self.y + self.h
    }

    /// The middle.
    pub fn center(self) -> Point {
        Point::new(self.x + self.w / 2.0, self.y + self.h / 2.0)
    }

    /// Whether `other` lies inside, borders included.
    pub fn contains(self, other: Self) -> bool {
        other.x >= self.x - EPSILON
            && other.y >= self.y - EPSILON
            && other.right() <= self.right() + EPSILON
            && other.bottom() <= self.bottom() + EPSILON
    }

    /// Whether the insides share a point.
    pub fn overlaps(self, other: Self) -> bool {
        self.x < other.right() - EPSILON
            && other.x < self.right() - EPSILON
            && self.y < other.bottom() - EPSILON
            && other.y < self.bottom() - EPSILON
    }

    /// The smallest box around both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        Self { x, y, w: self.right().max(other.right()) - x, h: self.bottom().max(other.bottom()) - y }
    }
}

const EPSILON: f64 = 1e-6;

/// A smooth line: cubic Bézier pieces, each starting where the one before ended.
#[derive(Debug, Clone, PartialEq, Default, Wire)]
pub struct Curve {
    start: Point,
    pieces: Vec<[Point; 3]>,
}

/// How far the pull of a corner reaches.
const CORNER: f64 = 14.0;

impl Curve {
    /// A curve that only has a beginning.
    pub fn from(start: Point) -> Self {
        Self { start, pieces: Vec::new() }
    }

    /// A straight line on to `to`.
    #[must_use]
    pub fn line(mut self, to: Point) -> Self {
        let from = self.end();
        self.pieces.push([from.towards(to, 1.0 / 3.0), from.towards(to, 2.0 / 3.0), to]);
        self
    }

    /// A curve on to `to` with two control points.
    #[must_use]
    pub fn cubic(mut self, first: Point, second: Point, to: Point) -> Self {
        self.pieces.push([first, second, to]);
        self
    }

    /// A line through corners, each rounded.
    #[must_use]
    pub fn through(mut self, corners: &[Point], to: Point) -> Self {
        for (index, &corner) in corners.iter().enumerate() {
            let from = self.end();
            let next = corners.get(index + 1).copied().unwrap_or(to);
            let before = (CORNER / from.distance(corner).max(EPSILON)).min(0.5);
            let after = (CORNER / corner.distance(next).max(EPSILON)).min(0.5);
            let bend_end = corner.towards(next, after);
            self = self.line(corner.towards(from, before)).cubic(corner, corner, bend_end);
        }
        self.line(to)
    }

    /// Continues with another curve, which begins where this one ends.
    pub fn append(&mut self, other: &Self) {
        if self.pieces.is_empty() {
            self.clone_from(other);
        } else {
            if other.start.distance(self.end()) > EPSILON {
                *self = std::mem::take(self).line(other.start);
            }
            self.pieces.extend_from_slice(&other.pieces);
        }
    }

    /// The same line walked the other way.
    #[must_use]
    pub fn reversed(&self) -> Self {
        let mut reversed = Self::from(self.end());
        for (index, &[first, second, _]) in self.pieces.iter().enumerate().rev() {
            let to =
                if index == 0 { Some(&self.start) } else { self.pieces.get(index - 1).map(|[.., end]| end) };
            reversed.pieces.push([second, first, to.copied().unwrap_or(self.start)]);
        }
        reversed
    }

    /// Where it begins.
    pub fn start(&self) -> Point {
        self.start
    }

    /// Where it ends.
    pub fn end(&self) -> Point {
        self.pieces.last().map_or(self.start, |&[.., end]| end)
    }

    /// Whether it goes nowhere.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The `d` attribute of an SVG path.
    pub fn to_path(&self) -> String {
        let mut path = format!("M{} {}", number(self.start.x), number(self.start.y));
        for piece in &self.pieces {
            path.push('C');
            for (index, point) in piece.iter().enumerate() {
                let gap = if index == 0 { "" } else { " " };
                // Writing to a String cannot fail.
                let _ = write!(path, "{gap}{} {}", number(point.x), number(point.y));
            }
        }
        path
    }

    /// The curve as points close enough together to measure along.
    pub fn flatten(&self) -> Track {
        const STEPS: u32 = 16;
        let mut track = Track { points: vec![(0.0, self.start)] };
        let mut from = self.start;
        for &[first, second, to] in &self.pieces {
            for step in 1..=STEPS {
                let t = f64::from(step) / f64::from(STEPS);
                let (a, b, c) = (from.towards(first, t), first.towards(second, t), second.towards(to, t));
                track.push(a.towards(b, t).towards(b.towards(c, t), t));
            }
            from = to;
        }
        track
    }

    /// A box around everything it can touch.
    pub fn bounds(&self) -> Rect {
        let dot = |point: &Point| Rect::new(point.x, point.y, 0.0, 0.0);
        self.pieces.iter().flatten().fold(dot(&self.start), |all, point| all.union(dot(point)))
    }

    /// An arrowhead of the given length at the end, as three corners.
    pub fn arrowhead(&self, length: f64) -> [Point; 3] {
        let end = self.end();
        let before = self
            .pieces
            .last()
            .and_then(|&[first, second, _]| {
                [second, first].into_iter().find(|point| point.distance(end) > EPSILON)
            })
            .unwrap_or(self.start);
        let reach = before.distance(end).max(EPSILON);
        let (dx, dy) = ((end.x - before.x) / reach, (end.y - before.y) / reach);
        let base = end.shift(-dx * length, -dy * length);
        let half = length * 0.45;
        [end, base.shift(-dy * half, dx * half), base.shift(dy * half, -dx * half)]
    }
}

/// A curve as points with their distance from the beginning.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Track {
    points: Vec<(f64, Point)>,
}

impl Track {
    fn push(&mut self, point: Point) {
        let walked = self.points.last().map_or(0.0, |&(walked, last)| walked + last.distance(point));
        self.points.push((walked, point));
    }

    /// The whole length.
    pub fn length(&self) -> f64 {
        self.points.last().map_or(0.0, |&(walked, _)| walked)
    }

    /// The point at a distance from the beginning; the ends beyond them.
    pub fn at(&self, distance: f64) -> Point {
        let index = self.points.partition_point(|&(walked, _)| walked < distance);
        match (index.checked_sub(1).and_then(|before| self.points.get(before)), self.points.get(index)) {
            (Some(&(start, from)), Some(&(end, to))) => {
                from.towards(to, (distance - start) / (end - start).max(EPSILON))
            }
            (None, Some(&(_, point))) | (Some(&(_, point)), None) => point,
            (None, None) => Point::default(),
        }
    }

    /// The point half-way.
    pub fn middle(&self) -> Point {
        self.at(self.length() / 2.0)
    }
}

/// A coordinate with at most one decimal, without `-0`.
///
/// By whole numbers: to write fractions in general takes more code than all else that is drawn first.
pub fn number(value: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what is drawn is small, and a cast ends at the largest"
    )]
    let tenths = (value * 10.0).round() as i64;
    let sign = if tenths < 0 { "-" } else { "" };
    match (tenths.unsigned_abs() / 10, tenths.unsigned_abs() % 10) {
        (whole, 0) => format!("{sign}{whole}"),
        (whole, tenth) => format!("{sign}{whole}.{tenth}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bend() -> Curve {
        Curve::from(Point::new(0.0, 0.0))
            .cubic(Point::new(40.0, 0.0), Point::new(60.0, 80.0), Point::new(100.0, 80.0))
            .line(Point::new(130.0, 80.0))
    }

    #[test]
    fn a_curve_walked_back_is_the_same_line() {
        let (there, back) = (bend().flatten(), bend().reversed().flatten());
        assert!((there.length() - back.length()).abs() < 1e-6);
        for part in [0.0, 0.2, 0.5, 0.9, 1.0] {
            let (a, b) = (there.at(part * there.length()), back.at((1.0 - part) * back.length()));
            assert!(a.distance(b) < 1e-6, "{a:?} {b:?}");
        }
    }

    #[test]
    fn paths_are_written_short() {
        assert_eq!(bend().to_path(), "M0 0C40 0 60 80 100 80C110 80 120 80 130 80");
        assert_eq!(number(-0.04), "0");
    }

    #[test]
    fn a_track_has_the_length_of_its_line() {
        let line = Curve::from(Point::new(0.0, 0.0)).line(Point::new(30.0, 40.0)).flatten();
        assert!((line.length() - 50.0).abs() < 1e-9);
        assert!(line.at(25.0).distance(Point::new(15.0, 20.0)) < 1e-9);
        assert_eq!(Curve::default().flatten().at(3.0), Point::default());
    }

    #[test]
    fn an_arrowhead_points_along_the_end() {
        let [tip, left, right] = bend().arrowhead(10.0);
        assert_eq!((tip.x, tip.y), (130.0, 80.0));
        assert_eq!((left.x, right.x), (120.0, 120.0));
    }
}
