//! Short messages over the window. Each is a line in the log too, apart from a word that something was done; there are never
//! more than a few, and they keep clear of the buttons that a view is there for.

use egui::{Align2, Area, Context, CornerRadius, Frame, Id, Margin, Order, Rect, RichText, Role, Stroke, Vec2, vec2};
use egui_material_icons::icons::{ICON_CHECK_CIRCLE, ICON_CLOSE, ICON_ERROR, ICON_INFO, ICON_WARNING};

use super::format;
use super::theme::{self, Tone, size};
use crate::base::{Problem, Severity};

/// How many are shown at once; the others are in the log.
const SHOWN: usize = 3;
/// Seconds that information stays.
const INFO_S: f64 = 4.0;
/// Seconds that a warning stays.
const WARNING_S: f64 = 8.0;
/// Seconds that an error stays; the status line counts it until the log was looked at.
const ERROR_S: f64 = 20.0;
const WIDTH: f32 = 340.0;

struct Toast {
    number: u64,
    problem: Problem,
    /// Its line in the log, if it has one.
    message: Option<u64>,
    /// How often it was said.
    times: u64,
    until: f64,
}

/// What a toast was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToastClick {
    /// Show a message in the log, or the log.
    Log(Option<u64>),
}

/// The messages over the window.
pub struct Toasts {
    toasts: Vec<Toast>,
    next: u64,
    /// The corner they are in.
    corner: Align2,
    /// Where they were drawn last.
    room: Rect,
}

impl Default for Toasts {
    fn default() -> Self {
        Self { toasts: Vec::new(), next: 0, corner: CORNERS[0], room: Rect::NOTHING }
    }
}

/// Corners in the order in which they are tried.
const CORNERS: [Align2; 5] =
    [Align2::RIGHT_BOTTOM, Align2::CENTER_BOTTOM, Align2::LEFT_BOTTOM, Align2::CENTER_TOP, Align2::LEFT_TOP];

/// How far from its corner the first one lies: clear of menus, toolbars, rail and status line.
fn offset(corner: Align2) -> Vec2 {
    let x = match corner.x() {
        egui::Align::Min => size::RAIL + size::M,
        egui::Align::Center => 0.0,
        egui::Align::Max => -size::M,
    };
    let y = if corner.y() == egui::Align::Min { 96.0 } else { -(size::STATUS + size::M) };
    vec2(x, y)
}

impl Toasts {
    /// Shows a message. The same one again is counted and stays longer. `message` is its line in the log.
    pub fn add(&mut self, problem: Problem, message: Option<u64>, now: f64) {
        let until = now
            + match problem.severity {
                Severity::Info => INFO_S,
                Severity::Warning => WARNING_S,
                Severity::Error => ERROR_S,
            };
        let same = |t: &Toast| t.problem.severity == problem.severity && t.problem.what == problem.what;
        if let Some(at) = self.toasts.iter().position(same) {
            let mut toast = self.toasts.remove(at);
            // A word that something was done says it again; a problem is counted.
            let times = if problem.severity == Severity::Info { 1 } else { toast.times + 1 };
            (toast.problem, toast.message, toast.times, toast.until) = (problem, message, times, until);
            self.toasts.push(toast);
            return;
        }
        self.next += 1;
        self.toasts.push(Toast { number: self.next, problem, message, times: 1, until });
        while self.toasts.len() > SHOWN {
            // What needs no look goes first.
            let least = self.toasts.iter().map(|t| t.problem.severity).min();
            let at = self.toasts.iter().position(|t| Some(t.problem.severity) == least).unwrap_or(0);
            self.toasts.remove(at);
        }
    }

    /// What was said of a run that goes on again does not matter any more.
    pub fn settle(&mut self, subject: &str) {
        self.toasts.retain(|t| t.problem.subject.as_deref() != Some(subject));
    }

    /// Where they were drawn last.
    #[cfg(test)]
    pub fn room(&self) -> Rect {
        self.room
    }

    /// The first corner where they cover none of these, the present one if it will do.
    fn choose_corner(&mut self, window: Rect, clear: &[Rect]) {
        let size = vec2(WIDTH + 2.0 * size::M + 2.0, self.room.height().max(64.0));
        let free = |corner: &Align2| {
            let rect = corner.align_size_within_rect(size, window).translate(offset(*corner));
            clear.iter().all(|c| !c.intersects(rect))
        };
        if !free(&self.corner) {
            self.corner = CORNERS.into_iter().find(free).unwrap_or(self.corner);
        }
    }

