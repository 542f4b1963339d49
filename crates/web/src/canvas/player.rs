//! A packet that moves along the selected branch. Frames write one attribute each; Yew hears of legs only.

use super::{Canvas, Msg, draw::translate};
use gloo_render::{AnimationFrame, request_animation_frame};
use render::{Leg, Track};
use std::{cell::RefCell, rc::Rc};
use yew::{NodeRef, html::Scope};

/// Scene units in a second, at speed 1.
const PACE: f64 = 190.0;
/// Seconds that the packet rests where its header was rewritten, and elsewhere.
const REST_REWRITTEN: f64 = 0.9;
const REST: f64 = 0.35;

/// Where the packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Place {
    /// Not on the way: the picture stands still.
    #[default]
    Nowhere,
    /// On this leg, counted from 0.
    Leg(usize),
}

/// The player's state, as far as Yew draws it.
#[derive(Default)]
pub(crate) struct Player {
    pub(crate) place: Place,
    pub(crate) speed: Speed,
    run: Option<Rc<RefCell<Run>>>,
}

/// How fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Speed {
    Half,
    #[default]
    Normal,
    Double,
}

impl Speed {
    pub(crate) fn factor(self) -> f64 {
        match self {
            Self::Half => 0.5,
            Self::Normal => 1.0,
            Self::Double => 2.0,
        }
    }

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Half => "0.5×",
            Self::Normal => "1×",
            Self::Double => "2×",
        }
    }

    pub(crate) fn next(self) -> Self {
        match self {
            Self::Half => Self::Normal,
            Self::Normal => Self::Double,
            Self::Double => Self::Half,
        }
    }
}

/// What the frames share.
struct Run {
    tracks: Vec<(Track, f64)>,
    leg: usize,
    walked: f64,
    rested: f64,
    speed: f64,
    last: Option<f64>,
    runner: NodeRef,
    canvas: Scope<Canvas>,
    frame: Option<AnimationFrame>,
}

impl Player {
    pub(crate) fn is_playing(&self) -> bool {
        self.run.is_some()
    }

    /// Runs on from where the packet is, or from the beginning.
    pub(crate) fn play(&mut self, legs: &[Leg], runner: &NodeRef, canvas: &Scope<Canvas>) {
        let last = legs.len().saturating_sub(1);
        let leg = match self.place {
            Place::Leg(leg) if leg < last => leg,
            _ => 0,
        };
        self.place = Place::Leg(leg);
        let rest = |index: usize| {
            let next = legs.get(index + 1);
            let rewritten = next.is_some_and(|leg| leg.source.changed || leg.destination.changed);
            if rewritten || next.is_none() { REST_REWRITTEN } else { REST }
        };
        let tracks = legs.iter().enumerate().map(|(index, leg)| (leg.curve.flatten(), rest(index)));
        let run = Run {
            tracks: tracks.collect(),
            leg,
            walked: 0.0,
            rested: 0.0,
            speed: self.speed.factor(),
            last: None,
            runner: runner.clone(),
            canvas: canvas.clone(),
            frame: None,
        };
        let run = Rc::new(RefCell::new(run));
        next_frame(&run);
        self.run = Some(run);
    }

    /// Stops the motion; the packet stays where it is.
    pub(crate) fn pause(&mut self) {
        if let Some(run) = self.run.take() {
            run.borrow_mut().frame = None;
        }
    }

    /// Takes the packet off the picture.
    pub(crate) fn stop(&mut self) {
        self.pause();
        self.place = Place::Nowhere;
    }

    pub(crate) fn set_speed(&mut self, speed: Speed) {
        self.speed = speed;
        if let Some(run) = &self.run {
            run.borrow_mut().speed = speed.factor();
        }
    }

    /// To the next leg's end or the one before, without motion.
    pub(crate) fn step(&mut self, legs: &[Leg], forwards: bool) {
        self.pause();
        self.place = match (self.place, forwards) {
            (Place::Nowhere, true) if !legs.is_empty() => Place::Leg(0),
            (Place::Leg(leg), true) => Place::Leg((leg + 1).min(legs.len().saturating_sub(1))),
            (Place::Leg(leg), false) if leg > 0 => Place::Leg(leg - 1),
            _ => Place::Nowhere,
        };
    }
}

fn next_frame(run: &Rc<RefCell<Run>>) {
    let again = Rc::clone(run);
    let frame = request_animation_frame(move |now| {
        if advance(&again, now) {
            next_frame(&again);
        }
    });
    run.borrow_mut().frame = Some(frame);
}

/// Moves the packet on by the time that passed; false at the end of the way.
fn advance(run: &Rc<RefCell<Run>>, now: f64) -> bool {
    let mut run = run.borrow_mut();
    // A tab in the background gets no frames: the packet does not leap on return.
    let passed = run.last.map_or(0.0, |last| ((now - last) / 1000.0).clamp(0.0, 0.1)) * run.speed;
    run.last = Some(now);
    let Some((length, rest)) = run.tracks.get(run.leg).map(|(track, rest)| (track.length(), *rest)) else {
        run.canvas.send_message(Msg::Arrived);
        return false;
    };
    if run.walked < length {
        run.walked = (run.walked + passed * PACE).min(length);
    } else if run.rested < rest {
        run.rested += passed;
    } else {
        run.leg += 1;
        run.walked = 0.0;
        run.rested = 0.0;
        if run.leg >= run.tracks.len() {
            run.canvas.send_message(Msg::Arrived);
            return false;
        }
        run.canvas.send_message(Msg::OnLeg(run.leg));
    }
    if let (Some((track, _)), Some(runner)) = (run.tracks.get(run.leg), run.runner.cast::<web_sys::Element>())
    {
        let at = track.at(run.walked);
        // The attribute exists for as long as the element does; a failure would only skip a frame.
        let _ = runner.set_attribute("transform", &translate(at.x, at.y));
    }
    true
}