    /// Draws them, the newest next to the edge; `clear` is what they must not cover.
    pub fn show(&mut self, ctx: &Context, now: f64, clear: &[Rect]) -> Option<ToastClick> {
        if self.toasts.is_empty() {
            (self.room, self.corner) = (Rect::NOTHING, CORNERS[0]);
            return None;
        }
        self.choose_corner(ctx.content_rect(), clear);
        let (corner, mut at) = (self.corner, offset(self.corner));
        let down = if corner.y() == egui::Align::Min { 1.0 } else { -1.0 };
        let (mut clicked, mut closed, mut room) = (None, Vec::new(), Rect::NOTHING);
        for toast in self.toasts.iter_mut().rev() {
            let shown = Area::new(Id::unique(("toast", toast.number)))
                .order(Order::Foreground)
                .anchor(corner, at)
                .interactable(true)
                .show(ctx, |ui| draw(ui, &toast.problem, toast.times, toast.message.is_some()));
            let (close, open) = shown.inner;
            if close || open {
                closed.push(toast.number);
            }
            if open {
                clicked = Some(ToastClick::Log(toast.message));
            }
            if shown.response.contains_pointer() {
                toast.until = toast.until.max(now + 1.0);
            }
            room = room.union(shown.response.rect);
            at.y += down * (shown.response.rect.height() + size::S);
        }
        self.room = room;
        self.toasts.retain(|t| t.until > now && !closed.contains(&t.number));
        if let Some(first) = self.toasts.iter().map(|t| t.until).reduce(f64::min) {
            ctx.request_repaint_after_secs((first - now).max(0.05) as f32);
        }
        clicked
    }
}

/// Draws one; says whether it was closed, and whether its details were asked for.
fn draw(ui: &mut egui::Ui, problem: &Problem, times: u64, logged: bool) -> (bool, bool) {
    let t = theme::tokens(ui);
    let tone = Tone::from(problem.severity);
    let (icon, colour) = match problem.severity {
        // A reason or a remedy: something was assumed or refused. Without them something was done.
        Severity::Info if problem.detail.is_some() || problem.remedy.is_some() => (ICON_INFO, t.weak),
        Severity::Info => (ICON_CHECK_CIRCLE, t.good),
        Severity::Warning => (ICON_WARNING, tone.colour(t)),
        Severity::Error => (ICON_ERROR, tone.colour(t)),
    };
    let frame = Frame::new()
        .fill(t.raised)
        .stroke(Stroke::new(1.0, t.line))
        .corner_radius(CornerRadius::same(size::RADIUS_CARD))
        .shadow(ui.visuals().popup_shadow)
        .inner_margin(Margin::same(size::M as i8));
    frame
        .show(ui, |ui| {
            ui.set_width(WIDTH);
            let mut out = (false, false);
            ui.horizontal_top(|ui| {
                theme::icon(ui, icon, size::ICON, colour, "");
                let room = ui.available_width() - size::CONTROL - size::S;
                ui.vertical(|ui| {
                    ui.set_width(room);
                    ui.spacing_mut().item_spacing.y = 2.0;
                    ui.add(egui::Label::new(&problem.what).wrap());
                    let small = |text: &str| RichText::new(text).size(size::SMALL).color(t.weak);
                    if let Some(subject) = &problem.subject {
                        ui.add(egui::Label::new(small(subject)).truncate()).on_hover_text(subject);
                    }
                    if let Some(remedy) = &problem.remedy {
                        ui.add(egui::Label::new(small(remedy)).wrap());
                    }
                    let details = logged && (problem.severity > Severity::Info || problem.detail.is_some());
                    if times == 1 && !details {
                        return;
                    }
                    ui.spacing_mut().interact_size.y = size::L;
                    ui.horizontal(|ui| {
                        if times > 1 {
                            theme::weak(ui, format!("{} times", format::count(times)));
                        }
                        if details {
                            let link = ui.link(RichText::new("Details").size(size::SMALL));
                            theme::name(&link, Role::Link, "Message details");
                            out.1 = link.clicked();
                        }
                    });
                });
                out.0 = theme::icon_button(ui, ICON_CLOSE, "Dismiss message").clicked();
            });
            out
        })
        .inner
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_message_is_counted_and_there_are_never_many() {
        let mut toasts = Toasts::default();
        for i in 0..5 {
            toasts.add(Problem::failed("The disk is full").of(format!("/runs/{i}")), Some(i), i as f64);
        }
        assert_eq!((toasts.toasts.len(), toasts.toasts[0].times, toasts.toasts[0].message), (1, 5, Some(4)));
        toasts.add(Problem::usage("Copied").info(), None, 6.0);
        toasts.add(Problem::usage("Copied").info(), None, 6.0);
        assert_eq!(toasts.toasts[1].times, 1, "a word that something was done is not counted");
        for i in 0..9 {
            toasts.add(Problem::data(format!("Another problem {i}")), Some(10 + i), 7.0);
        }
        assert_eq!(toasts.toasts.len(), SHOWN);
        assert!(toasts.toasts.iter().all(|t| t.problem.severity == Severity::Error), "information goes first");
    }

    #[test]
    fn they_leave_a_corner_where_a_button_is() {
        let mut toasts = Toasts::default();
        let window = Rect::from_min_size(egui::Pos2::ZERO, vec2(1280.0, 800.0));
        toasts.choose_corner(window, &[]);
        assert_eq!(toasts.corner, CORNERS[0]);
        let button = Rect::from_min_size(egui::pos2(1100.0, 720.0), vec2(120.0, 28.0));
        toasts.choose_corner(window, &[button]);
        assert_eq!(toasts.corner, CORNERS[1]);
        toasts.choose_corner(window, &[]);
        assert_eq!(toasts.corner, CORNERS[1], "they do not jump back");
    }
}
